"""Sersic surface brightness: the scalar formula and its loop over points."""

import math

from simulators._kernels._jit import kernel


@kernel
def sersic_brightness(x, y, source):
    """Surface brightness of a unit-flux Sersic (Sersic 1963); source = [x, y, i00, i01, i10, i11, 1/(2n), b, I0].

    i.. is the inverse of the matrix that maps the unit circle to the half-light ellipse.
    """
    dx = x - source[0]
    dy = y - source[1]
    u = source[2] * dx + source[3] * dy
    v = source[4] * dx + source[5] * dy
    return source[8] * math.exp(-source[7] * (u * u + v * v + 1e-24) ** source[6])


@kernel
def brightness(first, last, x, y, sources, flux, out):
    """Rows of out (S, P) = flux (S,) times the brightness of sources (S, 9) at the points x, y (P,)."""
    for s in range(first, last):
        for p in range(out.shape[1]):
            out[s, p] = flux[s] * sersic_brightness(x[p], y[p], sources[s])
