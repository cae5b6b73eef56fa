"""How pixels are stored: rounded to a fraction of their own noise, shuffled, deflated.

Any HDF5 library reads the result without a plug-in, as plain float32, and deflate's checksum (Adler-32) notices every
flipped bit.
"""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrogan.dataset.hdf5 import StoreError
from catalogs.checks import one_of

__all__ = ["CODECS", "STEPS_PER_SIGMA", "check_codec", "deflate", "inflate", "noise", "round_to", "rounding_steps"]

CODECS = ("auto", "none")
STEPS_PER_SIGMA = 16.0
LEVEL = 1
QUANTILE, OF_NORMAL = 0.25, 0.318639364  # this share of |normal deviates| lies below this many sigmas
GROWTH = 1.5  # noise does not grow when pixels are binned; what grows more than this is structure
FAINTEST = 1e-5  # of the brightest pixel: less is the arithmetic of a noise-free image, not a detector's noise
SMALLEST = 2.0**-100  # steps below this would need subnormal numbers

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
    total = square[:, :, :, 0, :, 0] + square[:, :, :, 0, :, 1] + square[:, :, :, 1, :, 0] + square[:, :, :, 1, :, 1]
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
    """The largest power of two up to a sixteenth of the noise, shape (sample, band); 0 where no noise is seen.

    A stamp's steps depend on that stamp alone, so that it is the same in every store that it is written to.
    """
    sigma = noise(image)
    exponent = np.floor(np.log2(np.maximum(sigma / np.float32(STEPS_PER_SIGMA), np.float32(SMALLEST))))
    return np.where(sigma > STEPS_PER_SIGMA * SMALLEST, np.exp2(exponent), 0.0).astype(np.float32)


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


def deflate(values: NDArray[Any]) -> bytes:
    """One chunk as HDF5's shuffle and deflate filters store it."""
    size = values.dtype.itemsize
    flat = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(-1, size)
    shuffled = np.empty(flat.shape[::-1], np.uint8)
    for place in range(size):  # six times as fast as a transposed copy
        shuffled[place] = flat[:, place]
    packed: bytes = _zlib.compress(shuffled, LEVEL)
    return packed


def inflate(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The chunk that `deflate` made `data` of.

    Raises
    ------
    StoreError
        If a bit of it was changed, or it holds more or less than a chunk of this shape.
    """
    count = int(np.prod(shape))
    needed = count * dtype.itemsize
    machine = _zlib.decompressobj()
    try:
        raw = machine.decompress(data, needed + 1)  # one more: the end must be reached, and no bomb fits
    except _zlib.error as error:
        raise StoreError(f"damaged chunk ({error})") from None
    if len(raw) != needed or not machine.eof or machine.unused_data:
        raise StoreError(f"damaged chunk ({len(raw)} of {needed} bytes{'' if machine.eof else ', no end'})")
    shuffled = np.frombuffer(raw, np.uint8).reshape(dtype.itemsize, count)
    values = np.empty(shape, dtype)
    flat = values.reshape(-1).view(np.uint8).reshape(count, dtype.itemsize)
    for place in range(dtype.itemsize):
        flat[:, place] = shuffled[place]
    return values
