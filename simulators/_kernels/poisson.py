"""Poisson quantiles: the count of a pixel as a function of its rate and its own 64-bit number, and quick guesses."""

from __future__ import annotations

import math

import numpy as np

from simulators._kernels._jit import fast_inline_kernel, inline_kernel, kernel
from simulators._kernels.elementary import exp_minus, log1p
from simulators._kernels.searching import SEARCHED
from simulators._kernels.threefry import digit
from simulators._kernels.variates import folded, ordered_normal

__all__ = ["COARSE", "FINE", "REST", "STEEPEST", "poisson_of", "quick_excess", "word_of"]

_ASYMPTOTIC = 1e4  # from here up, an expansion decides alone
COARSE, FINE, REST = np.uint64(0), np.uint64(1), np.uint64(2)  # elements of the streams of the bits
_16, _32, _48, _63 = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(63)
STEEPEST = 0.8  # |normal / sqrt(rate)| up to which the guess holds
_GUESS_ERROR = 6e-5  # of `excess`; a test holds it
_NOTHING = 2.0**-80
_F1 = np.float32(1.0)
_RECIPROCAL = 1.0 / np.maximum(np.arange(128.0), 1.0)
# log k! - (k + 1/2) log k + k - log(2 pi) / 2: Stirling's error, tabulated where its series is not exact.
_STIRLING = np.array(
    [0.0] + [math.lgamma(k + 1) - (k + 0.5) * math.log(k) + k - 0.5 * math.log(2 * math.pi) for k in range(1, 16)]
)
# The quantile less the rate is rate (r - 1) + c0 + c1 / rate, functions of s = normal / sqrt(rate) (Giles 2016, ACM
# Trans. Math. Softw. 42, 7, after Temme). r - 1 = s + s^2/6 - s^3/72 + ..., c0 = 1/3 - s/36 + ..., as a fit of least
# maximum error (4.5e-5) to exact quantiles of rates from 16 up and |s| <= 0.8.
_R = (1.0, 1.0 / 6.0, -1.0 / 72.0, 3.66922203e-3, -1.34775129e-3, 8.46460118e-4, -3.39243953e-4)
_C0 = (1.0 / 3.0, -1.0 / 36.0, 8.71039568e-3, -3.09950335e-3, -1.25835040e-3)
_C1 = (-2.05011073e-2, 1.79809016e-2)
_QUICK_R, _QUICK_C0, _QUICK_C1 = (tuple(np.float32(x) for x in row) for row in (_R, _C0, _C1))
# The Taylor series of the same, exact but for c1 (its terms in s from quantiles of 40 digits).
_TAYLOR_R = (1.0, 1 / 6, -1 / 72, 1 / 270, -23 / 17280, 19 / 34020, -11237 / 43545600, 13 / 102060)
_TAYLOR_C0 = (1 / 3, -1 / 36, 7 / 810, -3.52366255e-3, 1.65343874e-3)
_TAYLOR_C1 = (-8 / 405, 1.72582e-2, -1.273e-2)


@kernel
def poisson_inversion(rate, p, upper):
    """As `summed_quantile`, for rates below 16: from 0 up, or for `upper` from where nothing is left down."""
    k, probability = 0, exp_minus(rate)
    if not upper:
        tail = probability
        while tail < p:
            k += 1
            probability *= rate * _RECIPROCAL[k]
            tail += probability
        return np.float64(k)
    while probability > _NOTHING or k < rate:
        k += 1
        probability *= rate * _RECIPROCAL[k]
    tail = 0.0
    while k > 0 and tail + probability <= p:
        tail += probability
        probability *= k / rate
        k -= 1
    return np.float64(k)


@inline_kernel
def log_poisson(rate, k):
    """log of sqrt(2 pi k) times the Poisson probability of k >= 1, without cancellation (Loader 2000, saddle point)."""
    d = (rate - k) / k
    s = 1.0 / (k * k)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - s / 1680) * s) * s) / k
    return k * (log1p(d) - d) - (_STIRLING[int(k)] if k < 16.0 else series)


