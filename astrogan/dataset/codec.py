"""How pixels are stored: rounded to a fraction of their own noise, shuffled, deflated.

Any HDF5 library reads the result without a plug-in, as plain float32, and deflate's checksum (Adler-32) notices every
flipped bit. Rounding by numpy and by the compiled kernels is the same bit for bit.
"""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrogan.dataset.hdf5 import StoreError
from catalogs.checks import one_of

__all__ = [
    "CODECS",
    "STEPS_PER_SIGMA",
    "Rounder",
    "check_codec",
    "deflate",
    "inflate",
    "keeps",
    "noise",
    "round_significant",
    "round_to",
    "rounding_steps",
]

CODECS = ("auto", "none")
STEPS_PER_SIGMA = 24.0
MANTISSA = 12  # bits of a variance that are kept after the first
LEVEL = 1
QUANTILE, OF_NORMAL = 0.25, 0.318639364  # this share of |normal deviates| lies below this many sigmas
GROWTH = 1.5  # noise does not grow when pixels are binned; what grows more than this is structure
FAINTEST = 1e-5  # of the brightest pixel: less is the arithmetic of a noise-free image, not a detector's noise
SMALLEST = 2.0**-100  # steps below this would need subnormal numbers
LARGE = 2**26  # bytes of images from which on compiling kernels, which takes seconds, is worth it
BLOCK = 32  # stamps that are rounded together: they stay in the processor's cache
DEFLATES = 1032  # bytes at most that one byte of deflate stands for
MOST_AT_ONCE = 2**27  # bytes that a chunk may inflate to before its size is known
_EXPONENT = np.uint32(0x7F800000)

Array = NDArray[np.float32]


def _fastest() -> ModuleType:
    """ISA-L's deflate where the package `isal` is installed, six times as fast as zlib's."""
    if importlib.util.find_spec("isal") is None:
        return zlib
    return importlib.import_module("isal.isal_zlib")


_zlib = _fastest()


def check_codec(codec: str) -> str:
    """The name of a codec, checked."""
    return one_of("codec", codec, CODECS)


def noise(image: Array) -> Array:
    """Noise of each stamp and band, shape (sample, band), measured on its own pixels; 0 where none is seen.

    The lower quartile of |a - b - c + d| over disjoint squares of 2 x 2 pixels, which flat and sloping light leaves
    alone (compare Immerkær 1996, CVIU 64, 300), for normal deviates. It is not noise where the same on pixels binned by
    two is larger by half or more (a smooth image), nor where it is below 1e-5 of the brightest pixel (its arithmetic).

    Parameters
    ----------
    image : float32, shape (sample, band, y, x)
    """
    fine = _roughness(image)
    seen = fine > np.float32(FAINTEST) * _brightest(image)
    if min(image.shape[2:]) >= 4:
        seen &= _roughness(_binned(image)) < GROWTH * fine
    return np.where(seen, fine, np.float32(0.0))


def _brightest(image: Array) -> Array:
    flat = image.reshape(*image.shape[:2], -1)
    return np.asarray(np.fmax(np.fmax.reduce(flat, axis=-1), -np.fmin.reduce(flat, axis=-1)))


def _squares(image: Array) -> Array:
    rows, columns = image.shape[2] // 2, image.shape[3] // 2
    return image[:, :, : 2 * rows, : 2 * columns].reshape(*image.shape[:2], rows, 2, columns, 2)


def _binned(image: Array) -> Array:
    square = _squares(image)
    with np.errstate(invalid="ignore", over="ignore"):
        total = square[:, :, :, 0, :, 0] + square[:, :, :, 0, :, 1]
        total = total + square[:, :, :, 1, :, 0] + square[:, :, :, 1, :, 1]
    return np.asarray(total * np.float32(0.25))


def _roughness(image: Array) -> Array:
    if min(image.shape[2:]) < 2:
        return np.zeros(image.shape[:2], np.float32)
    square = _squares(image)
    with np.errstate(invalid="ignore", over="ignore"):
        twist = square[:, :, :, 0, :, 0] - square[:, :, :, 0, :, 1]
        twist += square[:, :, :, 1, :, 1] - square[:, :, :, 1, :, 0]
    size = np.abs(twist).reshape(*image.shape[:2], -1)
    place = int(QUANTILE * size.shape[-1])
    quartile = np.partition(size, place, axis=-1)[..., place] * np.float32(0.5 / OF_NORMAL)
    return np.where(np.isfinite(quartile), quartile, np.float32(0.0))


def rounding_steps(image: Array) -> Array:
    """The largest power of two up to 1/24 of the noise, shape (sample, band); 0 where no noise is seen.

    A stamp's steps depend on that stamp alone, so that it is the same in every store that it is written to.
    """
    most = noise(image) * np.float32(1 / STEPS_PER_SIGMA)
    powers = (most.view(np.uint32) & _EXPONENT).view(np.float32)
    return np.where(most > np.float32(SMALLEST), powers, np.float32(0))


