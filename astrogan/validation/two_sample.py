"""Classifier two-sample tests: can a trained judge tell real stamps from synthetic ones? (Lopez-Paz & Oquab 2017)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.classifiers import fit_feature_classifier
from astrogan.validation.features import measure_features
from astrogan.validation.noise import as_stamps
from catalogs.checks import one_of, within

__all__ = ["CLASSIFIERS", "TwoSample", "two_sample"]

Array = NDArray[np.float64]
CLASSIFIERS = ("features", "cnn")
SMALLEST = 20  # stamps per class and fold below which a judge learns nothing


@dataclass(frozen=True)
class TwoSample:
    """How well one judge separates two sets: 0.5 is indistinguishable, 1 is always told apart.

    `accuracy` and `auc` come with one standard error each; `n_real` and `n_synthetic` stamps were judged, each by a
    classifier that had not seen it.
    """

    classifier: str
    accuracy: float
    error: float
    auc: float
    auc_error: float
    n_real: int
    n_synthetic: int


def two_sample(
    real: ArrayLike,
    synthetic: ArrayLike,
    *,
    seed: int,
    classifiers: Sequence[str] = CLASSIFIERS,
    folds: int = 2,
    images: int = 16_000,
    seconds: float | None = None,
) -> tuple[TwoSample, ...]:
    """Train each judge on part of both sets, test it on the rest, and so on over `folds`.

    Parameters
    ----------
    real, synthetic : (N, C, y, x), (M, C, y, x)
        Stamps in units of the sky's rms. The larger set is thinned at random to the size of the smaller.
    seed : int
        Of thinning, folds and judges.
    classifiers : sequence of {"features", "cnn"}
        Judges.
    folds : int
        Parts; each is judged by classifiers trained on the others.
    images : int
        Stamps shown to the CNN in each fold.
    seconds : float, optional
        Time after which a fold's training of the CNN is cut short; a cut makes the result depend on the machine.

    Raises
    ------
    ValueError
        If the stamps do not match or contain NaN, a stamp is in both sets (a leak), or there are too few.
    """
    x, y = as_stamps("real", real), as_stamps("synthetic", synthetic)
    for name in classifiers:
        one_of("classifier", name, CLASSIFIERS)
    within("folds", folds, 2, 100)
    _refuse_mismatch(x, y, folds)
    rng = np.random.default_rng(seed)
    n = min(len(x), len(y))
    x, y = x[rng.permutation(len(x))[:n]], y[rng.permutation(len(y))[:n]]
    parts = np.array_split(np.arange(n), folds)
    judges = {"features": _feature_judge(x, y, seed), "cnn": _cnn_judge(x, y, seed, images, seconds)}
    return tuple(_score(name, _cross_fit(judges[name], parts), n) for name in classifiers)


def _refuse_mismatch(x: NDArray[np.float32], y: NDArray[np.float32], folds: int) -> None:
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(f"real and synthetic stamps differ in (band, y, x): {x.shape[1:]} and {y.shape[1:]}")
    if min(len(x), len(y)) < SMALLEST * folds:
        raise ValueError(
            f"{len(x)} real and {len(y)} synthetic stamps; {folds} folds need at least {SMALLEST * folds} of each"
        )
    shared = len({stamp.tobytes() for stamp in x} & {stamp.tobytes() for stamp in y})
    if shared:
        raise ValueError(f"{shared} stamps are in both sets; real and synthetic must not share any")


Judge = Callable[[NDArray[np.int64], NDArray[np.int64], int], tuple[Array, Array]]


def _feature_judge(x: NDArray[np.float32], y: NDArray[np.float32], seed: int) -> Judge:
    def judge(train: NDArray[np.int64], test: NDArray[np.int64], fold: int) -> tuple[Array, Array]:
        predict = fit_feature_classifier(
            np.concatenate([table_x[train], table_y[train]]), _classes(len(train)), seed=seed + fold
        )
        return predict(table_x[test]), predict(table_y[test])

    table_x, table_y = measure_features(x).values, measure_features(y).values
    return judge


def _cnn_judge(x: NDArray[np.float32], y: NDArray[np.float32], seed: int, images: int, seconds: float | None) -> Judge:
    def judge(train: NDArray[np.int64], test: NDArray[np.int64], fold: int) -> tuple[Array, Array]:
        from astrogan.training import Budget, fit_classifier

        seen = np.concatenate([_with_texture(x[train]), _with_texture(y[train])])
        budget = Budget(images=images, seconds=seconds)
        predict = fit_classifier(seen, _classes(len(train)), seed=seed + fold, budget=budget, width=16, batch_size=32)
        a, b = (np.clip(predict(_with_texture(set_[test])), 1e-9, 1 - 1e-9) for set_ in (x, y))
        return np.log(a / (1 - a)), np.log(b / (1 - b))

    return judge


def _with_texture(stamps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The bands and, as further channels, what a 3 by 3 mean takes away: texture that bright light would drown."""
    from scipy.ndimage import uniform_filter

    return np.concatenate([stamps, stamps - uniform_filter(stamps, size=(0, 0, 3, 3), mode="nearest")], axis=1)


def _classes(n: int) -> Array:
    return np.repeat([0.0, 1.0], n)


def _cross_fit(judge: Judge, parts: list[NDArray[np.int64]]) -> list[tuple[Array, Array]]:
    """Log-odds of being synthetic for the real and the synthetic stamps of every fold."""
    return [
        judge(np.concatenate([other for other in parts if other is not part]), part, fold)
        for fold, part in enumerate(parts)
    ]


def _score(name: str, folds: list[tuple[Array, Array]], n: int) -> TwoSample:
    """Accuracy at even odds with its binomial error (Agresti & Coull 1998), AUC averaged over folds."""
    right = sum(float((a < 0).sum() + (b > 0).sum() + 0.5 * ((a == 0).sum() + (b == 0).sum())) for a, b in folds)
    shrunk = (right + 1) / (2 * n + 2)
    areas = np.array([_auc(a, b) for a, b in folds])
    weight = np.array([len(a) for a, _ in folds]) / n
    return TwoSample(
        classifier=name,
        accuracy=right / (2 * n),
        error=float(np.sqrt(shrunk * (1 - shrunk) / (2 * n + 2))),
        auc=float(weight @ areas[:, 0]),
        auc_error=float(np.sqrt(weight**2 @ areas[:, 1])),
        n_real=n,
        n_synthetic=n,
    )


def _auc(real: Array, synthetic: Array) -> tuple[float, float]:
    """Area under the ROC curve and its variance (DeLong et al. 1988), never below that of one misplaced stamp."""
    above = _share_below(np.sort(real), synthetic)
    below = 1 - _share_below(np.sort(synthetic), real)
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    return float(above.mean()), float(max(variance, 0.25 / len(real) ** 2))


def _share_below(ordered: Array, values: Array) -> Array:
    """Share of `ordered` below each value, ties counted half."""
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray(0.5 * (left + right) / len(ordered))
