"""Weakly lensed galaxies: a Sersic of intrinsic shape under a known reduced shear and convergence."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import within
from simulators.drawing import draw_sersic
from simulators.layout import Layout
from simulators.light import Sersic
from simulators.selection import Selection
from simulators.shapes import magnification
from simulators.simulator import Simulator

__all__ = ["WeakLens"]

Array = NDArray[np.float64]
_LABELS = ("flux", "radius", "n", "e1", "e2", "x", "y", "g1", "g2", "kappa")
_LAYOUT = Layout(
    labels=_LABELS,
    flux_labels=("flux",),
    parts={"galaxy": _LABELS},
    fits=(
        ("flux", "radius", "n", "e1", "e2", "x", "y"),
        ("flux", "radius", "n", "g1", "g2", "x", "y"),  # a shear is another ellipticity
        ("n", "e1", "e2", "x", "y", "kappa"),  # a convergence is another flux and radius
    ),
    steps={
        **dict.fromkeys(("e1", "e2", "g1", "g2", "kappa"), 1e-4),
        "flux": -1e-2,
        "radius": -1e-3,
        "n": -1e-3,
        "x": 1e-3,
        "y": 1e-3,
    },
    population="weak-lensing",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeakLens(Simulator):
    """One galaxy per stamp, weakly lensed.

    Labels: ``flux`` (per band), ``radius``, ``n``, ``e1``, ``e2`` of the unlensed galaxy; ``x``, ``y`` of its lensed
    centre; reduced shear ``g1``, ``g2`` and convergence ``kappa``, applied as GalSim's ``lens(g1, g2, mu)`` with mu =
    1 / ((1-kappa)^2 (1-|g|^2)).

    Parameters
    ----------
    ring : int
        Samples that share a galaxy, a shear and a place, each galaxy turned by 180 degrees / `ring` from the last (2: a
        pair at 90 degrees); sample i is of ring i // `ring`. Noise and neighbours are each sample's own. The mean
        lensed ellipticity of a ring is g + (1-|g|^2) (-g*)^(k-1) e^k for k = `ring`, to the next power k of e g*
        (Nakajima & Bernstein 2007, AJ 133, 1763, for pairs).

    The other parameters are those of every simulator.
    """

    ring: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        within("ring", self.ring, 1, 360, "galaxies")
        if self.ring != int(self.ring):
            raise ValueError(f"ring = {self.ring!r} is not a whole number of galaxies")
        if self.ring > 1 and self.select != Selection(()):
            raise ValueError("select would break rings: cut on rings afterwards, or use ring=1")

    @property
    def layout(self) -> Layout:
        """Labels and parts of these samples."""
        return _LAYOUT

    def _drawn(self, seed: int, ids: NDArray[np.int64], tag: str) -> dict[str, Array]:
        labels = super()._drawn(seed, ids // self.ring, tag)
        if self.ring == 1:
            return labels
        angle = 2.0 * math.pi * (ids % self.ring) / self.ring
        e1, e2, cos, sin = labels["e1"], labels["e2"], np.cos(angle), np.sin(angle)
        return labels | {"e1": e1 * cos - e2 * sin, "e2": e1 * sin + e2 * cos}

    def _draw(self, part: str, labels: dict[str, Array], out: Array) -> None:
        within("WeakLens |g|", np.hypot(labels["g1"], labels["g2"]), 0.0, 0.9)
        light, mu = lensed_sersic(labels)
        draw_sersic(light, labels["flux"] * mu[:, None], self.grid, self._psfs, self.accuracy, out)


def lensed_sersic(labels: dict[str, Array]) -> tuple[Sersic, Array]:
    """The Sersic that a weakly lensed Sersic is (ellipses stay ellipses), and its magnification, shape (S,).

    Shears compose as |e| = (1-q)/(1+q): e' = (e + g) / (1 + g* e) (Seitz & Schneider 1997, eq. 3.2).
    """
    e = labels["e1"] + 1j * labels["e2"]
    g = labels["g1"] + 1j * labels["g2"]
    mu = magnification(labels["g1"], labels["g2"], labels["kappa"])
    lensed = (e + g) / (1.0 + np.conj(g) * e)
    light = Sersic(
        flux=labels["flux"].mean(axis=1) * mu,
        radius=labels["radius"] * np.sqrt(mu),
        n=labels["n"],
        e1=lensed.real,
        e2=lensed.imag,
        x=labels["x"],
        y=labels["y"],
    )
    return light, mu
