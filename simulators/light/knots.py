"""Disks with knots of star formation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators import streams
from simulators.labels import LABELS
from simulators.light.base import Array, Light
from simulators.light.sersic import Sersic, sersic_b
from simulators.shapes import shape_matrix

__all__ = ["Knots"]


@dataclass(frozen=True)
class Knots(Light):
    """An exponential disk, part of whose light is in knots: small Gaussians of equal flux, scattered like the disk.

    With `knot_fraction` = 1 it is GalSim's ``RandomKnots`` of an exponential profile, with knots of finite size.

    Parameters
    ----------
    flux, radius, e1, e2, x, y : array_like
        Of the whole galaxy, as of `Sersic`.
    knot_fraction : array_like
        Share of the knots in the flux, 0 to 1.
    knot_radius : array_like
        Half-light radius of a knot [arcsec].
    knot_seed : array_like
        Whole number: which random pattern. The places are a function of it, and of nothing else.
    angle : array_like
        Turn of the pattern within the disk, counter-clockwise [rad].
    count : int
        Knots in each galaxy.
    """

    flux: ArrayLike
    radius: ArrayLike
    knot_fraction: ArrayLike = 1.0
    knot_radius: ArrayLike = 0.05
    knot_seed: ArrayLike = 0
    e1: ArrayLike = 0.0
    e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0
    angle: ArrayLike = 0.0
    count: int = 20

    ranges: ClassVar = {
        name: LABELS[name]
        for name in ("flux", "radius", "e1", "e2", "knot_fraction", "knot_radius", "knot_seed", "angle", "x", "y")
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        within("Knots count", self.count, 1, 1000)
        for name, values in (("count", np.atleast_1d(self.count)), ("knot_seed", self._column("knot_seed"))):
            if (values % 1 != 0).any():
                raise ValueError(f"Knots {name} = {values[values % 1 != 0][0]:g} is not a whole number")

    def places(self) -> Array:
        """Centres of the knots [arcsec], shape (N, count, 2).

        Radii by inversion of the light within r of an exponential disk, 1 - (1 + t) exp(-t) with t = b r / radius.
        """
        from scipy.special import lambertw

        seeds = self._column("knot_seed").astype(np.int64)
        radial, turn = np.moveaxis(streams.uniform(0, seeds, "light.knots", (self.count, 2)), -1, 0)
        t = -1.0 - lambertw((radial - 1.0) / math.e, k=-1).real
        r = t / sersic_b(1.0) * self._column("radius")[:, None]
        phi = 2.0 * math.pi * turn + self._column("angle")[:, None]
        disk = np.stack([r * np.cos(phi), r * np.sin(phi)], axis=-1)
        matrix = shape_matrix(self._column("e1"), self._column("e2"))
        return disk @ matrix + np.stack([self._column("x"), self._column("y")], axis=-1)[:, None, :]

    def components(self) -> tuple[tuple[Sersic, Array], ...]:
        """See `Light.components`."""
        disk = Sersic(1.0, self.radius, 1.0, self.e1, self.e2, self.x, self.y)
        share = self._column("knot_fraction")
        knots = [
            (Sersic(1.0, self.knot_radius, 0.5, 0.0, 0.0, place[:, 0], place[:, 1]), share / self.count)
            for place in np.moveaxis(self.places(), 1, 0)
        ]
        return (disk, 1.0 - share), *knots