def round_to(image: Array, steps: Array) -> Array:
    """Pixels (sample, band, y, x) rounded to whole multiples of their `steps` (sample, band); unchanged where 0.

    Absolute rounding adds the same small noise, step / sqrt(12), to every pixel; rounding of mantissas would put almost
    all of its error on bright sources.
    """
    wide = steps[:, :, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(wide > 0, np.float32(1.0) / wide, np.float32(1.0))
    with np.errstate(over="ignore"):
        out = image * inverse
    np.rint(out, out=out)
    out *= np.where(wide > 0, wide, np.float32(1.0))
    out += np.float32(0.0)  # no negative zeros
    kept = ~((steps > 0)[:, :, None, None] & np.isfinite(out))
    return np.where(kept, image, out) if kept.any() else out


def round_significant(values: Array) -> Array:
    """Non-negative float32 numbers to 13 significant bits: 1.2e-4 of themselves away at most; twice is as good as once.

    For variances: as much as rounding of images adds to the noise.
    """
    drop = np.uint32(23 - MANTISSA)
    bits = np.ascontiguousarray(values).view(np.uint32)
    out = bits + (np.uint32((1 << int(drop) - 1) - 1) + ((bits >> drop) & np.uint32(1)))  # half to even
    out &= np.uint32(2**32 - (1 << int(drop)))
    return np.where(bits < _EXPONENT, out.view(np.float32), values)  # not what is infinite, NaN or negative


class Rounder:
    """Rounds images and makes chunks of them, many of them with compiled kernels.

    Parameters
    ----------
    size
        Bytes of all images that will be written; it decides how, whatever the number of images in a call.
    """

    def __init__(self, size: int) -> None:
        self.large = size >= LARGE
        self._words = np.empty((0, 0), np.uint32)

    def steps(self, image: Array) -> Array:
        """`rounding_steps` of images (sample, band, y, x)."""
        if not self.large:
            return rounding_steps(image)
        from simulators._kernels.rounding import measure_steps

        steps = np.empty(image.shape[:2], np.float32)
        limits = (0.5 / OF_NORMAL, GROWTH, FAINTEST, SMALLEST, 1 / STEPS_PER_SIGMA)
        measure_steps(np.ascontiguousarray(image), QUANTILE, *map(np.float32, limits), steps)
        return steps

    def chunks(self, image: Array, steps: Array, out: Array) -> Iterator[bytes | memoryview]:
        """One chunk for each stamp, good until the next; `out` becomes the image that they hold, rounded to `steps`."""
        for start in range(0, len(image), BLOCK):
            at = slice(start, start + BLOCK)
            packed: Iterable[bytes | memoryview]
            if self.large:
                packed = self._packed(np.ascontiguousarray(image[at]), steps[at], out[at])
            else:
                out[at] = round_to(image[at], steps[at])
                packed = map(_deflate_planes, out[at])
            rounded = np.any(steps[at], axis=1).tolist()
            for stamp, any_, chunk in zip(out[at], rounded, packed, strict=True):
                yield chunk if any_ else deflate(stamp)  # smooth images have repetitions

    def _packed(self, image: Array, steps: Array, out: Array) -> Iterator[memoryview]:
        from simulators._kernels.deflating import most_bytes
        from simulators._kernels.rounding import deflate_rounded

        shape = (BLOCK, most_bytes(image[0].nbytes, 4) // 4)  # type: ignore[no-untyped-call]  # kernels have no types
        self._words = self._words if self._words.shape == shape else np.empty(shape, np.uint32)
        sizes = np.empty(len(image), np.int64)
        deflate_rounded(image, steps, out, self._words, sizes)
        for words, size in zip(self._words, sizes.tolist(), strict=False):
            yield words.view(np.uint8)[:size].data


def keeps(image: Array, steps: Array) -> bool:
    """Whether rounding to `steps` would leave all of the image as it is."""
    blocks = (slice(start, start + BLOCK) for start in range(0, len(image), BLOCK))
    return all(np.array_equal(round_to(image[at], steps[at]), image[at], equal_nan=True) for at in blocks)


def deflate(values: NDArray[Any]) -> bytes:
    """One chunk as HDF5's shuffle and deflate filters store it."""
    packed: bytes = _zlib.compress(_shuffled(values), LEVEL)
    return packed


def _deflate_planes(values: NDArray[Any]) -> bytes:
    """The same for noise: a Huffman code for each plane of bytes, no repetitions but runs; a fifth smaller."""
    machine, packed = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE), b""
    for plane in _shuffled(values):
        packed += machine.compress(plane) + machine.flush(zlib.Z_SYNC_FLUSH)
    return packed + machine.flush()


def _shuffled(values: NDArray[Any]) -> NDArray[np.uint8]:
    size = values.dtype.itemsize
    flat = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(-1, size)
    shuffled = np.empty(flat.shape[::-1], np.uint8)
    for place in range(size):  # six times as fast as a transposed copy
        shuffled[place] = flat[:, place]
    return shuffled


def inflate(data: bytes, out: NDArray[Any]) -> None:
    """Put the chunk that `deflate` made `data` of into `out`, contiguous and all zeros.

    Raises
    ------
    StoreError
        If a bit of it was changed, or it holds more or less than `out`.
    """
    needed = out.nbytes
    try:
        if len(data) * DEFLATES <= MOST_AT_ONCE:
            raw = _zlib.decompress(data, bufsize=needed)
            left = _zlib.adler32(raw) != int.from_bytes(data[-4:])  # it ends where the chunk ends
        else:
            machine = _zlib.decompressobj()
            raw = machine.decompress(data, needed + 1)  # one more: the end must be reached, and no bomb fits
            left = not machine.eof or len(machine.unused_data)
    except _zlib.error as error:
        raise StoreError(f"damaged chunk ({error})") from None
    if len(raw) != needed or left:
        raise StoreError(f"damaged chunk ({len(raw)} of {needed} bytes{', no end' if left else ''})")
    flat = out.reshape(-1).view(np.uint8).reshape(out.size, out.itemsize)
    shuffled = np.frombuffer(raw, np.uint8).reshape(flat.shape[::-1])
    zeros = _zeros(out.size)
    for place in range(out.itemsize):
        if not raw.startswith(zeros, place * out.size):
            flat[:, place] = shuffled[place]


@lru_cache(maxsize=4)
def _zeros(count: int) -> bytes:
    return bytes(count)
