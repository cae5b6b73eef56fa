"""Charge that light makes in a CCD: counts of photons, and pixel borders that collected charge has moved."""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import kernel
from simulators._kernels.counting import poisson_row
from simulators._kernels.noise import PIXELS, filter_row

__all__ = ["STRIP", "add_counts", "count_photons", "move_borders"]

STRIP = 64  # rows of brighter-fatter at a time
_F0, _QUARTER = np.float32(0.0), np.float32(0.25)


@kernel
def count_photons(first_job, last_job, keys, samples, image):
    """Poisson counts in place of the positive part of image (pixels,); the negative part stays."""
    for job in range(first_job, last_job):
        part = image[job * PIXELS : (job + 1) * PIXELS]
        rates, counts = np.empty(part.size), np.empty(part.size)
        for i in range(part.size):
            rates[i] = max(np.float64(part[i]), 0.0)
        poisson_row(rates, job * PIXELS, keys, samples[0], counts)
        for i in range(part.size):
            part[i] = counts[i] + min(np.float64(part[i]), 0.0)


@kernel
def add_counts(first_job, last_job, keys, samples, mean, image):
    """Add Poisson counts of one expectation to image (pixels,)."""
    for job in range(first_job, last_job):
        part = image[job * PIXELS : (job + 1) * PIXELS]
        rates, counts = np.full(part.size, mean), np.empty(part.size)
        poisson_row(rates, job * PIXELS, keys, samples[0], counts)
        for i in range(part.size):
            part[i] += counts[i]


@kernel
def take_rows(image, first, reach, full, held, kept):
    """Fill the rows of held (rows, nx + 2 reach + padding) from `kept` on: image rows from `first` on, 0 outside.

    A pixel that fills evenly, up to `full`, holds in the mean of the exposure half of its charge q at the end or, of
    more than it can hold, full - full^2 / 2 q: held is twice that.
    """
    ny, nx = image.shape
    for row in range(kept, held.shape[0]):
        y = first + row
        line = held[row]
        for x in range(line.size):
            line[x] = _F0
        if 0 <= y < ny:
            for x in range(nx):
                charge = image[y, x]
                line[reach + x] = min(charge, full + full - full * (full / max(charge, full)))


@kernel
def move_borders(image, full, across, along):
    """Charge that crosses the borders of pixels which the charge itself has moved, in place; image (y, x).

    A border moves by the weighted sum of the charges around it, of which a pixel can hold `full`, by half of that on
    average over the exposure, and what it sweeps over, at the mean density of both sides, changes pixels (Antilogus et
    al. 2014, JINST 9, C03048, eq. 2). What leaves one pixel enters its neighbour. `across` (2n + 1, 2n) are the weights
    of charges in the border between columns n - 1 and n of theirs, `along` (2n, 2n + 1) between rows, columns rounded
    up to fours with zeros.
    """
    ny, nx = image.shape
    reach = across.shape[0] // 2
    width = nx + 2 * reach + 4
    held = np.zeros((STRIP + 2 * reach, width), np.float32)
    flat = held.reshape(held.size)
    shift, crossed = np.empty(nx, np.float32), np.empty(nx, np.float32)
    charge, before = np.empty(nx, np.float32), np.empty(nx, np.float32)
    for top in range(0, ny, STRIP):
        kept = 2 * reach if top else 0
        for row in range(kept):
            for x in range(width):
                held[row, x] = held[STRIP + row, x]
        take_rows(image, top - reach, reach, full, held, kept)
        for y in range(top, min(top + STRIP, ny)):
            charge, before = before, charge
            for x in range(nx):
                charge[x] = image[y, x]
            filter_row(flat, (y - top) * width + 1, width, across, shift)
            row = image[y]
            for x in range(nx - 1):
                crossed[x] = shift[x] * (charge[x] + charge[x + 1]) * _QUARTER
            for x in range(nx - 1):
                row[x] += crossed[x]
            for x in range(nx - 1):
                row[x + 1] -= crossed[x]
            if y:
                filter_row(flat, (y - top) * width, width, along, shift)
                previous = image[y - 1]
                for x in range(nx):
                    change = shift[x] * (before[x] + charge[x]) * _QUARTER
                    previous[x] += change
                    row[x] -= change
