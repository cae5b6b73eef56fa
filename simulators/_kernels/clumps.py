"""Truncated NFW clumps (Baltz, Marshall & Oguri 2009, JCAP 01, 015, appendix A, n = 1)."""

import math

from simulators._kernels._jit import kernel
from simulators._kernels.fields import field_loop

INNER = 1e-3  # scale radii: within, the mass is uniform, because the closed forms cancel there


@kernel
def angle_over_root(x):
    """Their F(x) = arccos(1/x) / sqrt(x^2 - 1), continued to x < 1, and (1 - F(x)) / (x^2 - 1)."""
    w = x * x - 1.0
    if abs(w) < 1e-2:  # series of arctan(sqrt(w)) / sqrt(w)
        f = 1.0
        rest = 0.0
        power = 1.0
        for n in range(1, 9):
            rest += power / (2.0 * n + 1.0)
            power *= -w
        return f - w * rest, rest
    if w > 0.0:
        f = math.acos(1.0 / x) / math.sqrt(w)
    else:
        f = math.acosh(1.0 / x) / math.sqrt(-w)
    return f, (1.0 - f) / w


@kernel
def clump_mean(x, tau):
    """Mean convergence within x scale radii, in units of 4 kappa_s."""
    f, _ = angle_over_root(x)
    t2 = tau * tau
    root = math.sqrt(t2 + x * x)
    log = math.log(x / (tau + root))
    inside = (t2 + 1.0 + 2.0 * (x * x - 1.0)) * f + tau * math.pi + (t2 - 1.0) * math.log(tau)
    return t2 / (t2 + 1.0) ** 2 * (inside + root * ((t2 - 1.0) * log / tau - math.pi)) / (x * x)


@kernel
def clump_convergence(x, tau):
    """Convergence at x scale radii, in units of 4 kappa_s."""
    f, rest = angle_over_root(x)
    t2 = tau * tau
    root = math.sqrt(t2 + x * x)
    log = math.log(x / (tau + root))
    bracket = (t2 + 1.0) * rest + 2.0 * f - math.pi / root + (t2 - 1.0) / (tau * root) * log
    return 0.5 * t2 / (t2 + 1.0) ** 2 * bracket


@kernel
def clump_potential(x, tau):
    """Potential at x scale radii, in units of 4 kappa_s r_s^2; zero for x = 0."""
    f, _ = angle_over_root(x)
    t2 = tau * tau
    u = x * x
    root = math.sqrt(t2 + u)
    log = math.log(x / (tau + root))
    log_tau = math.log(tau)
    total = 2.0 * t2 * math.pi * (tau - root + tau * math.log(tau + root))
    total += 2.0 * (t2 - 1.0) * tau * root * log + t2 * (t2 - 1.0) * log * log
    total += 4.0 * t2 * (u - 1.0) * f + t2 * (t2 - 1.0) * (u - 1.0) * f * f
    total += t2 * ((t2 - 1.0) * log_tau - t2 - 1.0) * math.log(u)
    constant = (t2 - 1.0) * log_tau * math.log(4.0 * tau) + 2.0 * math.log(0.5 * tau)
    total -= t2 * (constant - 2.0 * tau * (tau - math.pi) * math.log(2.0 * tau))
    return 0.5 * total / (t2 + 1.0) ** 2


@kernel
def clumps_deflection(x, y, clumps, values):
    """Deflection (2,) of clumps (K, 5), each [x, y, r_s, 4 kappa_s, tau]; those without mass cost nothing."""
    ax = 0.0
    ay = 0.0
    for k in range(clumps.shape[0]):
        if clumps[k, 3] > 0.0:
            dx, dy = x - clumps[k, 0], y - clumps[k, 1]
            mean = clumps[k, 3] * clump_mean(max(math.sqrt(dx * dx + dy * dy) / clumps[k, 2], INNER), clumps[k, 4])
            ax += mean * dx
            ay += mean * dy
    values[0], values[1] = ax, ay


@kernel
def clumps_gradient(x, y, clumps, values):
    """Derivatives xx, xy, yx, yy (4,) of the deflection."""
    xx = 0.0
    xy = 0.0
    yy = 0.0
    for k in range(clumps.shape[0]):
        if clumps[k, 3] > 0.0:
            dx, dy = x - clumps[k, 0], y - clumps[k, 1]
            r2 = dx * dx + dy * dy
            radius = math.sqrt(r2) / clumps[k, 2]
            mean = clumps[k, 3] * clump_mean(max(radius, INNER), clumps[k, 4])
            xx += mean
            yy += mean
            if radius > INNER:
                excess = 2.0 * (clumps[k, 3] * clump_convergence(radius, clumps[k, 4]) - mean) / r2
                xx += excess * dx * dx
                xy += excess * dx * dy
                yy += excess * dy * dy
    values[0], values[1], values[2], values[3] = xx, xy, xy, yy


@kernel
def clumps_potential(x, y, clumps, values):
    """Potential (1,)."""
    total = 0.0
    for k in range(clumps.shape[0]):
        if clumps[k, 3] > 0.0:
            dx, dy = x - clumps[k, 0], y - clumps[k, 1]
            radius = math.sqrt(dx * dx + dy * dy) / clumps[k, 2]
            value = clump_potential(max(radius, INNER), clumps[k, 4])
            if radius < INNER:
                value += 0.5 * clump_mean(INNER, clumps[k, 4]) * (radius * radius - INNER * INNER)
            total += clumps[k, 3] * clumps[k, 2] * clumps[k, 2] * value
    values[0] = total


clumps_deflection_field = field_loop(clumps_deflection)
clumps_gradient_field = field_loop(clumps_gradient)
clumps_potential_field = field_loop(clumps_potential)
