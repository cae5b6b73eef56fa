"""The adaptive-moment kernel against sums written out in numpy."""

import numpy as np
import pytest

from simulators._kernels import moment_steps as steps
from simulators._kernels import moments as kernels

pytestmark = pytest.mark.kernels
WEIGHTS = {
    "round": (9.3, 8.6, 4.0, 0.0, 4.0),
    "tilted": (8.2, 9.9, 6.0, 2.5, 3.0),
    "thin diagonal": (9.1, 9.4, 6.0, 5.9, 6.0),
    "off the edge": (-1.3, 17.0, 5.0, -1.0, 4.0),
    "wider than the stamp": (9.0, 9.0, 90.0, 20.0, 60.0),
    "inside a pixel": (9.2, 9.1, 0.2, 0.05, 0.3),
}


def noise(*shape):
    return np.random.default_rng(7).normal(size=shape) + 1.0


def naive(image, p):
    """Weight and whitened coordinates of every pixel."""
    y, x = np.indices(image.shape)
    root = np.linalg.cholesky([[p[2], p[3]], [p[3], p[4]]])
    u, v = np.linalg.solve(root, np.stack([x.ravel() - p[0], y.ravel() - p[1]]))
    w = np.exp(-0.5 * (u * u + v * v))
    return np.where(w > kernels.WEIGHT_FLOOR, w, 0.0), u, v


