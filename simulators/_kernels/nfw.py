"""Elliptical NFW haloes as a sum of cored steep ellipsoids (Oguri 2021, PASP 133, 074504)."""

import math

import numpy as np

from simulators._kernels._jit import kernel
from simulators._kernels.fields import field_loop

CORES = np.array([  # table 1: core radii S in scale radii
    1.082411e-06, 3.292868e-06, 8.786566e-06, 1.860019e-05, 3.274231e-05, 6.232485e-05, 9.256333e-05,
    1.546762e-04, 2.097321e-04, 3.391140e-04, 5.178790e-04, 8.636736e-04, 1.405152e-03, 2.193855e-03,
    3.179572e-03, 4.970987e-03, 7.631970e-03, 1.119413e-02, 1.827267e-02, 2.945251e-02, 4.562723e-02,
    6.782509e-02, 1.127751e-01, 1.596987e-01, 2.169469e-01, 3.423835e-01, 5.194527e-01, 8.623185e-01,
    1.382737e+00, 2.034929e+00, 3.402979e+00, 5.594276e+00, 8.052345e+00, 1.349045e+01, 2.603825e+01,
    4.736823e+01, 6.559320e+01, 1.087932e+02, 1.477673e+02, 2.495341e+02, 4.305999e+02, 7.760206e+02,
    1.935749e+03, 2.143057e+03,
])  # fmt: skip

STRENGTHS = np.array([  # table 1: amplitudes A
    1.648988e-18, 3.646620e-17, 6.274458e-16, 3.459206e-15, 2.457389e-14, 1.059319e-13, 4.211597e-13,
    1.142832e-12, 4.391215e-12, 1.556500e-11, 6.951271e-11, 3.147466e-10, 1.379109e-09, 3.829778e-09,
    1.384858e-08, 5.370951e-08, 1.804384e-07, 5.788608e-07, 3.205256e-06, 1.102422e-05, 4.093971e-05,
    1.282206e-04, 7.995270e-04, 4.575541e-04, 5.013701e-03, 1.403508e-02, 5.230727e-02, 1.898907e-01,
    3.643448e-01, 7.203734e-01, 1.717667e+00, 2.217566e+00, 3.187447e+00, 8.194898e+00, 1.765210e+01,
    1.974319e+01, 2.783688e+01, 4.482311e+01, 5.598897e+01, 1.426485e+02, 2.279833e+02, 5.401335e+02,
    1.775124e+03, 9.743682e+02,
])  # fmt: skip


@kernel
def _along_axes(x, y, lens):
    """Point in scale radii along the halo's axes, stretched by sqrt(q): the ellipse's radius is a geometric mean."""
    q, cos_pa, sin_pa = lens[2], lens[3], lens[4]
    stretch = math.sqrt(q) / lens[0]
    dx, dy = x - lens[5], y - lens[6]
    return stretch * (cos_pa * dx + sin_pa * dy), stretch * (cos_pa * dy - sin_pa * dx), q


@kernel
def nfw_deflection(x, y, lens, values):
    """Deflection (2,) of lens [r_s, alpha_s / (1 - ln 2), q, cos, sin, x, y]."""
    u, v, q = _along_axes(x, y, lens)
    q2 = q * q
    au = 0.0
    av = 0.0
    for k in range(CORES.shape[0]):
        s = CORES[k]
        psi = math.sqrt(q2 * (s * s + u * u) + v * v)
        phi = (psi + s) ** 2 + (1.0 - q2) * u * u
        term = STRENGTHS[k] / (s * psi * phi)
        au += term * u * (psi + q2 * s)
        av += term * v * (psi + s)
    size = lens[1] * math.sqrt(q)
    values[0] = size * (lens[3] * au - lens[4] * av)
    values[1] = size * (lens[4] * au + lens[3] * av)


@kernel
def nfw_gradient(x, y, lens, values):
    """Derivatives xx, xy, yx, yy (4,) of the deflection (eqs. 21 to 23)."""
    u, v, q = _along_axes(x, y, lens)
    q2 = q * q
    uu = 0.0
    uv = 0.0
    vv = 0.0
    for k in range(CORES.shape[0]):
        s = CORES[k]
        psi = math.sqrt(q2 * (s * s + u * u) + v * v)
        phi = (psi + s) ** 2 + (1.0 - q2) * u * u
        size = STRENGTHS[k] / (s * phi)
        bend = q2 * s / psi**3
        turn = 2.0 / (psi * psi * phi)
        uu += size * (1.0 + bend * (q2 * s * s + v * v) - turn * (u * (psi + q2 * s)) ** 2)
        vv += size * (1.0 + bend * (s * s + u * u) - turn * (v * (psi + s)) ** 2)
        uv -= size * u * v * (bend + turn * (psi + q2 * s) * (psi + s))
    scale = lens[1] * q / lens[0]
    kappa = 0.5 * scale * (uu + vv)
    plus, cross = 0.5 * scale * (uu - vv), scale * uv
    cos2, sin2 = lens[3] * lens[3] - lens[4] * lens[4], 2.0 * lens[3] * lens[4]
    g1, g2 = cos2 * plus - sin2 * cross, sin2 * plus + cos2 * cross
    values[0], values[1], values[2], values[3] = kappa + g1, g2, g2, kappa - g1


@kernel
def nfw_potential(x, y, lens, values):
    """Potential (1,), zero at the centre."""
    u, v, q = _along_axes(x, y, lens)
    total = 0.0
    for k in range(CORES.shape[0]):
        s = CORES[k]
        psi = math.sqrt(q * q * (s * s + u * u) + v * v)
        phi = (psi + s) ** 2 + (1.0 - q * q) * u * u
        total += STRENGTHS[k] / s * (0.5 * math.log(phi) - math.log((1.0 + q) * s))
    values[0] = lens[1] * lens[0] * total


nfw_deflection_field = field_loop(nfw_deflection)
nfw_gradient_field = field_loop(nfw_gradient)
nfw_potential_field = field_loop(nfw_potential)
