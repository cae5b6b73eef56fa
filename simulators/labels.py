"""Every label's unit, meaning and valid range: the one table that simulators, stores, reports and docs read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import one_of, within

__all__ = ["LABELS", "Label", "check_labels"]


@dataclass(frozen=True)
class Label:
    """A label's unit (astropy string; ``flux`` stands for the survey's image unit), meaning and closed range."""

    unit: str
    long_name: str
    low: float
    high: float


_PER_LIGHT = {
    "flux": Label("flux", "total flux", 0.0, 1e15),
    "radius": Label("arcsec", "half-light radius on the geometric mean axis", 1e-4, 1e3),
    "n": Label("", "Sersic index", 0.3, 8.0),
    "e1": Label("", "ellipticity along x, |e| = (1-q)/(1+q)", -0.95, 0.95),
    "e2": Label("", "ellipticity along the diagonal", -0.95, 0.95),
    "x": Label("arcsec", "centre in x from the stamp's centre", -1e3, 1e3),
    "y": Label("arcsec", "centre in y from the stamp's centre", -1e3, 1e3),
}
_MORE_LIGHT = {
    "bulge_fraction": Label("", "share of the bulge in the flux", 0.0, 1.0),
    **{
        f"{part}_{name}": Label(label.unit, f"{part}: {label.long_name}", label.low, label.high)
        for part, names in (("bulge", ("radius", "n", "e1", "e2")), ("disk", ("radius", "e1", "e2")))
        for name, label in _PER_LIGHT.items()
        if name in names
    },
    "knot_fraction": Label("", "share of the knots in the flux", 0.0, 1.0),
    "knot_radius": Label("arcsec", "half-light radius of a knot", 1e-4, 1e3),
    "knot_seed": Label("", "number of the pattern of knots, whole", 0.0, 1e9),
    "image_index": Label("", "entry of the real galaxies", 0.0, 1e9),
    "zoom": Label("", "size of the galaxy over that of its image", 1e-2, 1e2),
    "angle": Label("rad", "turn of the galaxy, counter-clockwise", -1e3, 1e3),
}
_LENSING = {
    "g1": Label("", "reduced shear along x", -0.9, 0.9),
    "g2": Label("", "reduced shear along the diagonal", -0.9, 0.9),
    "kappa": Label("", "convergence", -1.0, 0.9),
    "theta_E": Label("arcsec", "Einstein radius on the geometric mean axis", 0.0, 100.0),
    "gamma": Label("", "3-D logarithmic density slope (2 = isothermal)", 1.2, 2.8),
    "lens_e1": Label("", "ellipticity of the lens mass along x", -0.9, 0.9),
    "lens_e2": Label("", "ellipticity of the lens mass along the diagonal", -0.9, 0.9),
    "lens_x": Label("arcsec", "lens centre in x", -1e3, 1e3),
    "lens_y": Label("arcsec", "lens centre in y", -1e3, 1e3),
    "shear_g1": Label("", "external shear along x", -0.5, 0.5),
    "shear_g2": Label("", "external shear along the diagonal", -0.5, 0.5),
}
_ELLIPSE = {
    "e1": Label("", "ellipticity of the mass along x", -0.9, 0.9),
    "e2": Label("", "ellipticity of the mass along the diagonal", -0.9, 0.9),
    "x": Label("arcsec", "centre in x", -1e3, 1e3),
    "y": Label("arcsec", "centre in y", -1e3, 1e3),
}
_CLUMP = {
    "r_s": Label("arcsec", "scale radius", 1e-5, 1e4),
    "alpha_s": Label("arcsec", "deflection at the scale radius", 0.0, 1e3),
}
_REDSHIFT = Label("", "redshift", 0.0, 20.0)
_MASSES = {
    "halo": ("halo", {**_CLUMP, **_ELLIPSE}),
    "point": ("point mass", {"theta_E": _LENSING["theta_E"], "x": _ELLIPSE["x"], "y": _ELLIPSE["y"]}),
    "sheet": ("convergence sheet", {"kappa": _LENSING["kappa"]}),
    **{
        f"multipole{m}": (
            f"multipole m = {m}",
            {"a": Label("arcsec", "strength", -10.0, 10.0), "phi": Label("rad", "position angle", -6.3, 6.3)},
        )
        for m in (3, 4)
    },
    "subhalo": (
        "subhalo",
        {
            **_CLUMP,
            "tau": Label("", "truncation radius in scale radii", 1e-2, 1e3),
            "x": _ELLIPSE["x"],
            "y": _ELLIPSE["y"],
        },
    ),
    "member": ("galaxy of the group", {"theta_E": _LENSING["theta_E"], **_PER_LIGHT, **_ELLIPSE}),
    "los": ("line of sight", {"theta_E": _LENSING["theta_E"], **_ELLIPSE, "z": _REDSHIFT}),
    "quasar": ("quasar", {name: _PER_LIGHT[name] for name in ("flux", "x", "y")}),
}
_IMAGES = {
    "image_x": Label("arcsec", "image of the quasar: x from the stamp's centre", -1e3, 1e3),
    "image_y": Label("arcsec", "image of the quasar: y from the stamp's centre", -1e3, 1e3),
    "image_magnification": Label("", "its magnification, negative where parity flips, 0 = no image", -1e12, 1e12),
    "image_type": Label("", "its arrival time is a 1 = minimum, 2 = saddle point, 3 = maximum; 0 = no image", 0.0, 3.0),
    "image_delay": Label("d", "its arrival after the first image", 0.0, 1e6),
}
_COSMIC = {
    "z_lens": Label("", "redshift of the lens", 0.0, 20.0),
    "z_source": Label("", "redshift of the source", 0.0, 20.0),
    "sigma_v": Label("km / s", "velocity dispersion of the lens", 0.0, 3000.0),
    "member_sigma_v": Label("km / s", "velocity dispersion of a galaxy of the group", 0.0, 3000.0),
    "halo_mass": Label("solMass", "mass of the halo within 200 times the critical density", 0.0, 1e17),
}
LABELS: dict[str, Label] = {
    **_PER_LIGHT,
    **_MORE_LIGHT,
    **_LENSING,
    **_COSMIC,
    **{
        f"{owner}_{name}": Label(label.unit, f"{title}: {label.long_name}", label.low, label.high)
        for owner, title in (("light", "lens light"), ("source", "source"), ("neighbour", "neighbour"))
        for name, label in (_PER_LIGHT | (_MORE_LIGHT if owner != "neighbour" else {})).items()
    },
    **{
        f"{owner}_{name}": Label(label.unit, f"{title}: {label.long_name}", label.low, label.high)
        for owner, (title, names) in _MASSES.items()
        for name, label in names.items()
    },
    **_IMAGES,
    "star": Label("", "1 of a star, 0 of a galaxy", 0.0, 1.0),
    "psf_index": Label("", "entry of the PSF library", 0.0, 1e9),
}


def check_labels(labels: dict[str, ArrayLike], names: tuple[str, ...], owner: str) -> dict[str, NDArray[np.float64]]:
    """Return the labels `names` as float64 arrays, refusing unknown, missing, NaN and out-of-range ones.

    Raises
    ------
    ValueError
        Naming `owner`, the label, its first bad value and its range; or the nearest valid label name.
    """
    for name in labels:
        one_of(f"{owner} label", name, names)
    missing = [name for name in names if name not in labels]
    if missing:
        raise ValueError(f"{owner}: missing label {', '.join(missing)}; it needs {', '.join(names)}")
    return {
        name: within(f"{owner} label {name}", labels[name], LABELS[name].low, LABELS[name].high, LABELS[name].unit)
        for name in names
    }
