"""Uniform and normal variates from Philox words: scalar formulas, rows, loops over samples."""

from __future__ import annotations

import math

import numpy as np

from simulators._kernels._jit import fast_inline_kernel, inline_kernel, kernel
from simulators._kernels.elementary import guess_log, log, quick_circle, quick_log
from simulators._kernels.philox import CHUNK, fill_words

__all__ = [
    "FAR",
    "QUICK_TAIL",
    "far_pair",
    "folded",
    "normal_of",
    "normal_row",
    "normals",
    "ordered_normal",
    "quick_normal",
    "quick_pair",
    "tail_cell",
    "uniform_of",
    "uniforms",
]

_TAIL = 0.075  # AS 241 changes its approximation here
_FAR_TAIL = math.exp(-25.0)
_ELEMENT_0 = np.uint64(0)
_1 = np.uint64(1)
_11 = np.uint64(11)
_63 = np.uint64(63)
_TOP_BIT, _REST, _31 = np.int32(-(2**31)), np.int32(2**31 - 1), np.int32(31)
_HALF, _TWO, _CENTRE = np.float32(0.5), np.float32(2.0), np.float32(3.5)
_CELL, _HALF_CELL = np.float32(2.0**-31), np.float32(2.0**-32)  # of x in (-1, 1)
_QUICK_LOW = (2.464733839, 0.3328469396, -9.499426931e-3, -6.804248551e-4, 2.243051858e-4, -2.245033102e-5)
_QUICK_UP = (-5.644082535e-7, 4.782646670e-7, -4.840514123e-8, -3.428116457e-9, 8.076246893e-10)
_QUICK = tuple(np.float32(x) for x in (*_QUICK_LOW, *_QUICK_UP))
FAR = 2**16  # `top` below which the length needs more bits: one pair in 65536, longer than 4.7
_MINUS_TWO = np.float32(-2.0)
QUICK_TAIL = 980_000  # tail cells below which w > 7


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
def quantile_below(p):
    """Minus the normal quantile of 0 < p <= 1/2."""
    if p >= _TAIL:
        return normal_centre(0.5 - p)
    return normal_tail(p) if p > _FAR_TAIL else normal_far_tail(p)


@kernel
def normal_of(word):
    """Standard normal by inversion; symmetric, reaching 9.1 sigma."""
    value = quantile_below(lower_tail(word))
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
def folded(word):
    """The smaller of u and 1 - u, where u = (word + 1/2) / 2^64."""
    return (np.float64(min(word, ~word)) + 0.5) * 2.0**-64


@kernel
def ordered_normal(word):
    """Standard normal of the probability (word + 1/2) / 2^64; rises with the word, reaching 9.1 sigma."""
    value = quantile_below(folded(word))
    return value if word >> _63 else -value


@fast_inline_kernel
def quick_normal(top):
    """`ordered_normal` of a word from its upper 32 bits (as int32) in float32, to 4e-7 of itself up to 3.5 sigma.

    With x = 2 u - 1, the quantile over x is a polynomial in w = -log(1 - x^2) (Giles 2010, "Approximating the erfinv
    function", GPU Computing Gems 2), here the one of least maximum error, 2e-8, for w <= 7.
    """
    signed = np.int32(top ^ _TOP_BIT)
    q = (np.float32(tail_cell(top)) + _HALF) * _CELL
    v = -guess_log(q * (_TWO - q)) - _CENTRE
    y = ((((_QUICK[10] * v + _QUICK[9]) * v + _QUICK[8]) * v + _QUICK[7]) * v + _QUICK[6]) * v + _QUICK[5]
    y = ((((y * v + _QUICK[4]) * v + _QUICK[3]) * v + _QUICK[2]) * v + _QUICK[1]) * v + _QUICK[0]
    return (np.float32(signed) * _CELL + _HALF_CELL) * y


@inline_kernel
def tail_cell(top):
    """Cells of 2^-32 between a word of these upper 32 bits and the nearer end of [0, 1]."""
    signed = np.int32(top ^ _TOP_BIT)
    return np.int32(~np.int32(signed ^ np.int32(signed >> _31)) & _REST)


@inline_kernel
def quick_pair(top, angle):
    """Two independent standard normals in float32 (Box & Muller 1958, Ann. Math. Stat. 29, 610).

    `top` (uint32) makes their length, up to 6.7 and its square to 2e-6, and `angle` (int32) their direction to 2e-7.
    """
    length = np.float32(math.sqrt(_MINUS_TWO * quick_log((np.float32(top) + _HALF) * _HALF_CELL)))
    cosine, sine = quick_circle(angle)
    return length * cosine, length * sine


@kernel
def far_pair(top, rest, angle):
    """`quick_pair` with the 32 bits `rest` below those of `top`, for lengths up to 9.5."""
    u = (np.float64(top) + (np.float64(rest) + 0.5) * 2.0**-32) * 2.0**-32
    length = np.float32(math.sqrt(-2.0 * log(u)))
    cosine, sine = quick_circle(angle)
    return length * cosine, length * sine


@kernel
def uniforms(first_job, last_job, keys, samples, out):
    """Fill jobs of `CHUNK` draws each of out (samples, n), row by row."""
    chunks = (out.shape[1] + CHUNK - 1) // CHUNK
    for job in range(first_job, last_job):
        row, first = job // chunks, (job % chunks) * CHUNK
        part = out[row, first : first + CHUNK]
        words = np.empty(part.size, np.uint64)
        fill_words(keys, samples[row], _ELEMENT_0, first, words)
        for i in range(part.size):
            part[i] = uniform_of(words[i])


@kernel
def normals(first_job, last_job, keys, samples, out):
    """As `uniforms`."""
    chunks = (out.shape[1] + CHUNK - 1) // CHUNK
    for job in range(first_job, last_job):
        row, first = job // chunks, (job % chunks) * CHUNK
        part = out[row, first : first + CHUNK]
        words = np.empty(part.size, np.uint64)
        fill_words(keys, samples[row], _ELEMENT_0, first, words)
        normal_row(words, part)