@inline_kernel
def excess(rate, normal):
    """Quantile less the rate, within 6e-5 for rates from 16 up and |normal| <= 0.8 sqrt(rate)."""
    root = math.sqrt(rate)
    s = normal / root
    r = ((((((_R[6] * s + _R[5]) * s + _R[4]) * s + _R[3]) * s + _R[2]) * s) + _R[1]) * s + _R[0]
    c0 = (((_C0[4] * s + _C0[3]) * s + _C0[2]) * s + _C0[1]) * s + _C0[0]
    return root * normal * r + (c0 + (_C1[1] * s + _C1[0]) / rate)


@fast_inline_kernel
def quick_excess(rate, normal):
    """`excess` in float32, and s."""
    root = np.float32(math.sqrt(rate))
    inverse = _F1 / root
    s = normal * inverse
    r = (((_QUICK_R[6] * s + _QUICK_R[5]) * s + _QUICK_R[4]) * s + _QUICK_R[3]) * s
    r = ((r + _QUICK_R[2]) * s + _QUICK_R[1]) * s + _QUICK_R[0]
    c0 = (((_QUICK_C0[4] * s + _QUICK_C0[3]) * s + _QUICK_C0[2]) * s + _QUICK_C0[1]) * s + _QUICK_C0[0]
    return root * normal * r + (c0 + (_QUICK_C1[1] * s + _QUICK_C1[0]) * (inverse * inverse)), s


@kernel
def asymptotic_excess(rate, normal):
    """Quantile less the rate, within 1e-9 for rates from 1e4 up."""
    root = math.sqrt(rate)
    s = normal / root
    r, c0 = 0.0, 0.0
    for i in range(7, -1, -1):
        r = r * s + _TAYLOR_R[i]
    for i in range(4, -1, -1):
        c0 = c0 * s + _TAYLOR_C0[i]
    c1 = (_TAYLOR_C1[2] * s + _TAYLOR_C1[1]) * s + _TAYLOR_C1[0]
    return root * normal * r + (c0 + c1 / rate)


@kernel
def summed_quantile(rate, p, upper, guess):
    """The least k with P(X <= k) >= p, or with P(X > k) <= p for `upper`; p <= 1/2, 16 <= rate < 1e4.

    From the probability of `guess`, its tail is summed outwards, then k moved until the tail is the right one.
    """
    k = max(guess, 1.0)
    half = exp_minus(-0.5 * log_poisson(rate, k))
    probability = half * half / math.sqrt(2.0 * math.pi * k)
    term, tail, j = probability, (0.0 if upper else probability), k
    while term > 1e-18 * tail and (upper or j > 0.0):
        if upper:
            j += 1.0
            term *= rate / j
        else:
            term *= j / rate
            j -= 1.0
        tail += term
    sign = -1.0 if upper else 1.0  # of the change of the tail for k + 1
    while (tail > p) if upper else (tail < p):
        k += 1.0
        probability *= rate / k
        tail += sign * probability
    while k > 0.0 and ((tail + probability <= p) if upper else (tail - probability >= p)):
        tail -= sign * probability
        probability *= k / rate
        k -= 1.0
    return k


@kernel
def poisson_of(rate, word):
    """The quantile of (word + 1/2) / 2^64: the least k whose cumulated probability is not below it."""
    upper = word >> _63 == 1
    if rate < SEARCHED:
        return poisson_inversion(rate, folded(word), upper)
    normal, whole = ordered_normal(word), math.floor(rate)
    if rate >= _ASYMPTOTIC:
        return max(whole + np.floor(rate - whole + asymptotic_excess(rate, normal)), 0.0)
    x = rate + excess(rate, normal)
    k = np.floor(x)
    sure = abs(normal) <= STEEPEST * math.sqrt(rate) and abs(x - k - 0.5) < 0.5 - _GUESS_ERROR
    return k if sure else summed_quantile(rate, folded(word), upper, k)


@kernel
def word_of(keys, sample, pixel):
    """The number of a pixel: 16 bits of element 0, 16 of element 1, 32 of element 2, from the top."""
    coarse, fine = digit(keys, sample, COARSE, pixel, 16), digit(keys, sample, FINE, pixel, 16)
    return (coarse << _48) | (fine << _32) | digit(keys, sample, REST, pixel, 32)
