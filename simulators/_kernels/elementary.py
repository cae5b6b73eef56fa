"""Logarithm and exponential in plain arithmetic: the same bits on every machine, and loops over them vectorise."""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import inline_kernel

__all__ = ["exp_minus", "log", "log1p"]

_52 = np.int64(52)
_SQRT_HALF = np.int64(0x3FE6A09E667F3BCD)  # the bits of sqrt(1/2)
_LN2_HIGH = 6.93147180369123816490e-01  # ln 2 to 33 bits, so that its small multiples are exact
_LN2_LOW = 1.90821492927058770002e-10
_TAYLOR = 1.0 / np.cumprod([1.0, *range(1, 14)])
_HALVES = 0.5 ** np.arange(64)


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
