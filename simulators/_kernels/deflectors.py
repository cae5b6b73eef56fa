"""Deflection angles: scalar formulas, equation numbers of the papers beside them."""

import math

from simulators._kernels._jit import kernel
from simulators._kernels.fields import field_loop


@kernel
def epl_deflection(x, y, theta_e, slope, q, cos_pa, sin_pa, terms):
    """Deflection of an elliptical power law (Tessore & Metcalf 2015, A&A 580, A79, eqs. 13, 23 and 29).

    `slope` is their t = gamma - 1, `theta_e` the Einstein radius on the geometric mean axis, so that their
    scale length is b = theta_e sqrt(q); x, y from the lens centre.
    """
    u = q * (cos_pa * x + sin_pa * y)
    v = cos_pa * y - sin_pa * x
    radius = math.sqrt(u * u + v * v) + 1e-12
    cos_phi = u / radius
    sin_phi = v / radius
    f = (1.0 - q) / (1.0 + q)
    cos2 = cos_phi * cos_phi - sin_phi * sin_phi
    sin2 = 2.0 * cos_phi * sin_phi
    term_re, term_im = cos_phi, sin_phi
    sum_re, sum_im = cos_phi, sin_phi
    for n in range(1, terms):  # eq. 29
        factor = -f * (2.0 * n - (2.0 - slope)) / (2.0 * n + (2.0 - slope))
        re = factor * (cos2 * term_re - sin2 * term_im)
        im = factor * (cos2 * term_im + sin2 * term_re)
        term_re, term_im = re, im
        sum_re += re
        sum_im += im
    scale = theta_e * math.sqrt(q)
    size = 2.0 * scale / (1.0 + q) * (scale / radius) ** (slope - 1.0)  # eq. 13
    ax = size * sum_re
    ay = size * sum_im
    return cos_pa * ax - sin_pa * ay, sin_pa * ax + cos_pa * ay


@kernel
def shear_deflection(x, y, g1, g2):
    """Deflection of an external shear about the origin."""
    return g1 * x + g2 * y, g2 * x - g1 * y


@kernel
def epl_point(x, y, lens, values):
    """Deflection (2,) of lens [theta_E, slope, q, cos, sin, x, y, ..., terms]."""
    terms = int(lens[-1])
    dx, dy = x - lens[5], y - lens[6]
    values[0], values[1] = epl_deflection(dx, dy, lens[0], lens[1], lens[2], lens[3], lens[4], terms)


epl_field = field_loop(epl_point)
