"""Flux, size, shape and morphology of galaxies by their published definitions, and how sets differ in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps
from astrogan.validation.tables import Measurement, bootstrap

__all__ = ["PROPERTIES", "Distance", "measure_properties", "property_distances", "wasserstein"]

Array = NDArray[np.float64]
PROPERTIES = {
    "flux": "asinh(σ)",
    "size": "pixel",
    "ellipticity": "",
    "concentration": "",
    "asymmetry": "",
    "smoothness": "",
    "gini": "",
    "m20": "",
}
"""Property -> unit; flux is on an asinh scale of the sky's rms, size the half-light radius."""


@dataclass(frozen=True)
class Distance:
    """Wasserstein-1 distance of one property between two sets.

    Attributes
    ----------
    name, unit : str
    distance : Measurement
        [unit].
    floor : Measurement
        The same between two halves of the real set, scaled to the sets' sizes [unit].
    scatter : float
        Half the 16-84 % range of the real set [unit].
    """

    name: str
    unit: str
    distance: Measurement
    floor: Measurement
    scatter: float


def measure_properties(stamps: ArrayLike) -> dict[str, Array]:
    """Properties (N,) of stamps (N, C, y, x) in sky sigmas, measured on the mean of their bands.

    Concentration, asymmetry and smoothness as in Conselice (2003, ApJS 147, 1), Gini and M20 as in Lotz et al. (2004,
    AJ 128, 163), see `simulators.morphology`; ellipticity |e| = (1-q)/(1+q) of adaptive moments. NaN where there is
    nothing to measure.
    """
    from simulators.moments import OBJECT_SIGMA, adaptive_moments
    from simulators.morphology import morphology

    images = as_stamps("stamps", stamps)
    white = images.mean(axis=1) * np.float32(np.sqrt(images.shape[1]))
    shape, moments = morphology(white), adaptive_moments(white, start_sigma=OBJECT_SIGMA, leap=True)
    return {
        "flux": np.arcsinh(shape.flux),
        "size": shape.r50,
        "ellipticity": np.hypot(moments.e1, moments.e2),
        "concentration": shape.concentration,
        "asymmetry": shape.asymmetry,
        "smoothness": shape.smoothness,
        "gini": shape.gini,
        "m20": shape.m20,
    }


def property_distances(real: ArrayLike, synthetic: ArrayLike, *, seed: int) -> tuple[Distance, ...]:
    """Wasserstein-1 distance of every property, with bootstrapped errors.

    The distance of finite samples is above 0 even for one distribution: compare it with its `floor`.

    Parameters
    ----------
    real, synthetic : (N, C, y, x), (M, C, y, x)
        Stamps in units of the sky's rms.
    seed : int
        Of the bootstrap and the floor's halves.
    """
    return distances_of(measure_properties(real), measure_properties(synthetic), seed=seed)


def distances_of(real: dict[str, Array], synthetic: dict[str, Array], *, seed: int) -> tuple[Distance, ...]:
    """As `property_distances`, of measured properties."""
    rows = []
    for name, unit in PROPERTIES.items():
        x, y = (values[name][np.isfinite(values[name])] for values in (real, synthetic))
        if min(len(x), len(y)) < 8:
            raise ValueError(f"{name}: {len(x)} real and {len(y)} synthetic images have it; at least 8 are needed")
        scatter = max(float(np.subtract(*np.quantile(x, [0.84, 0.16]))) / 2, 1e-9)
        rows.append(Distance(name, unit, bootstrap(wasserstein, x, y, seed=seed), _floor(x, len(y), seed), scatter))
    return tuple(rows)


def _floor(x: Array, other: int, seed: int, draws: int = 40) -> Measurement:
    """Mean and scatter over random halves of the real set, brought from their sizes to those of the two sets."""
    rng = np.random.default_rng(seed)
    half = len(x) // 2
    found = []
    for _ in range(draws):
        order = rng.permutation(len(x))
        found.append(wasserstein(x[order[:half]], x[order[half : 2 * half]]))
    shrink = np.sqrt((1 / len(x) + 1 / other) / (2 / half))
    return Measurement(float(np.mean(found) * shrink), float(np.std(found) * shrink))


def wasserstein(a: Array, b: Array) -> float:
    """Area between the two cumulative distributions (Wasserstein-1 distance)."""
    x = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(np.sort(values), x[:-1], "right") / len(values) for values in (a, b)]
    return float(np.abs(below[0] - below[1]) @ np.diff(x))
