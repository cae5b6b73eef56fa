"""Ray-shot Sersic sources on a fine grid, brought to pixels by separable PSF-and-pixel operators."""

import numpy as np

from simulators._kernels._jit import compile_pair, kernel, prange
from simulators._kernels.deflectors import epl_deflection, shear_deflection
from simulators._kernels.sersic import sersic_brightness


@kernel
def shoot_row(grid, y, lens, sources, flux, row):
    """Fill row (B, N) with the lensed brightness along one fine row at height y.

    lens = [theta_E, slope, q, cos, sin, x, y, g1, g2, terms]; sources (C, 9); flux (C, B).
    """
    for b in range(row.shape[0]):
        for p in range(grid.shape[0]):
            row[b, p] = 0.0
    for p in range(grid.shape[0]):
        x = grid[p]
        ax, ay = epl_deflection(x - lens[5], y - lens[6], lens[0], lens[1], lens[2], lens[3], lens[4], int(lens[9]))
        sx, sy = shear_deflection(x, y, lens[7], lens[8])
        for c in range(sources.shape[0]):
            value = sersic_brightness(x - ax - sx, y - ay - sy, sources[c])
            for b in range(row.shape[0]):
                row[b, p] += flux[c, b] * value


@kernel
def gather(line, operator, first, last, out):
    """out[x] += sum_p line[p] operator[p, x] for the band x in [first[p], last[p]) where the operator is not zero."""
    for p in range(line.shape[0]):
        value = line[p]
        for x in range(first[p], last[p]):
            out[x] += value * operator[p, x]


@kernel
def scatter_rows(row, weight, first, last, out):
    """out[y, :] += weight[y] * row for y in [first, last)."""
    for y in range(first, last):
        w = weight[y]
        for x in range(row.shape[0]):
            out[y, x] += w * row[x]


def _add_lensed(grid, lens, sources, flux, operators, first, last, out):
    """Add lensed Sersic sources to out (S, B, n, n).

    grid (N,) fine coordinates of both axes [arcsec]; lens (S, 10); sources (S, C, 9); flux (S, C, B); operators (B,
    K, 2, N, n): PSF and pixel of band b = sum over K of column (0) times row (1) operators; first, last (B, K, N)
    their non-zero band.
    """
    for s in prange(flux.shape[0]):
        bands = out.shape[1]
        row = np.empty((bands, grid.shape[0]))
        line = np.empty(out.shape[3])
        for p in range(grid.shape[0]):
            shoot_row(grid, grid[p], lens[s], sources[s], flux[s], row)
            for b in range(bands):
                for k in range(operators.shape[1]):
                    lo = first[b, k, p]
                    hi = last[b, k, p]
                    if lo < hi:
                        for x in range(line.shape[0]):
                            line[x] = 0.0
                        gather(row[b], operators[b, k, 0], first[b, k], last[b, k], line)
                        scatter_rows(line, operators[b, k, 1, p], lo, hi, out[s, b])


add_lensed_serial, add_lensed_parallel = compile_pair(_add_lensed)
