"""How labels of one object depend on each other: relations between labels, and colours along redshift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import one_of, within

__all__ = ["COSMOLOGY", "RELATIONS", "ColourTrack", "Relation"]

Array = NDArray[np.float64]
COSMOLOGY = {"H0": (1.0, 1000.0), "Om0": (0.0, 1.0)}  # of a flat LambdaCDM without radiation: [km / (Mpc s)] and none


@dataclass(frozen=True)
class _Kind:
    """A kind of relation: how many labels it gives and takes, the parameters that it needs, defaults for others."""

    gives: int
    takes: tuple[int, ...]
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)


_SERIES = {"c2": 0.0, "scatter": 0.0}
_KINDS = {
    "einstein_radius": _Kind(1, (3,)),
    "lens_redshift": _Kind(1, (1,)),
    "lensed_sources": _Kind(
        2,
        (0,),
        ("counts", "bright", "faint", "intercept", "low", "high"),
        {"slope": 0.0, "index": 2.0, "power": 1.0},
    ),
    "luminosity": _Kind(1, (2,), ("c0", "c1"), _SERIES),
    "apparent_size": _Kind(1, (1,), ("c0", "c1"), {"scatter": 0.0, "pivot": 23.0}),
    "size": _Kind(1, (2,), ("c0", "c1"), {**_SERIES, "evolution": 0.0, "pivot": 1.0}),
    "lensed_quasars": _Kind(
        2,
        (0,),
        ("bright", "faint", "low", "high", "star", "zeta", "xi", "peak", "bright_slope", "late_slope", "faint_slope"),
        {"late": 3.0, "spectrum": -0.5},
    ),
    "nfw_halo": _Kind(2, (3,), ("c0", "c1"), {"scatter": 0.0, "evolution": 0.0, "pivot": 1.0}),
    "size_luminosity": _Kind(
        1,
        (2,),
        ("alpha", "beta", "gamma", "break"),
        {"faint_scatter": 0.0, "bright_scatter": 0.0, "evolution": 0.0, "pivot": 1.0},
    ),
    "axis_ratio": _Kind(2, (0, 1), ("intercept", "lowest"), {"slope": 0.0}),
}
RELATIONS = tuple(_KINDS)


@dataclass(frozen=True)
class Relation:
    """A label (or the two of an ellipticity) drawn from others.

    Parameters
    ----------
    kind : str
        One of `RELATIONS`:

        - ``einstein_radius`` of (velocity dispersion [km / s], lens redshift, source redshift): that of a singular
          isothermal ellipsoid, 4 pi (sigma / c)^2 D_ls / D_s;
        - ``lens_redshift`` of (source redshift): isothermal lenses of constant comoving density, by their cross
          section;
        - ``lensed_sources`` gives (flux, redshift) of the sources of such lenses: magnitudes m from `bright` to `faint`
          of the density 10^(counts m), redshifts of the density z^index exp(-(z / z0)^power) from `low` to `high` with
          z0 = intercept + slope m, both times the optical depth, which grows as the cube of the comoving distance
          (Turner, Ostriker & Gott 1984, ApJ 284, 1);
        - ``lensed_quasars`` gives the same of quasars, whose luminosity function falls by the slopes `bright_slope`
          (beyond redshift `late`: `late_slope`) and `faint_slope` on either side of the absolute magnitude
          M* = star - 2.5 log10 (exp(zeta z) (1 + exp(xi peak)) / (exp(xi z / 2) + exp(xi peak / 2))^2), for spectra
          f_nu prop. to nu^spectrum (Oguri & Marshall 2010, MNRAS 405, 2579, section 3), by comoving volume and optical
          depth;
        - ``nfw_halo`` of (mass [solMass], lens redshift, source redshift): scale radius and deflection at it of an NFW
          halo of the concentration c0 (mass / pivot)^c1 (1 + z)^evolution with a Gaussian `scatter` [dex];
        - ``luminosity`` of (velocity dispersion or the like, redshift): the magnitude M that solves
          log10 x = c0 + c1 M + c2 M^2, the brighter one, with a Gaussian `scatter` [mag], seen from the redshift;
        - ``size`` of (x, redshift): half-light radius of log10 (r / kpc) = c0 + c1 t + c2 t^2 +
          evolution log10((1 + z) / pivot), with a Gaussian `scatter` [dex]; t is log10 x, or the absolute magnitude
          where x is a flux drawn as a magnitude (for a spectrum flat in f_nu);
        - ``size_luminosity`` of (flux drawn as a magnitude, redshift): half-light radius of log10 (r / kpc) = gamma -
          0.4 alpha M + (beta - alpha) log10(1 + 10^(-0.4 (M - break))) + evolution log10((1 + z) / pivot), M as above,
          with a scatter of ln r that goes from `faint_scatter` to `bright_scatter` across the break (Shen et al. 2003,
          MNRAS 343, 978, eqs. 15 and 16; eq. 14, early types, is alpha = beta = a, gamma = b);
        - ``apparent_size`` of (flux drawn as a magnitude m): half-light radius of log10 (r / arcsec) =
          c0 + c1 (m - pivot), with a Gaussian `scatter` [dex];
        - ``axis_ratio`` of nothing or (x): an ellipticity of random direction, 1 - q being Rayleigh of scale
          intercept + slope x, cut at q = lowest.
    labels : tuple of str
        What it gives.
    inputs : tuple of str
        The labels that it takes, in the order above.
    parameters : mapping
    unit : str
        Of what the paper gives: an astropy unit, or ``mag``.
    reference : str
        Paper and equation; never empty.
    """

    kind: str
    labels: tuple[str, ...]
    inputs: tuple[str, ...]
    parameters: Mapping[str, float]
    unit: str
    reference: str

    def __post_init__(self) -> None:
        kind = _KINDS[one_of("relation", self.kind, _KINDS)]
        for what, names, allowed in (("labels", self.labels, (kind.gives,)), ("of", self.inputs, kind.takes)):
            if len(names) not in allowed:
                counts = " or ".join(map(str, allowed))
                raise ValueError(f"{self.kind}: {what} names {len(names)} labels ({', '.join(names)}), not {counts}")
        for name in self.parameters:
            one_of(f"parameter of {self.kind}", name, (*kind.needs, *kind.defaults))
        missing = [name for name in kind.needs if name not in self.parameters]
        if missing:
            raise ValueError(f"{self.kind}: missing parameter {', '.join(missing)}")
        if not self.reference.strip():
            raise ValueError(f"{self.kind}: the reference is empty; say where the numbers come from")
        object.__setattr__(self, "parameters", {**kind.defaults, **self.parameters})
        self._check_range()

    def _check_range(self) -> None:
        values = self.parameters
        for name in values:
            positive = name in ("power", "pivot", "high")
            lowest = 0.0 if positive or name.endswith("scatter") or name in ("lowest", "low") else -1e30
            within(f"{self.kind} {name}", values[name], lowest, 1e30, self.unit, open_low=positive)
        within(f"{self.kind} lowest", values.get("lowest", 0.0), 0.0, 0.999)
        for first, last in (("low", "high"), ("bright", "faint")):
            if first in values and not values[first] < values[last]:
                raise ValueError(f"{self.kind}: {first} = {values[first]:g} is not below {last} = {values[last]:g}")


@dataclass(frozen=True)
class ColourTrack:
    """Magnitudes by redshift, or by the magnitude drawn: those in each band minus the latter.

    Parameters
    ----------
    of : str
        The label that holds the redshift, or the magnitude.
    at : tuple of float
        Its values, growing.
    bands : mapping of str to tuple of float
        Band name -> offset at each of them [mag], straight lines between, constant beyond.
    """

    of: str
    at: tuple[float, ...]
    bands: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        at = within("colours: at", self.at, 0.0, 1e3)
        if at.ndim != 1 or at.size < 2 or (np.diff(at) <= 0).any():
            raise ValueError(f"colours: at = {self.at} must be two or more growing values")
        for band, offsets in self.bands.items():
            if np.shape(offsets) != at.shape:
                raise ValueError(f"colours of {band}: {np.size(offsets)} values for {at.size} of `at`")
            within(f"colours of {band}", offsets, -20.0, 20.0, "mag")

    def offset(self, band: str, value: ArrayLike) -> Array:
        """Magnitude in `band` minus the magnitude drawn, shape of `value`.

        Raises
        ------
        ValueError
            For a band that it does not have.
        """
        offsets = self.bands[one_of("band of the colours", band, self.bands)]
        return np.asarray(np.interp(np.asarray(value), self.at, offsets))
