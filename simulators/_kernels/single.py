"""Single-precision logarithm and exponential to base 2 in plain arithmetic: loops over them vectorise."""

import numpy as np

from simulators._kernels._jit import fast_inline_kernel

_23 = np.int32(23)
_127 = np.int32(127)
_SQRT_HALF = np.int32(0x3F3504F3)  # the bits of sqrt(1/2)
_ONE = np.float32(1.0)
_LEAST = np.float32(-126.0)
_ROUND = np.float32(127.5)
_LOG = tuple(np.float32(c) for c in (2.885390043258667, 0.9617988467216492, 0.5767139792442322, 0.4317454993724823))
_EXP = tuple(
    np.float32(c)
    for c in (
        *(1.0, 0.6931471824645996, 0.24022650718688965, 0.05550327152013779),
        *(0.00961802527308464, 0.0013400432653725147, 0.00015469732170458883),
    )
)


@fast_inline_kernel
def log2(x):
    """log2 of a positive normal float32, to 2e-7 absolute: log2(m) = s P(s^2), s = (m - 1)/(m + 1), sqrt(1/2) <= m."""
    bits = np.float32(x).view(np.int32)
    k = np.int32(np.int32(bits - _SQRT_HALF) >> _23)
    m = np.int32(bits - np.int32(k << _23)).view(np.float32)
    s = (m - _ONE) / (m + _ONE)
    z = s * s
    return np.float32(k) + s * (_LOG[0] + z * (_LOG[1] + z * (_LOG[2] + z * _LOG[3])))


@fast_inline_kernel
def exp2(x):
    """2^x of a float32 x < 128, to 1e-7 relative; 2^-126 below."""
    x = x if x > _LEAST else _LEAST
    biased = np.int32(x + _ROUND)
    f = x - np.float32(np.int32(biased - _127))  # in integers: float sums may be reordered here
    p = _EXP[3] + f * (_EXP[4] + f * (_EXP[5] + f * _EXP[6]))
    return (_EXP[0] + f * (_EXP[1] + f * (_EXP[2] + f * p))) * np.int32(biased << _23).view(np.float32)
