"""Fine planes to pixels: PSF and pixel response as a sum of column times row operators."""

import numpy as np

from simulators._kernels._jit import fast_kernel
from simulators._kernels.product import add_product

_0 = np.float32(0.0)


@fast_kernel
def combine(planes, flux, out):
    """out (N, N) = sum over sources of flux (C,) times planes (C, N, N)."""
    for i in range(out.shape[0]):
        row = out[i]
        for j in range(row.shape[0]):
            row[j] = _0
        for k in range(planes.shape[0]):
            amount, plane = flux[k], planes[k, i]
            for j in range(row.shape[0]):
                row[j] += amount * plane[j]


@fast_kernel
def transpose(matrix, out):
    for i in range(out.shape[0]):
        row = out[i]
        for j in range(row.shape[0]):
            row[j] = matrix[j, i]


@fast_kernel
def add_image(plane, operators, low, high, work, turned, image, out):
    """Add sum over K of operators (K, 2, N, rows), transposed, axis 0 by axis 0 = x, to out (y, x) of n x n pixels.

    Each four of the rows, n in whole fours, are zero outside of [low, high) (rows / 4,). work (rows, N), turned (N, n)
    and image (rows, n) are scratch.
    """
    pixels = out.shape[0]
    for k in range(operators.shape[0]):
        work[:] = _0
        add_product(operators[k, 0], plane, low, high, work)
        transpose(work[:pixels], turned)
        image[:] = _0
        add_product(operators[k, 1], turned, low, high, image)
        for y in range(pixels):
            for x in range(pixels):
                out[y, x] += image[y, x]
