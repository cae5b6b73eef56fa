"""Stand-in stamps with a known truth, in units of the sky's rms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Stamps = NDArray[np.float32]


def make_galaxies(
    n: int,
    seed: int,
    *,
    size: int = 32,
    bands: int = 3,
    flux: float = 300.0,
    correlation: float = 0.0,
    clumps: float = 0.0,
    noise: float = 1.0,
) -> Stamps:
    """Exponential galaxies with scatter in flux, size, shape and colour; noise smoothed by `correlation` pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    radius = np.exp(rng.normal(np.log(2.5), 0.25, (n, 1, 1)))
    e1, e2 = rng.normal(0, 0.15, (2, n, 1, 1)).clip(-0.5, 0.5)
    dx, dy = rng.normal(0, 0.3, (2, n, 1, 1))
    u, v = x - dx, y - dy
    r = np.sqrt(np.maximum((1 - e1) * u**2 + (1 + e1) * v**2 - 2 * e2 * u * v, 0) + 0.3) / radius
    light = np.exp(-1.68 * r)
    texture = gaussian_filter(rng.normal(size=light.shape), (0, 1.2, 1.2)) * 4
    light *= np.exp(clumps * texture)
    light /= light.sum(axis=(1, 2), keepdims=True)
    scale = flux * np.exp(rng.normal(0, 0.5, (n, 1))) * np.exp(rng.normal(0, 0.2, (n, bands)))
    sky = rng.normal(size=(n, bands, size, size))
    if correlation:
        sky = gaussian_filter(sky, (0, 0, correlation, correlation), mode="wrap")
        sky /= sky.std()
    return (scale[..., None, None] * light[:, None] + noise * sky).astype(np.float32)


@pytest.fixture(scope="session")
def galaxies() -> Callable[..., Stamps]:
    return make_galaxies
