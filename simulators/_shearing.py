"""Pixels sheared as the sky would have been before the PSF: deconvolved, sheared, and seen with a rounder, wider PSF.

The image J with the modes I(k) T(A^-1 k) / P(k) has at A^-1 r the pixel that the sheared sky has at r, seen with the
transform T; A is the shear, P and T hold the pixel's response. (Huff & Mandelbaum 2017, arXiv:1702.02600, section 2;
Sheldon & Huff 2017, ApJ 841, 24, section 2.1.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.psf import PSF, Gaussian
from simulators.shapes import shape_matrix

__all__ = ["Shearing", "wide_enough"]

Array = NDArray[np.float64]
GAIN = 1.1  # most that a mode may grow
LEFT = 3e-5  # of what pixels take for the mode that it is not
LOST = 1e-4  # modes that a PSF leaves less of are lost
STEP, WIDEST = 1.02, 60.0  # steps of the width, and the last [arcsec]
REACH = 3.0  # FWHM of the new PSF from which a pixel's light comes


def wide_enough(psf: PSF, scale: float, g1: float, g2: float) -> float:
    """Smallest FWHM [arcsec] of a Gaussian that `psf` can be widened to behind a shear, on pixels of side `scale`.

    No mode may grow by more than a tenth, nor may more than a thousandth be left of those beyond the pixels' highest
    wave number, which pixels take for others.

    Raises
    ------
    ValueError
        Where there is none.
    """
    top = math.pi / scale
    axis = np.linspace(-top, top, 41)
    kx, ky = (part.ravel() for part in np.meshgrid(axis, axis))
    own = _seen(psf, kx, ky, scale)
    step_x, step_y = (np.where(k < 0, -2.0 * top, 2.0 * top) for k in (kx, ky))
    beyond = _seen(psf, kx - step_x, ky, scale), _seen(psf, kx, ky - step_y, scale)
    x, y = _turned(shape_matrix(np.asarray(-g1), np.asarray(-g2)), kx, ky)
    kept = np.abs(own) > LOST
    fwhm = psf.fwhm * (1.0 + math.hypot(g1, g2))
    while fwhm < WIDEST:
        growth = np.abs(_seen(Gaussian(fwhm), x, y, scale)) / np.maximum(np.abs(own), LOST)
        wrong = np.abs(beyond).max(axis=0) * growth
        if growth[kept].max() <= GAIN and wrong.max() <= LEFT:
            return fwhm
        fwhm *= STEP
    raise ValueError(f"no Gaussian up to {WIDEST:g} arcsec is wide enough for a PSF of {psf.fwhm:g} arcsec")


def _seen(psf: PSF, kx: Array, ky: Array, scale: float) -> NDArray[np.complex128]:
    """Modes of a PSF and the pixel's response."""
    pixel = np.sinc(kx * (scale / (2.0 * math.pi))) * np.sinc(ky * (scale / (2.0 * math.pi)))
    return np.asarray(psf.spectrum(kx, ky) * pixel)


def _turned(matrix: Array, kx: Array, ky: Array) -> tuple[Array, Array]:
    """Wave vectors times a matrix (2, 2), x before y."""
    return matrix[0, 0] * kx + matrix[0, 1] * ky, matrix[1, 0] * kx + matrix[1, 1] * ky


@dataclass(frozen=True, eq=False)
class Shearing:
    """A shear about the geometric centre of planes of one shape, seen with one PSF.

    Parameters
    ----------
    shape : (int, int)
        Pixels along y and x.
    scale : float
        Side of a pixel [arcsec].
    psf : PSF
        That of the planes, without the pixel's response.
    fwhm : float
        Of the Gaussian that takes its place [arcsec].
    g1, g2 : float
        Reduced shear.
    """

    shape: tuple[int, int]
    scale: float
    psf: PSF
    fwhm: float
    g1: float
    g2: float

    @property
    def inverse(self) -> Array:
        """The matrix A^-1 (2, 2), x before y: the opposite shear."""
        return shape_matrix(np.asarray(-self.g1), np.asarray(-self.g2))

    @property
    def reach(self) -> int:
        """Pixels around one from which its light comes."""
        return math.ceil(REACH * self.fwhm / self.scale)

    def apply(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """The sheared plane (y, x); beyond its edges the plane is mirrored."""
        from scipy.fft import irfft2, next_fast_len, rfft2
        from scipy.ndimage import affine_transform

        margin = self.reach + 8
        sides = [next_fast_len(side + 2 * margin, real=True) for side in self.shape]
        pads = [(margin, full - side - margin) for full, side in zip(sides, self.shape, strict=True)]
        padded = np.pad(np.asarray(plane, np.float32), pads, mode="reflect")
        modes = rfft2(padded) * self._response(sides)
        seen = irfft2(modes, s=sides)
        out = np.zeros(self.shape, np.float32)
        back, shift = self._moves()
        affine_transform(seen, back, shift + margin, output=out, order=5, mode="mirror")
        return out

    def _moves(self) -> tuple[Array, Array]:
        """Matrix and shift that lead from pixels, y before x, of the result to those of the plane."""
        back: Array = self.inverse[::-1, ::-1]
        middle = np.array([(side - 1) / 2.0 for side in self.shape])
        return back, middle - back @ middle

    def apply_known(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """The sheared plane, NaN where pixels that are not finite reach."""
        from scipy.ndimage import maximum_filter

        missing = ~np.isfinite(plane)
        if not missing.any():
            return self.apply(plane)
        known = np.where(missing, 0.0 if missing.all() else np.median(plane[~missing]), plane)
        near = self.moved(maximum_filter(missing.astype(np.float32), 2 * self.reach + 1))
        return np.where(near > 0.0, np.float32(np.nan), self.apply(known))

    def moved(self, plane: NDArray[Any]) -> NDArray[Any]:
        """The plane with its pixels at their new places, linearly interpolated."""
        from scipy.ndimage import affine_transform

        return np.asarray(affine_transform(plane, *self._moves(), order=1, mode="nearest"))

    def growth(self, autocorrelation: Array) -> float:
        """Variance of noise of this autocorrelation (odd, odd) behind the shear, over that before."""
        from scipy.fft import next_fast_len

        sides = [next_fast_len(8 * self.reach + n) for n in autocorrelation.shape]
        power = np.abs(np.fft.rfft2(autocorrelation, s=sides))
        seen = power * np.abs(self._response(sides)) ** 2
        return float(np.fft.irfft2(seen, s=sides)[0, 0] / np.fft.irfft2(power, s=sides)[0, 0])

    def _response(self, sides: list[int]) -> NDArray[np.complex64]:
        """What each mode of a plane of `sides` is multiplied by."""
        ky: Array = np.fft.fftfreq(sides[0], self.scale / (2.0 * math.pi))[:, None].astype(np.float64)
        kx: Array = np.fft.rfftfreq(sides[1], self.scale / (2.0 * math.pi))[None, :].astype(np.float64)
        own = _seen(self.psf, kx, ky, self.scale)
        new = _seen(Gaussian(self.fwhm), *_turned(self.inverse, kx, ky), self.scale)
        kept = np.abs(own) > LOST
        return np.divide(new, own, out=np.zeros(own.shape, complex), where=kept).astype(np.complex64)
