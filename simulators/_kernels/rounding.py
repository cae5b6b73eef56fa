"""Noise of stamps, pixels rounded to a fraction of it, and the bytes of values side by side, as files keep them."""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import kernel
from simulators._kernels.deflating import deflate_planes

__all__ = ["deflate_rounded", "measure_steps"]

_ABS, _INFINITE = np.uint32(2**31 - 1), np.uint32(0x7F800000)
_8, _16, _24 = np.uint32(8), np.uint32(16), np.uint32(24)
_0, _QUARTER, _MOST = np.float32(0), np.float32(0.25), np.finfo(np.float32).max


@kernel
def _brightest(bits):
    """Bits of the largest size among float32 numbers, given by theirs; those that are none do not count."""
    most = np.uint32(0)
    for k in range(bits.size):
        size = bits[k] & _ABS
        most = max(most, np.uint32(0) if size > _INFINITE else size)
    return most


@kernel
def _twists(image, sizes):
    """|a - b + d - c| of disjoint squares ((a, b), (c, d)) of pixels (y, x) into `sizes`; their number."""
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    for row in range(rows):
        upper, lower, out = image[2 * row], image[2 * row + 1], sizes[row * columns : (row + 1) * columns]
        for column in range(columns):
            twist = upper[2 * column] - upper[2 * column + 1] + (lower[2 * column + 1] - lower[2 * column])
            out[column] = abs(twist)
    return rows * columns


@kernel
def _bin(image, binned):
    """Means over squares of 2 x 2 pixels."""
    for row in range(binned.shape[0]):
        upper, lower, out = image[2 * row], image[2 * row + 1], binned[row]
        for column in range(binned.shape[1]):
            total = upper[2 * column] + upper[2 * column + 1] + lower[2 * column] + lower[2 * column + 1]
            out[column] = total * _QUARTER


@kernel
def _ordered(bits, place):
    """Number `place` from 0 of non-negative float32 numbers, all given by their bits, if they were sorted."""
    found = np.uint32(0)
    for bit in range(30, -1, -1):
        trial, below = np.uint32(found | np.uint32(1 << bit)), np.int32(0)
        for k in range(bits.size):
            below += np.int32(bits[k] < trial)
        if below <= place:
            found = trial
    return found


@kernel
def _roughness(image, sizes, quantile, scale):
    """The `quantile` of the twists times `scale`; 0 where it is not finite."""
    count = _twists(image, sizes)
    found = _ordered(sizes[:count].view(np.uint32), int(quantile * count))
    sizes[0] = np.float32(0)
    if found < _INFINITE:
        sizes.view(np.uint32)[0] = found
    return sizes[0] * scale


@kernel
def measure_steps(image, quantile, scale, growth, faintest, smallest, share, steps):
    """`astrogan.dataset.codec.rounding_steps` of image (sample, band, y, x) into `steps` (sample, band)."""
    height, width = image.shape[2:]
    binned = np.empty((height // 2, width // 2), np.float32)
    sizes = np.empty(max(1, binned.size), np.float32)
    word = np.empty(1, np.float32)
    for sample in range(image.shape[0]):
        for band in range(image.shape[1]):
            pixels = image[sample, band]
            steps[sample, band] = 0
            if min(height, width) < 2:
                continue
            sigma = _roughness(pixels, sizes, quantile, scale)
            word.view(np.uint32)[0] = _brightest(pixels.reshape(-1).view(np.uint32))
            if not sigma > faintest * word[0]:
                continue
            if min(height, width) >= 4:
                _bin(pixels, binned)
                if not _roughness(binned, sizes, quantile, scale) < growth * sigma:
                    continue
            word[0] = sigma * share
            if word[0] > smallest:
                word.view(np.uint32)[0] &= _INFINITE
                steps[sample, band] = word[0]


@kernel
def _round(pixels, step, out):
    """Whole multiples of `step`, a power of two; as they are where it is 0 or the multiple is not finite."""
    if step == 0:
        out[:] = pixels
        return
    inverse = np.float32(1) / step
    for k in range(pixels.size):
        multiple = np.rint(pixels[k] * inverse) * step + _0
        out[k] = multiple if abs(multiple) <= _MOST else pixels[k]


@kernel
def _split(words, planes):
    """The lowest bytes of all 4-byte words, then the next, ..."""
    size = words.size
    first, second, third, last = planes[:size], planes[size : 2 * size], planes[2 * size : 3 * size], planes[3 * size :]
    for k in range(size):
        first[k], second[k] = np.uint8(words[k]), np.uint8(words[k] >> _8)
        third[k], last[k] = np.uint8(words[k] >> _16), np.uint8(words[k] >> _24)


@kernel
def deflate_rounded(image, steps, rounded, out, sizes):
    """Round float32 stamps (sample, band, y, x) to `steps` (sample, band); each as one chunk of HDF5's filters shuffle
    and deflate: uint32 words ``out[sample]``, of which ``sizes[sample]`` bytes count.
    """
    count, bands = steps.shape
    size = image[0].size
    planes = np.empty(4 * size, np.uint8)
    for sample in range(count):
        for band in range(bands):
            _round(image[sample, band].reshape(-1), steps[sample, band], rounded[sample, band].reshape(-1))
        _split(rounded[sample].reshape(-1).view(np.uint32), planes)
        sizes[sample] = deflate_planes(planes, 4, out[sample])
