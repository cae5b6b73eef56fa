"""The classical baseline: simulated images brought to the real ones' PSF and noise without any network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps, autocorrelation, robust_sigma, sky_pixels

__all__ = ["classical_baseline"]

REACH = 4  # largest lag of the noise's autocovariance [pixel]
COMPACT = 0.1  # quantile of sizes that stands for the PSF
LAGS = tuple((dy, dx) for dy in range(REACH + 1) for dx in range(-REACH, REACH + 1) if dy or dx >= 0)


def classical_baseline(simulated: ArrayLike, real: ArrayLike, *, seed: int) -> NDArray[np.float32]:
    """Blur `simulated` until its most compact objects are as large as the real ones', and fill up its noise.

    The blur is a round Gaussian (none where the real PSF is smaller); the noise added is Gaussian with the real sky's
    autocovariance less that of the blurred images. Of images without noise all of it is added, which is best: noise
    that is there already cannot be taken out.

    Parameters
    ----------
    simulated, real : (N, C, y, x), (M, C, y, x)
        In one unit.
    seed : int
        Of the noise.
    """
    from scipy.ndimage import gaussian_filter

    x, y = as_stamps("simulated", simulated), as_stamps("real", real)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"bands differ: simulated has {x.shape[1]}, real {y.shape[1]}")
    here, there = _compact_size(x), _compact_size(y)
    width = np.sqrt(max(there**2 - here**2, 0.0))
    if width > 0.1:
        x = np.asarray(gaussian_filter(x, (0, 0, width, width)), dtype=np.float32)
    rng = np.random.default_rng(seed)
    out = x.copy()
    for band in range(x.shape[1]):
        missing = _autocovariance(y[:, band : band + 1]) - _autocovariance(x[:, band : band + 1])
        out[:, band] += _noise(missing, (len(x), *x.shape[2:]), rng)
    return out


def _compact_size(stamps: NDArray[np.float32]) -> float:
    """Adaptive size [pixel] of the most compact tenth, on the mean of the bands."""
    from simulators.moments import OBJECT_SIGMA, adaptive_moments

    size = adaptive_moments(stamps.mean(axis=1), start_sigma=OBJECT_SIGMA, leap=True).sigma
    return float(np.nanquantile(size, COMPACT)) if np.isfinite(size).any() else 0.0


def _autocovariance(stamps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of the sky of one band, (2 REACH + 1, 2 REACH + 1): the median over stamps."""
    centred, weight = sky_pixels(stamps)
    variance = robust_sigma(np.where(weight > 0, centred, np.nan)[weight > 0].ravel())[1] ** 2
    table = np.zeros((2 * REACH + 1, 2 * REACH + 1))
    if variance == 0:
        return table
    found = np.median(autocorrelation(stamps, LAGS)[:, 0], axis=0)
    for (dy, dx), value in zip(LAGS, found, strict=True):
        table[REACH + dy, REACH + dx] = table[REACH - dy, REACH - dx] = value
    return variance * table


def _noise(covariance: NDArray[np.float64], shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise of an autocovariance, on a torus larger than the stamps; what would be negative power is left."""
    ny, nx = (side + 2 * REACH for side in shape[1:])
    plane = np.zeros((ny, nx))
    plane[: 2 * REACH + 1, : 2 * REACH + 1] = covariance
    power = np.maximum(np.fft.rfft2(np.roll(plane, (-REACH, -REACH), (0, 1))).real, 0.0)
    white = np.fft.rfft2(rng.normal(size=(shape[0], ny, nx)))
    made = np.fft.irfft2(white * np.sqrt(power), s=(ny, nx))
    return made[:, : shape[1], : shape[2]].astype(np.float32)
