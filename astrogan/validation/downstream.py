"""What the images are for: a network that learns labels from synthetic images, and is tested on real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.classifiers import fit_feature_classifier, fit_feature_regressor
from astrogan.validation.features import measure_features
from astrogan.validation.noise import as_stamps
from astrogan.validation.tables import Measurement, bootstrap
from catalogs.checks import one_of

__all__ = ["SHUFFLED", "Downstream", "downstream"]

Array = NDArray[np.float64]
Stamps = NDArray[np.float32]
SHUFFLED = "shuffled"  # the control: the last set with its labels in another order
TASKS, MODELS = ("regression", "classification"), ("features", "cnn")


@dataclass(frozen=True)
class Downstream:
    """How well a label is told on the test images by what was trained on one set.

    `score` is the share of the label's variance that is told (regression; below 0 is worse than the test set's mean),
    or the accuracy (classification).
    """

    trained_on: str
    label: str
    score: Measurement


def downstream(
    training: Mapping[str, tuple[ArrayLike, Mapping[str, ArrayLike]]],
    test: tuple[ArrayLike, Mapping[str, ArrayLike]],
    *,
    seed: int,
    task: str = "regression",
    model: str = "features",
    images: int = 16_000,
) -> tuple[Downstream, ...]:
    """Train one network on each set, and test all on the same images.

    Parameters
    ----------
    training : mapping
        Name of a set, such as raw, classical, refined and real -> stamps (N, C, y, x) in sky sigmas, and labels (N,) by
        name. All sets are thinned to the size of the smallest. One more, the control, has the last set's images with
        its labels shuffled.
    test : stamps, labels
        Real images that are in no training set.
    seed : int
        Of thinning and training.
    task : {"regression", "classification"}
        Labels are numbers, or 0 and 1.
    model : {"features", "cnn"}
        A small network on measured features, or a convolutional one on pixels.
    images : int
        Stamps shown to the convolutional network.
    """
    one_of("task", task, TASKS)
    one_of("model", model, MODELS)
    held, truth = as_stamps("test", test[0]), _labels("test", test[1], len(np.asarray(test[0])))
    sets = {name: (as_stamps(name, x), _labels(name, y, len(np.asarray(x)))) for name, (x, y) in training.items()}
    for name, (stamps, labels) in sets.items():
        if set(labels) != set(truth) or stamps.shape[1:] != held.shape[1:]:
            raise ValueError(f"{name}: {list(labels)}, stamps {stamps.shape[1:]}; test {list(truth)}, {held.shape[1:]}")
    rng = np.random.default_rng(seed)
    count = min(len(stamps) for stamps, _ in sets.values())
    thinned = {
        name: _pick(stamps, labels, rng.permutation(len(stamps))[:count]) for name, (stamps, labels) in sets.items()
    }
    stamps, labels = list(thinned.values())[-1]
    thinned[SHUFFLED] = (stamps, _pick(stamps, labels, rng.permutation(count))[1])
    fit = _fit(task, model, seed, images)
    rows = []
    for name, (stamps, labels) in thinned.items():
        found = fit(stamps, labels, held)
        rows += [Downstream(name, label, _score(task, found[label], truth[label], seed)) for label in truth]
    return tuple(rows)


def _labels(name: str, labels: Mapping[str, ArrayLike], count: int) -> dict[str, Array]:
    found = {key: np.asarray(value, dtype=np.float64) for key, value in labels.items()}
    if not found:
        raise ValueError(f"{name}: there is no label to learn")
    for key, value in found.items():
        if value.shape != (count,) or not np.isfinite(value).all():
            raise ValueError(f"{name}: label {key!r} has shape {value.shape}; it must be {count} finite numbers")
    return found


def _pick(stamps: Stamps, labels: dict[str, Array], order: NDArray[np.int64]) -> tuple[Stamps, dict[str, Array]]:
    return stamps[order], {name: value[order] for name, value in labels.items()}


Fit = Callable[[Stamps, dict[str, Array], Stamps], dict[str, Array]]


def _fit(task: str, model: str, seed: int, images: int) -> Fit:
    """Trains on stamps and labels, and tells the labels of other stamps."""
    if model == "features":
        fitter = fit_feature_classifier if task == "classification" else fit_feature_regressor

        def by_features(stamps: Stamps, labels: dict[str, Array], held: Stamps) -> dict[str, Array]:
            table, other = measure_features(stamps).values, measure_features(held).values
            return {name: fitter(table, value, seed=seed)(other) for name, value in labels.items()}

        return by_features

    def by_pixels(stamps: Stamps, labels: dict[str, Array], held: Stamps) -> dict[str, Array]:
        from astrogan.training import Budget, fit_classifier, fit_regressor

        budget = Budget(images=images)
        if task == "regression":
            found = fit_regressor(stamps, np.stack(list(labels.values()), axis=1), seed=seed, budget=budget)(held)
            return dict(zip(labels, found.T, strict=True))
        return {
            name: fit_classifier(stamps, value, seed=seed, budget=budget)(held) - 0.5 for name, value in labels.items()
        }

    return by_pixels


def _score(task: str, found: Array, truth: Array, seed: int) -> Measurement:
    if task == "classification":
        return bootstrap(lambda f, t: float(np.mean((f > 0) == (t > 0.5))), found, truth, seed=seed, paired=True)
    scatter = max(float(truth.var()), 1e-30)
    return bootstrap(lambda f, t: 1.0 - float(np.mean((f - t) ** 2)) / scatter, found, truth, seed=seed, paired=True)


def scores_of(rows: Sequence[Downstream], name: str) -> dict[str, Measurement]:
    """Label -> score of the network that was trained on the set `name`."""
    return {row.label: row.score for row in rows if row.trained_on == name}
