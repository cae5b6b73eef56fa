"""Photon noise, correlated Gaussian noise and variance of images (samples, bands, y, x), one band at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators._kernels._jit import kernel, step_kernel
from simulators._kernels.counting import BLOCK, count_block, workspace
from simulators._kernels.threefry import digit, fill_blocks
from simulators._kernels.variates import FAR, far_pair, quick_pair

__all__ = [
    "HALO",
    "PIXELS",
    "REST",
    "ROWS",
    "add_background",
    "add_photons",
    "extremes",
    "field_of",
    "fill_variance",
    "fill_white",
]

ROWS = 64  # image rows per job where the noise is filtered
PIXELS = 4096  # pixels per job otherwise; a multiple of 16
HALO = 2**20  # room for the white noise around the image; a multiple of 8
REST = 2**32  # elements between a row's upper and its lower 32 bits
CHUNK = 128  # blocks of words made together
_REST = np.uint64(REST)
_32 = np.uint64(32)
_F0 = np.float32(0.0)
_UNSIGNED = np.int32(0x7FFFFFFF)


@kernel
def extremes(first_sample, last_sample, band, bits, out):
    """out (samples, 2) int32 = the bits of the largest pixel, at least 0, and of the largest size of one, of a band.

    The bits (samples, bands, pixels) of float32 are whole numbers in their order, infinity and NaN last.
    """
    for sample in range(first_sample, last_sample):
        part, largest, size = bits[sample, band], np.int32(0), np.int32(0)
        for i in range(part.size):
            largest = max(largest, part[i])
            size = max(size, part[i] & _UNSIGNED)
        out[sample, 0], out[sample, 1] = largest, size


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
    work, field, padded = workspace(), field_of(HALO, height, width), np.zeros(height * width, np.float32)
    few = work.few.reshape(BLOCK)
    for job in range(first_job, last_job):
        sample, top = job // jobs, (job % jobs) * height
        rows = min(height, ny - top)
        size = rows * nx
        if white:
            fill_white(white_keys, samples[sample], HALO + top, field, padded[: rows * width])
        normals = padded if width == nx else padded.reshape(height, width)[:, :nx].copy().reshape(height * nx)
        clean = expected[sample, band, top : top + rows].reshape(size)
        seen = image[sample, band, top : top + rows].reshape(size)
        spread = variance[sample, band, top : top + rows].reshape(size)
        for start in range(0, size, BLOCK):
            end = min(start + BLOCK, size)
            part, flat, noise = clean[start:end], seen[start:end], normals[start:end]
            if count_block(part, sky, electrons, top * nx + start, keys, samples[sample], work):
                observe(part, few, sky, per_electron, white, noise, flat)
            else:
                observe(part, work.counts, sky, per_electron, white, noise, flat)
            rest = spread[start:end]
            for i in range(part.size):
                rest[i] = max(part[i], _F0) * quick_per_electron + background


@step_kernel
def observe(clean, counts, sky, per_electron, white, normals, image):
    """Counts and background in units of the image; its negative part stays."""
    negative = np.int32(0)
    for i in range(clean.size):
        negative = np.int32(negative | np.int32(clean[i] < _F0))
    if negative:
        for i in range(clean.size):
            photons = np.float32((counts[i] * per_electron - sky) + min(np.float64(clean[i]), 0.0))
            image[i] = photons + white * normals[i]
    else:
        for i in range(clean.size):
            image[i] = np.float32(counts[i] * per_electron - sky) + white * normals[i]


class Field(NamedTuple):
    """Which blocks of words make the normals of some rows, and scratch of `CHUNK` blocks."""

    blocks: np.ndarray
    rows: np.ndarray
    words: np.ndarray
    tops: np.ndarray
    angles: np.ndarray
    first: np.ndarray
    second: np.ndarray


@step_kernel
def field_of(left, rows, width):
    """Field of draws left, left + 1, ... of `rows` elements; `left` and width are multiples of 8."""
    per_row, n = width // 8, 4 * CHUNK
    blocks, elements = np.empty(rows * per_row, np.uint64), np.empty(rows * per_row, np.uint64)
    for y in range(rows):
        for x in range(per_row):
            blocks[y * per_row + x], elements[y * per_row + x] = np.uint64(left // 8 + x), np.uint64(y)
    words, tops, angles = np.empty(n, np.uint64), np.empty(n, np.uint32), np.empty(n, np.int32)
    return Field(blocks, elements, words, tops, angles, np.empty(n, np.float32), np.empty(n, np.float32))


@kernel
def fill_white(keys, sample, top, field, white):
    """Standard normals of the field's draws of elements top, top + 1, ...; white (pixels,) float32.

    Draws 2 i and 2 i + 1 are the pair of word i; where its upper 32 bits are too few for the length of the pair, those
    of an element of their own follow them.
    """
    tops, angles, first, second, start_row = field.tops, field.angles, field.first, field.second, np.uint64(top)
    for start in range(0, white.size // 8, CHUNK):
        end = min(start + CHUNK, white.size // 8)
        blocks, rows, n = field.blocks[start:end], field.rows[start:end], 4 * (end - start)
        fill_blocks(blocks, rows, start_row, sample, keys, field.words)
        far = 0
        for i in range(n):
            tops[i], angles[i] = np.uint32(field.words[i] >> _32), np.int32(field.words[i])
        for i in range(n):
            first[i], second[i] = quick_pair(tops[i], angles[i])
        for i in range(n):
            far |= tops[i] < FAR
        if far:
            for i in range(n):
                if tops[i] < FAR:
                    draw = 4 * np.int64(blocks[i // 4]) + i % 4
                    rest = digit(keys, sample, _REST + start_row + rows[i // 4], draw, 32)
                    first[i], second[i] = far_pair(tops[i], rest, angles[i])
        part = white[8 * start : 8 * end]
        for i in range(n):
            part[2 * i], part[2 * i + 1] = first[i], second[i]


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
    field = field_of(left, height + 2 * reach, width)
    white = np.zeros((height + 2 * reach) * width + 4, np.float32)
    for job in range(first_job, last_job):
        sample, top = job // jobs, (job % jobs) * height
        rows = min(height, ny - top)
        fill_white(keys, samples[sample], HALO + top - reach, field, white[: (rows + 2 * reach) * width])
        total = np.empty(nx, np.float32)
        for y in range(rows):
            row = image[sample, band, top + y]
            if reach:
                filter_row(white, y * width + skip, width, weights, total)
                for x in range(nx):
                    row[x] += total[x]
            else:
                for x in range(nx):
                    row[x] += weights[0, 0] * white[y * width + x]
