"""Moffat PSF."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators.psf.base import PSF, Array

__all__ = ["Moffat"]


@dataclass(frozen=True)
class Moffat(PSF):
    """Moffat (1969) PSF, I(r) proportional to (1 + (r/alpha)^2)^-beta, of a given `fwhm` [arcsec] and slope `beta` >
    1.
    """

    fwhm: float
    beta: float = 3.5

    def __post_init__(self) -> None:
        within("fwhm", self.fwhm, 0.0, 60.0, "arcsec", open_low=True)
        within("beta", self.beta, 1.0, 100.0, open_low=True)

    @property
    def alpha(self) -> float:
        """Core scale [arcsec]."""
        return self.fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / self.beta) - 1.0))

    def profile(self, radius: ArrayLike) -> Array:
        """See `PSF.profile`."""
        r2 = np.square(np.asarray(radius, dtype=np.float64) / self.alpha)
        return (self.beta - 1.0) / (math.pi * self.alpha**2) * (1.0 + r2) ** -self.beta

    def transform(self, k: ArrayLike) -> Array:
        """See `PSF.transform`; 2 (k alpha / 2)^(beta-1) K_(beta-1)(k alpha) / Gamma(beta-1)."""
        from scipy.special import gammaln, kve

        order = self.beta - 1.0
        z = np.maximum(np.abs(np.asarray(k, dtype=np.float64)) * self.alpha, 1e-12)
        with np.errstate(divide="ignore"):
            logs = math.log(2.0) + order * np.log(z / 2.0) - gammaln(order) + np.log(kve(order, z)) - z
        return np.where(z < 1e-6, 1.0, np.exp(logs))

    def radius_of(self, fraction: float) -> float:
        """See `PSF.radius_of`."""
        return self.alpha * math.sqrt((1.0 - fraction) ** (1.0 / (1.0 - self.beta)) - 1.0)
