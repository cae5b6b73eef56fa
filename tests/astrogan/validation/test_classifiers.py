from __future__ import annotations

import numpy as np
from scipy.optimize import approx_fprime

from astrogan.validation.classifiers import _loss, _size, fit_feature_classifier


def test_gradient_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20).astype(float)
    weights = rng.normal(size=_size(3))
    numeric = approx_fprime(weights, lambda w: _loss(w, x, y)[0], 1e-6)
    assert np.abs(_loss(weights, x, y)[1] - numeric).max() < 1e-6


def test_learns_what_is_not_linear() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1200, 4))
    y = (x[:, 0] * x[:, 1] > 0).astype(float)
    predict = fit_feature_classifier(x[:800], y[:800], seed=0)
    assert ((predict(x[800:]) > 0) == y[800:]).mean() > 0.85


def test_units_and_outliers_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 3))
    y = (x[:, 0] + rng.normal(0, 0.5, 300) > 0).astype(float)
    other = np.column_stack([np.exp(5 * x[:, 0]), -x[:, 1], 1e9 * x[:, 2] + 7])
    plain = fit_feature_classifier(x[:200], y[:200], seed=0)(x[200:])
    warped = fit_feature_classifier(other[:200] * [1, -1, 1], y[:200], seed=0)(other[200:] * [1, -1, 1])
    assert np.array_equal(plain, warped)


def test_a_constant_feature_is_harmless() -> None:
    rng = np.random.default_rng(4)
    y = np.repeat([0.0, 1.0], 60)
    x = np.column_stack([y + rng.normal(0, 0.3, 120), np.full(120, 3.0)])
    assert ((fit_feature_classifier(x, y, seed=0)(x) > 0) == y).mean() > 0.85
