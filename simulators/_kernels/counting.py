"""Poisson counts of rows of pixels, in blocks: quick guesses in float32, and all bits where these cannot tell.

The count of a pixel follows from its rate and its own 64-bit number alone, as `poisson_of` says.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulators._kernels._jit import kernel, step_kernel
from simulators._kernels.philox import CHUNK
from simulators._kernels.poisson import COARSE, FINE, REST, STEEPEST, poisson_of, quick_excess, word_of
from simulators._kernels.searching import SEARCHED, STATE, TILE, search
from simulators._kernels.threefry import digit, fill_words
from simulators._kernels.variates import QUICK_TAIL, quick_normal, tail_cell

__all__ = ["BLOCK", "QUICK_ERROR", "QUICK_RELATIVE", "count_block", "poisson_row", "poissons", "workspace"]

BLOCK = 1024  # pixels counted together; a multiple of TILE
QUICK_ERROR = 1e-4  # of `quick_excess`, and this for each count of distance:
QUICK_RELATIVE = 1.6e-6
_LARGEST_GUESSED = 1e9  # above, 32 bits are too few
_32 = np.uint64(32)
_F0, _F16, _NAN, _STEEPEST = (np.float32(x) for x in (0.0, SEARCHED, math.nan, STEEPEST))
_CELL, _DARK = np.float32(2.0**-16), np.float32(1.0 - 2.0**-16 - 2.0**-18)  # with room for rounding


class Work(NamedTuple):
    """Scratch of `BLOCK` pixels, small enough for the nearest cache; tiles are (tiles, TILE)."""

    words: np.ndarray  # those of the upper and of the lower 16 bits
    more: np.ndarray
    coarse: np.ndarray  # the same as 16 bits a pixel, in tiles
    fine: np.ndarray
    rates: np.ndarray  # in single precision, in tiles
    lit: np.ndarray  # whether pixels can have photons
    state: np.ndarray  # of `search`
    few: np.ndarray  # counts of rates below 16, in tiles
    tops: np.ndarray  # of `invert`
    distance: np.ndarray
    counts: np.ndarray


@step_kernel
def workspace():
    """Work for `count_block`."""
    words, more, shape = np.empty(BLOCK // 4, np.uint64), np.empty(BLOCK // 4, np.uint64), (BLOCK // TILE, TILE)
    return Work(
        words,
        more,
        words.view(np.uint16).reshape(shape),
        more.view(np.uint16),
        np.zeros(shape, np.float32),
        np.empty(BLOCK, np.uint8),
        np.empty(STATE, np.float32),
        np.empty(shape, np.float32),
        np.empty(BLOCK, np.int32),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK),
    )


@step_kernel
def rate_of(signal, sky, electrons):
    """Electrons expected in a pixel."""
    return (max(np.float64(signal), 0.0) + sky) * electrons


@step_kernel
def prepare(signal, sky, electrons, work):
    """Rates in single precision, the least and the largest; and which pixels can have photons: those of a number below
    1 - rate, so below exp(-rate), have none.
    """
    quick_sky, quick_electrons = np.float32(sky), np.float32(electrons)
    coarse, rates, few = work.coarse.reshape(BLOCK), work.rates.reshape(BLOCK), work.few.reshape(BLOCK)
    rates[signal.size :], work.lit[signal.size :] = _F0, 0
    least, most = np.int32(2**31 - 1), np.int32(0)  # floats >= 0 are ordered as their bits, whose extremes vectorise
    for i in range(signal.size):
        rate = np.float32((np.float32(max(signal[i], _F0)) + quick_sky) * quick_electrons)
        bits = rate.view(np.int32)
        least, most = min(least, bits), max(most, bits)
        work.lit[i] = np.uint8(np.float32(coarse[i]) * _CELL + rate >= _DARK)
        rates[i], few[i] = rate, _F0
    return np.int32(least).view(np.float32), np.int32(most).view(np.float32)


@step_kernel
def search_block(signal, sky, electrons, first, keys, sample, work):
    """Counts of the rates below 16, in `few`."""
    eights = work.lit.view(np.uint64)
    for tile in range((signal.size + TILE - 1) // TILE):
        some = (eights[4 * tile] | eights[4 * tile + 1]) | (eights[4 * tile + 2] | eights[4 * tile + 3])
        if some and search(tile, work.rates, work.coarse, work.state, work.few):
            for i in range(TILE):
                if work.few[tile, i] < _F0 and work.rates[tile, i] < _F16:
                    pixel = tile * TILE + i
                    rate = rate_of(signal[pixel], sky, electrons)
                    work.few[tile, i] = np.float32(poisson_of(rate, word_of(keys, sample, first + pixel)))


@step_kernel
def invert(signal, sky, electrons, least, first, keys, sample, work):
    """Counts of the rates from 16 up, from 32 bits or, where these are too few, 64; others from `few`.

    The loops are apart because each is quickest with registers of its own width.
    """
    n, distance, tops, counts, rates = signal.size, work.distance, work.tops, work.counts, work.rates.reshape(BLOCK)
    coarse, few, lit = work.coarse.reshape(BLOCK), work.few.reshape(BLOCK), work.lit
    for i in range(n):
        tops[i] = np.int32((np.int32(coarse[i]) << np.int32(16)) | np.int32(work.fine[i]))
    for i in range(n):
        distance[i] = quick_normal(tops[i])
    for i in range(n):
        d, s = quick_excess(rates[i], distance[i])
        inside = (abs(s) <= _STEEPEST) & (tail_cell(tops[i]) >= QUICK_TAIL)
        distance[i] = d if inside else _NAN
    for i in range(n):
        d, rate = np.float64(distance[i]), rate_of(signal[i], sky, electrons)
        x = rate + d
        k = np.floor(x)
        sure = (abs(x - k - 0.5) < 0.5 - QUICK_ERROR - QUICK_RELATIVE * abs(d)) & (rate <= _LARGEST_GUESSED)
        counts[i] = k if sure else -1.0
    if least < _F16:
        for i in range(n):
            counts[i] = np.float64(few[i]) if rates[i] < _F16 else counts[i]
    for i in range(n):
        lit[i] = np.uint8(counts[i] < 0.0)
    eights = lit.view(np.uint64)
    for eight in range((n + 7) // 8):
        if eights[eight]:
            for i in range(8 * eight, min(8 * eight + 8, n)):
                if counts[i] < 0.0:
                    word = (np.uint64(np.uint32(tops[i])) << _32) | digit(keys, sample, REST, first + i, 32)
                    counts[i] = poisson_of(rate_of(signal[i], sky, electrons), word)


@step_kernel
def count_block(signal, sky, electrons, first, keys, sample, work):
    """Counts of at most `BLOCK` pixels first, first + 1, ... of a sample; `first` is a multiple of 16.

    In `work`: in `few` if all rates are below 16, which is returned, else in `counts`.
    """
    blocks = (signal.size + 15) // 16
    fill_words(keys, sample, COARSE, first // 4, work.words[: 4 * blocks])
    least, most = prepare(signal, sky, electrons, work)
    if least < _F16:
        search_block(signal, sky, electrons, first, keys, sample, work)
    if most >= _F16:
        fill_words(keys, sample, FINE, first // 4, work.more[: 4 * blocks])
        invert(signal, sky, electrons, least, first, keys, sample, work)
    return most < _F16


@kernel
def poisson_row(rates, first, keys, sample, out):
    """Counts of pixels first, first + 1, ... of a sample; `first` is a multiple of 16."""
    work = workspace()
    few = work.few.reshape(BLOCK)
    for start in range(0, rates.size, BLOCK):
        part, counts = rates[start : start + BLOCK], out[start : start + BLOCK]
        if count_block(part, 0.0, 1.0, first + start, keys, sample, work):
            for i in range(part.size):
                counts[i] = few[i]
        else:
            for i in range(part.size):
                counts[i] = work.counts[i]


@kernel
def poissons(first_job, last_job, keys, samples, rates, out):
    """Fill jobs of `CHUNK` draws of out (samples, n), row by row, with counts of expectation rates (samples, n)."""
    chunks = (out.shape[1] + CHUNK - 1) // CHUNK
    for job in range(first_job, last_job):
        row, first = job // chunks, (job % chunks) * CHUNK
        part = out[row, first : first + CHUNK]
        poisson_row(rates[row, first : first + CHUNK], first, keys, samples[row], part)
