"""Exposures made into one frame, pixel on pixel or by the overlap of their pixels."""

from __future__ import annotations

import math

import numpy as np

from simulators._kernels._jit import kernel

__all__ = ["add_exposure", "lay_down", "take_mean"]


@kernel
def lay_down(image, weight, x0, y0, total, weights):
    """Add weight times image, and weight, to the pixels that a frame's pixels overlap by their shares.

    The frame's pixel (x, y) lies at (x + x0, y + y0). Pixels of weight 0 add nothing, whatever they hold.
    """
    ny, nx = image.shape
    left, low = math.floor(x0), math.floor(y0)
    fx, fy = x0 - left, y0 - low
    for j in range(2):
        for i in range(2):
            share = (fx if i else 1.0 - fx) * (fy if j else 1.0 - fy)
            if share > 0.0:
                first, last = max(0, -left - i), min(nx, total.shape[1] - left - i)
                for y in range(max(0, -low - j), min(ny, total.shape[0] - low - j)):
                    for x in range(first, last):
                        w = share * np.float64(weight[y, x])
                        if w > 0.0:
                            total[y + low + j, x + left + i] += w * image[y, x]
                            weights[y + low + j, x + left + i] += w


@kernel
def add_exposure(image, variance, flags, total, spread, mask, count):
    """Add an exposure (pixels,) to the sums of `count` others: of the good ones alone from the first good one on,
    before that of all with a finite variance, whose flags `mask` has.
    """
    for i in range(image.size):
        good = flags[i] == 0
        if good and mask[i] != 0:
            total[i] = spread[i] = 0.0
            count[i] = mask[i] = 0
        if good or mask[i] != 0 or count[i] == 0:
            mask[i] |= flags[i]
            if good or np.isfinite(variance[i]):
                total[i] += image[i]
                spread[i] += variance[i]
                count[i] += 1


@kernel
def take_mean(scale, total, spread, count):
    """Sums (pixels,) of `count` exposures made into means and their variance, infinite where there are none, in units
    of `scale`.
    """
    for i in range(total.size):
        n = np.float32(count[i])
        total[i] = total[i] / max(n, np.float32(1.0)) / scale
        spread[i] = spread[i] / (n * n) / (scale * scale) if n > 0 else np.inf
