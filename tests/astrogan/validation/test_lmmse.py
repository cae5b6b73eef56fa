"""The linear baseline of inpainting against the textbook's formula, and where it must be best."""

import numpy as np
import pytest

from astrogan.validation.lmmse import RIDGE, Lmmse

SIZE = 9


@pytest.fixture(scope="module")
def fields():
    rng = np.random.default_rng(0)
    y, x = np.indices((SIZE, SIZE)).reshape(2, -1)
    covariance = np.exp(-((y[:, None] - y) ** 2 + (x[:, None] - x) ** 2) / 4.0) + 0.05 * np.eye(SIZE**2)
    return (rng.normal(size=(4000, SIZE**2)) @ np.linalg.cholesky(covariance).T).reshape(-1, SIZE, SIZE), covariance


def test_is_the_formula_of_covariances(fields):
    windows, _ = fields
    turned = [np.rot90(windows[:500], k, (1, 2)) for k in range(4)]
    flat = np.concatenate([half for one in turned for half in (one, one[:, :, ::-1])]).reshape(4000, -1)
    flat = flat / np.sqrt((flat**2).mean(axis=1, keepdims=True))
    k = flat.T @ flat / len(flat)
    k += RIDGE * np.trace(k) / len(k) * np.eye(len(k))
    hole = np.zeros((SIZE, SIZE), bool)
    hole[3:6, 4:6] = True
    u = hole.ravel()
    expected = k[np.ix_(u, ~u)] @ np.linalg.solve(k[np.ix_(~u, ~u)], windows[600].ravel()[~u])
    filled = Lmmse(windows[:500]).fill(windows[600:601], hole[None])[0]
    assert np.allclose(filled[hole], expected, atol=1e-8)
    assert np.array_equal(filled[~hole], windows[600][~hole])


def test_its_error_on_gaussian_fields_is_the_least_there_can_be(fields):
    windows, covariance = fields
    hole = np.zeros((1000, SIZE, SIZE), bool)
    hole[:, 3:6, 3:6] = True
    u = hole[0].ravel()
    least = covariance[np.ix_(u, u)] - covariance[np.ix_(u, ~u)] @ np.linalg.solve(
        covariance[np.ix_(~u, ~u)], covariance[np.ix_(~u, u)]
    )
    off = Lmmse(windows[:3000]).fill(windows[3000:], hole)[hole] - windows[3000:][hole]
    assert np.mean(off**2) == pytest.approx(np.trace(least) / u.sum(), rel=0.06)


@pytest.mark.parametrize("bad", [np.zeros((3, 4, 5)), np.full((3, 4, 4), np.nan), np.zeros((4, 4))])
def test_bad_training_windows_are_refused(bad):
    with pytest.raises(ValueError, match="training windows of shape"):
        Lmmse(bad)
