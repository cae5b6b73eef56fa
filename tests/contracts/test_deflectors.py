"""Laws that every deflector obeys; a new deflector is one entry in DEFLECTORS."""

import numpy as np
import pytest

from simulators import EPL, ExternalShear

DEFLECTORS = {
    "SIE": EPL(1.0, 2.0, 0.2, 0.1),
    "isothermal sphere": EPL(1.0, 2.0),
    "steep": EPL(1.3, 2.4, -0.3, 0.2, 0.1, -0.2),
    "shallow": EPL(0.7, 1.6, 0.05, -0.4),
    "shear": ExternalShear(0.05, -0.03),
}
X, Y = np.random.Generator(np.random.PCG64(5)).uniform(-2.5, 2.5, (2, 300))
STEP = 1e-4


@pytest.fixture(params=DEFLECTORS, ids=str)
def deflector(request):
    return DEFLECTORS[request.param]


def gradients(deflector):
    right, left = deflector.deflection(X + STEP, Y), deflector.deflection(X - STEP, Y)
    up, down = deflector.deflection(X, Y + STEP), deflector.deflection(X, Y - STEP)
    dx = [(a - b)[0] / (2 * STEP) for a, b in zip(right, left, strict=True)]
    dy = [(a - b)[0] / (2 * STEP) for a, b in zip(up, down, strict=True)]
    return dx, dy


def test_divergence_is_twice_the_convergence(deflector):
    (xx, _), (_, yy) = gradients(deflector)
    kappa = deflector.convergence(X, Y)[0]
    far = np.hypot(X, Y) > 0.3
    assert np.allclose((xx + yy)[far], 2 * kappa[far], atol=2e-5)


def test_curl_free(deflector):
    (_, yx), (xy, _) = gradients(deflector)
    far = np.hypot(X, Y) > 0.3
    assert np.allclose(xy[far], yx[far], atol=2e-5)


def test_shape_of_points_is_kept(deflector):
    ax, ay = deflector.deflection(np.zeros((3, 4)), np.ones((3, 4)))
    assert ax.shape == ay.shape == (1, 3, 4)


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


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: EPL(-1.0), "theta_E = -1"),
        (lambda: EPL(1.0, 3.5), r"gamma = 3.5 is outside \[1.2, 2.8\]"),
        (lambda: EPL(1.0, 2.0, 0.8, 0.8), r"\|e\|"),
        (lambda: EPL(np.nan), "theta_E = nan"),
        (lambda: ExternalShear(0.6, 0.0), "g1 = 0.6"),
    ],
)
def test_bad_values_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
