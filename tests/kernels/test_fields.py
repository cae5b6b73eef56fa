"""Kernels of the halo deflectors against slow, obvious versions; small enough to run without compilation."""

import numpy as np
import pytest

from simulators._kernels import clumps, nfw
from simulators._kernels._jit import kernel, run
from simulators._kernels.fields import field_loop

pytestmark = pytest.mark.kernels
X, Y = np.random.Generator(np.random.PCG64(8)).uniform(-2, 2, (2, 2, 5))
HALOES = np.array([[1.5, 0.8, 0.6, np.cos(0.4), np.sin(0.4), 0.1, -0.2], [0.4, 0.2, 1.0, 1.0, 0.0, 0.0, 0.0]])
CLUMPS = np.array([[[0.1, 0.2, 0.5, 0.7, 2.0], [0.0, 0.0, 1.0, 0.0, 1.0]], [[-1, 0, 2, 0.2, 0.5], [0, 1, 1, 0.1, 9]]])
STEP = 1e-4


def field(loop, count, x, y, rows):
    out = np.empty((count, *x.shape))
    loop(0, len(x), x, y, rows, out)
    return out


@pytest.mark.parametrize(("module", "name", "rows"), [(nfw, "nfw", HALOES), (clumps, "clumps", CLUMPS)])
def test_potential_deflection_and_gradient_agree(module, name, rows):
    parts = ("potential", "deflection", "gradient")
    potential, deflection, gradient = (getattr(module, f"{name}_{part}_field") for part in parts)
    shifts = ((STEP, 0.0), (0.0, STEP))
    slopes = [field(potential, 1, X + a, Y + b, rows) - field(potential, 1, X - a, Y - b, rows) for a, b in shifts]
    assert np.allclose(np.concatenate(slopes) / (2 * STEP), field(deflection, 2, X, Y, rows), atol=1e-6)
    slopes = [field(deflection, 2, X + a, Y + b, rows) - field(deflection, 2, X - a, Y - b, rows) for a, b in shifts]
    (xx, yx), (xy, yy) = (slope / (2 * STEP) for slope in slopes)
    assert np.allclose([xx, xy, yx, yy], field(gradient, 4, X, Y, rows), atol=1e-5)


@pytest.mark.parametrize("x", [0.03, 0.7, 0.9999999, 1.0, 1.004, 1.3, 40.0])
@pytest.mark.parametrize("tau", [0.3, 1.0, 7.0])
def test_clump_is_the_projection_of_its_density(x, tau):
    t = np.linspace(-14, 14, 4001)  # tanh-sinh along the line of sight
    z = np.sinh(0.5 * np.pi * np.sinh(t / 4))
    weight = 0.5 * np.pi * np.cosh(t / 4) / 4 * np.cosh(0.5 * np.pi * np.sinh(t / 4)) * (t[1] - t[0])
    r = np.hypot(x, z)
    density = tau**2 / (r**2 + tau**2) / (r * (1 + r) ** 2)
    assert clumps.clump_convergence(x, tau) == pytest.approx((density * weight).sum() / 4, rel=1e-6)


@pytest.mark.parametrize("x", [0.2, 1.0, 5.0])
def test_mean_convergence_of_a_clump(x):
    nodes, weights = np.polynomial.legendre.leggauss(60)
    radii = 0.5 * x * (nodes + 1)
    shells = np.array([clumps.clump_convergence(r, 3.0) for r in radii])
    assert clumps.clump_mean(x, 3.0) == pytest.approx((shells * radii * weights).sum() / x, rel=1e-4)


@pytest.mark.parametrize("tau", [0.05, 1.0, 30.0])
def test_the_potential_of_a_clump_is_zero_in_its_centre(tau):
    assert clumps.clump_potential(clumps.INNER, tau) == pytest.approx(0.0, abs=1e-5)


def test_the_core_of_a_clump_is_uniform_and_joins_smoothly():
    inner = clumps.INNER * np.array([[0.0, 0.3, 0.999999, 1.000001]])
    rows = np.array([[[0.0, 0.0, 1.0, 1.0, 2.0]]])
    ax, ay = field(clumps.clumps_deflection_field, 2, inner, 0 * inner, rows)[:, 0]
    assert ax[0] == 0
    assert not ay.any()
    assert np.allclose(ax / np.maximum(inner[0], 1e-30), [0, *[ax[2] / inner[0, 2]] * 3], rtol=1e-5)
    psi = field(clumps.clumps_potential_field, 1, inner, 0 * inner, rows)[0, 0]
    assert psi[2] == pytest.approx(psi[3], abs=1e-10)
    gradient = field(clumps.clumps_gradient_field, 4, inner, 0 * inner, rows)[:, 0]
    assert np.array_equal(gradient[0, :3], gradient[3, :3])


def test_a_loop_takes_any_formula():
    def formula(x, y, lens, values):
        values[0], values[1] = x * lens[0] - y, y

    out = np.empty((2, 2, 5))
    run(field_loop(kernel(formula)), 2, X, Y, HALOES, out)
    assert np.array_equal(out[0], X * HALOES[:, :1] - Y)
    assert np.array_equal(out[1], Y)
