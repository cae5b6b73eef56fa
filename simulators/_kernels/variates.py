"""Uniform, normal and Poisson variates from Philox words: scalar formulas, rows, loops over samples."""

from __future__ import annotations

import math

import numpy as np

from simulators._kernels._jit import compile_pair, inline_kernel, kernel, prange
from simulators._kernels.elementary import exp_minus, log, log1p
from simulators._kernels.philox import CHUNK, fill_words, philox_block

__all__ = [
    "INVERSION_LIMIT",
    "normal_of",
    "normal_row",
    "normals_pair",
    "poisson_row",
    "poissons_pair",
    "uniform_of",
    "uniforms_pair",
]

INVERSION_LIMIT = 10.0  # PTRS holds from here up

_TAIL = 0.075  # AS 241 changes its approximation here
_FAR_TAIL = math.exp(-25.0)
# As printed, the hat of PTRS lies up to 0.6 % below the distribution (rate 14) and its quick test accepts up to 0.6 %
# too much (rate 30). With these factors both bounds hold at every rate, so that the counts are exact.
_HAT_MARGIN = 1.007
_QUICK_MARGIN = 0.985
_ELEMENT_0 = np.uint64(0)
_1 = np.uint64(1)
_11 = np.uint64(11)
_RECIPROCAL = 1.0 / np.maximum(np.arange(64.0), 1.0)
# log k! - (k + 1/2) log k + k - log(2 pi) / 2: Stirling's error, tabulated where its series is not exact.
_STIRLING = np.array(
    [0.0] + [math.lgamma(k + 1) - (k + 0.5) * math.log(k) + k - 0.5 * math.log(2 * math.pi) for k in range(1, 16)]
)


@inline_kernel
def uniform_of(word):
    """Uniform in (0, 1): the upper 53 bits, as numpy's Generator.random, with 2^-54 in place of 0."""
    return max(np.float64(word >> _11), 0.5) * 2.0**-53


@inline_kernel
def lower_tail(word):
    """Probability in (0, 1/2] of the upper 63 bits; the lowest bit is left for the sign."""
    return (np.float64(word >> _1) + 0.5) * 2.0**-64


