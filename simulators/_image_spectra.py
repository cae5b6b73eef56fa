"""Fourier transforms of interpolated images at scattered wave numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators._interpolated import interpolant_transform
from simulators._kernels._jit import run
from simulators._kernels.images import BETA, WIDTH, gather

__all__ = ["ImageSpectrum"]

Array = NDArray[np.float64]
_SHARE = 2**12  # wave numbers worth a thread


def _kernel_transform(angle: Array) -> Array:
    """Integral of the gridding kernel times cos(angle s), s in grid points."""
    node, weight = np.polynomial.legendre.leggauss(64)
    kernel = np.exp(BETA * (np.sqrt(1.0 - node**2) - 1.0)) * weight * (WIDTH / 2)
    return np.asarray(np.cos(np.multiply.outer(angle, node * (WIDTH / 2))) @ kernel)


@dataclass(frozen=True, eq=False)
class ImageSpectrum:
    """What the transform of an image (rows, columns), about its geometric centre, needs: made once, asked often."""

    grid: NDArray[np.complex128]
    shape: tuple[int, int]

    @classmethod
    def of(cls, image: Array) -> ImageSpectrum:
        """The spectrum of `image`."""
        from scipy.fft import fft2, next_fast_len

        fine = tuple(next_fast_len(2 * side) for side in image.shape)
        weighted = image
        for axis, (side, padded) in enumerate(zip(image.shape, fine, strict=True)):
            places = np.arange(side) - side // 2
            undone = 1.0 / _kernel_transform(2.0 * math.pi / padded * places)
            weighted = weighted * (undone[:, None] if axis == 0 else undone)
        canvas = np.zeros(fine)
        canvas[: image.shape[0], : image.shape[1]] = weighted
        canvas = np.roll(canvas, [-(side // 2) for side in image.shape], axis=(0, 1))
        return cls(fft2(canvas), image.shape)

    def at(self, u: Array, v: Array) -> NDArray[np.complex128]:
        """The transform of the quintic interpolation at wave numbers u along x, v along y [rad/pixel], all (P,).

        To 1e-6 of the image's total absolute value.
        """
        out = np.empty(u.size, dtype=np.complex128)
        rows, columns = self.grid.shape
        scaled = (u * (columns / (2.0 * math.pi)), v * (rows / (2.0 * math.pi)))
        run(gather, u.size, self.grid, *scaled, out, share=_SHARE)
        shift = [(side - 1) / 2.0 - side // 2 for side in self.shape]  # from the middle pixel to the geometric centre
        response = interpolant_transform(u / (2.0 * math.pi)) * interpolant_transform(v / (2.0 * math.pi))
        return np.asarray(out * np.exp(1j * (u * shift[1] + v * shift[0])) * response)
