"""Modes of a Sersic profile: a row of the table, and its value at wave vectors, pruned to a quarter circle.

Everything is of the table's precision; wave numbers are the same along x and y, and come in whole fours.
"""

import math

import numpy as np

from simulators._kernels._jit import fast_inline_kernel, fast_kernel, kernel


@kernel
def table_row(table, position, row):
    """Cubic (four-point Lagrange) interpolation between the rows of `table` at fractional row `position`."""
    last = table.shape[0] - 3
    i = min(max(int(position), 1), last)
    t = position - i
    a = table.dtype.type(-t * (t - 1.0) * (t - 2.0) / 6.0)
    b = table.dtype.type((t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0)
    c = table.dtype.type(-(t + 1.0) * t * (t - 2.0) / 2.0)
    d = table.dtype.type((t + 1.0) * t * (t - 1.0) / 6.0)
    below, at, above, beyond = table[i - 1], table[i], table[i + 1], table[i + 2]
    for j in range(row.shape[0]):
        row[j] = (a * below[j] + b * at[j]) + (c * above[j] + d * beyond[j])


@fast_inline_kernel
def place(row, k2):
    """Where k, given its square, lies in a row tabulated uniformly in k / (1 + k) [entries]."""
    k = math.sqrt(k2)
    return row.dtype.type(row.shape[0] - 1) * (k / (row.dtype.type(1.0) + k))


@fast_inline_kernel
def lookup(row, k2):
    """Linear interpolation of `row` at k, given its square."""
    at = place(row, k2)
    cell = min(np.int32(at), np.int32(row.shape[0] - 2))
    return row[cell] + (at - row.dtype.type(cell)) * (row[cell + 1] - row[cell])


@fast_kernel
def prune(count, last):
    """For each four of the `count` wave numbers, how many of the other axis lie in the same quarter circle."""
    for i in range(count // 4):
        inside = math.sqrt(max(float(count * count - 16 * i * i), 0.0))
        last[i] = min(math.ceil(inside / 4.0) * 4, count)


@fast_kernel
def profile_modes(row, m, k, count, last, cell, even, odd):
    """Transform row(|M^T k|) of a profile, M = m (4,) row by row, at (kx, ky) and (-kx, ky): their sum (at kx = 0 the
    value) and difference, all (kx, ky). What vectorises goes first: entries of the row and parts of a step.
    """
    most = np.int32(row.shape[0] - 2)
    for i in range(count):
        u, v = m[0] * k[i], m[1] * k[i]
        plus, minus, above, below = even[i], odd[i], cell[0], cell[1]
        for j in range(last[i // 4]):
            du, dv = m[2] * k[j], m[3] * k[j]
            p = place(row, (du + u) * (du + u) + (dv + v) * (dv + v))
            q = place(row, (du - u) * (du - u) + (dv - v) * (dv - v))
            above[j], below[j] = min(np.int32(p), most), min(np.int32(q), most)
            plus[j], minus[j] = p - row.dtype.type(above[j]), q - row.dtype.type(below[j])
        for j in range(last[i // 4]):
            c, d = above[j], below[j]
            p, q = row[c] + plus[j] * (row[c + 1] - row[c]), row[d] + minus[j] * (row[d + 1] - row[d])
            plus[j], minus[j] = p + q, p - q
    for j in range(last[0]):
        even[0, j] *= row.dtype.type(0.5)
