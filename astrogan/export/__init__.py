"""Samples in the formats that other programs read."""

from astrogan.export.accessor import SampleAccessor
from astrogan.export.fits import to_fits

__all__ = ["SampleAccessor", "to_fits"]
