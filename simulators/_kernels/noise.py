"""Photon noise and correlated Gaussian noise added to images (samples, bands, y, x) in place, one band at a time."""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import compile_pair, kernel, prange
from simulators._kernels.philox import CHUNK, fill_words
from simulators._kernels.variates import normal_row, poisson_row

__all__ = ["HALO", "ROWS", "background_pair", "photon_pair"]

ROWS = 64  # image rows per job
HALO = 2**20  # room for the white noise around the image; a multiple of 4


def _photons(keys, samples, band, electrons, sky, image):
    """Poisson counts of image + sky in `electrons` per unit, less the sky; image (samples, bands, pixels).

    The negative part of an image (ringing of a PSF) holds no photons and is added back untouched.
    """
    chunks = (image.shape[2] + CHUNK - 1) // CHUNK
    for job in prange(samples.size * chunks):
        sample, first = job // chunks, (job % chunks) * CHUNK
        part = image[sample, band, first : first + CHUNK]
        rates, counts = np.empty(part.size), np.empty(part.size)
        for i in range(part.size):
            rates[i] = (max(np.float64(part[i]), 0.0) + sky) * electrons
        poisson_row(rates, first, keys, samples[sample], counts)
        for i in range(part.size):
            part[i] = (counts[i] / electrons - sky) + min(np.float64(part[i]), 0.0)


@kernel
def filter_row(white, start, width, weights, total):
    """total[x] = sum over j, i of weights[j, i] white[start + j width + x + i]; weights (k, a multiple of 4)."""
    total[:] = np.float32(0.0)
    for j in range(weights.shape[0]):
        for i in range(0, weights.shape[1], 4):
            w0, w1, w2, w3 = weights[j, i], weights[j, i + 1], weights[j, i + 2], weights[j, i + 3]
            first = start + j * width + i
            part = white[first : first + total.size + 3]
            for x in range(total.size):
                total[x] += (w0 * part[x] + w1 * part[x + 1]) + (w2 * part[x + 2] + w3 * part[x + 3])


def _background(keys, samples, band, weights, image):
    """Add filtered white noise to image (samples, bands, y, x); weights (k, k rounded up to 4) float32, 0 beyond k.

    The white normal of pixel (x, y) is draw HALO + x of element HALO + y, whatever the filter and the image's size: so
    jobs make the rows they need, and bands of different filters can share one field.
    """
    reach = weights.shape[0] // 2
    ny, nx = image.shape[2], image.shape[3]
    first = (HALO - reach) // 4 * 4
    skip = HALO - reach - first
    width = (skip + nx + 2 * reach + 3) // 4 * 4
    jobs = (ny + ROWS - 1) // ROWS
    for job in prange(samples.size * jobs):
        sample, top = job // jobs, (job % jobs) * ROWS
        rows = min(ROWS, ny - top)
        words = np.empty((rows + 2 * reach) * width, np.uint64)
        white = np.zeros(words.size + 4, np.float32)
        for y in range(rows + 2 * reach):
            element = np.uint64(HALO + top + y - reach)
            fill_words(keys, samples[sample], element, first, words[y * width : (y + 1) * width])
        normal_row(words, white[: words.size])
        total = np.empty(nx, np.float32)
        for y in range(rows):
            filter_row(white, y * width + skip, width, weights, total)
            row = image[sample, band, top + y]
            for x in range(nx):
                row[x] += total[x]


photon_pair = compile_pair(_photons)
background_pair = compile_pair(_background)
