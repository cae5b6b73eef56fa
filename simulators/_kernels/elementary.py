"""Logarithm and exponential in plain arithmetic: the same bits on every machine, and loops over them vectorise."""

from __future__ import annotations

import math

import numpy as np

from simulators._kernels._jit import fast_inline_kernel, inline_kernel

__all__ = ["exp_minus", "guess_log", "log", "log1p", "quick_circle", "quick_exp_minus", "quick_log"]

_52 = np.int64(52)
_SQRT_HALF = np.int64(0x3FE6A09E667F3BCD)  # the bits of sqrt(1/2)
_LN2_HIGH = 6.93147180369123816490e-01  # ln 2 to 33 bits, so that its small multiples are exact
_LN2_LOW = 1.90821492927058770002e-10
_TAYLOR = 1.0 / np.cumprod([1.0, *range(1, 14)])
_HALVES = 0.5 ** np.arange(64)
_23 = np.int32(23)
_QUICK_SQRT_HALF = np.int32(0x3F3504F3)
_QUICK_BIAS = np.int32(127)
_F = tuple(np.float32(x) for x in (0.0, 0.5, 1.0, math.log(2.0), 1.0 / math.log(2.0)))
# log(1 + f) = f + f^2 (...) for sqrt(1/2) <= 1 + f <= sqrt(2), to 3e-7 (least maximum error)
_LOG = tuple(
    np.float32(x) for x in (-0.5000148582, 0.3331554387, -0.2489776936, 0.2049258773, -0.1876168632, 0.1198628846)
)
# sin and cos up to pi / 4, to 7e-8 (least maximum error)
_SIN = tuple(np.float32(x) for x in (-0.16666651, 8.33198e-3, -1.9496e-4))
_COS = tuple(np.float32(x) for x in (0.04166128, -1.36524e-3))
_EIGHTH, _30, _ODD, _TWO = np.int32(2**29), np.int32(30), np.int32(1), np.int32(2)
_RADIANS = np.float32(math.pi * 2.0**-31)
_EXP = tuple(np.float32(1.0 / math.factorial(n)) for n in range(7))


@inline_kernel
def log(x):
    """Natural logarithm of a positive normal float64 within 1 ulp (fdlibm's e_log.c, Sun Microsystems 1993)."""
    bits = np.float64(x).view(np.int64)
    k = (bits - _SQRT_HALF) >> _52
    f = np.int64(bits - (k << _52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = 2.222219843214978396e-01 + z * (
        1.818357216161805012e-01 + z * (1.531383769920937332e-01 + z * 1.479819860511658591e-01)
    )
    r = z * (6.666666666666735130e-01 + z * (3.999999999940941908e-01 + z * (2.857142874366239149e-01 + z * r)))
    half = 0.5 * f * f
    return k * _LN2_HIGH - ((half - (s * (half + r) + k * _LN2_LOW)) - f)


@inline_kernel
def log1p(x):
    """log(1 + x) for -1 < x, with the rounding of 1 + x put back (Kahan's correction)."""
    y = 1.0 + x
    return log(y) + (x - (y - 1.0)) / y


@inline_kernel
def exp_minus(x):
    """exp(-x) for 0 <= x < 40, to 2 ulp: Taylor series of order 13 around the nearest multiple of ln 2."""
    k = np.int64(x * 1.4426950408889634 + 0.5)
    r = (k * _LN2_HIGH - x) + k * _LN2_LOW
    total = _TAYLOR[13]
    for i in range(12, -1, -1):
        total = _TAYLOR[i] + total * r
    return total * _HALVES[k]


def _quick_log(x):
    """Natural logarithm of a positive normal float32, to 5e-7 + 1e-7 |log x|."""
    bits = np.float32(x).view(np.int32)
    k = np.int32(np.int32(bits - _QUICK_SQRT_HALF) >> _23)
    f = np.int32(bits - np.int32(k << _23)).view(np.float32) - _F[2]
    r = (((((_LOG[5] * f + _LOG[4]) * f + _LOG[3]) * f + _LOG[2]) * f + _LOG[1]) * f + _LOG[0]) * f
    return (r * f + f) + np.float32(k) * _F[3]


quick_log = inline_kernel(_quick_log)
guess_log = fast_inline_kernel(_quick_log)  # where the last bits do not matter


@inline_kernel
def quick_exp_minus(x):
    """exp(-x) for a float32 0 <= x <= 40, to 2e-7 + 6e-8 x of itself."""
    k = np.int32(x * _F[4] + _F[1])
    r = np.float32(k) * _F[3] - x
    total = ((((_EXP[6] * r + _EXP[5]) * r + _EXP[4]) * r + _EXP[3]) * r + _EXP[2]) * r + _EXP[1]
    return (total * r + _F[2]) * np.int32(np.int32(_QUICK_BIAS - k) << _23).view(np.float32)


@inline_kernel
def quick_circle(angle):
    """Cosine and sine in float32 of an angle in 2^-32 turns (int32), to 2e-7."""
    quarter = np.int32(np.int32(angle + _EIGHTH) >> _30)
    x = np.float32(np.int32(angle - np.int32(quarter << _30))) * _RADIANS
    z = x * x
    cosine = (z * z) * (_COS[1] * z + _COS[0]) + (_F[2] - _F[1] * z)
    sine = (x * z) * ((_SIN[2] * z + _SIN[1]) * z + _SIN[0]) + x
    odd = (quarter & _ODD) != 0
    along, across = (sine if odd else cosine), (cosine if odd else sine)
    return (-along if (quarter + _ODD) & _TWO else along), (-across if quarter & _TWO else across)
