"""What a PSF is: profile, Fourier transform and encircled light, without the pixel response."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PSF", "Array", "band_limit", "core_width", "radius_holding", "ring_mean"]

Array = NDArray[np.float64]


class PSF(ABC):
    """A point-spread function of unit integral and full width at half maximum `fwhm` [arcsec].

    Radii are in arcsec, wave numbers in rad/arcsec. A circular PSF is the three formulas below. One that is not
    circular, or not centred, overrides `circular`, `brightness` and `spectrum`; its `profile` and `transform` are then
    the means over rings about the origin, which are each other's Hankel transforms as well.

    PSFs key caches: they must compare and hash by value, as frozen dataclasses of numbers do.
    """

    fwhm: float

    @property
    def circular(self) -> bool:
        """Whether `profile` and `transform` say everything."""
        return True

    @abstractmethod
    def profile(self, radius: ArrayLike) -> Array:
        """Surface brightness [1/arcsec^2] at `radius` [arcsec], same shape."""

    @abstractmethod
    def transform(self, k: ArrayLike) -> Array:
        """Fourier transform at wave number `k` [rad/arcsec], same shape; 1 at k = 0."""

    @abstractmethod
    def radius_of(self, fraction: float) -> float:
        """Radius [arcsec] that holds `fraction` of the light."""

    def brightness(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Surface brightness [1/arcsec^2] at the points x, y [arcsec], of their broadcast shape."""
        return self.profile(np.hypot(x, y))

    def spectrum(self, kx: ArrayLike, ky: ArrayLike) -> NDArray[np.complex128]:
        """Integral of brightness exp(-i k r) at the wave vectors kx, ky [rad/arcsec], of their broadcast shape."""
        return self.transform(np.hypot(kx, ky)).astype(np.complex128)


def ring_mean(plane: Callable[[Array, Array], NDArray[Any]], radius: ArrayLike, angles: int = 128) -> Array:
    """Mean of the real part of `plane` over circles of `radius` about the origin, same shape as `radius`."""
    r = np.asarray(radius, dtype=np.float64)
    angle = np.arange(angles) * (2.0 * math.pi / angles)
    ring = plane(np.multiply.outer(r, np.cos(angle)), np.multiply.outer(r, np.sin(angle)))
    return np.asarray(ring.real.mean(axis=-1), dtype=np.float64)


def core_width(plane: Callable[[Array, Array], Array], x: float, y: float, reach: float, samples: int) -> float:
    """Diameter [arcsec] of the circle with the area above half the maximum of `plane` within `reach` of (x, y) along
    either axis, at `samples` points on each side.
    """
    axis = np.linspace(-reach, reach, 2 * samples + 1)
    core = plane(x + axis[None, :], y + axis[:, None])
    return 2.0 * math.sqrt(np.count_nonzero(core > 0.5 * core.max()) / math.pi) * reach / samples


def band_limit(psf: PSF, cutoff: float, highest: float, samples: int = 1024) -> float:
    """Highest wave number [rad/arcsec] up to `highest` at which a mode of `psf` exceeds `cutoff`.

    Looked for at `samples` wave numbers, of a PSF that is not circular in twelve directions and no more than 1024.
    """
    samples = samples if psf.circular else min(samples, 1024)
    k = np.arange(1, samples + 1) * (highest / samples)
    if psf.circular:
        strength = np.abs(psf.transform(k))
    else:
        angle = np.arange(12)[:, None] * (math.pi / 12)
        strength = np.abs(psf.spectrum(k * np.cos(angle), k * np.sin(angle))).max(axis=0)
    above = np.flatnonzero(strength > cutoff)
    last = above[-1] if above.size else 0
    return float(k[last] if psf.circular else k[min(last + 1, samples - 1)])


def radius_holding(fraction: float, radius: Array, light: Array) -> float:
    """Radius within which the spline through (`radius`, `light`) first reaches `fraction`; both arrays start at 0."""
    from scipy.interpolate import CubicSpline
    from scipy.optimize import brentq

    i = int(np.searchsorted(light, fraction))
    if i == 0:
        return 0.0
    if i == len(light):
        return float(radius[-1])
    spline = CubicSpline(radius, light)
    return float(brentq(lambda r: float(spline(r)) - fraction, radius[i - 1], radius[i], xtol=1e-14))
