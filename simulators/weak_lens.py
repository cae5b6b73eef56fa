"""Weakly lensed galaxies: any light of intrinsic shape under a known reduced shear and convergence."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import within
from simulators._light_choice import LightChoice, LightLike, light_of
from simulators.drawing import draw_light, draw_sersic
from simulators.layout import Layout
from simulators.light import Light, Sersic
from simulators.selection import Selection
from simulators.shapes import magnification, shape_matrix
from simulators.simulator import Simulator

__all__ = ["WeakLens"]

Array = NDArray[np.float64]
_LENSING = ("g1", "g2", "kappa")
_FITS = {
    "sersic": (
        ("flux", "radius", "n", "e1", "e2", "x", "y"),
        ("flux", "radius", "n", "g1", "g2", "x", "y"),  # a shear is another ellipticity
        ("n", "e1", "e2", "x", "y", "kappa"),  # a convergence is another flux and radius
    ),
    "point": (("flux", "x", "y"), ("x", "y", "kappa")),
    "images": (("flux", "zoom", "angle", "x", "y"), ("g1", "g2", "kappa", "x", "y")),
}
_STEPS = dict.fromkeys((*_LENSING, "e1", "e2"), 1e-4) | {"x": 1e-3, "y": 1e-3}  # Fourier sums are smooth


def _layout(light: LightChoice) -> Layout:
    labels = (*light.labels, *_LENSING)
    smooth = tuple(name for name in light.labels if name not in light.discrete)
    return Layout(
        labels=labels,
        flux_labels=("flux",),
        parts={"galaxy": labels},
        fits=_FITS.get(light.name, (smooth,)),
        steps={name: _STEPS.get(name) or light.step(name) for name in (*smooth, *_LENSING)},
        population=("weak-lensing", *light.populations),
        discrete=light.discrete,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeakLens(Simulator):
    """One galaxy per stamp, weakly lensed.

    Labels: ``flux`` (per band), ``radius``, ``n``, ``e1``, ``e2`` of the unlensed galaxy; ``x``, ``y`` of its lensed
    centre; reduced shear ``g1``, ``g2`` and convergence ``kappa``, applied as GalSim's ``lens(g1, g2, mu)`` with mu =
    1 / ((1-kappa)^2 (1-|g|^2)).

    Parameters
    ----------
    light : {"sersic", "gaussian", "point", "bulge-disk", "knots"}, ImageSource or sequence of GalaxyImage
        What the galaxies look like. Instead of ``radius n e1 e2`` the labels are the fields of the profile in
        `simulators.light`: of real galaxies ``image_index zoom angle``, of knots also ``knot_seed`` (these two choose,
        and have no tangent).
    ring : int
        Samples that share a galaxy, a shear and a place, each galaxy turned by 180 degrees / `ring` from the last (2: a
        pair at 90 degrees); sample i is of ring i // `ring`. Noise and neighbours are each sample's own. The mean
        lensed ellipticity of a ring is g + (1-|g|^2) (-g*)^(k-1) e^k for k = `ring`, to the next power k of e g*
        (Nakajima & Bernstein 2007, AJ 133, 1763, for pairs).

    The other parameters are those of every simulator.
    """

    light: LightLike = "sersic"
    ring: int = 1

    def __post_init__(self) -> None:
        self.layout  # noqa: B018  # refuses a light that there is not
        super().__post_init__()
        within("ring", self.ring, 1, 360, "galaxies")
        if self.ring != int(self.ring):
            raise ValueError(f"ring = {self.ring!r} is not a whole number of galaxies")
        if self.ring > 1 and self.select != Selection(()):
            raise ValueError("select would break rings: cut on rings afterwards, or use ring=1")

    @functools.cached_property
    def layout(self) -> Layout:
        """Labels and parts of these samples."""
        return _layout(self._choice)

    @functools.cached_property
    def _choice(self) -> LightChoice:
        return light_of(self.light)

    def _drawn(self, seed: int, ids: NDArray[np.int64], tag: str) -> dict[str, Array]:
        labels = super()._drawn(seed, ids // self.ring, tag)
        if self.ring == 1:
            return labels
        return self._choice.turned(labels, math.pi * (ids % self.ring) / self.ring)

    def _draw(self, part: str, labels: dict[str, Array], out: Array) -> None:
        within("WeakLens |g|", np.hypot(labels["g1"], labels["g2"]), 0.0, 0.9)
        if self._choice.name == "sersic":
            galaxy, mu = lensed_sersic(labels)
            draw_sersic(galaxy, labels["flux"] * mu[:, None], *self._drawing, out)
            return
        light, flux = lensed_light(self._choice, labels)
        draw_light(light, flux, *self._drawing, out)


def lensed_light(choice: LightChoice, labels: dict[str, Array]) -> tuple[Light, Array]:
    """Weakly lensed galaxies, and their flux (S, B): a shear and a magnification about the galaxy's own centre."""
    zero = np.zeros(len(labels["x"]))
    mu = magnification(*(labels[name] for name in _LENSING))
    matrix = np.sqrt(mu)[:, None, None] * shape_matrix(labels["g1"], labels["g2"])
    light = choice.profiles({**labels, "x": zero, "y": zero})
    shift = np.stack([labels["x"], labels["y"]], axis=-1)
    return light.transformed(matrix, shift), labels["flux"] * mu[:, None]


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
