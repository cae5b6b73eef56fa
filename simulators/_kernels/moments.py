"""Adaptive Gaussian moments of stamps: Hirata & Seljak's (2003) fixed point, finished by Newton steps."""

import math

import numpy as np

from simulators._kernels._jit import kernel

WEIGHT_FLOOR = 1e-7  # weights below this are zero, as GalSim's are at its default convergence threshold (rho^2 > 32.2)
REACH2 = -2.0 * math.log(WEIGHT_FLOOR)
TOLERANCE = 1e-8  # largest last step, as a fraction of the minor axis (GalSim: 1e-6)
NEWTON_BELOW = 0.1  # steps smaller than this are replaced by Newton steps
BOUND = 0.25  # largest step, as a fraction of the minor axis
MAX_STEPS = 100  # (GalSim: 400, without Newton steps)
MAX_MOMENT = 8000.0  # [pixel^2]
MAX_SHIFT = 15.0  # [pixel]
STRIDE = 1032  # columns kept of each row sum: more than 2 sqrt(REACH2 MAX_MOMENT) + 1
MIN_AXIS2 = 0.02  # smallest minor axis squared [pixel^2]: such a weight sees one pixel
SAFE_RHO2 = 1000.0  # exp(-rho^2 / 2) does not underflow below this


@kernel
def start_row(shape, dx, dy, columns, rows):
    """Fill rows[x] = w(dx + x, dy) and rows[STRIDE + x] = w(., dy + 1) / w(., dy); shape = (xx, xy, yy) of M^-1."""
    for x in range(columns):
        rows[x] = math.exp(-0.5 * (shape[0] * dx * dx + 2.0 * shape[1] * dx * dy + shape[2] * dy * dy))
        rows[STRIDE + x] = math.exp(-(shape[1] * dx + shape[2] * (dy + 0.5)))
        dx += 1.0


@kernel
def column_sums(image, x0, x1, y0, y1, shape, dx, dy, restart, rows):
    """Fill rows[(2 + k) STRIDE + x] with the sum over y of f w dy^k, k = 0..4.

    A row's weights follow from the last row's by two multiplications (`restart`: are computed afresh). Element-wise
    loops only, so that serial and parallel builds round alike; a constant stride lets the compiler vectorise them.
    """
    columns = x1 - x0
    decay = math.exp(-shape[2])
    for k in range(2, 7):
        for x in range(columns):
            rows[k * STRIDE + x] = 0.0
    start_row(shape, dx, dy, columns, rows)
    for y in range(y0, y1):
        pixels = image[y]
        if restart:
            start_row(shape, dx, dy, columns, rows)
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
def row_sums(columns, count, dx, sums):
    """Fill sums[a] = sum over x of columns[x] (dx + x)^a, a = 0..4."""
    s0 = s1 = s2 = s3 = s4 = 0.0
    for x in range(count):
        f = columns[x]
        s0 += f
        f *= dx
        s1 += f
        f *= dx
        s2 += f
        f *= dx
        s3 += f
        s4 += f * dx
        dx += 1.0
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
    for a in range(5):
        for b in range(5 - a):
            mu[a, b] *= scale_u**a * scale_v**b


@kernel
def moment_sums(image, p, rows, mu):
    """Fill mu[a, b] = sum f w u^a v^b, a + b <= 4, w = exp(-(u^2 + v^2) / 2), at p; False where p misses the stamp."""
    half_x = math.sqrt(REACH2 * p[2])
    half_y = math.sqrt(REACH2 * p[4])
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
    column_sums(image, x0, x1, y0, y1, shape, x0 - p[0], y0 - p[1], restart, rows)
    for b in range(5):
        row_sums(rows[(2 + b) * STRIDE :], x1 - x0, x0 - p[0], mu[:, b])
    standardise(p, det, mu)
    return True


@kernel
def eliminate(system):
    """Solve the 5 x 5 system in place, [A | b] -> last column; NaN or inf where it is singular."""
    for i in range(5):
        best = i
        for j in range(i + 1, 5):
            if abs(system[j, i]) > abs(system[best, i]):
                best = j
        for k in range(6):
            system[i, k], system[best, k] = system[best, k], system[i, k]
        pivot = system[i, i]
        for k in range(6):
            system[i, k] /= pivot
        for j in range(5):
            factor = system[j, i]
            if j != i:
                for k in range(6):
                    system[j, k] -= factor * system[i, k]