@inline_kernel
def normal_centre(q):
    """Normal quantile of 1/2 + q, |q| <= 0.425 (Wichura 1988, AS 241, PPND16; relative error 1e-16)."""
    r = 0.180625 - q * q
    top = ((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r
    top = (((top + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
    top = (top + 1.3314166789178437745e2) * r + 3.3871328727963666080e0
    low = ((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r
    low = (((low + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
    return q * top / ((low + 4.2313330701600911252e1) * r + 1.0)


@inline_kernel
def normal_tail(p):
    """Minus the normal quantile of 1.4e-11 < p < 0.075 (AS 241)."""
    r = math.sqrt(-log(p)) - 1.6
    top = ((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r
    top = (((top + 1.27045825245236838258e0) * r + 3.64784832476320460504e0) * r + 5.76949722146069140550e0) * r
    top = (top + 4.63033784615654529590e0) * r + 1.42343711074968357734e0
    low = ((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r
    low = (((low + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0) * r
    return top / ((low + 2.05319162663775882187e0) * r + 1.0)


@inline_kernel
def normal_far_tail(p):
    """Minus the normal quantile of p <= 1.4e-11, beyond 6.7 sigma (AS 241)."""
    r = math.sqrt(-log(p)) - 5.0
    top = ((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r
    top = (((top + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0) * r
    top = (top + 5.46378491116411436990e0) * r + 6.65790464350110377720e0
    low = ((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r
    low = (((low + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
    return top / ((low + 5.99832206555887937690e-1) * r + 1.0)


@kernel
def normal_of(word):
    """Standard normal by inversion; symmetric, reaching 9.1 sigma."""
    p = lower_tail(word)
    if p >= _TAIL:
        value = normal_centre(0.5 - p)
    else:
        value = normal_tail(p) if p > _FAR_TAIL else normal_far_tail(p)
    return -value if word & _1 else value


@kernel
def normal_row(words, out):
    """`normal_of` of a row, the central 85 % first and the tails after, so that both run in vector registers."""
    where, tails, count = np.empty(words.size, np.int64), np.empty(words.size), 0
    for i in range(words.size):
        q = 0.5 - lower_tail(words[i])
        out[i] = normal_centre(-q if words[i] & _1 else q)
    for i in range(words.size):
        where[count], tails[count] = i, lower_tail(words[i])
        count += 1 if tails[count] < _TAIL else 0
    for j in range(count):
        tails[j] = normal_tail(tails[j])
    for j in range(count):
        word = words[where[j]]
        far = lower_tail(word) <= _FAR_TAIL
        out[where[j]] = normal_of(word) if far else (-tails[j] if word & _1 else tails[j])


@inline_kernel
def poisson_inversion(rate, probability, u):
    """Poisson count by sequential search from the `probability` of none; rate < 10, so at most 47."""
    count = 0
    while u > probability and probability > 2.0**-55:
        u -= probability
        count += 1
        probability *= rate * _RECIPROCAL[count]
    return np.float64(count)


@inline_kernel
def log_poisson(rate, k):
    """log of sqrt(2 pi k) times the Poisson probability of k >= 1, without cancellation (Loader 2000, saddle point)."""
    d = (rate - k) / k
    s = 1.0 / (k * k)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - s / 1680) * s) * s) / k
    return k * (log1p(d) - d) - (_STIRLING[int(k)] if k < 16.0 else series)


@inline_kernel
def propose(rate, word_u, word_v):
    """Candidate count and acceptance variables of PTRS (Hörmann 1993, Insurance: Math. Econ. 12, 39; step 1)."""
    u, v = uniform_of(word_u) - 0.5, uniform_of(word_v)
    us = 0.5 - abs(u)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    return np.floor((2.0 * a / us + b) * u + rate + 0.43), us, v, a, b


@inline_kernel
def quick_limit(b):
    """The v up to which every candidate with us >= 0.07 is accepted (step 1)."""
    return _QUICK_MARGIN * (0.9277 - 3.6224 / (b - 2.0))


@inline_kernel
def transformed_rejection(rate, word_u, word_v):
    """Poisson count of PTRS (steps 2 and 3), or -1 where the candidate is rejected; rate >= 10."""
    k, us, v, a, b = propose(rate, word_u, word_v)
    whole = max(k, 1.0)
    hat = v * _HAT_MARGIN * (1.1239 + 1.1328 / (b - 3.4)) / (a / (us * us) + b)
    level = log(hat * (math.sqrt(2.0 * math.pi * whole) if k > 0.0 else 1.0))
    accepted = level <= (log_poisson(rate, whole) if k > 0.0 else -rate)
    return k if accepted & (k >= 0.0) & ((us >= 0.013) | (v <= us)) else -1.0


@kernel
def poisson_row(rates, first, keys, sample, out):
    """Counts of pixels first, first + 1, ... of a sample, from two words each of the stream that they share."""
    words = np.empty(2 * rates.size, np.uint64)
    fill_words(keys, sample, _ELEMENT_0, 2 * first, words)
    for i in range(rates.size):
        k, us, v, _, b = propose(rates[i], words[2 * i], words[2 * i + 1])
        quick = (us >= 0.07) & (v <= quick_limit(b)) & (rates[i] >= INVERSION_LIMIT)
        out[i] = k if quick else -1.0
    low_rates(rates, words, out)
    rejected_rates(rates, first, keys, sample, words, out)


@kernel
def low_rates(rates, words, out):
    """Counts of the pixels of rate < 10; gathered first, so that their exponentials run in vector registers."""
    where, gathered, count = np.empty(rates.size, np.int64), np.empty(rates.size), 0
    for i in range(rates.size):
        where[count], gathered[count] = i, rates[i]
        count += 1 if rates[i] < INVERSION_LIMIT else 0
    for j in range(count):
        gathered[j] = exp_minus(gathered[j])
    for j in range(count):
        i = where[j]
        out[i] = poisson_inversion(rates[i], gathered[j], uniform_of(words[2 * i]))


@kernel
def rejected_rates(rates, first, keys, sample, words, out):
    """Counts of the pixels that are still negative: the exact test, then new candidates from the pixel's own stream.

    The pixels are gathered, their words in place, so that each round of tests runs in vector registers.
    """
    where, gathered, counts = np.empty(rates.size, np.int64), np.empty(rates.size), np.empty(rates.size)
    count = 0
    for i in range(rates.size):
        where[count], gathered[count] = i, rates[i]
        words[2 * count], words[2 * count + 1] = words[2 * i], words[2 * i + 1]
        count += 1 if out[i] < 0.0 else 0
    block = np.uint64(0)
    while count > 0:
        for j in range(count):
            counts[j] = transformed_rejection(gathered[j], words[2 * j], words[2 * j + 1])
        block += _1
        left = 0
        for j in range(count):
            if counts[j] >= 0.0:
                out[where[j]] = counts[j]
            else:
                where[left], gathered[left] = where[j], gathered[j]
                element = np.uint64(first + where[j] + 1)
                words[2 * left], words[2 * left + 1], _, _ = philox_block(block, element, sample, keys)
                left += 1
        count = left


def _uniforms(keys, samples, out):
    """Fill out (samples, n)."""
    chunks = (out.shape[1] + CHUNK - 1) // CHUNK
    for job in prange(samples.size * chunks):
        row, first = job // chunks, (job % chunks) * CHUNK
        part = out[row, first : first + CHUNK]
        words = np.empty(part.size, np.uint64)
        fill_words(keys, samples[row], _ELEMENT_0, first, words)
        for i in range(part.size):
            part[i] = uniform_of(words[i])


def _normals(keys, samples, out):
    """Fill out (samples, n)."""
    chunks = (out.shape[1] + CHUNK - 1) // CHUNK
    for job in prange(samples.size * chunks):
        row, first = job // chunks, (job % chunks) * CHUNK
        part = out[row, first : first + CHUNK]
        words = np.empty(part.size, np.uint64)
        fill_words(keys, samples[row], _ELEMENT_0, first, words)
        normal_row(words, part)


def _poissons(keys, samples, rates, out):
    """Fill out (samples, n) with counts of expectation rates (samples, n)."""
    chunks = (out.shape[1] + CHUNK - 1) // CHUNK
    for job in prange(samples.size * chunks):
        row, first = job // chunks, (job % chunks) * CHUNK
        part = out[row, first : first + CHUNK]
        poisson_row(rates[row, first : first + CHUNK], first, keys, samples[row], part)


uniforms_pair = compile_pair(_uniforms)
normals_pair = compile_pair(_normals)
poissons_pair = compile_pair(_poissons)
