"""Images between their pixels: the quintic interpolation that is GalSim's default, and its Fourier transform."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators._kernels import interpolating as kernels
from simulators._kernels._jit import run

__all__ = ["interpolant_transform", "interpolate", "padded"]

Array = NDArray[np.float64]
_SHARE = 4096  # points that are worth a thread


def interpolant_transform(cycles: Array) -> Array:
    """Fourier transform of the kernel at `cycles` per pixel."""
    s, phase = np.sinc(cycles), math.pi * cycles
    return np.asarray(s**5 * (s * (55.0 - 19.0 * phase**2) + 2.0 * np.cos(phase) * (phase**2 - 27.0)))


def padded(samples: Array) -> Array:
    """An image with the zeros around it that its interpolation needs."""
    return np.pad(samples, kernels.PAD)


def interpolate(samples: Array, column: ArrayLike, row: ArrayLike) -> Array:
    """Values of an image (rows, columns) at fractional `column`, `row`, of any shapes that broadcast; outside it 0."""
    at = np.broadcast_arrays(np.asarray(column, np.float64), np.asarray(row, np.float64))
    flat = [np.ascontiguousarray(values.ravel()) for values in at]
    out = np.empty(flat[0].size)
    run(kernels.interpolate, out.size, padded(samples), *flat, out, share=_SHARE)
    return out.reshape(at[0].shape)
