"""Elliptical power law (EPL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators._kernels.deflectors import epl_field
from simulators.deflectors.base import CENTRE, SHAPE, Array, Deflector, Gradient, evaluate, offsets
from simulators.labels import LABELS
from simulators.shapes import axis_ratio

__all__ = ["EPL"]

SERIES_TOLERANCE = 1e-12


@dataclass(frozen=True)
class EPL(Deflector):
    """Elliptical power-law lenses (Tessore & Metcalf 2015), lenstronomy's EPL convention.

    Parameters
    ----------
    theta_E : array_like
        Einstein radius on the geometric mean axis [arcsec], shape (N,) or one value.
    gamma : array_like
        3-D logarithmic density slope; 2 is isothermal.
    e1, e2 : array_like
        Ellipticity of the mass, |e| = (1-q)/(1+q).
    x, y : array_like
        Centre [arcsec].

    Raises
    ------
    ValueError
        For a value that is not finite or out of range.
    """

    theta_E: ArrayLike
    gamma: ArrayLike = 2.0
    e1: ArrayLike = 0.0
    e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {"theta_E": LABELS["theta_E"], "gamma": LABELS["gamma"], **SHAPE, **CENTRE}
    moduli: ClassVar = {("e1", "e2"): 0.9}

    def packed(self) -> Array:
        """Rows [theta_E, t, q, cos, sin, x, y, g1 = 0, g2 = 0, terms] for the kernels, shape (N, 10)."""
        e1, e2 = np.asarray(self.e1), np.asarray(self.e2)
        q, angle = axis_ratio(e1, e2)
        f = np.maximum(np.hypot(e1, e2), 1e-15)
        terms = np.ceil(np.log(SERIES_TOLERANCE) / np.log(f)) + 1.0
        zero = np.zeros_like(q)
        slope = np.asarray(self.gamma) - 1.0
        columns = [self.theta_E, slope, q, np.cos(angle), np.sin(angle), self.x, self.y, zero, zero, terms]
        return np.ascontiguousarray(np.stack([np.asarray(column) for column in columns], axis=-1))

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        ax, ay = evaluate(epl_field, 2, x, y, self.packed())
        return ax, ay

    def _gradient(self, x: Array, y: Array) -> Gradient:
        """Convergence and shear, eqs. 2 and 17 (in the form of the corrigendum)."""
        theta_e, slope, q, cos, sin = self.packed()[:, :5].T[:, :, None]
        u, v = offsets(self, x, y)
        major, minor = cos * u + sin * v, cos * v - sin * u
        kappa = (2.0 - slope) / 2.0 * (theta_e * np.sqrt(q) / (np.sqrt(q**2 * major**2 + minor**2) + 1e-12)) ** slope
        ax, ay = self._deflection(x, y)
        r2 = np.maximum(u * u + v * v, 1e-24)
        cos2, sin2 = (u * u - v * v) / r2, 2.0 * u * v / r2
        g1 = (1.0 - slope) * (ax * u - ay * v) / r2 - kappa * cos2
        g2 = (1.0 - slope) * (ay * u + ax * v) / r2 - kappa * sin2
        return kappa + g1, g2, g2, kappa - g1

    def _potential(self, x: Array, y: Array) -> Array:
        """Eq. 15."""
        u, v = offsets(self, x, y)
        ax, ay = self._deflection(x, y)
        return np.asarray((u * ax + v * ay) / (3.0 - np.asarray(self.gamma)[:, None]))
