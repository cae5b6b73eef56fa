"""Noise of real frames: blank sky, its level, rms and autocorrelation, and the photon noise of sources."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulators._sources import Sources

__all__ = ["LEAST_BLANK", "autocorrelation", "blank_sky", "clipped_moments", "electrons_per_unit", "positive"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.float32]
CLIP, CLIPPED_RMS = 3.0, 0.98658  # rms of a Gaussian cut at 3 sigma (sqrt(1 - 6 phi(3) / erf(3/sqrt(2))))
LAGS, FAR = 6, 12  # autocorrelation kept to the first; its floor measured between LAGS + 2 and the second
LEAST_BLANK = 2000  # pixels
HIGH_PASS = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]]) / 6.0  # Immerkaer (1996)
BINS, LARGEST_RATIO = 24, 8.0  # of brightness; of its variance to that of the sky, above which structure rules
SIGNIFICANT = 2.0  # sigma of a growth with brightness


def blank_sky(segments: NDArray[np.int32], sources: Sources, hidden: Mask) -> Mask:
    """Pixels (y, x) far from all sources: footprints grown by 2 pixels and ellipses of 4 second-moment axes are out.

    Bright sources lose 3 times that; where less than a quarter of the frame would be left, 2 axes and 1 pixel.
    """
    import sep
    from scipy.ndimage import maximum_filter

    bright = sources.snr > 100
    blank = np.zeros(segments.shape, dtype=bool)
    for grow, axes in ((2, 4.0), (1, 2.0)):
        taken = np.array(maximum_filter(segments > 0, 2 * grow + 1) | hidden)
        for these, reach in ((~bright, axes), (bright, axes * (3.0 if grow > 1 else 1.0))):
            columns = (getattr(sources, name)[these] for name in ("x", "y", "a", "b", "theta"))
            sep.mask_ellipse(taken, *columns, r=reach)
        blank = ~taken
        if blank.mean() > 0.25:
            break
    return blank


def clipped_moments(name: str, values: Pixels) -> tuple[float, float, float]:
    """Mean, rms and half-width of the cut of values clipped at 3 sigma, the rms corrected for the clipping.

    Raises
    ------
    ValueError
        Where fewer than 2000 blank pixels are left, or they have no scatter.
    """
    if len(values) < LEAST_BLANK:
        raise ValueError(f"band {name!r}: only {len(values)} pixels of blank sky; calibration needs {LEAST_BLANK}")
    values = values[:: 1 + len(values) // 1_000_000].astype(np.float64)
    middle = float(np.median(values))
    rms = 1.4826 * float(np.median(np.abs(values - middle))) or float(np.std(values))
    for _ in range(20):
        inside = values[np.abs(values - middle) <= CLIP * rms]
        before, middle = rms, float(inside.mean())
        rms = float(inside.std()) / CLIPPED_RMS
        if abs(rms - before) < 1e-4 * rms:
            break
    if not rms > 0:
        raise ValueError(f"band {name!r}: the blank sky has no scatter")
    return middle, rms, CLIP * rms


def autocorrelation(residual: Pixels, blank: Mask) -> Array:
    """Autocorrelation (2L+1, 2L+1) of the mean-free `residual` over pairs of `blank` pixels, cut where it is noise.

    Lags whose value is within 3 statistical errors plus twice the rms found at lags 8-12 (what the background left)
    are set to 0, L is the largest lag left (at most 6), and the result is made positive semi-definite.
    """
    from scipy import fft

    shape = [fft.next_fast_len(n + FAR, real=True) for n in residual.shape]
    lags = np.ix_(*[np.arange(-FAR, FAR + 1)] * 2)
    scale = np.float32(np.std(residual[blank]))  # single precision: 1e-6 of the variance
    planes = (np.where(blank, residual / scale, np.float32(0)), blank)
    sums, pairs = (fft.irfft2(np.abs(fft.rfft2(plane.astype(np.float32), shape)) ** 2, shape)[lags] for plane in planes)
    acf = sums / np.maximum(pairs, 1.0)
    acf = 0.5 * (acf + acf[::-1, ::-1]).astype(np.float64) / float(acf[FAR, FAR])
    lag = np.maximum(*np.abs(np.meshgrid(np.arange(-FAR, FAR + 1), np.arange(-FAR, FAR + 1))))
    near = lag <= LAGS
    error = np.sqrt((acf[near] ** 2).sum() / np.maximum(pairs, 1.0))  # Bartlett (1946)
    floor = 2.0 * float(np.sqrt(np.mean(acf[lag >= LAGS + 2] ** 2)))
    kept = near & (np.abs(acf) > 3.0 * error + floor)
    side = int(lag[kept].max())
    cut = slice(FAR - side, FAR + side + 1)
    return positive(np.where(kept, acf, 0.0)[cut, cut])


def positive(acf: Array, grid: int = 64) -> Array:
    """The autocorrelation with a non-negative power spectrum, near `acf` (2L+1, 2L+1) and on the same lags.

    Alternating projections onto non-negative spectra and onto the lags (Papoulis 1975), then the white noise that
    lifts what is left to zero.
    """
    side = len(acf)
    half = side // 2
    window = np.ix_(*[np.arange(-half, half + 1)] * 2)
    full = np.zeros((grid, grid))
    full[window] = acf
    for _ in range(200):
        power = np.fft.fft2(full).real
        if power.min() >= 0.0:
            break
        trimmed = np.fft.ifft2(np.maximum(power, 0.0)).real[window]
        full[window] = trimmed / trimmed[half, half]
    lift = max(0.0, -float(np.fft.fft2(full).real.min()))
    result = full[window] / (1.0 + lift * (1.0 + 1e-9))
    result = 0.5 * (result + result[::-1, ::-1])
    result[half, half] = 1.0
    return np.asarray(result)


def electrons_per_unit(residual: Pixels, blank: Mask, usable: Mask, sigma: float) -> float:
    """Electrons per image unit from the growth of high-pass variance with brightness; infinity where there is none.

    The variance of a Laplacian residual is measured in bins of the local mean, over the half of the pixels where the
    smoothed image itself has least Laplacian (the lower envelope of Liu et al. 2008), and fitted with
    v/v0 = 1 + a mean + s mean^2 (Foi et al. 2008), where s >= 0 takes what structure is left; photon noise is taken to
    be correlated as the background's is, so that electrons = 1 / (a sigma^2).

    Parameters
    ----------
    residual : (y, x)
        Background-subtracted image.
    blank, usable : (y, x) bool
        Blank sky; pixels neither missing nor clipped.
    sigma : float
        Rms of the background.
    """
    from scipy.optimize import nnls

    points = _photon_transfer(residual, blank, usable, sigma)
    trusted = np.cumsum(points[:, 1] > LARGEST_RATIO) == 0
    level, ratio, error = points[trusted].T
    if len(level) < 3:
        return math.inf
    level = level / sigma
    design = np.stack([level, level**2], axis=1) / error[:, None]
    slope = float(nnls(design, (ratio - 1.0) / error)[0][0])
    slope_error = math.sqrt(float(np.linalg.pinv(design.T @ design)[0, 0]))
    return 1.0 / (slope * sigma) if slope > SIGNIFICANT * slope_error else math.inf


def _photon_transfer(residual: Pixels, blank: Mask, usable: Mask, sigma: float) -> Array:
    """Rows of local mean, high-pass variance over that of blank sky, and its error; in rising order of the mean."""
    from scipy.ndimage import correlate, gaussian_filter

    high, mean = correlate(residual, HIGH_PASS), gaussian_filter(residual, 1.5)
    structure = np.abs(correlate(mean, HIGH_PASS))
    dark = _core_variance(high[blank])
    lit = usable & (mean > 3.0 * sigma)
    if not lit.any():
        return np.empty((0, 3))
    high, mean, structure = high[lit], mean[lit], structure[lit]
    edges = np.geomspace(mean.min(), mean.max() * 1.0001, BINS + 1)
    rows = []
    for bin_ in np.split(np.argsort(mean), np.searchsorted(np.sort(mean), edges[1:-1])):
        if len(bin_) >= 100:
            calm = bin_[np.argsort(structure[bin_])[: len(bin_) // 2]]
            ratio = _core_variance(high[calm]) / dark
            rows.append((mean[calm].mean(), ratio, ratio * math.hypot(2.5 / math.sqrt(len(calm)), 0.05)))
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _core_variance(values: Pixels) -> float:
    """Variance of a Gaussian with the mean square of `values` below the 80th percentile of their squares."""
    squares = np.sort(values.astype(np.float64) ** 2)
    return max(float(squares[: max(1, int(0.8 * len(squares)))].mean()) / 0.437725, 1e-300)
