"""Poisson counts of rates below 16, searched from 0 up in single precision among the cumulated probabilities."""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import fast_inline_kernel, step_kernel
from simulators._kernels.elementary import quick_exp_minus

__all__ = ["SEARCHED", "STATE", "TILE", "search"]

SEARCHED = 16.0  # below, counts are searched from 0
TILE = 32  # pixels that are searched together: loops of fixed length, in vector registers without a rest
STATE = 6 * TILE
_RATE, _P, _TOTAL, _LOW, _HIGH, _BOTTOM = range(0, STATE, TILE)  # places in the state of a tile
_MOST = 64  # probabilities, more than any count of a rate below 16 from 16 bits
_CELL, _FUZZ = np.float32(2.0**-16), np.float32(2.0**-18)  # rounding of sums of up to 30 probabilities
_WIDE = np.float32(2.0**-16 + 2.0**-17)
_F0, _F1, _F16 = (np.float32(x) for x in (0.0, 1.0, SEARCHED))
_RECIPROCAL = (1.0 / np.maximum(np.arange(_MOST + 8.0), 1.0)).astype(np.float32)


@fast_inline_kernel
def search(tile, rates, coarse, state, counts):
    """Counts of a tile of float32 rates below 16 from 16 bits, -1 where these are too few; whether there are such.

    Arrays (tiles, TILE). Counts of other rates mean nothing.
    """
    more, unsure = begin(tile, rates, coarse, state, counts)
    for k in range(5, _MOST, 4):
        if more >= 0:
            break
        more, unsure = go_on(tile, k, state, counts)
    return unsure < 0


@fast_inline_kernel
def below(total_0, total_1, total_2, total_3, end):
    """How many of four cumulated probabilities are below one end of a cell."""
    first = (_F1 if total_0 < end else _F0) + (_F1 if total_1 < end else _F0)
    return first + ((_F1 if total_2 < end else _F0) + (_F1 if total_3 < end else _F0))


@fast_inline_kernel
def four(k, rate, p, total_0, bottom):
    """From the probability p of k - 1 photons and their cumulated one those of k + 3; how many of the four cumulated
    ones from k - 1 on are below the lower and the upper end of the pixel's cell; negative if all are below the lower.
    """
    p_1 = p * (rate * _RECIPROCAL[k])
    p_2 = p_1 * (rate * _RECIPROCAL[k + 1])
    p_3 = p_2 * (rate * _RECIPROCAL[k + 2])
    p_4 = p_3 * (rate * _RECIPROCAL[k + 3])
    total_1 = total_0 + p_1
    total_2 = total_1 + p_2
    total_3 = total_2 + p_3
    low = below(total_0, total_1, total_2, total_3, bottom)
    high = below(total_0, total_1, total_2, total_3, bottom + _WIDE)
    return p_4, total_3 + p_4, low, high, np.float32(total_3 - bottom).view(np.int32)


@step_kernel
def begin(tile, rates, coarse, state, counts):
    """`search` among the first four cumulated probabilities; negative if some pixel needs more, if one is unsure."""
    more, unsure = np.int32(0), np.int32(0)
    for i in range(TILE):
        rate = rates[tile, i] if rates[tile, i] < _F16 else _F0
        bottom = np.float32(coarse[tile, i]) * _CELL - _FUZZ
        p = quick_exp_minus(rate)
        p, total, low, high, rest = four(1, rate, p, p, bottom)
        state[_RATE + i], state[_BOTTOM + i], state[_P + i], state[_TOTAL + i] = rate, bottom, p, total
        state[_LOW + i], state[_HIGH + i] = low, high
        counts[tile, i] = low if low == high else -_F1
        more, unsure = np.int32(more | rest), np.int32(unsure | np.float32(low - high).view(np.int32))
    return more, unsure


@step_kernel
def go_on(tile, k, state, counts):
    """`begin` with the next four, from that of k - 1 photons on."""
    more, unsure = np.int32(0), np.int32(0)
    for i in range(TILE):
        p, total, low, high, rest = four(k, state[_RATE + i], state[_P + i], state[_TOTAL + i], state[_BOTTOM + i])
        low, high = low + state[_LOW + i], high + state[_HIGH + i]
        state[_P + i], state[_TOTAL + i], state[_LOW + i], state[_HIGH + i] = p, total, low, high
        counts[tile, i] = low if low == high else -_F1
        more, unsure = np.int32(more | rest), np.int32(unsure | np.float32(low - high).view(np.int32))
    return more, unsure
