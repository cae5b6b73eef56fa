"""Does a model repeat its training images? Nearest neighbours among them against those among images it never saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.kid import frozen_features
from astrogan.validation.noise import as_stamps
from astrogan.validation.tables import Measurement
from catalogs.checks import within

__all__ = ["memorisation", "two_model_memorisation"]

Array = NDArray[np.float64]
COMPONENTS = 16  # of the pixels' covariance, beyond which distances are noise


def memorisation(
    synthetic: ArrayLike, training: ArrayLike, held_out: ArrayLike, *, seed: int, space: str = "pixels"
) -> dict[str, Measurement]:
    """Whether synthetic images lie closer to the training images than to others of the same sky.

    Parameters
    ----------
    synthetic, training, held_out : (N, C, y, x), (M, C, y, x), (K, C, y, x)
        Stamps in units of the sky's rms; training and held-out ones are thinned to equal numbers.
    seed : int
        Of thinning.
    space : {"pixels", "features"}
        Leading principal components of asinh pixels, or `frozen_features`.

    Returns
    -------
    dict
        ``nearer``: share of synthetic images whose nearest neighbour is a training image; 0.5 without memory, 1 for
        copies. ``ratio``: median of d1 / d2, the distances to the nearest training and held-out images; 1 without
        memory. The errors take in that training images are shared by many synthetic ones: those of ``nearer`` are
        at least binomial for the smaller of the sets.
    """
    from catalogs.checks import one_of

    one_of("space", space, ("pixels", "features"))
    sets = {"synthetic": synthetic, "training": training, "held_out": held_out}
    a, b, c = (as_stamps(name, stamps) for name, stamps in sets.items())
    rng = np.random.default_rng(seed)
    n = min(len(b), len(c))
    within("training and held-out images", n, 10, np.inf)
    b, c = b[rng.permutation(len(b))[:n]], c[rng.permutation(len(c))[:n]]
    x, near, far = _features(a, b, c) if space == "features" else _components(a, b, c)
    return _shares(x, near, far, seed)


def two_model_memorisation(
    one: ArrayLike, other: ArrayLike, training_one: ArrayLike, training_other: ArrayLike, *, seed: int
) -> dict[str, Measurement]:
    """The two-models test (arXiv:2503.23127): the same model trained on two disjoint halves of the real images.

    Each model's training images are the other's held-out images, so that differences between the halves cancel; as
    `memorisation`, averaged over the two models.
    """
    first = memorisation(one, training_one, training_other, seed=seed)
    second = memorisation(other, training_other, training_one, seed=seed)
    return {
        key: Measurement(
            0.5 * (first[key].value + second[key].value), 0.5 * float(np.hypot(first[key].error, second[key].error))
        )
        for key in first
    }


def _shares(a: Array, b: Array, c: Array, seed: int) -> dict[str, Measurement]:
    to_training, to_held_out = _distances(a, b), _distances(a, c)
    d1, d2 = to_training.min(axis=1), to_held_out.min(axis=1)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(100):  # images of all three sets are drawn again
        i, j, k = (rng.integers(0, len(x), len(x)) for x in (a, b, c))
        near, far = to_training[np.ix_(i, j)].min(axis=1), to_held_out[np.ix_(i, k)].min(axis=1)
        drawn.append((_nearer(near, far), _ratio(near, far)))
    scatter = np.std(drawn, axis=0, ddof=1)
    least = 0.5 / np.sqrt(min(len(a), len(b)))
    return {
        "nearer": Measurement(_nearer(d1, d2), float(max(scatter[0], least))),
        "ratio": Measurement(_ratio(d1, d2), float(scatter[1])),
    }


def _nearer(d1: Array, d2: Array) -> float:
    return float(np.mean((d1 < d2) + 0.5 * (d1 == d2)))


def _ratio(d1: Array, d2: Array) -> float:
    return float(np.median(d1 / np.maximum(d2, 1e-12)))


def _distances(a: Array, b: Array) -> Array:
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def _components(*sets: NDArray[np.float32]) -> list[Array]:
    """Leading principal components of asinh pixels; the real sets, the last two, say which they are."""
    flat = [np.arcsinh(x.reshape(len(x), -1)).astype(np.float64) for x in sets]
    known = np.concatenate(flat[1:])
    centre = known.mean(axis=0)
    _, _, axes = np.linalg.svd(known - centre, full_matrices=False)
    return [(x - centre) @ axes[:COMPONENTS].T for x in flat]


def _features(*sets: NDArray[np.float32]) -> list[Array]:
    """Frozen features, each divided by its scatter over the real sets."""
    found = [frozen_features(x) for x in sets]
    scale = np.maximum(np.concatenate(found[1:]).std(axis=0), 1e-9)
    return [x / scale for x in found]
