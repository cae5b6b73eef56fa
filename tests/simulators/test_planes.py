"""Laws of single deflectors and of deflectors put together, on one plane and on several."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM, LambdaCDM

from simulators.cosmology import time_delay_distance
from simulators.deflectors import EPL, SIE, ExternalShear, MultiPlane, Sum

COSMOLOGY = FlatLambdaCDM(70, 0.3)
X, Y = np.random.Generator(np.random.PCG64(5)).uniform(-2.5, 2.5, (2, 300))
X, Y = (points[np.hypot(X, Y) > 0.4] for points in (X, Y))
STEP = 1e-4
LENS, SHEAR = EPL([1.0, 1.3], 2.1, 0.2, 0.1), ExternalShear(0.05, -0.03)


def test_mass_within_the_einstein_radius():
    lens = EPL(1.2, 2.2, 0.3, -0.2)
    angle = np.linspace(0, 2 * np.pi, 4001)[:-1]
    q = (1 - np.hypot(0.3, 0.2)) / (1 + np.hypot(0.3, 0.2))
    turn = 0.5 * np.arctan2(-0.2, 0.3)
    u, v = 1.2 / np.sqrt(q) * np.cos(angle), 1.2 * np.sqrt(q) * np.sin(angle)
    x, y = np.cos(turn) * u - np.sin(turn) * v, np.sin(turn) * u + np.cos(turn) * v
    ax, ay = (a[0] for a in lens.deflection(x, y))
    dx, dy = np.gradient(np.r_[x, x[:2]])[1:-1], np.gradient(np.r_[y, y[:2]])[1:-1]
    ax, ay = np.roll(ax, -1), np.roll(ay, -1)
    flux = (ax * dy - ay * dx).sum()  # Gauss: 2 x integral of kappa over the ellipse = 2 pi theta_E^2
    assert flux == pytest.approx(2 * np.pi * 1.2**2, rel=1e-5)


def test_the_isothermal_ellipsoid_is_the_power_law_of_slope_two():
    shape = (np.array([1.3, 0.9, 1.0]), np.array([0.3, -0.5, 1e-9]), np.array([0.2, 0.1, 0.0]), 0.1, -0.2)
    power = EPL(shape[0], 2.0, *shape[1:])
    assert np.allclose(np.stack(SIE(*shape).deflection(X, Y)), np.stack(power.deflection(X, Y)), atol=1e-10)
    assert np.allclose(SIE(*shape).potential(X, Y), power.potential(X, Y), atol=1e-10)
    assert np.allclose(SIE(*shape).gradient(X, Y), power.gradient(X, Y), atol=1e-9)


def same(one, other, atol=1e-12):
    """Two deflectors do the same to every ray."""
    assert np.allclose(np.stack(one.deflection(X, Y)), np.stack(other.deflection(X, Y)), rtol=0, atol=atol)
    assert np.allclose(one.gradient(X, Y), other.gradient(X, Y), rtol=0, atol=atol)
    assert np.allclose(one.potential(X, Y), other.potential(X, Y), rtol=0, atol=atol)


def test_a_sum_is_its_parts():
    both = Sum([LENS, SHEAR])
    assert len(both) == 2
    assert np.allclose(both.deflection(X, Y)[0], LENS.deflection(X, Y)[0] + SHEAR.deflection(X, Y)[0])
    assert np.allclose(both.convergence(X, Y), LENS.convergence(X, Y))
    same(Sum([LENS]), LENS)
    same(Sum([both, SHEAR]), Sum([SHEAR, SHEAR, LENS]))


def test_one_plane_is_no_stack_of_planes():
    same(MultiPlane([LENS], [0.5], 2.0, COSMOLOGY), LENS)


def test_planes_of_equal_redshift_are_a_sum():
    same(MultiPlane([LENS, SHEAR], [0.5, 0.5], 2.0, COSMOLOGY), Sum([LENS, SHEAR]))
    same(MultiPlane([LENS, SHEAR], [0.5, 0.5 + 1e-9], 2.0, COSMOLOGY), Sum([LENS, SHEAR]), atol=1e-7)


@pytest.mark.parametrize("curved", [0.3, 0.0, -0.3])
def test_order_of_planes_is_that_of_redshifts(curved):
    cosmology = LambdaCDM(70, 0.3, 0.7 - curved)
    stack = MultiPlane([LENS, SHEAR], [0.5, 0.8], 2.0, cosmology)
    same(stack, MultiPlane([SHEAR, LENS], [0.8, 0.5], 2.0, cosmology))
    other = MultiPlane([LENS, SHEAR], [0.8, 0.5], 2.0, cosmology)
    assert np.abs(stack.deflection(X, Y)[0] - other.deflection(X, Y)[0]).max() > 1e-3


def test_light_takes_a_path_of_stationary_time():
    """Fermat: the arrival time changes in second order only when the point where a ray meets a plane is moved."""
    near, far = SIE(0.9, 0.2, 0.1), SIE(0.6, 0.0, 0.0, 0.2, 0.1)
    stack = MultiPlane([near, far], [0.5, 0.9], 2.0, COSMOLOGY)
    pairs = ((0.5, 2.0), (0.5, 0.9), (0.9, 2.0))
    long, short, behind = (time_delay_distance(*pair, COSMOLOGY) for pair in pairs)
    assert stack.time_delay_distance == long

    def time(first, second, source):
        legs = 0.5 * short * ((first - second) ** 2).sum(0) + 0.5 * behind * ((second - source) ** 2).sum(0)
        return legs - long * near.potential(*first)[0] - behind * far.potential(*second)[0]

    (_, fx, fy), (_, gx, gy), (_, sx, sy) = stack._trace(X[None], Y[None])
    first, second, source = np.stack([fx[0], fy[0]]), np.stack([gx[0], gy[0]]), np.stack([sx[0], sy[0]])
    fermat = long * (0.5 * ((first - source) ** 2).sum(0) - stack.potential(X, Y)[0])
    assert np.allclose(time(first, second, source), fermat)
    clear = np.hypot(gx[0] - 0.2, gy[0] - 0.1) > 0.1  # of the far lens' singular centre
    for move in (np.array([[STEP], [0.0]]), np.array([[0.0], [STEP]])):
        for a, b in ((move, 0 * move), (0 * move, move)):
            slope = (time(first + a, second + b, source) - time(first - a, second - b, source)) / (2 * STEP)
            assert np.abs(slope[clear]).max() < 1e-6 * long
