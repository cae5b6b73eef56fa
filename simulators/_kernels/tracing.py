"""Rays through a power law and a shear to the source plane, and what they see there: single precision, in blocks.

Every loop runs over one block of fixed length, so that all of them vectorise and nothing depends on how many rays
there are: lists of rays are padded to whole blocks.
"""

import numpy as np

from simulators._kernels._jit import fast_kernel
from simulators._kernels.single import exp2, log2

BLOCK = 64
ZR, ZI, WR, WI, SR, SI, R2 = (BLOCK * i for i in range(7))  # places in the scratch of `trace_block`
SCRATCH = 7 * BLOCK
_0, _1, _2, _4, _TINY = (np.float32(value) for value in (0.0, 1.0, 2.0, 4.0, 1e-24))


@fast_kernel
def trace_block(x, y, lens, terms, work, bx, by):
    """Source-plane positions bx, by of the rays through x, y, all (BLOCK,), by `epl_deflection` and shear.

    lens = [q, cos, sin, x, y, 2 b^t / (1 + q), t, f, g1, g2] (see `simulators.raytracing`); the series of Tessore &
    Metcalf (2015, eq. 29) is summed from its last term inwards.
    """
    q, c, s, x0, y0 = lens[0], lens[1], lens[2], lens[3], lens[4]
    size, t, f, g1, g2 = lens[5], lens[6], lens[7], lens[8], lens[9]
    for j in range(BLOCK):
        dx = x[j] - x0
        dy = y[j] - y0
        u = q * (c * dx + s * dy)
        v = c * dy - s * dx
        r2 = u * u + v * v + _TINY
        scale = f / r2
        work[ZR + j] = u
        work[ZI + j] = v
        work[R2 + j] = r2
        work[WR + j] = (v * v - u * u) * scale
        work[WI + j] = -_2 * u * v * scale
        work[SR + j] = _1
        work[SI + j] = _0
    for k in range(terms - 1, -1, -1):
        n = np.float32(k)
        h = (_2 * n + t) / (_2 * n + _4 - t)
        for j in range(BLOCK):
            re = work[WR + j] * work[SR + j] - work[WI + j] * work[SI + j]
            im = work[WR + j] * work[SI + j] + work[WI + j] * work[SR + j]
            work[SR + j] = _1 + h * re
            work[SI + j] = h * im
    half = t / _2
    for j in range(BLOCK):
        a = size * exp2(-half * log2(work[R2 + j]))
        u = a * (work[ZR + j] * work[SR + j] - work[ZI + j] * work[SI + j])
        v = a * (work[ZR + j] * work[SI + j] + work[ZI + j] * work[SR + j])
        bx[j] = (_1 - g1) * x[j] - g2 * y[j] - c * u + s * v
        by[j] = (_1 + g1) * y[j] - g2 * x[j] - s * u - c * v


@fast_kernel
def trace(x, y, count, lens, terms, work, bx, by):
    """`trace_block` for the first `count` rays of x, y, whose length is a multiple of BLOCK."""
    for start in range(0, count, BLOCK):
        stop = start + BLOCK
        trace_block(x[start:stop], y[start:stop], lens, terms, work, bx[start:stop], by[start:stop])


@fast_kernel
def brightness_block(bx, by, source, out):
    """`sersic_brightness` of source = [x, y, i00, i01, i10, i11, 1/(2n), b / ln 2, I0, a, c0, c1, c2, c3] at bx, by
    (BLOCK,).

    Where q = 1 - a r^2 is positive, brightness is the polynomial c0 + c1 q + c2 q^2 + c3 q^3: a core that rays resolve.
    """
    x0, y0, i00, i01, i10, i11 = source[0], source[1], source[2], source[3], source[4], source[5]
    power, b, central, steep = source[6], source[7], source[8], source[9]
    c0, c1, c2, c3 = source[10], source[11], source[12], source[13]
    for j in range(BLOCK):
        dx = bx[j] - x0
        dy = by[j] - y0
        u = i00 * dx + i01 * dy
        v = i10 * dx + i11 * dy
        r2 = u * u + v * v + _TINY
        q = _1 - steep * r2
        core = c0 + q * (c1 + q * (c2 + q * c3))
        profile = central * exp2(-b * exp2(power * log2(r2)))
        out[j] = core if q > _0 else profile


@fast_kernel
def brightness(bx, by, count, sources, out):
    """out (C, :) = brightness of the sources (C, 14), each of unit flux, for the first `count` rays."""
    for start in range(0, count, BLOCK):
        stop = start + BLOCK
        for k in range(sources.shape[0]):
            brightness_block(bx[start:stop], by[start:stop], sources[k], out[k, start:stop])
