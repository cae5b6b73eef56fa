"""What a galaxy stamp measures as: fluxes, shape, morphology, noise; one row of plain numbers per stamp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps, autocorrelation, band_correlation, border, power_spectrum, robust_sigma

__all__ = ["Features", "measure_features"]

LAGS = ((0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 0), (1, 1), (1, -1))
Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Features:
    """A table of features: `values` (stamp, feature) float64 and their `names`."""

    names: tuple[str, ...]
    values: NDArray[np.float64]

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.values[:, self.names.index(name)]


def measure_features(stamps: ArrayLike, bands: tuple[str, ...] | None = None) -> Features:
    """Measure every stamp.

    Parameters
    ----------
    stamps : (N, C, y, x)
        In units of the sky's rms in each band, object at the centre.
    bands : tuple of str, optional
        Names of the C bands.

    Raises
    ------
    ValueError
        If the stamps are not finite (N, C, y, x) with sides of at least 16, or `bands` has another length.
    """
    images = as_stamps("stamps", stamps)
    bands = bands or tuple(str(band) for band in range(images.shape[1]))
    if len(bands) != images.shape[1]:
        raise ValueError(f"bands = {bands} names {len(bands)} bands; the stamps have {images.shape[1]}")
    white = images.mean(axis=1) * np.float32(np.sqrt(images.shape[1]))
    columns = _photometry(images, bands) | _noise(images, bands) | _shape(white) | _morphology(white) | _crowding(white)
    return Features(tuple(columns), np.stack(list(columns.values()), axis=1))


def _grid(ny: int, nx: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """x, y and radius from the stamp's centre, each (y, x) [pixels]."""
    y, x = np.mgrid[:ny, :nx].astype(np.float64)
    y -= (ny - 1) / 2
    x -= (nx - 1) / 2
    return x, y, np.hypot(x, y)


def _photometry(images: NDArray[np.float32], bands: tuple[str, ...]) -> Columns:
    """Asinh aperture fluxes, colours and peak values."""
    radius = _grid(*images.shape[-2:])[2]
    outer = 0.45 * min(images.shape[-2:])
    apertures = {"core": 2.0, "inner": 0.35 * outer, "middle": 0.6 * outer, "outer": outer}
    flux = {
        name: np.arcsinh(images[..., radius <= size].sum(axis=-1, dtype=np.float64)) for name, size in apertures.items()
    }
    columns = {f"flux_{name} {band}": flux[name][:, i] for name in flux for i, band in enumerate(bands)}
    for name in ("core", "middle"):
        for i in range(len(bands) - 1):
            columns[f"colour_{name} {bands[i]}-{bands[i + 1]}"] = flux[name][:, i] - flux[name][:, i + 1]
    peak = np.arcsinh(images.max(axis=(-2, -1)).astype(np.float64))
    trough = np.arcsinh(images.min(axis=(-2, -1)).astype(np.float64))
    columns |= {f"peak {band}": peak[:, i] for i, band in enumerate(bands)}
    return columns | {f"trough {band}": trough[:, i] for i, band in enumerate(bands)}


def _noise(images: NDArray[np.float32], bands: tuple[str, ...]) -> Columns:
    """Sky level, rms, tails, autocorrelation, cross-band correlation and power spectrum."""
    pixels = images[..., border(*images.shape[-2:])]
    level, sigma = robust_sigma(pixels)
    tail = np.mean(np.abs(pixels - level[..., None]) > 3 * np.maximum(sigma, 1e-12)[..., None], axis=-1)
    acf, cross = autocorrelation(images, LAGS), band_correlation(images)
    power = np.log10(np.maximum(power_spectrum(images)[1], 1e-12))
    columns: Columns = {}
    for i, band in enumerate(bands):
        columns |= {f"sky {band}": level[:, i], f"sky_rms {band}": np.log10(np.maximum(sigma[:, i], 1e-6))}
        columns[f"sky_tail {band}"] = np.sqrt(tail[:, i])
        columns |= {f"acf({dy},{dx}) {band}": acf[:, i, k] for k, (dy, dx) in enumerate(LAGS)}
        columns |= {f"power_{k} {band}": power[:, i, k] for k in range(power.shape[-1])}
        if i + 1 < len(bands):
            columns[f"sky_correlation {band}-{bands[i + 1]}"] = cross[:, i]
    return columns


def _shape(white: NDArray[np.float32]) -> Columns:
    """Moments under fixed Gaussian weights of two widths: offset, size and ellipticity."""
    x, y, r = _grid(*white.shape[-2:])
    columns: Columns = {}
    for name, width in (("inner", 2.5), ("outer", 0.16 * min(white.shape[-2:]))):
        weight = np.exp(-0.5 * (r / width) ** 2)
        basis = np.stack([np.ones_like(x), x / width, y / width, (x**2 - y**2) / width**2, 2 * x * y / width**2])
        basis = np.concatenate([basis, (r / width)[None] ** 2]) * weight
        m = np.einsum("nyx,kyx->nk", white, basis, dtype=np.float64)
        # softened by the moments' own noise, so that an empty stamp gives zeros and not ratios of noise
        flux = np.hypot(m[:, 0], 3 * np.sqrt((weight**2).sum())) * np.where(m[:, 0] < 0, -1, 1)
        columns |= {f"offset_{name}": np.hypot(m[:, 1], m[:, 2]) / np.abs(flux), f"size_{name}": m[:, 5] / flux}
        columns |= {f"e1_{name}": m[:, 3] / flux, f"e2_{name}": m[:, 4] / flux}
        columns[f"ellipticity_{name}"] = np.hypot(m[:, 3], m[:, 4]) / np.abs(flux)
    return columns