@kernel
def newton_step(mu, system):
    """Step (u, v, Suu, Suv, Svv) to the fixed point from normalised moments of order 4, in system[:, 5].

    The weight w (1 + u.xi + u.S.u / 2) must have mean xi and covariance (1 + S) / 2; terms of second order dropped.
    """
    system[:] = 0.0
    for row in range(5):
        a = (1, 0, 2, 1, 0)[row]
        b = (0, 1, 0, 1, 2)[row]
        system[row, row] = 0.5
        if row >= 2:
            system[row, 0] = -mu[a + 1, b]
            system[row, 1] = -mu[a, b + 1]
        system[row, 2] -= 0.5 * mu[a + 2, b]
        system[row, 3] -= mu[a + 1, b + 1]
        system[row, 4] -= 0.5 * mu[a, b + 2]
        system[row, 5] = mu[a, b]
    for row in (2, 4):
        system[row, 2] += 0.125
        system[row, 4] += 0.125
        system[row, 5] -= 0.5
    eliminate(system)


@kernel
def hirata_seljak_step(mu, system):
    """Hirata & Seljak's (2003) step (u, v, Suu, Suv, Svv) from normalised moments of order 2, in system[:, 5]."""
    system[0, 5] = 2.0 * mu[1, 0]
    system[1, 5] = 2.0 * mu[0, 1]
    system[2, 5] = 4.0 * (mu[2, 0] - 0.5)
    system[3, 5] = 4.0 * mu[1, 1]
    system[4, 5] = 4.0 * (mu[0, 2] - 0.5)


@kernel
def to_pixels(p, minor2, system):
    """Write the step (L xi, L S L^T) over the minor axis (squared), in pixel axes, to system[:, 5]; return its size."""
    a = math.sqrt(p[2])
    b = p[3] / a
    c = math.sqrt(p[4] - b * b)
    u, v, uu, uv, vv = system[0, 5], system[1, 5], system[2, 5], system[3, 5], system[4, 5]
    system[0, 5] = a * u / math.sqrt(minor2)
    system[1, 5] = (b * u + c * v) / math.sqrt(minor2)
    system[2, 5] = a * a * uu / minor2
    system[3, 5] = a * (b * uu + c * uv) / minor2
    system[4, 5] = (b * b * uu + 2.0 * b * c * uv + c * c * vv) / minor2
    size = 0.0
    for k in range(5):
        size = max(size, abs(system[k, 5]))
    return size


@kernel
def measure(image, sigma, rows, mu, system, p):
    """Iterate p = (x, y, Mxx, Mxy, Myy) to the fixed point; return A = sum f w there, NaN where there is none."""
    x0, y0 = 0.5 * (image.shape[1] - 1), 0.5 * (image.shape[0] - 1)
    p[0], p[1], p[2], p[3], p[4] = x0, y0, sigma * sigma, 0.0, sigma * sigma
    for _ in range(MAX_STEPS):
        if not moment_sums(image, p, rows, mu):
            break
        amplitude = mu[0, 0]
        if not 0.0 < abs(amplitude) < np.inf:
            break
        mu /= amplitude
        half = 0.5 * (p[2] + p[4])
        minor2 = half - math.hypot(0.5 * (p[2] - p[4]), p[3])
        hirata_seljak_step(mu, system)
        size = to_pixels(p, minor2, system)
        if size < NEWTON_BELOW:
            newton_step(mu, system)
            if not to_pixels(p, minor2, system) < BOUND:
                hirata_seljak_step(mu, system)
                to_pixels(p, minor2, system)
        for k in range(5):
            p[k] += min(max(system[k, 5], -BOUND), BOUND) * (math.sqrt(minor2) if k < 2 else minor2)
        det = p[2] * p[4] - p[3] * p[3]
        trace = p[2] + p[4]
        if not (size < np.inf and det > MIN_AXIS2 * trace and trace < MAX_MOMENT):
            break
        if max(abs(p[0] - x0), abs(p[1] - y0)) > MAX_SHIFT:
            break
        if size < TOLERANCE:
            return amplitude
    return np.nan


@kernel
def adaptive_moments(first, last, images, sigma, out):
    """Fill rows of out (S, 6) = 2 A, x, y, Mxx, Mxy, Myy of images (S, y, x) [pixel]; NaN for no fixed point."""
    for s in range(first, last):
        rows = np.empty(7 * STRIDE)
        mu = np.empty((5, 5))
        system = np.empty((5, 6))
        out[s, 0] = 2.0 * measure(images[s], sigma, rows, mu, system, out[s, 1:])
        if np.isnan(out[s, 0]):
            out[s, 1:] = np.nan
