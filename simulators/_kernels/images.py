"""Fourier transforms of images at any wave numbers: the last step of a non-uniform FFT (Dutt & Rokhlin 1993)."""

import math

import numpy as np

from simulators._kernels._jit import kernel

WIDTH = 7  # grid points that the kernel spans
BETA = (
    2.3 * WIDTH
)  # for a grid twice as fine as needed (Barnett, Magland & af Klinteberg 2019, SIAM J. Sci. Comput. 41)


@kernel
def semicircle(z):
    """Gridding kernel at z in [-1, 1], the "exponential of semicircle" of Barnett et al."""
    return math.exp(BETA * (math.sqrt(max(1.0 - z * z, 0.0)) - 1.0))


@kernel
def gather(first, last, grid, u, v, out):
    """Some of out (P,) = the values of the periodic `grid` (rows, columns) interpolated at columns u and rows v."""
    rows, columns = grid.shape
    for p in range(first, last):
        left, low = math.ceil(u[p] - WIDTH / 2), math.ceil(v[p] - WIDTH / 2)
        across = np.empty(WIDTH)
        for j in range(WIDTH):
            across[j] = semicircle((left + j - u[p]) * 2.0 / WIDTH)
        total = 0.0j
        for i in range(WIDTH):
            row = (low + i) % rows
            line = 0.0j
            for j in range(WIDTH):
                line += across[j] * grid[row, (left + j) % columns]
            total += semicircle((low + i - v[p]) * 2.0 / WIDTH) * line
        out[p] = total