def _morphology(white: NDArray[np.float32]) -> Columns:
    """Growth-curve radii, concentration, asymmetry, smoothness (Conselice 2003), Gini, M20 (Lotz et al. 2004)."""
    radius = _grid(*white.shape[-2:])[2]
    inside = radius <= 0.45 * min(white.shape[-2:])
    r20, r50, r80 = _growth_radii(white, radius, inside)
    light = np.maximum(np.abs(white[:, inside]).sum(axis=-1, dtype=np.float64), 1e-12)
    turned = np.abs(white - white[:, ::-1, ::-1])[:, inside].sum(axis=-1, dtype=np.float64)
    columns = {"r20": r20, "r50": r50, "r80": r80, "concentration": 5 * np.log10(r80 / r20)}
    columns["asymmetry"] = turned / light
    for width in (3, 5):
        rough = np.abs(white - _smooth(white, width))
        columns[f"roughness_{width}"] = rough[:, inside].sum(axis=-1, dtype=np.float64) / light
        core = radius <= 0.25 * min(white.shape[-2:])
        columns[f"roughness_core_{width}"] = np.log10(rough[:, core].mean(axis=-1, dtype=np.float64) + 1e-6)
    return columns | {"gini": _gini(white[:, inside]), "m20": _m20(white[:, inside], radius[inside])}


def _growth_radii(
    white: NDArray[np.float32], radius: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], ...]:
    """Radii [pixels] of 20, 50 and 80 % of the light within the largest aperture, each (N,)."""
    rings, ring = np.unique(radius[inside].round(6), return_inverse=True)
    light = white[:, inside] @ np.equal.outer(ring, np.arange(len(rings))).astype(np.float32)
    grown = np.maximum.accumulate(np.cumsum(light, axis=1, dtype=np.float64), axis=1)
    grown = np.maximum(np.pad(grown, ((0, 0), (1, 0))), 0) / np.maximum(grown[:, -1:], 1e-12)
    edges = np.concatenate([[0.0], 0.5 * (rings[1:] + rings[:-1]), rings[-1:] + 0.5])
    return tuple(np.maximum(_crossing(grown, edges, level), 0.1) for level in (0.2, 0.5, 0.8))


def _crossing(grown: NDArray[np.float64], edges: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Where each rising row of `grown` (N, E) first reaches `level`, linear between the `edges`; shape (N,)."""
    after = np.clip(np.argmax(grown >= level, axis=1), 1, None)
    high = np.take_along_axis(grown, after[:, None], axis=1)[:, 0]
    low = np.take_along_axis(grown, after[:, None] - 1, axis=1)[:, 0]
    part = np.clip((level - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    return np.asarray(edges[after - 1] + part * (edges[after] - edges[after - 1]))


def _smooth(white: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Boxcar mean of each stamp."""
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(white, size=(0, width, width), mode="nearest"), dtype=np.float32)


def _gini(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Gini coefficient of the absolute pixel values (Lotz et al. 2004, eq. 6)."""
    ordered = np.sort(np.abs(pixels), axis=1).astype(np.float64)
    n = ordered.shape[1]
    rank = 2 * np.arange(1, n + 1) - n - 1
    return np.asarray((ordered @ rank) / np.maximum(ordered.mean(axis=1) * n * (n - 1), 1e-12))


def _m20(pixels: NDArray[np.float32], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log share of the second moment held by the brightest fifth of the light, about the stamp's centre."""
    order = np.argsort(-pixels, axis=1)
    light = np.maximum(np.take_along_axis(pixels, order, axis=1), 0).astype(np.float64)
    moment = light * radius[order] ** 2
    grown = np.cumsum(light, axis=1)
    bright = grown <= 0.2 * np.maximum(grown[:, -1:], 1e-12)
    bright[:, 0] = True
    share = (moment * bright).sum(axis=1) / np.maximum(moment.sum(axis=1), 1e-12)
    return np.asarray(np.log10(np.maximum(share, 1e-4)))


def _crowding(white: NDArray[np.float32]) -> Columns:
    """Numbers of peaks above 3 and 6 sigma of the smoothed stamp, and the brightest peak off centre."""
    from scipy.ndimage import maximum_filter

    smooth = 3 * _smooth(white, 3)
    top = maximum_filter(smooth, size=(0, 3, 3)) == smooth
    radius = _grid(*white.shape[-2:])[2]
    away = radius > 0.2 * min(white.shape[-2:])
    columns = {f"peaks_{cut}": np.sqrt((top & (smooth > cut)).sum(axis=(1, 2))) for cut in (3, 6)}
    return columns | {"neighbour": np.arcsinh(np.where(top, smooth, 0)[:, away].max(axis=1).astype(np.float64))}
