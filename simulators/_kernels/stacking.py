"""Frames laid onto one grid by the overlap of their pixels."""

from __future__ import annotations

import math

import numpy as np

from simulators._kernels._jit import kernel

__all__ = ["lay_down"]


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
