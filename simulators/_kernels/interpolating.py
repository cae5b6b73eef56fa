"""Images between their pixels: the quintic interpolation of Bernstein & Gruen (2014, PASP 126, 287)."""

import math

from simulators._kernels._jit import fast_inline_kernel, kernel

PAD = 5  # zeros around an image, so that no pixel needs to be looked for


@fast_inline_kernel
def core(u):
    """The interpolant at u pixels, 0 <= u <= 1."""
    return 1.0 + u * u * u / 12.0 * (-95.0 + u * (138.0 - 55.0 * u))


@fast_inline_kernel
def ring(u):
    """The interpolant at u pixels, 1 <= u <= 2."""
    return (u - 1.0) * (u - 2.0) / 24.0 * (-138.0 + u * (348.0 + u * (-249.0 + 55.0 * u)))


@fast_inline_kernel
def edge(u):
    """The interpolant at u pixels, 2 <= u <= 3."""
    return (u - 2.0) * (u - 3.0) * (u - 3.0) / 24.0 * (-54.0 + u * (50.0 - 11.0 * u))


@kernel
def interpolated(padded, column, row):
    """Value of an image, with `PAD` zeros around it, at a fractional column and row of its own; 0 outside."""
    rows, columns = padded.shape[0] - 2 * PAD, padded.shape[1] - 2 * PAD
    if not (-3.0 < row < rows + 2.0 and -3.0 < column < columns + 2.0):
        return 0.0
    i, j = math.floor(row), math.floor(column)
    s, t = row - i, column - j
    a, b, c, d, e, f = edge(t + 2.0), ring(t + 1.0), core(t), core(1.0 - t), ring(2.0 - t), edge(3.0 - t)
    along = (edge(s + 2.0), ring(s + 1.0), core(s), core(1.0 - s), ring(2.0 - s), edge(3.0 - s))
    total, left = 0.0, j + PAD - 2
    for tap in range(6):
        line = padded[i + PAD - 2 + tap, left : left + 6]
        part = (a * line[0] + b * line[1] + c * line[2]) + (d * line[3] + e * line[4] + f * line[5])
        total += along[tap] * part
    return total


@kernel
def interpolate(first, last, padded, column, row, out):
    """out (P,) = `interpolated` at column, row (P,), from `first` to `last`."""
    for p in range(first, last):
        out[p] = interpolated(padded, column[p], row[p])
