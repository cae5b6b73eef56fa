"""What a detector adds to an expected image: photon noise of source and sky, and a correlated Gaussian background."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from catalogs.schema import Band
from simulators._kernels._jit import run
from simulators._kernels.noise import PIXELS, ROWS, add_background, add_photons, extremes, fill_variance
from simulators.streams import MAX_RATE, normal, round_keys, sample_words

__all__ = ["add_noise", "noise_filter", "variance_map"]

_BRIGHTEST = 1e30  # as the limits of Band
_LARGEST = 3e38  # float32
_ACF_TOLERANCE = 3e-3  # of the truncated filter at any lag; a shorter filter is faster
_SHARE = 2**15  # pixels worth a thread


def variance_map(expected: ArrayLike, bands: Sequence[Band]) -> NDArray[np.float32]:
    """Noise variance [u^2] of an expected image, background_sigma^2 + max(expected, 0) / electrons_per_unit.

    Parameters
    ----------
    expected : array (samples, bands, y, x)
        Expected image [u].
    bands : sequence of Band
        One per band of `expected`.

    Returns
    -------
    float32 array (samples, bands, y, x)

    Raises
    ------
    ValueError
        As `add_noise`.
    """
    image, peaks = _checked(expected, bands)
    variance = np.empty_like(image)
    for index, band in enumerate(bands):
        _check_variance(band, peaks[index])
        _fill_variance(image, index, band, variance)
    return variance


def add_noise(
    expected: ArrayLike,
    bands: Sequence[Band],
    seed: int,
    sample_ids: ArrayLike,
    mixing: NDArray[np.float64] | None = None,
    out: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Observe an expected image.

    Counts are Poisson((max(expected, 0) + sky) electrons_per_unit), divided by electrons_per_unit, less the sky; the
    negative part of `expected` stays as it is. The Gaussian rest of the background is correlated so that the whole
    background has the band's autocorrelation. Last, pixels are cut at the band's floor and ceiling. What is off
    (infinite electrons_per_unit, background_sigma = 0, infinite floor and ceiling) changes nothing, bit for bit. The
    numbers of a band depend on seed, sample id and the band's name alone, unless `mixing` makes bands share noise.

    Parameters
    ----------
    expected : array (samples, bands, y, x)
        Expected image [u].
    bands : sequence of Band
        One per band of `expected`.
    seed : int
        Seed of the run.
    sample_ids : array of int (samples,)
        Keys of the samples' random numbers.
    mixing : array (bands, bands), optional
        Rows of unit length that mix independent backgrounds (`Survey.noise_mixing`).
    out : pair of float32 arrays (samples, bands, y, x), optional
        Written to and returned, instead of new ones: a loop over batches spares the system fresh memory.

    Returns
    -------
    image, variance : float32 arrays (samples, bands, y, x)
        Observed image [u] and `variance_map` [u^2].

    Raises
    ------
    ValueError
        Shapes disagree, an expected pixel is NaN or beyond 1e30, or a pixel expects more than 1e15 electrons; the
        message names the band. Or `out` cannot be written to.
    """
    clean, peaks = _checked(expected, bands)
    samples = sample_words(sample_ids)
    if samples.size != clean.shape[0]:
        raise ValueError(f"{samples.size} sample_ids for {clean.shape[0]} expected images")
    for index, band in enumerate(bands):
        _check_variance(band, peaks[index])
        _check_photons(band, peaks[index])
    image, variance = (np.empty_like(clean), np.empty_like(clean)) if out is None else _planes(out, clean)
    for index, band in enumerate(bands):
        fields = _fields(band, bands, _shares(mixing, index, len(bands)), seed)
        if math.isinf(band.electrons_per_unit):
            image[:, index] = clean[:, index]
            _fill_variance(clean, index, band, variance)
        else:
            white = fields.pop(0) if fields and fields[0][1].size == 1 else None
            _observe_photons(clean, index, band, seed, samples, white, image, variance)
        for keys, weights in fields:
            _add_background(image, index, keys, weights, samples)
        _cut(image[:, index], band, seed, samples)
    return image, variance


