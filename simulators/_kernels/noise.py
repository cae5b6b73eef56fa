"""Photon noise, correlated Gaussian noise and variance of images (samples, bands, y, x), one band at a time."""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import kernel
from simulators._kernels.philox import digit, fill_blocks
from simulators._kernels.poisson import poisson_row
from simulators._kernels.variates import FAR, far_pair, quick_pair

__all__ = ["HALO", "PIXELS", "REST", "ROWS", "add_background", "add_photons", "fill_variance"]

ROWS = 64  # image rows per job where the noise is filtered
PIXELS = 4096  # pixels per job otherwise; a multiple of 16
HALO = 2**20  # room for the white noise around the image; a multiple of 8
REST = 2**32  # elements between a row's upper and its lower 32 bits
_32 = np.uint64(32)
_F0 = np.float32(0.0)


@kernel
def fill_variance(first_sample, last_sample, background, per_electron, band, image, variance):
    """background + max(image, 0) per_electron; images (samples, bands, pixels)."""
    for sample in range(first_sample, last_sample):
        part, out = image[sample, band], variance[sample, band]
        for i in range(part.size):
            out[i] = max(part[i], _F0) * per_electron + background


# fmt: off
@kernel
def add_photons(
    first_job, last_job, keys, samples, band, electrons, sky, background, height,
    white_keys, white, expected, image, variance,
):
    # fmt: on
    """Poisson counts of expected + sky in `electrons` per unit, less the sky, and variance; (samples, bands, y, x).

    A job is `height` rows of a sample, pixels in whole sixteens but for the last. The negative part of an image
    (ringing of a PSF) holds no photons and is added back untouched. Unless 0, `white` times the white noise of
    `add_background` is added while the rows are at hand.
    """
    ny, nx = image.shape[2], image.shape[3]
    jobs, width = (ny + height - 1) // height, (nx + 7) // 8 * 8
    per_electron = 1.0 / electrons
    quick_per_electron = np.float32(per_electron)
    all_rates, all_counts, field = np.empty(height * nx), np.empty(height * nx), np.empty((height, width), np.float32)
    for job in range(first_job, last_job):
        sample, top = job // jobs, (job % jobs) * height
        rows = min(height, ny - top)
        part = expected[sample, band, top : top + rows].reshape(rows * nx)
        out, spread = image[sample, band, top : top + rows], variance[sample, band, top : top + rows].reshape(rows * nx)
        rates, counts = all_rates[: rows * nx], all_counts[: rows * nx]
        for i in range(part.size):
            rates[i] = (max(np.float64(part[i]), 0.0) + sky) * electrons
        poisson_row(rates, top * nx, keys, samples[sample], counts)
        flat = out.reshape(rows * nx)
        for i in range(part.size):
            flat[i] = (counts[i] * per_electron - sky) + min(np.float64(part[i]), 0.0)
        if white:
            white_rows(white_keys, samples[sample], HALO + top, HALO, field[:rows])
            for y in range(rows):
                row = out[y]
                for x in range(nx):
                    row[x] += white * field[y, x]
        for i in range(part.size):
            spread[i] = max(part[i], _F0) * quick_per_electron + background


@kernel
def white_rows(keys, sample, top, left, white):
    """Standard normals of draws left, left + 1, ... of elements top, top + 1, ...; white (rows, width) float32.

    `left` and width are multiples of 8. Draws 2 i and 2 i + 1 are the pair of word i; where its upper 32 bits are too
    few for the length of the pair, those of an element of their own follow them.
    """
    rows, width = white.shape
    per_row = width // 8
    blocks, elements = np.empty(rows * per_row, np.uint64), np.empty(rows * per_row, np.uint64)
    for y in range(rows):
        for x in range(per_row):
            blocks[y * per_row + x], elements[y * per_row + x] = np.uint64(left // 8 + x + 1), np.uint64(top + y)
    words = np.empty(4 * blocks.size, np.uint64)
    fill_blocks(blocks, elements, sample, keys, words)
    tops, angles = np.empty(words.size, np.uint32), np.empty(words.size, np.int32)
    for i in range(words.size):
        tops[i], angles[i] = np.uint32(words[i] >> _32), np.int32(words[i])
    flat = white.reshape(white.size)
    pair_up(tops, angles, flat)
    for start in range(0, words.size, 64):
        part = tops[start : start + 64]
        far = 0
        for i in range(part.size):
            far |= part[i] < FAR
        if far:
            for i in range(start, start + part.size):
                if tops[i] < FAR:
                    element, draw = np.uint64(REST + top + i // (4 * per_row)), left // 2 + i % (4 * per_row)
                    rest = digit(keys, sample, element, draw, 32)
                    flat[2 * i], flat[2 * i + 1] = far_pair(tops[i], rest, angles[i])


@kernel
def pair_up(tops, angles, white):
    """`quick_pair` of each word, one pair after the other."""
    first, second = np.empty(tops.size, np.float32), np.empty(tops.size, np.float32)
    for i in range(tops.size):
        first[i], second[i] = quick_pair(tops[i], angles[i])
    for i in range(tops.size):
        white[2 * i], white[2 * i + 1] = first[i], second[i]


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


@kernel
def add_background(first_job, last_job, keys, samples, band, weights, height, image):
    """Add filtered white noise to image (samples, bands, y, x); weights (k, k rounded up to 4) float32, 0 beyond k.

    The white normal of pixel (x, y) is draw HALO + x of element HALO + y, whatever the filter and the image's size: so
    jobs, of `height` rows each, make what they need, and bands of different filters can share one field.
    """
    reach = weights.shape[0] // 2
    ny, nx = image.shape[2], image.shape[3]
    left = (HALO - reach) // 8 * 8
    skip = HALO - reach - left
    width = (skip + nx + 2 * reach + 7) // 8 * 8
    jobs = (ny + height - 1) // height
    for job in range(first_job, last_job):
        sample, top = job // jobs, (job % jobs) * height
        rows = min(height, ny - top)
        white = np.zeros((rows + 2 * reach) * width + 4, np.float32)
        field = white[: white.size - 4].reshape(rows + 2 * reach, width)
        white_rows(keys, samples[sample], HALO + top - reach, left, field)
        total = np.empty(nx, np.float32)
        for y in range(rows):
            row = image[sample, band, top + y]
            if reach:
                filter_row(white, y * width + skip, width, weights, total)
                for x in range(nx):
                    row[x] += total[x]
            else:
                for x in range(nx):
                    row[x] += weights[0, 0] * field[y, x]
