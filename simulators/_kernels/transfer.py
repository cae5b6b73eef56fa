"""Charge that moves along columns and registers: blooming and deferred transfer."""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import kernel

__all__ = ["bloom", "defer_columns", "defer_rows"]

_F0, _HALF = np.float32(0.0), np.float32(0.5)


@kernel
def pour(column, excess, full, filled, start, stop, step):
    """Carry half of the `excess` of each pixel along a column and fill what has room; what is left at the end."""
    carry = _F0
    for y in range(start, stop, step):
        carry += _HALF * excess[y]
        room = full - column[y]
        if carry > _F0 and room > _F0:
            column[y] += min(room, carry)
            carry -= min(room, carry)
            filled[y] = 1
    return carry


@kernel
def bloom(image, mask, full, saturated, bleed):
    """Charge above `full` spills along the column, half of it each way, into pixels with room; image (y, x), in place.

    Sets the bits `saturated` where pixels overflowed and `bleed` where they were filled. Returns what left the chip.
    """
    ny, nx = image.shape
    over = np.zeros(nx, np.uint8)
    for y in range(ny):
        for x in range(nx):
            over[x] |= image[y, x] > full
    column, excess, filled = np.empty(ny, np.float32), np.empty(ny, np.float32), np.empty(ny, np.uint8)
    lost = 0.0
    for x in range(nx):
        if over[x]:
            for y in range(ny):
                excess[y] = max(image[y, x] - full, _F0)
                column[y] = min(image[y, x], full)
                filled[y] = 0
            lost += pour(column, excess, full, filled, 0, ny, 1)
            lost += pour(column, excess, full, filled, ny - 1, -1, -1)
            for y in range(ny):
                image[y, x] = column[y]
                mask[y, x] |= saturated if excess[y] > _F0 else (bleed if filled[y] else np.uint8(0))
    return lost


@kernel
def defer_columns(image, inefficiency, release, first, level):
    """Columns read out at y = 0 through traps; image (y, x), in place. Returns the charge still trapped, (x,).

    A pixel of row y makes y + 1 transfers and loses 1 - (1 - inefficiency)^(y+1) of its charge to traps, which give
    the share `release` of theirs to each row that follows. The image's first row is row `first` of the chip, and
    traps are in balance with rows of `level` before it.
    """
    kept = (1.0 - inefficiency) ** first
    trapped = np.full(image.shape[1], np.float32((1.0 - kept) * level / release))
    for y in range(image.shape[0]):
        kept *= 1.0 - inefficiency
        share, row = np.float32(1.0 - kept), image[y]
        for x in range(row.size):
            taken, given = share * row[x], release * trapped[x]
            row[x] += given - taken
            trapped[x] += taken - given
    return trapped


@kernel
def defer_rows(first_row, last_row, start, stop, before, level, inefficiency, release, image):
    """The register of columns start .. stop, read out at its left end, as `defer_columns`; `before` of its columns,
    which hold `level`, lie left of the image.
    """
    kept = np.empty(stop - start, np.float32)
    remaining = (1.0 - inefficiency) ** before
    held = np.float32((1.0 - remaining) * level / release)
    for x in range(kept.size):
        remaining *= 1.0 - inefficiency
        kept[x] = 1.0 - remaining
    for y in range(first_row, last_row):
        row, trapped = image[y, start:stop], held
        for x in range(row.size):
            taken, given = kept[x] * row[x], release * trapped
            row[x] += given - taken
            trapped += taken - given
