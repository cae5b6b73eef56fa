"""The PSF of a survey's band."""

from __future__ import annotations

import math

from catalogs import Band
from simulators.psf.base import PSF
from simulators.psf.gaussian import Gaussian
from simulators.psf.moffat import Moffat

__all__ = ["psf_of"]


def psf_of(band: Band) -> PSF:
    """The PSF that a survey's `band` records."""
    return Gaussian(band.psf_fwhm) if math.isinf(band.psf_beta) else Moffat(band.psf_fwhm, band.psf_beta)
