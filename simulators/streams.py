"""Keyed random numbers: each is a function of (seed, sample, effect, element, draw), never of what was drawn before.

Counter-based Philox4x64-10 (Salmon et al. 2011, SC'11, doi:10.1145/2063384.2063405), equal bit for bit to
``numpy.random.Philox(key=[seed, effect_key(effect)], counter=[0, element, 0, sample])`` (as uint64 arrays: numpy reads
lists of large integers as floats). Poisson counts take the bits of Threefry4x64-13 with the same key and counter.
Batches, order and threads therefore change nothing.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators._kernels._jit import run
from simulators._kernels.counting import poissons
from simulators._kernels.philox import CHUNK, ROUNDS, WEYL, words_of
from simulators._kernels.variates import normals, uniforms

__all__ = ["MAX_RATE", "effect_key", "normal", "poisson", "raw_words", "round_keys", "sample_words", "uniform"]

MAX_RATE = 1e15  # Poisson expectations whose counts float64 still resolves

_WORD = 2**64
_SHARE = 2**16  # draws worth a thread


def effect_key(effect: str) -> int:
    """The 64-bit key of an effect's name: BLAKE2b, little-endian."""
    return int.from_bytes(blake2b(effect.encode(), digest_size=8).digest(), "little")


@lru_cache(maxsize=1024, typed=True)
def round_keys(seed: int, effect: str) -> NDArray[np.uint64]:
    """Philox round keys of (seed, effect), shape (10, 2), read-only.

    Raises
    ------
    ValueError
        `seed` is not a whole number in [0, 2^64).
    """
    key = np.array([_whole("seed", seed), effect_key(effect)], dtype=np.uint64)
    steps = np.arange(ROUNDS, dtype=np.uint64)[:, None] * np.array(WEYL, dtype=np.uint64)
    keys: NDArray[np.uint64] = key + steps
    keys.flags.writeable = False
    return keys


def sample_words(sample_ids: ArrayLike) -> NDArray[np.uint64]:
    """Sample ids as counter words, shape (samples,).

    Raises
    ------
    ValueError
        The ids are not a list of whole numbers >= 0.
    """
    ids = np.asarray(sample_ids)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise ValueError(f"sample_ids must be a list of whole numbers, not shape {ids.shape} of {ids.dtype}")
    if ids.size and ids.min() < 0:
        raise ValueError(f"sample_ids = {ids.min()} is outside [0, 2^63)")
    return ids.astype(np.uint64)


def raw_words(seed: int, sample_id: int, effect: str, n: int, element: int = 0) -> NDArray[np.uint64]:
    """The first `n` 64-bit words of one stream, shape (n,)."""
    samples = np.array([_whole("sample_id", sample_id)], dtype=np.uint64)
    elements = np.array([_whole("element", element)], dtype=np.uint64)
    words = np.empty((1, _whole("n", n)), dtype=np.uint64)
    run(words_of, 1, round_keys(seed, effect), samples, elements, words)
    stream: NDArray[np.uint64] = words[0]
    return stream


def uniform(seed: int, sample_ids: ArrayLike, effect: str, shape: Sequence[int] = ()) -> NDArray[np.float64]:
    """Uniform numbers in the open interval (0, 1), shape (samples, *shape).

    They are those of numpy's ``Generator.random`` on the same Philox, with 2^-54 in place of 0.
    """
    return _draw(uniforms, seed, sample_ids, effect, shape)


def normal(seed: int, sample_ids: ArrayLike, effect: str, shape: Sequence[int] = ()) -> NDArray[np.float64]:
    """Standard normal numbers, shape (samples, *shape), by inversion (Wichura 1988, AS 241)."""
    return _draw(normals, seed, sample_ids, effect, shape)


def poisson(seed: int, sample_ids: ArrayLike, effect: str, lam: ArrayLike) -> NDArray[np.float64]:
    """Poisson counts of expectations `lam` (samples, ...) or scalar, as float64 of the same shape.

    Each is the Poisson quantile of the pixel's own 64-bit number (16 bits of element 0, 16 of element 1, 32 of
    element 2), so it rises with the expectation.

    Raises
    ------
    ValueError
        An expectation is NaN or outside [0, 1e15], or the shapes disagree.
    """
    samples = sample_words(sample_ids)
    rates = within("lam", lam, 0.0, MAX_RATE)
    if rates.ndim and rates.shape[0] != samples.size:
        raise ValueError(f"lam has shape {rates.shape}; its first axis must be that of the {samples.size} sample_ids")
    rates = np.ascontiguousarray(rates if rates.ndim else np.full(samples.shape, rates))
    out = np.empty_like(rates)
    _share(poissons, round_keys(seed, effect), samples, _rows(rates), _rows(out))
    return out


def _draw(
    loop: Callable[..., None], seed: int, sample_ids: ArrayLike, effect: str, shape: Sequence[int]
) -> NDArray[np.float64]:
    samples = sample_words(sample_ids)
    out = np.empty((samples.size, *(_whole("shape", n) for n in shape)))
    _share(loop, round_keys(seed, effect), samples, _rows(out))
    return out


def _share(loop: Callable[..., None], *args: Any) -> None:
    """Run a loop over chunks of the rows of the last argument."""
    rows, n = args[-1].shape
    run(loop, rows * -(-n // CHUNK), *args, share=max(1, _SHARE // max(1, min(n, CHUNK))))


def _rows(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """A view with one row per sample."""
    return array.reshape(array.shape[0], math.prod(array.shape[1:]))


def _whole(name: str, value: int) -> int:
    """`value` as an int in [0, 2^64)."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} = {value!r} is not a whole number") from None
    if not 0 <= number < _WORD:
        raise ValueError(f"{name} = {number} is outside [0, 2^64)")
    return number
