"""Fine planes to pixels: PSF and pixel response as a sum of column times row operators, four cells per pass."""

import numpy as np

from simulators._kernels._jit import fast_kernel

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
def apply_rows(operator, low, high, plane, out):
    """out (n, M) = operator (n, N) plane (N, M), where row x of the operator is not zero in [low[x], high[x]), whose
    length is a multiple of four."""
    for x in range(out.shape[0]):
        line = out[x]
        for j in range(line.shape[0]):
            line[j] = _0
        for p in range(low[x], high[x], 4):
            a, b, c, d = operator[x, p], operator[x, p + 1], operator[x, p + 2], operator[x, p + 3]
            r, s, t, u = plane[p], plane[p + 1], plane[p + 2], plane[p + 3]
            for j in range(line.shape[0]):
                line[j] += (a * r[j] + b * s[j]) + (c * t[j] + d * u[j])


@fast_kernel
def transpose(matrix, out):
    for i in range(out.shape[0]):
        row = out[i]
        for j in range(row.shape[0]):
            row[j] = matrix[j, i]


@fast_kernel
def add_image(plane, operators, low, high, work, turned, image, out):
    """Add sum over K of operators (K, 2, n, N), axis 0 by axis 0 = x, to out (y, x) float64; low, high (n,).

    work (n, N), turned (N, n) and image (n, n) are scratch.
    """
    for k in range(operators.shape[0]):
        apply_rows(operators[k, 0], low, high, plane, work)
        transpose(work, turned)
        apply_rows(operators[k, 1], low, high, turned, image)
        for y in range(out.shape[0]):
            for x in range(out.shape[1]):
                out[y, x] += image[y, x]
