"""Multipoles: departures of an isothermal lens from the ellipse."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.deflectors.base import CENTRE, Array, Deflector, Gradient, offsets
from simulators.labels import Label

__all__ = ["Multipole"]

ORDERS = (3, 4)


@dataclass(frozen=True)
class Multipole(Deflector):
    """Circular multipoles of order m = 3 or 4 (Xu et al. 2015, eq. B12), lenstronomy's MULTIPOLE convention.

    The convergence is a_m cos(m (phi - phi_m)) / (2 r).

    Parameters
    ----------
    m : {3, 4}
        Order, one for all lenses.
    a_m : array_like
        Strength [arcsec]: a_m / theta_E is the relative amplitude of the isodensity contours of an isothermal lens.
    phi_m : array_like
        Position angle [rad], counter-clockwise from +x.
    x, y : array_like
        Centre [arcsec].
    """

    m: int
    a_m: ArrayLike
    phi_m: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {
        "a_m": Label("arcsec", "strength of the multipole", -10.0, 10.0),
        "phi_m": Label("rad", "position angle of the multipole", -2.0 * np.pi, 2.0 * np.pi),
        **CENTRE,
    }

    def __post_init__(self) -> None:
        try:
            order = operator.index(self.m)
        except TypeError:
            order = -1
        if order not in ORDERS:
            raise ValueError(f"Multipole m = {self.m!r} is not one of {ORDERS}")
        super().__post_init__()

    def _polar(self, x: Array, y: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Radius (at least 1e-12), cos phi, sin phi, a_m cos(m (phi - phi_m)) and a_m sin(m (phi - phi_m))."""
        u, v = offsets(self, x, y)
        radius = np.maximum(np.hypot(u, v), 1e-12)
        angle = self.m * (np.arctan2(v, u) - np.asarray(self.phi_m)[:, None])
        strength = np.asarray(self.a_m)[:, None]
        return radius, u / radius, v / radius, strength * np.cos(angle), strength * np.sin(angle)

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        _, cos, sin, even, odd = self._polar(x, y)
        scale = 1.0 / (1.0 - self.m**2)
        return scale * (cos * even + self.m * sin * odd), scale * (sin * even - self.m * cos * odd)

    def _gradient(self, x: Array, y: Array) -> Gradient:
        radius, cos, sin, even, _ = self._polar(x, y)
        density = even / radius
        xy = -density * cos * sin
        return density * sin * sin, xy, xy, density * cos * cos

    def _potential(self, x: Array, y: Array) -> Array:
        radius, _, _, even, _ = self._polar(x, y)
        return radius * even / (1.0 - self.m**2)
