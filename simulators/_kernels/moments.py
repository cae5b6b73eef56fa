"""Adaptive Gaussian moments of stamps: Hirata & Seljak's (2003) fixed point, by leaps to Gaussians and Newton steps."""

import math

import numpy as np

from simulators._kernels._jit import kernel
from simulators._kernels.moment_steps import gaussian_step, hirata_seljak_step, newton_step, to_pixels

WEIGHT_FLOOR = 1e-7  # weights below this are zero, as GalSim's are at its default convergence threshold (rho^2 > 32.2)
REACH2 = -2.0 * math.log(WEIGHT_FLOOR)
ROUGH_REACH2 = 16.0  # where weights end while steps are large
LAST_STEP = 3e-5  # of Newton, as a fraction of the minor axis: the error left is its square (GalSim stops at 1e-6)
NEWTON_BELOW = 0.1  # steps smaller than this are replaced by Newton steps
BOUND = 0.25  # largest step of Hirata & Seljak's, as a fraction of the minor axis
LEAP = 0.8  # largest step to a Gaussian
MAX_STEPS = 100  # (GalSim: 400, without Newton steps)
MAX_MOMENT = 8000.0  # [pixel^2]
MAX_SHIFT = 15.0  # [pixel]
STRIDE = 1032  # columns kept of each row sum: more than 2 sqrt(REACH2 MAX_MOMENT) + 1
MIN_AXIS2 = 0.02  # smallest minor axis squared [pixel^2]: such a weight sees one pixel
SAFE_RHO2 = 1000.0  # exp(-rho^2 / 2) does not underflow below this


@kernel
def start_row(shape, dx, dy, columns, rows, exact):
    """Fill rows[x] = w(dx + x, dy) and rows[STRIDE + x] = w(., dy + 1) / w(., dy); shape = (xx, xy, yy) of M^-1.

    By recurrence along the row, or `exact`, where that could underflow.
    """
    xx, xy, yy = shape
    w = math.exp(-0.5 * (xx * dx * dx + 2.0 * xy * dx * dy + yy * dy * dy))
    ratio = math.exp(-(xx * (dx + 0.5) + xy * dy))
    decay = math.exp(-xx)
    up = math.exp(-(xy * dx + yy * (dy + 0.5)))
    turn = math.exp(-xy)
    for x in range(columns):
        if exact:
            w = math.exp(-0.5 * (xx * dx * dx + 2.0 * xy * dx * dy + yy * dy * dy))
            up = math.exp(-(xy * dx + yy * (dy + 0.5)))
            dx += 1.0
        rows[x] = w
        rows[STRIDE + x] = up
        w *= ratio
        ratio *= decay
        up *= turn


@kernel
def column_sums(image, x0, x1, y0, y1, shape, dx, dy, restart, rows):
    """Fill rows[(2 + k) STRIDE + x] with the sum over y of f w dy^k, k = 0..4.

    A row's weights follow from the last row's by two multiplications (`restart`: are computed afresh); a constant
    stride lets the compiler vectorise the loops.
    """
    columns = x1 - x0
    decay = math.exp(-shape[2])
    for k in range(2, 7):
        for x in range(columns):
            rows[k * STRIDE + x] = 0.0
    start_row(shape, dx, dy, columns, rows, restart)
    for y in range(y0, y1):
        pixels = image[y]
        if restart:
            start_row(shape, dx, dy, columns, rows, True)
        dy2 = dy * dy
        dy3 = dy2 * dy
        dy4 = dy2 * dy2
        for x in range(columns):
            w = rows[x]
            f = pixels[x0 + x] * w if w > WEIGHT_FLOOR else 0.0
            rows[x] = w * rows[STRIDE + x]
            rows[STRIDE + x] *= decay
            rows[2 * STRIDE + x] += f
            rows[3 * STRIDE + x] += f * dy
            rows[4 * STRIDE + x] += f * dy2
            rows[5 * STRIDE + x] += f * dy3
            rows[6 * STRIDE + x] += f * dy4
        dy += 1.0


@kernel
def rough_column_sums(image, x0, x1, y0, y1, shape, dx, dy, restart, rows):
    """As `column_sums`, for k = 0..2 alone and without a floor of weights."""
    columns = x1 - x0
    decay = math.exp(-shape[2])
    for k in range(2, 5):
        for x in range(columns):
            rows[k * STRIDE + x] = 0.0
    start_row(shape, dx, dy, columns, rows, restart)
    for y in range(y0, y1):
        pixels = image[y]
        if restart:
            start_row(shape, dx, dy, columns, rows, True)
        dy2 = dy * dy
        for x in range(columns):
            f = pixels[x0 + x] * rows[x]
            rows[x] *= rows[STRIDE + x]
            rows[STRIDE + x] *= decay
            rows[2 * STRIDE + x] += f
            rows[3 * STRIDE + x] += f * dy
            rows[4 * STRIDE + x] += f * dy2
        dy += 1.0


@kernel
def row_sums(columns, count, dx, sums):
    """Fill sums[a] = sum over x of columns[x] (dx + x)^a, a = 0..4."""
    s0 = s1 = s2 = s3 = s4 = 0.0
    for x in range(count):
        at = dx + x
        f = columns[x]
        g = f * at
        h = g * at
        s0 += f
        s1 += g
        s2 += h
        s3 += h * at
        s4 += h * at * at
    sums[0], sums[1], sums[2], sums[3], sums[4] = s0, s1, s2, s3, s4


