"""Gaussian PSF."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators.psf.base import PSF, Array

__all__ = ["Gaussian"]

FWHM_TO_SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))


@dataclass(frozen=True)
class Gaussian(PSF):
    """Gaussian PSF of a given `fwhm` [arcsec]."""

    fwhm: float

    def __post_init__(self) -> None:
        within("fwhm", self.fwhm, 0.0, 60.0, "arcsec", open_low=True)

    @property
    def sigma(self) -> float:
        """Standard deviation along an axis [arcsec]."""
        return self.fwhm * FWHM_TO_SIGMA

    def profile(self, radius: ArrayLike) -> Array:
        """See `PSF.profile`."""
        r2 = np.square(np.asarray(radius, dtype=np.float64)) / self.sigma**2
        return np.exp(-0.5 * r2) / (2.0 * math.pi * self.sigma**2)

    def transform(self, k: ArrayLike) -> Array:
        """See `PSF.transform`."""
        return np.exp(-0.5 * np.square(np.asarray(k, dtype=np.float64) * self.sigma))

    def radius_of(self, fraction: float) -> float:
        """See `PSF.radius_of`."""
        return self.sigma * math.sqrt(-2.0 * math.log1p(-fraction))
