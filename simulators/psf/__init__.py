"""Point-spread functions of unit integral, without the pixel response.

`PSFS` is the list of all; the tests walk it through the laws of a PSF.
"""

from simulators.psf.airy import Airy
from simulators.psf.bands import psf_of
from simulators.psf.base import PSF
from simulators.psf.field import PSFField
from simulators.psf.galsim import GalSimPSF
from simulators.psf.gaussian import Gaussian
from simulators.psf.kolmogorov import Kolmogorov
from simulators.psf.library import PSFLibrary
from simulators.psf.moffat import Moffat
from simulators.psf.operators import padding, separable_operators
from simulators.psf.pixel import PixelPSF

PSFS: tuple[type[PSF], ...] = (Gaussian, Moffat, Airy, Kolmogorov, PixelPSF, GalSimPSF)

__all__ = [
    "PSF",
    "PSFS",
    "Airy",
    "GalSimPSF",
    "Gaussian",
    "Kolmogorov",
    "Moffat",
    "PSFField",
    "PSFLibrary",
    "PixelPSF",
    "padding",
    "psf_of",
    "separable_operators",
]
