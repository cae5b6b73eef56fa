"""Noise and texture of stamps: border pixels, autocorrelation, power spectrum; arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.tables import Measurement, bootstrap

__all__ = [
    "as_stamps",
    "autocorrelation",
    "band_correlation",
    "border",
    "noise_differences",
    "power_spectrum",
    "robust_sigma",
    "sky_pixels",
]

MAD = 1.4826022185056018  # sigma of a Gaussian in units of its median absolute deviation
CLIP = 4.0  # border pixels beyond this many robust sigma belong to a neighbour


def as_stamps(name: str, stamps: ArrayLike) -> NDArray[np.float32]:
    """Return `stamps` as float32 (N, C, y, x), refusing other shapes, sides below 16, no stamps, NaN and infinity.

    Raises
    ------
    ValueError
        Naming `name` and what is wrong with it.
    """
    array = np.asarray(stamps, dtype=np.float32)
    if array.ndim != 4 or 0 in array.shape or min(array.shape[-2:]) < 16:
        raise ValueError(f"{name} has shape {array.shape}; it must be (stamp, band, y, x) with sides of at least 16")
    bad = int((~np.isfinite(array)).any(axis=(1, 2, 3)).sum())
    if bad:
        raise ValueError(f"{name}: {bad} of {len(array)} stamps contain NaN or infinity")
    return array


def border(ny: int, nx: int) -> NDArray[np.bool_]:
    """Mask (y, x) of the frame around a stamp, an eighth of its side wide and at least 3 pixels."""
    width = max(3, min(ny, nx) // 8)
    frame = np.ones((ny, nx), dtype=bool)
    frame[width:-width, width:-width] = False
    return frame


def robust_sigma(pixels: NDArray[np.float32], axis: int = -1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and MAD-based sigma along `axis`."""
    middle = np.median(pixels, axis=axis, keepdims=True)
    spread = MAD * np.median(np.abs(pixels - middle), axis=axis)
    return np.squeeze(middle, axis).astype(np.float64), spread.astype(np.float64)


def sky_pixels(stamps: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sky-subtracted stamps and the 0/1 weight of their sky pixels, both (N, C, y, x).

    Sky is the border without pixels beyond 4 robust sigma; the sky level is the border's median.
    """
    frame = border(*stamps.shape[-2:])
    level, sigma = robust_sigma(stamps[..., frame])
    centred = stamps - level[..., None, None].astype(np.float32)
    quiet = np.abs(centred) <= CLIP * np.maximum(sigma, 1e-12)[..., None, None]
    return centred, (quiet & frame).astype(np.float32)


def lagged_mean(
    a: NDArray[np.float32], b: NDArray[np.float32], weight: NDArray[np.float32], dy: int, dx: int
) -> NDArray[np.float64]:
    """Weighted mean over pixels of a(y, x) b(y + dy, x + dx), shape (N, C); dy >= 0."""
    ny, nx = a.shape[-2:]
    here = (..., slice(0, ny - dy), slice(max(0, -dx), nx - max(0, dx)))
    there = (..., slice(dy, ny), slice(max(0, dx), nx - max(0, -dx)))
    pairs = weight[here] * weight[there]
    total = np.einsum("...yx,...yx,...yx->...", a[here], b[there], pairs, dtype=np.float64)
    return np.asarray(total / np.maximum(pairs.sum(axis=(-2, -1), dtype=np.float64), 1.0))


def autocorrelation(stamps: NDArray[np.float32], lags: tuple[tuple[int, int], ...]) -> NDArray[np.float64]:
    """Autocorrelation of each stamp's sky at `lags` (dy, dx), shape (N, C, lag); dy >= 0."""
    centred, weight = sky_pixels(stamps)
    power = np.maximum(lagged_mean(centred, centred, weight, 0, 0), 1e-24)
    return np.stack([lagged_mean(centred, centred, weight, dy, dx) / power for dy, dx in lags], axis=-1)


def band_correlation(stamps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlation of the sky between neighbouring bands at lag 0, shape (N, C - 1)."""
    centred, weight = sky_pixels(stamps)
    both = weight[:, 1:] * weight[:, :-1]
    cross = lagged_mean(centred[:, :-1], centred[:, 1:], both, 0, 0)
    first = lagged_mean(centred[:, :-1], centred[:, :-1], both, 0, 0)
    second = lagged_mean(centred[:, 1:], centred[:, 1:], both, 0, 0)
    return np.asarray(cross / np.sqrt(np.maximum(first * second, 1e-24)))


def power_spectrum(stamps: NDArray[np.float32], bins: int = 8) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Azimuthally averaged power of each stamp under a Hann window.

    Returns
    -------
    frequency : (bins,) float64
        Mean frequency of each bin [cycles/pixel], up to 0.5.
    power : (N, C, bins) float64
        Mean squared modulus per mode, so that white noise of rms s gives s^2.
    """
    ny, nx = stamps.shape[-2:]
    window = np.outer(np.hanning(ny + 2)[1:-1], np.hanning(nx + 2)[1:-1]).astype(np.float32)
    modes = np.abs(np.fft.rfft2(stamps * window)) ** 2 / float((window**2).sum())
    radius = np.hypot(np.fft.fftfreq(ny)[:, None], np.fft.rfftfreq(nx)[None, :])
    index = np.where(radius <= 0.5, np.minimum((radius * 2 * bins).astype(int), bins - 1), bins)
    share = np.equal.outer(np.arange(bins), index.ravel()).astype(np.float64)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    return share @ radius.ravel(), modes.reshape(*modes.shape[:2], -1) @ share.T


def noise_differences(real: ArrayLike, synthetic: ArrayLike, *, seed: int) -> dict[str, Measurement]:
    """Synthetic minus real: log10 of sky rms, autocorrelation at the nearest lags, log10 power; medians, mean of bands.

    Parameters
    ----------
    real, synthetic : (N, C, y, x), (M, C, y, x)
        Stamps in one unit.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        Quantity -> difference of the medians over stamps with its bootstrapped error.
    """
    one, other = (_noise_columns(as_stamps(name, x)) for name, x in (("real", real), ("synthetic", synthetic)))
    return {
        name: bootstrap(lambda a, b: float(np.median(b) - np.median(a)), one[name], other[name], seed=seed)
        for name in one
    }


def _noise_columns(stamps: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Noise of every stamp, mean of its bands: name -> (N,)."""
    sigma = robust_sigma(stamps[..., border(*stamps.shape[-2:])])[1]
    lags = {"autocorrelation (0, 1)": (0, 1), "autocorrelation (1, 0)": (1, 0), "autocorrelation (1, 1)": (1, 1)}
    acf = autocorrelation(stamps, tuple(lags.values())).mean(axis=1)
    frequency, power = power_spectrum(stamps)
    power = np.log10(np.maximum(power, 1e-30)).mean(axis=1)
    columns = {"log sky rms": np.log10(np.maximum(sigma, 1e-30)).mean(axis=1)}
    columns |= {name: acf[:, k] for k, name in enumerate(lags)}
    return columns | {f"log power at {frequency[k]:.2f} / pixel": power[:, k] for k in (2, 4, 6, 7)}