@kernel
def standardise(p, det, mu):
    """Turn mu from sums of dx^a dy^b into sums of u^a v^b, with (dx, dy) = L (u, v) and M = L L^T lower triangular."""
    for i in range(4):
        for b in range(4, i, -1):
            for a in range(5 - b):
                mu[a, b] -= p[3] / p[2] * mu[a + 1, b - 1]
    scale_u = 1.0 / math.sqrt(p[2])
    scale_v = math.sqrt(p[2] / det)
    left = 1.0
    for a in range(5):
        scale = left
        for b in range(5 - a):
            mu[a, b] *= scale
            scale *= scale_v
        left *= scale_u


@kernel
def moment_sums(image, p, rows, mu, rough=False, reach2=REACH2):
    """Fill mu[a, b] = sum f w u^a v^b, a + b <= 4, w = exp(-(u^2 + v^2) / 2), at p; False where p misses the stamp.

    The box of rho^2 < `reach2` counts; if `rough`, without a floor of weights, and a + b <= 2 alone is meant.
    """
    half_x = math.sqrt(reach2 * p[2])
    half_y = math.sqrt(reach2 * p[4])
    x0 = max(math.ceil(p[0] - half_x), 0)
    x1 = min(math.floor(p[0] + half_x) + 1, image.shape[1])
    y0 = max(math.ceil(p[1] - half_y), 0)
    y1 = min(math.floor(p[1] + half_y) + 1, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return False
    det = p[2] * p[4] - p[3] * p[3]
    shape = (p[4] / det, -p[3] / det, p[2] / det)
    tilt = abs(p[3]) / math.sqrt(p[2] * p[4])
    restart = 2.0 * REACH2 > SAFE_RHO2 * (1.0 - tilt)
    if rough:
        rough_column_sums(image, x0, x1, y0, y1, shape, x0 - p[0], y0 - p[1], restart, rows)
        mu[:, 3:] = 0.0
    else:
        column_sums(image, x0, x1, y0, y1, shape, x0 - p[0], y0 - p[1], restart, rows)
    for b in range(3 if rough else 5):
        row_sums(rows[(2 + b) * STRIDE :], x1 - x0, x0 - p[0], mu[:, b])
    standardise(p, det, mu)
    return True


@kernel
def measure(image, sigma, leap, rows, mu, system, p):
    """Iterate p = (x, y, Mxx, Mxy, Myy) to the fixed point; return A = sum f w there, NaN where there is none.

    `leap` goes to the Gaussian that the weight sees; without, steps are Hirata & Seljak's, as GalSim bounds them.
    """
    x0, y0 = 0.5 * (image.shape[1] - 1), 0.5 * (image.shape[0] - 1)
    p[0], p[1], p[2], p[3], p[4] = x0, y0, sigma * sigma, 0.0, sigma * sigma
    rough = True
    for _ in range(MAX_STEPS):
        if not moment_sums(image, p, rows, mu, rough, ROUGH_REACH2 if rough and leap else REACH2):
            break
        amplitude = mu[0, 0]
        if not 0.0 < abs(amplitude) < np.inf:
            break
        mu /= amplitude
        half = 0.5 * (p[2] + p[4])
        minor2 = half - math.hypot(0.5 * (p[2] - p[4]), p[3])
        limit = LEAP if leap and gaussian_step(mu, system) else BOUND
        if limit == BOUND:
            hirata_seljak_step(mu, system)
        size = to_pixels(p, minor2, system)
        newton = not rough and size < NEWTON_BELOW
        if newton:
            newton_step(mu, system)
            amplitude *= 1.0 + 0.25 * (system[2, 5] + system[4, 5])
            size = to_pixels(p, minor2, system)
            newton = size < BOUND
            if not newton:
                hirata_seljak_step(mu, system)
                to_pixels(p, minor2, system)
        share = min(1.0, LEAP / size) if limit == LEAP else 1.0
        for k in range(5):
            p[k] += min(max(share * system[k, 5], -limit), limit) * (math.sqrt(minor2) if k < 2 else minor2)
        det = p[2] * p[4] - p[3] * p[3]
        trace = p[2] + p[4]
        if not (size < np.inf and det > MIN_AXIS2 * trace and trace < MAX_MOMENT):
            break
        if max(abs(p[0] - x0), abs(p[1] - y0)) > MAX_SHIFT:
            break
        if newton and size < LAST_STEP:
            return amplitude
        rough = size > NEWTON_BELOW
    return np.nan


@kernel
def adaptive_moments(first, last, images, sigma, leap, out):
    """Fill rows of out (S, 6) = 2 A, x, y, Mxx, Mxy, Myy of images (S, y, x) [pixel]; NaN for no fixed point."""
    rows, mu, system = np.empty(7 * STRIDE), np.empty((5, 5)), np.empty((5, 6))
    for s in range(first, last):
        out[s, 0] = 2.0 * measure(images[s], sigma, leap, rows, mu, system, out[s, 1:])
        if np.isnan(out[s, 0]):
            out[s, 1:] = np.nan
