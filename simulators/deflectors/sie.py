"""Singular isothermal ellipsoid (SIE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.deflectors.base import CENTRE, SHAPE, Array, Deflector, Gradient, offsets
from simulators.labels import LABELS
from simulators.shapes import axis_ratio

__all__ = ["SIE"]


@dataclass(frozen=True)
class SIE(Deflector):
    """Singular isothermal ellipsoids in closed form (Kormann, Schneider & Bartelmann 1994, A&A 284, 285, section 3; the
    number of the section is quoted from memory).

    It is the EPL of gamma = 2, lenstronomy's SIE without its core.

    Parameters
    ----------
    theta_E : array_like
        Einstein radius on the geometric mean axis [arcsec], shape (N,) or one value.
    e1, e2 : array_like
        Ellipticity of the mass, |e| = (1-q)/(1+q).
    x, y : array_like
        Centre [arcsec].
    """

    theta_E: ArrayLike
    e1: ArrayLike = 0.0
    e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {"theta_E": LABELS["theta_E"], **SHAPE, **CENTRE}
    moduli: ClassVar = {("e1", "e2"): 0.9}

    def _axes(self, x: Array, y: Array) -> tuple[Array, ...]:
        """Scale b, q, cos and sin of the position angle (N, 1), and points along the axes of the ellipse (N, P)."""
        q, angle = axis_ratio(np.asarray(self.e1)[:, None], np.asarray(self.e2)[:, None])
        cos, sin = np.cos(angle), np.sin(angle)
        u, v = offsets(self, x, y)
        scale = np.asarray(self.theta_E)[:, None] * np.sqrt(q)
        return scale, q, cos, sin, cos * u + sin * v, cos * v - sin * u

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        scale, q, cos, sin, u, v = self._axes(x, y)
        flat = np.maximum(np.sqrt(1.0 - q * q), 1e-6)  # below it both functions are linear to 1e-12
        radius = np.sqrt(q * q * u * u + v * v) + 1e-12
        au = scale / flat * np.arctan(flat * u / radius)
        av = scale / flat * np.arctanh(flat * v / radius)
        return cos * au - sin * av, sin * au + cos * av

    def _gradient(self, x: Array, y: Array) -> Gradient:
        scale, q, _, _, u, v = self._axes(x, y)
        kappa = 0.5 * scale / (np.sqrt(q * q * u * u + v * v) + 1e-12)
        dx, dy = offsets(self, x, y)
        r2 = np.maximum(dx * dx + dy * dy, 1e-24)
        g1, g2 = -kappa * (dx * dx - dy * dy) / r2, -kappa * 2.0 * dx * dy / r2
        return kappa + g1, g2, g2, kappa - g1

    def _potential(self, x: Array, y: Array) -> Array:
        ax, ay = self._deflection(x, y)
        u, v = offsets(self, x, y)
        return u * ax + v * ay
