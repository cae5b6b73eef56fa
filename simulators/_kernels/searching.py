"""Poisson counts of rates below 16, searched from 0 up in single precision among the cumulated probabilities."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulators._kernels._jit import fast_kernel, kernel
from simulators._kernels.elementary import exp_minus, quick_exp_minus

__all__ = ["BLOCK", "SEARCHED", "Work", "search", "workspace"]

SEARCHED = 16.0  # below, counts are searched from 0
BLOCK = 1024  # pixels that are searched or guessed together; a multiple of 16
_SPREAD, _FIRST = 1.0, 1  # where the least rate is below, most counts may be found in so many passes
_CELL, _FUZZ = np.float32(2.0**-16), np.float32(2.0**-18)  # rounding of sums of up to 30 probabilities
_F0, _F1, _F16 = (np.float32(x) for x in (0.0, 1.0, SEARCHED))
_QUICK_RECIPROCAL = (1.0 / np.maximum(np.arange(128.0), 1.0)).astype(np.float32)


class Work(NamedTuple):
    """Scratch of `BLOCK` pixels."""

    quick: np.ndarray  # rates in single precision
    state: np.ndarray  # (4, more than BLOCK)
    tops: np.ndarray  # 32 bits of each
    where: np.ndarray  # those that are searched further
    rates: np.ndarray  # their rates, bits and counts
    coarse: np.ndarray
    out: np.ndarray


@kernel
def workspace():
    """Work for `poisson_row`."""
    return Work(
        np.empty(BLOCK, np.float32),
        np.empty((4, BLOCK + 80), np.float32),  # rows a whole page apart would wait for each other
        np.empty(BLOCK, np.int32),
        np.empty(BLOCK, np.int64),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.uint16),
        np.empty(BLOCK),
    )


@kernel
def search(rates, least, most, coarse, work, out):
    """Counts of float32 rates below 16 from 16 bits, -1 where these are too few; the rates are in `least` .. `most`.

    Where most pixels surely have no photon, or few, only the others are searched further.
    """
    limit, passes = int(65536.0 * exp_minus(most) - 0.5), int(0.25 * (most + 3.5 * math.sqrt(most)) + 1.25)
    count, where = 0, work.where
    if limit >= 2**15:
        out[:] = 0.0
        for start in range(0, rates.size, 16):
            part, some_photons = coarse[start : start + 16], 0
            for i in range(part.size):
                some_photons |= part[i] >= limit
            if some_photons:
                for i in range(part.size):
                    where[count] = start + i
                    count += 1 if part[i] >= limit else 0
    elif least < _SPREAD and passes > _FIRST:
        search_all(rates, _FIRST, coarse, work.state, out)
        for i in range(rates.size):
            where[count] = i
            count += 1 if (out[i] < 0.0) & (rates[i] < _F16) else 0
    else:
        search_all(rates, passes, coarse, work.state, out)
    if count:
        some_rates, some_coarse, some = work.rates[:count], work.coarse[:count], work.out[:count]
        for j in range(count):
            some_rates[j], some_coarse[j] = rates[where[j]], coarse[where[j]]
        search_all(some_rates, passes, some_coarse, work.state, some)
        for j in range(count):
            out[where[j]] = some[j]


@fast_kernel
def search_all(rates, passes, coarse, state, out):
    """`search` of every pixel: `low` and `high` count the cumulated probabilities below the lower and the upper end of
    its cell, four probabilities at a pass.
    """
    n = rates.size
    p, total, low, high = state[0, :n], state[1, :n], state[2, :n], state[3, :n]
    for i in range(n):
        p[i] = quick_exp_minus(min(rates[i], _F16))
        total[i], low[i], high[i] = p[i], _F0, _F0
    for k in range(passes):
        first, second = _QUICK_RECIPROCAL[4 * k + 1], _QUICK_RECIPROCAL[4 * k + 2]
        third, fourth = _QUICK_RECIPROCAL[4 * k + 3], _QUICK_RECIPROCAL[4 * k + 4]
        for i in range(n):
            bottom = np.float32(coarse[i]) * _CELL - _FUZZ
            top = bottom + (_CELL + _FUZZ + _FUZZ)
            p_1 = p[i] * (rates[i] * first)
            p_2 = p_1 * (rates[i] * second)
            p_3 = p_2 * (rates[i] * third)
            p[i] = p_3 * (rates[i] * fourth)
            total_0, total_1 = total[i], total[i] + p_1
            total_2 = total_1 + p_2
            total_3 = total_2 + p_3
            low_1 = (_F1 if total_0 < bottom else _F0) + (_F1 if total_1 < bottom else _F0)
            low_3 = (_F1 if total_2 < bottom else _F0) + (_F1 if total_3 < bottom else _F0)
            high_1 = (_F1 if total_0 < top else _F0) + (_F1 if total_1 < top else _F0)
            high_3 = (_F1 if total_2 < top else _F0) + (_F1 if total_3 < top else _F0)
            low[i] += low_1 + low_3
            high[i] += high_1 + high_3
            total[i] = total_3 + p[i]
    steps = np.float32(4 * passes)
    for i in range(n):
        out[i] = np.float64(low[i]) if (low[i] == high[i]) & (low[i] < steps) else -1.0
