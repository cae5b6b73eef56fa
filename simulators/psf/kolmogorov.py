"""Kolmogorov PSF: long exposures through turbulence without an outer scale."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators.psf.base import PSF, Array, radius_holding

__all__ = ["Kolmogorov"]

FWHM = 2.920700607767086  # of the PSF whose transform is exp(-k^(5/3)); the tests recompute it
_TURN = 16.0  # reduced radius from which on the asymptotic series is exact to 1e-11
_TERMS = 8


def _series(power: float) -> list[tuple[float, float]]:
    """(coefficient, exponent) of the asymptotic series of the profile times r^`power`: the transform of each power of
    k in exp(-k^(5/3)) (Gradshteyn & Ryzhik 6.561.14).
    """
    from scipy.special import gamma

    terms = []
    for m in (m for m in range(1, _TERMS + 1) if m % 6):  # even powers of k have no wings
        size = (-1) ** m / math.factorial(m) * 2.0 ** (5 * m / 3) * gamma(1 + 5 * m / 6) / gamma(-5 * m / 6) / math.pi
        terms.append((size, power - 5 * m / 3 - 2))
    return terms


@functools.cache
def _tables() -> tuple[Array, Array, Array]:
    """Reduced radii up to `_TURN`, and the profile and the encircled light there, by Gauss-Legendre quadrature."""
    from scipy.special import j0, j1

    node, weight = np.polynomial.legendre.leggauss(512)
    k = 5.0 * (node + 1.0)  # the transform is below 1e-20 beyond 10
    weight = 5.0 * weight * np.exp(-(k ** (5 / 3)))
    r = np.linspace(0.0, _TURN, 2049)
    kr = np.multiply.outer(r, k)
    return r, j0(kr) @ (weight * k) / (2.0 * math.pi), r * (j1(kr) @ weight)


@dataclass(frozen=True)
class Kolmogorov(PSF):
    """Kolmogorov PSF of a given `fwhm` [arcsec]: the transform is exp(-(k/k0)^(5/3)) (Fried 1966, JOSA 56, 1372)."""

    fwhm: float

    def __post_init__(self) -> None:
        within("fwhm", self.fwhm, 0.0, 60.0, "arcsec", open_low=True)

    @property
    def k0(self) -> float:
        """Wave number [rad/arcsec] at which the transform is 1/e."""
        return FWHM / self.fwhm

    def profile(self, radius: ArrayLike) -> Array:
        """See `PSF.profile`; a spline, and an asymptotic series beyond 5 FWHM."""
        from scipy.interpolate import CubicSpline

        r = np.abs(np.asarray(radius, dtype=np.float64)) * self.k0
        nodes, table, _ = _tables()
        core = CubicSpline(nodes, table)(np.minimum(r, _TURN))
        far = np.maximum(r, _TURN)
        wing = sum(size * far**exponent for size, exponent in _series(0.0))
        return np.asarray(self.k0**2 * np.where(r < _TURN, core, wing))

    def transform(self, k: ArrayLike) -> Array:
        """See `PSF.transform`."""
        return np.exp(-((np.abs(np.asarray(k, dtype=np.float64)) / self.k0) ** (5 / 3)))

    def radius_of(self, fraction: float) -> float:
        """See `PSF.radius_of`."""
        from scipy.optimize import brentq

        nodes, _, light = _tables()
        if fraction <= light[-1]:
            return radius_holding(fraction, nodes, light) / self.k0
        terms = [(2.0 * math.pi * size / -exponent, exponent) for size, exponent in _series(2.0)]

        def excess(log: float) -> float:
            return float(sum(size * math.exp(log * exponent) for size, exponent in terms) - (1.0 - fraction))

        return math.exp(brentq(excess, math.log(_TURN) - 0.1, 60.0)) / self.k0
