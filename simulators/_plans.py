"""What the Fourier kernels need of a grid and its PSFs, whatever is drawn."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from simulators import _boxes as boxes
from simulators._kernels import light as kernels
from simulators.grid import PixelGrid
from simulators.psf import PSF

__all__ = ["plan_of"]

Array = NDArray[np.float64]
MOST = 4  # times the pixels of a box along a side: modes
DIRECTIONS = 12  # looked into, of a PSF that is not circular


def _strength(psfs: tuple[PSF, ...], grid: PixelGrid, k: Array) -> Array:
    """The strongest PSF's mean modes, pixel response included, at distance k from 0, times their number (K,)."""
    angle = np.arange(DIRECTIONS)[:, None] * (math.pi / DIRECTIONS)
    x, y = k * np.cos(angle), k * np.sin(angle)
    modes = [psf.transform(k) if psf.circular else psf.spectrum(x, y) for psf in psfs]
    pixel = np.abs(_pixel(grid, x) * _pixel(grid, y))
    strongest = np.max([(np.abs(mode) * pixel).mean(axis=0) for mode in modes], axis=0)
    return np.asarray(strongest * np.maximum(k, k[1] / 8.0))


def _pixel(grid: PixelGrid, k: Array) -> Array:
    return np.sinc(k * (grid.scale / (2.0 * math.pi)))


@functools.lru_cache(maxsize=128)
def plan_of(grid: PixelGrid, psfs: tuple[PSF, ...], box: float, dropped: float, dtype: type) -> kernels.Plan:
    """Fourier modes of a periodic box of `box` stamps, with PSF and pixel response, beyond Nyquist where needed: all
    but the part `dropped` of a point source's.
    """
    side = box * grid.size
    k: Array = np.arange(4 * math.ceil(MOST * side / 4)) * np.float64(2.0 * math.pi / (side * grid.scale))
    strength = _strength(psfs, grid, k)
    tail = np.cumsum(strength[::-1])[::-1]
    k = k[: 4 * math.ceil(max(int(np.count_nonzero(tail > dropped * tail[0])), 4) / 4)]
    pixel = _pixel(grid, k)[:, None] * _pixel(grid, k)[None, :] / side**2
    if all(psf.circular for psf in psfs):
        modes = np.stack([[psf.transform(np.hypot(k[:, None], k[None, :]))] for psf in psfs]) * pixel
    else:
        modes = np.stack([_skew_modes(psf, k) for psf in psfs]) * pixel
    numbers = {"k": k, "strength": strength[: len(k)], "psf": modes, **_waves(grid, k)}
    numbers |= boxes.folding(grid, psfs, box)
    single = boxes.replicas(grid, side * grid.scale)
    return kernels.Plan(
        dropped=dtype(dropped),
        area=dtype(grid.scale**2),
        first=np.zeros(max(len(k), grid.size) // 4 + 1, dtype=np.int64),
        **{name: np.ascontiguousarray(value, dtype=dtype) for name, value in numbers.items()},
        **{name: np.ascontiguousarray(value, dtype=np.float32) for name, value in single.items()},
    )


def _waves(grid: PixelGrid, k: Array) -> dict[str, Array]:
    """Waves at the pixels along x and, as far as they are not mirrored, along y."""
    axis = grid.axis()
    half = boxes.first_half(axis)
    return {
        "cos_x": np.cos(np.outer(k, axis)),
        "sin_x": np.sin(np.outer(k, axis)),
        "cos_y": np.cos(np.outer(k, half)),
        "sin_y": np.sin(np.outer(k, half)),
    }


def _skew_modes(psf: PSF, k: Array) -> Array:
    """Real and imaginary parts of half the sum and half the difference of a PSF's modes at (kx, ky) and (-kx, ky), x
    before y.
    """
    above, below = (psf.spectrum(sign * k[:, None], k[None, :]) for sign in (1.0, -1.0))
    total, difference = 0.5 * (above + below), 0.5 * (above - below)
    return np.stack([total.real, total.imag, difference.real, difference.imag])
