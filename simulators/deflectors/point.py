"""Point mass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.deflectors.base import CENTRE, Array, Deflector, Gradient, offsets
from simulators.labels import LABELS

__all__ = ["PointMass"]

TINY = 1e-24  # arcsec^2: closer to the mass than its square root, the deflection falls to zero


@dataclass(frozen=True)
class PointMass(Deflector):
    """Point masses of Einstein radius `theta_E` [arcsec] at x, y [arcsec] (lenstronomy's POINT_MASS).

    Paczynski (1986, ApJ 304, 1, eq. 5) has the lens equation; the convergence is zero off the mass.
    """

    theta_E: ArrayLike
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {"theta_E": LABELS["theta_E"], **CENTRE}

    def _polar(self, x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
        """theta_E^2 (N, 1), and points from the mass with their squared distance (N, P)."""
        u, v = offsets(self, x, y)
        return np.square(np.asarray(self.theta_E))[:, None], u, v, np.maximum(u * u + v * v, TINY)

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        strength, u, v, r2 = self._polar(x, y)
        return strength * u / r2, strength * v / r2

    def _gradient(self, x: Array, y: Array) -> Gradient:
        strength, u, v, r2 = self._polar(x, y)
        xx, xy = strength * (v * v - u * u) / r2**2, -2.0 * strength * u * v / r2**2
        return xx, xy, xy, -xx

    def _potential(self, x: Array, y: Array) -> Array:
        strength, _, _, r2 = self._polar(x, y)
        return np.asarray(0.5 * strength * np.log(r2))
