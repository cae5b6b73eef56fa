"""A small network on features: which of two sets a stamp comes from, or a label of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["fit_feature_classifier", "fit_feature_regressor"]

Array = NDArray[np.float64]
HIDDEN, MEMBERS, ITERATIONS = 16, 3, 60
DECAY = 0.02  # weight of half the squared weights against the mean cross-entropy


def fit_feature_classifier(x_train: ArrayLike, y_train: ArrayLike, *, seed: int) -> Callable[[ArrayLike], Array]:
    """Train a regularised network with one hidden layer and a linear bypass, the mean of 3 starts, by L-BFGS.

    Features are mapped to normal scores by their rank in the training set, so units and outliers do not matter.

    Parameters
    ----------
    x_train : (N, F)
        Features.
    y_train : (N,)
        Classes, 0 or 1.
    seed : int
        Of the initial weights.

    Returns
    -------
    callable
        Features (M, F) to log-odds of class 1 (M,).
    """
    return _fit(x_train, y_train, seed, squared=False)


def fit_feature_regressor(x_train: ArrayLike, y_train: ArrayLike, *, seed: int) -> Callable[[ArrayLike], Array]:
    """As `fit_feature_classifier`, for the mean of a label (N,) given features (N, F)."""
    y = np.asarray(y_train, dtype=np.float64)
    centre, scale = y.mean(), max(float(y.std()), 1e-12)
    predict = _fit(x_train, (y - centre) / scale, seed, squared=True)
    return lambda values: centre + scale * predict(values)


def _fit(x_train: ArrayLike, y_train: ArrayLike, seed: int, *, squared: bool) -> Callable[[ArrayLike], Array]:
    from scipy.optimize import minimize

    x, y = np.asarray(x_train, dtype=np.float64), np.asarray(y_train, dtype=np.float64)
    ordered = np.sort(x, axis=0)
    scores = _normal_scores(ordered, x)
    rng = np.random.default_rng(seed)
    starts = rng.normal(scale=0.5 / np.sqrt(x.shape[1]), size=(MEMBERS, _size(x.shape[1])))
    members = [
        minimize(
            _loss, start, args=(scores, y, squared), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}
        ).x
        for start in starts
    ]

    def predict(values: ArrayLike) -> Array:
        z = _normal_scores(ordered, np.asarray(values, dtype=np.float64))
        return np.asarray(np.mean([_forward(member, z)[0] for member in members], axis=0))

    return predict


def _normal_scores(ordered: Array, values: Array) -> Array:
    """Quantile in the training column, as a normal score within 3 sigma; (M, F)."""
    from scipy.special import ndtri

    n = len(ordered)
    rank = np.empty_like(values)
    for column, training, out in zip(values.T, ordered.T, rank.T, strict=True):
        out[:] = 0.5 * (np.searchsorted(training, column, "left") + np.searchsorted(training, column, "right"))
    return np.asarray(np.clip(ndtri((rank + 0.5) / (n + 1)), -3.0, 3.0))


def _size(features: int) -> int:
    return features * HIDDEN + 2 * HIDDEN + features + 1


def _parts(weights: Array, features: int) -> tuple[Array, Array, Array, Array, Array]:
    """Views of hidden matrix (F, H), hidden bias, hidden exit, linear bypass (F,) and offset (1,)."""
    cuts = np.cumsum([features * HIDDEN, HIDDEN, HIDDEN, features])
    matrix, bias, leave, bypass, offset = np.split(weights, cuts)
    return matrix.reshape(features, HIDDEN), bias, leave, bypass, offset


def _forward(weights: Array, x: Array) -> tuple[Array, Array]:
    """Log-odds (N,) and hidden activations (N, H)."""
    matrix, bias, leave, bypass, offset = _parts(weights, x.shape[1])
    hidden = np.tanh(x @ matrix + bias)
    return hidden @ leave + x @ bypass + offset, hidden


def _loss(weights: Array, x: Array, y: Array, squared: bool = False) -> tuple[float, Array]:
    """Mean cross-entropy, or half the mean `squared` error, with weight decay (biases free), and its gradient."""
    from scipy.special import expit

    logits, hidden = _forward(weights, x)
    matrix, bias, leave, bypass, offset = _parts(weights, x.shape[1])
    decay = np.concatenate([matrix.ravel(), 0 * bias, leave, bypass, 0 * offset])
    error = ((logits if squared else expit(logits)) - y) / len(y)
    back = np.outer(error, leave) * (1 - hidden**2)
    slope = np.concatenate([(x.T @ back).ravel(), back.sum(axis=0), hidden.T @ error, x.T @ error, [error.sum()]])
    value = 0.5 * np.mean((logits - y) ** 2) if squared else np.mean(np.logaddexp(0, logits) - y * logits)
    return float(value + 0.5 * DECAY * (decay @ decay)), slope + DECAY * decay
