"""Airy PSF: diffraction at a round aperture, also with a central obscuration."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators.psf.base import PSF, Array, radius_holding

__all__ = ["Airy"]

_FAR = 2000.0  # reduced radius from which on the encircled light is its asymptote
_ARCSEC = math.radians(1.0 / 3600.0)


def _amplitude(x: ArrayLike, obscuration: float) -> Array:
    """Amplitude at x = pi D r / lambda, 1 at the centre (Born & Wolf 1999, section 8.6.2)."""
    from scipy.special import j1

    def jinc(z: Array) -> Array:
        safe = np.maximum(z, 1e-8)
        return np.asarray(2.0 * j1(safe) / safe)

    z = np.abs(np.asarray(x, dtype=np.float64))
    e2 = obscuration**2
    return (jinc(z) - e2 * jinc(obscuration * z)) / (1.0 - e2)


def _overlap(a: float, b: float, d: Array) -> Array:
    """Area that two circles of radii a >= b share whose centres lie `d` apart."""
    if b == 0.0:
        return np.zeros_like(d)
    inner, outer = a - b, a + b
    c = np.clip(d, max(inner, 1e-12), outer)
    wide = a * a * np.arccos(np.clip((c * c + a * a - b * b) / (2.0 * c * a), -1.0, 1.0))
    narrow = b * b * np.arccos(np.clip((c * c + b * b - a * a) / (2.0 * c * b), -1.0, 1.0))
    kite = 0.5 * np.sqrt(np.maximum((outer**2 - c * c) * (c * c - inner**2), 0.0))
    return np.where(d <= inner, math.pi * b * b, np.where(d >= outer, 0.0, wide + narrow - kite))


@functools.cache
def _half_width(obscuration: float) -> float:
    """Full width at half maximum in units of lambda / D."""
    from scipy.optimize import brentq

    half = brentq(lambda x: float(_amplitude(x, obscuration)) ** 2 - 0.5, 0.1, 2.0, xtol=1e-14)
    return 2.0 * float(half) / math.pi


@functools.lru_cache(maxsize=32)
def _encircled(obscuration: float) -> tuple[Array, Array]:
    """Light within reduced radii from 0 to `_FAR`: the closed form of the two rings and the integral of their cross
    term.
    """
    from scipy.integrate import cumulative_simpson
    from scipy.special import j0, j1

    x = np.linspace(0.0, _FAR, 40001)
    inner = obscuration * x
    cross = cumulative_simpson(2.0 * j1(x) * j1(inner) / np.maximum(x, 1e-12), x=x, initial=0.0)
    rings = 1.0 - j0(x) ** 2 - j1(x) ** 2 + obscuration**2 * (1.0 - j0(inner) ** 2 - j1(inner) ** 2)
    return x, (rings - 2.0 * obscuration * cross) / (1.0 - obscuration**2)


@dataclass(frozen=True)
class Airy(PSF):
    """Airy (1835) PSF of a given `fwhm` [arcsec] and central `obscuration` (share of the diameter, 0 is none).

    Its wings fall as r^-3: 1 % of the light lies beyond 20 FWHM.
    """

    fwhm: float
    obscuration: float = 0.0

    def __post_init__(self) -> None:
        within("fwhm", self.fwhm, 0.0, 60.0, "arcsec", open_low=True)
        within("obscuration", self.obscuration, 0.0, 0.95)

    @classmethod
    def of_aperture(cls, wavelength: float, diameter: float, obscuration: float = 0.0) -> Self:
        """The PSF of a telescope of `diameter` [m] at `wavelength` [nm]."""
        within("wavelength", wavelength, 0.0, 1e9, "nm", open_low=True)
        within("diameter", diameter, 0.0, 1e3, "m", open_low=True)
        within("obscuration", obscuration, 0.0, 0.95)
        return cls(_half_width(obscuration) * wavelength * 1e-9 / diameter / _ARCSEC, obscuration)

    @property
    def lam_over_diam(self) -> float:
        """Wavelength over diameter [arcsec]."""
        return self.fwhm / _half_width(self.obscuration)

    def profile(self, radius: ArrayLike) -> Array:
        """See `PSF.profile`."""
        scale = self.lam_over_diam
        peak = 0.25 * math.pi * (1.0 - self.obscuration**2) / scale**2
        return peak * _amplitude(math.pi * np.asarray(radius, dtype=np.float64) / scale, self.obscuration) ** 2

    def transform(self, k: ArrayLike) -> Array:
        """See `PSF.transform`; the autocorrelation of the annular pupil (O'Neill 1956, JOSA 46, 285)."""
        d = np.abs(np.asarray(k, dtype=np.float64)) * (self.lam_over_diam / math.pi)
        e = self.obscuration
        shared = _overlap(1.0, 1.0, d) - 2.0 * _overlap(1.0, e, d) + _overlap(e, e, d)
        return np.asarray(shared / (math.pi * (1.0 - e * e)))

    def radius_of(self, fraction: float) -> float:
        """See `PSF.radius_of`."""
        x, light = _encircled(self.obscuration)
        if fraction < light[-1]:
            reduced = radius_holding(fraction, x, light)
        else:
            reduced = 2.0 / (math.pi * (1.0 - self.obscuration) * (1.0 - fraction))
        return reduced * self.lam_over_diam / math.pi
