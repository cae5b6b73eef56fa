"""The kernel distance (KID; Binkowski et al. 2018, arXiv:1801.01401) on features that were learnt from simulations."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps
from astrogan.validation.tables import Measurement
from catalogs.checks import within

__all__ = ["frozen_features", "kernel_distance", "kid"]

SMALLEST = 25  # images of a subset
Array = NDArray[np.float64]


def kid(real: ArrayLike, synthetic: ArrayLike, *, seed: int, subsets: int = 10) -> Measurement:
    """Squared maximum mean discrepancy between two sets of stamps, by the unbiased estimator; 0 for one distribution.

    The kernel is (x.y / d + 1)^3 of `frozen_features`. Both sets are cut into disjoint subsets; the value is the mean
    over subsets, the error its standard error. With subsets of m images its scatter under equality falls as 1/m.

    Parameters
    ----------
    real, synthetic : (N, C, y, x), (M, C, y, x)
        Stamps in units of the sky's rms, sides of 24 or more.
    seed : int
        Of the subsets.
    subsets : int
        Subsets, at least 4; fewer are taken where they would hold fewer than 25 images.
    """
    x, y = frozen_features(real), frozen_features(synthetic)
    return kernel_distance(x, y, seed=seed, subsets=subsets)


def kernel_distance(x: Array, y: Array, *, seed: int, subsets: int = 10) -> Measurement:
    """As `kid`, of features (N, d) and (M, d)."""
    within("subsets", subsets, 4, 10_000)
    n = min(len(x), len(y))
    count = int(max(4, min(subsets, n // SMALLEST)))
    within("images for the kernel distance", n, 8, np.inf)
    rng = np.random.default_rng(seed)
    parts = [np.array_split(rng.permutation(len(a))[:n], count) for a in (x, y)]
    values = np.array([_mmd2(x[i], y[j]) for i, j in zip(*parts, strict=True)])
    return Measurement(float(values.mean()), float(values.std(ddof=1) / np.sqrt(count)))


def _mmd2(x: Array, y: Array) -> float:
    """Unbiased squared MMD of equal-sized samples (Gretton et al. 2012, eq. 4)."""
    m = len(x)
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    within_sets = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within_sets - 2 * (xy.sum() - np.trace(xy)) / (m * (m - 1)))


def _kernel(x: Array, y: Array) -> Array:
    return np.asarray((x @ y.T / x.shape[1] + 1.0) ** 3)


def frozen_features(stamps: ArrayLike) -> Array:
    """Features (N, 64 C) of stamps (N, C, y, x) in sky sigmas, band by band, by the net that ships with astrogan.

    It learnt flux, size, shape, profile, PSF, noise correlation and neighbours of simulated galaxies (``astrogan train
    features``), and no real image.
    """
    import torch

    from astrogan.networks.frozen import frozen_network
    from astrogan.training import cpu_threads

    images = as_stamps("stamps", stamps)
    within("side of the stamps", min(images.shape[-2:]), 24, 1e6, "pixels")
    net = frozen_network()
    bands = torch.from_numpy(np.arcsinh(images)).reshape(-1, 1, *images.shape[-2:])
    with torch.no_grad(), cpu_threads():
        found = torch.cat([net.features(part) for part in torch.split(bands, 256)]).double().numpy()
    return np.asarray(found.reshape(len(images), -1))
