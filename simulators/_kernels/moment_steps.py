"""Steps of adaptive moments towards their fixed point, from normalised moments in the weight's own coordinates."""

import math

from simulators._kernels._jit import kernel

ROUNDEST = 0.8  # largest variance under the weight, over the weight's, from which a Gaussian is inferred


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
def gaussian_step(mu, system):
    """Step (u, v, Suu, Suv, Svv) to the Gaussian that has these moments under the weight; False where there is none.

    With mean m and covariance C under a unit weight, its covariance is C (1 - C)^-1 and its mean (1 - C)^-1 m.
    """
    x, y = mu[1, 0], mu[0, 1]
    a, b, c = 1.0 - mu[2, 0] + x * x, mu[1, 1] - x * y, 1.0 - mu[0, 2] + y * y  # 1 - C = [[a, -b], [-b, c]]
    det = a * c - b * b
    if not (a > 1.0 - ROUNDEST and c > 1.0 - ROUNDEST and det > (1.0 - ROUNDEST) * max(a, c)):
        return False
    system[0, 5] = (c * x + b * y) / det
    system[1, 5] = (b * x + a * y) / det
    system[2, 5] = c / det - 2.0
    system[3, 5] = b / det
    system[4, 5] = a / det - 2.0
    return True


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