def _planes(
    out: tuple[NDArray[np.float32], NDArray[np.float32]], clean: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The arrays `out`, if an image like `clean` and its variance can be written to them."""
    if len(out) != 2:
        raise ValueError(f"out has {len(out)} arrays; it must have 2, image and variance")
    for name, plane in zip(("image", "variance"), out, strict=True):
        if plane.shape != clean.shape or plane.dtype != np.float32:
            raise ValueError(f"out: {name} is {plane.dtype} {plane.shape}; it must be float32 {clean.shape}")
        if not (plane.flags.c_contiguous and plane.flags.writeable):
            raise ValueError(f"out: {name} is not contiguous, or cannot be written to")
    if any(np.may_share_memory(one, other) for one, other in ((out[0], out[1]), (out[0], clean), (out[1], clean))):
        raise ValueError("out: image, variance and the expected image share memory")
    return out


def _check_variance(band: Band, peak: float) -> None:
    """Refuse pixels whose variance float32 cannot hold."""
    most = band.background_sigma**2 + peak / band.electrons_per_unit
    within(f"band {band.name!r}: variance of a pixel", most, 0.0, _LARGEST)


def _check_photons(band: Band, peak: float) -> None:
    """Refuse pixels whose photons cannot be counted."""
    if math.isfinite(band.electrons_per_unit):
        electrons = (peak + band.sky) * band.electrons_per_unit
        within(f"band {band.name!r}: electrons expected in a pixel", electrons, 0.0, MAX_RATE)


def _cut(plane: NDArray[np.float32], band: Band, seed: int, samples: NDArray[np.uint64]) -> None:
    """Cut a plane (samples, y, x) at black and at white, which lie where each stamp's own sky level puts them."""
    for limit, cut in ((band.floor, np.maximum), (band.ceiling, np.minimum)):
        if math.isfinite(limit):
            level = band.level_scatter * normal(seed, samples, f"noise.level.{band.name}")
            cut(plane, (limit - level).astype(np.float32)[:, None, None], out=plane)


def _shares(mixing: NDArray[np.float64] | None, index: int, bands: int) -> NDArray[np.float64]:
    """What each band's own field contributes to the background of band `index`."""
    shares: NDArray[np.float64] = (np.eye(bands) if mixing is None else mixing)[index]
    return shares


@lru_cache(maxsize=256)
def noise_filter(band: Band) -> NDArray[np.float64]:
    """The filter that turns white unit noise into the Gaussian part of a band's background [u].

    Its self-correlation is background_sigma^2 x autocorrelation less the white photon noise of the sky, so that the
    whole background has the autocorrelation asked for. It is the transform of the square root of the power spectrum,
    clipped at 0 where no noise can have that autocorrelation, cut where its own autocorrelation holds to 3e-3 at every
    lag, and scaled to the exact variance.

    Returns
    -------
    float64 array (k, k), read-only
        k is odd; 0 where the background has no Gaussian part.
    """
    photons = band.sky / band.electrons_per_unit
    variance = band.background_sigma**2 - photons
    if variance <= 1e-9 * band.background_sigma**2:
        return np.empty((0, 0))
    half = band.acf.shape[0] // 2
    side = 32 * (half + 1)
    covariance = np.zeros((side, side))
    covariance[: 2 * half + 1, : 2 * half + 1] = band.background_sigma**2 * band.acf
    covariance[half, half] -= photons
    power = np.fft.fft2(np.roll(covariance, (-half, -half), axis=(0, 1))).real.clip(min=0.0)
    full = np.fft.fftshift(np.fft.ifft2(np.sqrt(power)).real)
    weights: NDArray[np.float64] = _shortest(full) * math.sqrt(variance)
    weights.flags.writeable = False
    return weights


def _shortest(full: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest central cut of a filter whose autocorrelation is that of the whole; sum of squares 1."""
    centre, side = full.shape[0] // 2, full.shape[0]
    wanted = _correlation(full, side)
    for reach in range(centre // 2 + 1):
        weights = full[centre - reach : centre + reach + 1, centre - reach : centre + reach + 1]
        if np.abs(_correlation(weights, side) - wanted).max() < _ACF_TOLERANCE:
            break
    unit: NDArray[np.float64] = weights / math.sqrt(np.sum(weights**2))
    return unit


def _correlation(weights: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Normalised self-correlation of a filter on a periodic grid, lag 0 first."""
    raw: NDArray[np.float64] = np.fft.irfft2(np.abs(np.fft.rfft2(weights, s=(side, side))) ** 2, s=(side, side))
    raw /= raw[0, 0]
    return raw


def _fill_variance(image: NDArray[np.float32], index: int, band: Band, variance: NDArray[np.float32]) -> None:
    background, per_electron = np.float32(band.background_sigma**2), np.float32(1.0 / band.electrons_per_unit)
    flat = _flat(image)
    share = max(1, _SHARE // max(1, flat.shape[-1]))
    run(fill_variance, len(flat), background, per_electron, index, flat, _flat(variance), share=share)


def _fields(
    band: Band, bands: Sequence[Band], shares: NDArray[np.float64], seed: int
) -> list[tuple[NDArray[np.uint64], NDArray[np.float64]]]:
    """Keys and filter of each white field that is part of a band's background."""
    weights = noise_filter(band)
    named = [(f"noise.background.{other.name}", share) for other, share in zip(bands, shares, strict=True) if share]
    return [(round_keys(seed, effect), weights * share) for effect, share in named] if weights.size else []


def _observe_photons(
    clean: NDArray[np.float32],
    index: int,
    band: Band,
    seed: int,
    samples: NDArray[np.uint64],
    white: tuple[NDArray[np.uint64], NDArray[np.float64]] | None,
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
) -> None:
    """Photons of a band, and of its background the field `white`, which needs no filter."""
    if not image.size:
        return
    keys = round_keys(seed, f"noise.poisson.{band.name}")
    white_keys, weight = (keys, np.float32(0.0)) if white is None else (white[0], np.float32(white[1][0, 0]))
    ny, nx = image.shape[2:]
    step = 16 // math.gcd(nx, 16)
    height = max(1, PIXELS // nx // step) * step
    jobs, worth = len(image) * -(-ny // height), max(1, _SHARE // (nx * min(ny, height)))
    numbers = (band.electrons_per_unit, band.sky, np.float32(band.background_sigma**2), height, white_keys, weight)
    run(add_photons, jobs, keys, samples, index, *numbers, clean, image, variance, share=worth)


def _add_background(
    image: NDArray[np.float32],
    index: int,
    keys: NDArray[np.uint64],
    weights: NDArray[np.float64],
    samples: NDArray[np.uint64],
) -> None:
    if image.size:
        padded = np.pad(weights, ((0, 0), (0, -len(weights) % 4))).astype(np.float32)
        ny, nx = image.shape[2:]
        height = ROWS if len(weights) > 1 else max(1, PIXELS // nx)
        jobs, worth = len(image) * -(-ny // height), max(1, _SHARE // (nx * min(ny, height)))
        run(add_background, jobs, keys, samples, index, padded, height, image, share=worth)


def _flat(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """A view (samples, bands, pixels)."""
    return image.reshape(*image.shape[:2], math.prod(image.shape[2:]))


def _checked(expected: ArrayLike, bands: Sequence[Band]) -> tuple[NDArray[np.float32], list[float]]:
    """The image in float32, and the brightest pixel of each band, at least 0."""
    image = np.asarray(expected)
    if image.ndim != 4 or image.shape[1] != len(bands):
        raise ValueError(f"expected has shape {image.shape}; it must be (samples, {len(bands)} bands, y, x)")
    with np.errstate(over="ignore"):  # is refused below
        single = np.ascontiguousarray(image, dtype=np.float32)
    peaks = []
    for index, band in enumerate(bands):
        peak, most = _extremes(single, index)
        if not most <= np.float32(_BRIGHTEST):
            within(f"expected image of band {band.name!r}", image[:, index], -_BRIGHTEST, _BRIGHTEST)
        peaks.append(peak)
    return single, peaks


def _extremes(image: NDArray[np.float32], index: int) -> tuple[float, float]:
    """The brightest pixel of a band, at least 0, and the largest |pixel|, NaN if one is."""
    flat = _flat(image)
    out = np.zeros((len(flat), 2), np.int32)
    run(extremes, len(flat), index, flat.view(np.int32), out, share=max(1, _SHARE // max(1, flat.shape[-1])))
    peak, most = out.max(axis=0, initial=0).view(np.float32)
    return float(peak), float(most)