@pytest.mark.parametrize("p", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_those_over_all_pixels(p, dtype):
    image = noise(18, 21).astype(dtype)
    rows, mu = np.empty(7 * kernels.STRIDE), np.empty((5, 5))
    assert kernels.moment_sums(image, np.array(p), rows, mu)
    w, u, v = naive(image, p)
    for a in range(5):
        for b in range(5 - a):
            terms = w * image.ravel() * u**a * v**b
            assert mu[a, b] == pytest.approx(terms.sum(), abs=1e-10 * np.abs(terms).sum())


def test_rough_sums_are_those_within_their_box():
    image, p = noise(18, 21), np.array([9.3, 8.6, 1.5, 0.4, 1.2])
    rows, mu = np.empty(7 * kernels.STRIDE), np.empty((5, 5))
    assert kernels.moment_sums(image, p, rows, mu, True, 16.0)
    y, x = np.indices(image.shape)
    box = (abs(x - p[0]) <= np.sqrt(16 * p[2])) & (abs(y - p[1]) <= np.sqrt(16 * p[4]))
    root = np.linalg.cholesky([[p[2], p[3]], [p[3], p[4]]])
    u, v = np.linalg.solve(root, np.stack([x[box] - p[0], y[box] - p[1]]))
    light = image[box] * np.exp(-0.5 * (u * u + v * v))
    for a in range(3):
        for b in range(3 - a):
            assert mu[a, b] == pytest.approx((light * u**a * v**b).sum(), rel=1e-9)


def test_a_gaussian_is_reached_in_one_leap():
    """Moments of a Gaussian under the unit weight give back its mean and covariance."""
    mean, cov = np.array([0.3, -0.2]), np.array([[0.7, 0.2], [0.2, 0.4]])
    under = np.linalg.inv(np.linalg.inv(cov) + np.eye(2))
    m = under @ np.linalg.inv(cov) @ mean
    second = under + np.outer(m, m)
    mu, system = np.zeros((5, 5)), np.zeros((5, 6))
    mu[1, 0], mu[0, 1], mu[2, 0], mu[1, 1], mu[0, 2] = *m, second[0, 0], second[0, 1], second[1, 1]
    assert steps.gaussian_step(mu, system)
    assert system[:, 5] == pytest.approx([*mean, cov[0, 0] - 1, cov[0, 1], cov[1, 1] - 1])
    mu[2, 0] = 1.1
    assert not steps.gaussian_step(mu, system)


def test_recurrence_equals_fresh_weights():
    image, shape = noise(18, 21), (0.3, -0.1, 0.4)
    rows = np.zeros((2, 7 * kernels.STRIDE))
    for restart in (0, 1):
        kernels.column_sums(image, 0, 21, 0, 18, shape, -9.2, -8.7, bool(restart), rows[restart])
    sums = rows.reshape(2, 7, -1)[:, 2:, :21]
    assert np.allclose(sums[0], sums[1], rtol=0, atol=1e-12 * np.abs(sums).max())


def test_widest_weight_fits_the_rows():
    assert 2 * np.sqrt(kernels.REACH2 * kernels.MAX_MOMENT) + 1 < kernels.STRIDE


def test_weight_outside_the_stamp_is_refused():
    rows, mu = np.empty(7 * kernels.STRIDE), np.empty((5, 5))
    assert not kernels.moment_sums(noise(8, 8), np.array([40.0, 4.0, 1.0, 0.0, 1.0]), rows, mu)


def test_elimination_solves():
    rng = np.random.default_rng(3)
    matrix, right = rng.normal(size=(5, 5)), rng.normal(size=5)
    matrix[0, 0] = 0.0
    system = np.column_stack([matrix, right])
    steps.eliminate(system)
    assert np.allclose(system[:, 5], np.linalg.solve(matrix, right), rtol=1e-10)


def blob(size=20):
    y, x = np.indices((size, size + 2))
    shape = np.exp(-0.5 * ((x - 10.3) ** 2 / 4.0 + (y - 9.6) ** 2 / 3.0 - (x - 10.3) * (y - 9.6) / 5.0))
    return shape**0.5 + 0.03 * noise(size, size + 2)


def test_newton_converges_quadratically():
    image, rows, mu, system = blob(), np.empty(7 * kernels.STRIDE), np.empty((5, 5)), np.empty((5, 6))
    p = np.empty((1, 6))
    kernels.adaptive_moments(0, 1, image[None], 3.0, False, p)
    exact, offset = p[0, 1:], np.array([0.5, -0.3, 0.8, 0.4, -0.6])
    errors = []
    for scale in (0.1, 0.01):
        near = exact + scale * offset
        kernels.moment_sums(image, near, rows, mu)
        mu /= mu[0, 0]
        minor2 = np.linalg.eigvalsh([[near[2], near[3]], [near[3], near[4]]])[0]
        kernels.newton_step(mu, system)
        kernels.to_pixels(near, minor2, system)
        near += system[:, 5] * np.array([minor2**0.5] * 2 + [minor2] * 3)
        errors.append(np.abs(near - exact).max())
    assert errors[1] < 0.02 * errors[0] < 0.02 * 0.05


@pytest.mark.parametrize("leap", [False, True])
def test_result_is_the_fixed_point(leap):
    image, out = blob(), np.empty((1, 6))
    kernels.adaptive_moments(0, 1, image[None], 5.0, leap, out)
    w, u, v = naive(image, out[0, 1:])
    f = w * image.ravel() / (w * image.ravel()).sum()
    means = [(f * u).sum(), (f * v).sum(), (f * u * u).sum(), (f * u * v).sum(), (f * v * v).sum()]
    assert np.allclose(means, [0.0, 0.0, 0.5, 0.0, 0.5], atol=1e-9)
    assert out[0, 0] == pytest.approx(2 * (w * image.ravel()).sum(), rel=1e-7)


def test_one_of_many_gives_the_same_bytes():
    images = np.stack([blob() * k + 0.1 * k * noise(20, 22) for k in (1.0, 0.5, -1.0)])
    together, alone = np.empty((3, 6)), np.empty((3, 6))
    kernels.adaptive_moments(0, len(images), images, 5.0, False, together)
    for k in range(3):
        kernels.adaptive_moments(0, 1, images[k : k + 1], 5.0, False, alone[k : k + 1])
    assert together.tobytes() == alone.tobytes()
    assert np.isfinite(together).all()
