"""Samples in the formats that other programs read, and labels in the words of lenstronomy."""

from astrogan.export.accessor import SampleAccessor
from astrogan.export.fits import to_fits
from astrogan.export.lenstronomy import from_lenstronomy, to_lenstronomy

__all__ = ["SampleAccessor", "from_lenstronomy", "to_fits", "to_lenstronomy"]
