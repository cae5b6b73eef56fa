"""Samples in the formats that other programs read."""

from astrogan.export.fits import to_fits

__all__ = ["to_fits"]
