"""Deflectors by name: the labels that say what each is, and how it is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import one_of
from simulators.deflectors.base import Deflector
from simulators.deflectors.each import Each
from simulators.deflectors.epl import EPL
from simulators.deflectors.multiplane import MultiPlane
from simulators.deflectors.multipole import Multipole
from simulators.deflectors.nfw import NFW
from simulators.deflectors.point import PointMass
from simulators.deflectors.shear import ExternalShear
from simulators.deflectors.sheet import ConvergenceSheet
from simulators.deflectors.sie import SIE
from simulators.deflectors.subhalos import Subhalos
from simulators.deflectors.sum import Sum

__all__ = ["LINE_OF_SIGHT", "MASSES", "Mass", "lens_of", "mass_labels", "masses_of"]

Labels = Mapping[str, NDArray[np.float64]]
LINE_OF_SIGHT = "line_of_sight"
_MAIN = ("lens_e1", "lens_e2", "lens_x", "lens_y")
# Cells that are refined more or less as labels move make the image a little rough: these steps balance that against the
# bend of images near caustics, and what bends the light less needs wider ones. Lengths of masses are fractions of
# themselves (negative), positions fractions of a pixel.
_STEPS = {"theta_E": -3e-4, "gamma": 1e-3, "e1": 6e-4, "e2": 6e-4, "x": 3e-3, "y": 3e-3}
_WIDE = {"theta_E": -2e-3, "e1": 2e-3, "e2": 2e-3, "x": 2e-2, "y": 2e-2}


@dataclass(frozen=True)
class Mass:
    """One kind of deflector.

    Parameters
    ----------
    steps : mapping of str to float
        Its labels, and the step of each in `tangent`.
    make : function
        Checked labels (S,) or (S, K) -> the parts, each of S lenses.
    dimension : str
        Of its labels, besides the sample's; ``""`` for none.
    """

    steps: Mapping[str, float]
    make: Callable[[Labels], list[Deflector]]
    dimension: str = ""


def _fields(prefix: str, names: str, **steps: float) -> dict[str, float]:
    return {f"{prefix}_{name}": {**_STEPS, **steps}[name] for name in names.split()}


def _main(make: Callable[..., Deflector], *names: str) -> Mass:
    """The main lens, an ellipse with the labels `names`."""
    steps = {name: _STEPS[name] for name in names} | _fields("lens", "e1 e2 x y")
    return Mass(steps, lambda labels: [make(*(labels[name] for name in steps))])


def _each(make: Callable[..., Deflector], prefix: str, names: str, **steps: float) -> Mass:
    """A deflector whose fields are labels with a prefix."""
    fields = _fields(prefix, names, **steps)
    return Mass(fields, lambda labels: [make(*(labels[name] for name in fields))])


def _multipole(m: int) -> Mass:
    """Around the main lens; without one, around the stamp's centre."""
    steps = {f"multipole{m}_a": 2e-3, f"multipole{m}_phi": 2e-2}

    def make(labels: Labels) -> list[Deflector]:
        strength, angle = (labels[name] for name in steps)
        return [Multipole(m, strength, angle, labels.get("lens_x", np.zeros(1)), labels.get("lens_y", np.zeros(1)))]

    return Mass(steps, make)


def _isothermal(labels: Labels, prefix: str) -> list[Deflector]:
    """Isothermal ellipsoids, as many as the labels of this prefix have columns."""
    columns = [labels[f"{prefix}_{name}"] for name in ("theta_E", "e1", "e2", "x", "y")]
    return [SIE(*(column[:, k] for column in columns)) for k in range(columns[0].shape[1])]


_SUBHALOS = _fields("subhalo", "r_s alpha_s tau x y", r_s=-5e-2, alpha_s=-5e-2, tau=-5e-2, x=0.2, y=0.2)
MASSES: dict[str, Mass] = {
    "epl": _main(EPL, "theta_E", "gamma"),
    "sie": _main(SIE, "theta_E"),
    "nfw": _each(NFW, "halo", "r_s alpha_s e1 e2 x y", r_s=-1e-2, alpha_s=-1e-2, e1=5e-3, e2=5e-3, x=0.1, y=0.1),
    "point": _each(PointMass, "point", "theta_E x y", **_WIDE),
    "shear": _each(ExternalShear, "shear", "g1 g2", g1=4e-4, g2=4e-4),
    "sheet": _each(ConvergenceSheet, "sheet", "kappa", kappa=2e-3),
    "multipole3": _multipole(3),
    "multipole4": _multipole(4),
    "subhalos": Mass(_SUBHALOS, lambda labels: [Subhalos(*(labels[name] for name in _SUBHALOS))], "subhalo"),
    "members": Mass(
        _fields("member", "theta_E e1 e2 x y", **_WIDE),
        lambda labels: _isothermal(labels, "member"),
        dimension="galaxy",
    ),
    LINE_OF_SIGHT: Mass(
        {**_fields("los", "theta_E e1 e2 x y z", z=5e-3, **_WIDE), "z_lens": 5e-3, "z_source": 5e-3},
        lambda labels: _isothermal(labels, "los"),
        dimension="plane",
    ),
}


def masses_of(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names of `MASSES`, checked.

    Raises
    ------
    ValueError
        For no names, an unknown one, or two that have a label in common.
    """
    given = (names,) if isinstance(names, str) else tuple(names)
    if set(given) <= {LINE_OF_SIGHT}:
        raise ValueError(f"mass = {given} has no lens: name one or more of {', '.join(MASSES)}")
    owners: dict[str, str] = {}
    for name in given:
        for label in MASSES[one_of("mass", name, MASSES)].steps:
            if label in owners:
                raise ValueError(f"mass: {owners[label]} and {name} both have the label {label}; name one of them")
            owners[label] = name
    return given


def mass_labels(names: tuple[str, ...]) -> tuple[dict[str, float], dict[str, str]]:
    """Labels and steps of these kinds of deflectors, and the dimension of those that have one."""
    steps = {label: step for name in names for label, step in MASSES[name].steps.items()}
    dimensions = {
        label: MASSES[name].dimension
        for name in names
        for label in MASSES[name].steps
        if MASSES[name].dimension and not label.startswith("z_")
    }
    return steps, dimensions


def lens_of(names: tuple[str, ...], labels: Labels, cosmology: Any = None) -> Deflector:
    """The S lenses that consist of these kinds of deflectors.

    Those on the line of sight lie at their own redshifts, the others at ``z_lens``; one without mass is left out.

    Raises
    ------
    ValueError
        For parameters out of range, or a redshift that is not between 0 and the source's.
    """
    lens = Sum([part for name in names if name != LINE_OF_SIGHT for part in MASSES[name].make(labels)])
    if LINE_OF_SIGHT not in names:
        return lens
    others = MASSES[LINE_OF_SIGHT].make(labels)
    stacks = []
    for s in range(len(lens)):
        there = np.flatnonzero(labels["los_theta_E"][s] > 0.0)
        z = [float(labels["z_lens"][s]), *map(float, labels["los_z"][s, there])]
        parts = [lens.take(s), *(others[k].take(s) for k in there)]
        stacks.append(MultiPlane(parts, z, float(labels["z_source"][s]), cosmology))
    return Each(stacks)
