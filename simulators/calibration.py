"""A survey measured from a user's own images: sky, noise, PSF, photon noise; and the galaxies in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs import Band, Survey
from catalogs.checks import one_of, within
from catalogs.schema import NJY_ZERO_POINT
from simulators._background import LEAST_BLANK, autocorrelation, blank_sky, clipped_moments, electrons_per_unit
from simulators._frames import Frames, read_frames
from simulators._growth import measured_galaxies
from simulators._stars import PsfFit, fit_psf, sharpest
from simulators.detection import CLIPPED_PIXELS, SATURATED, STAR, Sources, measure

__all__ = ["calibrate", "measured_galaxies"]

Array = NDArray[np.float64]
PerBand = float | Sequence[float] | Mapping[str, float]
BLACK_SHARE = 1e-4  # of blank pixels at exactly the lowest value from which on it is a clipping level
SHARED_NOISE = 0.05  # correlation between bands below which they count as independent
MOST_STARS, FEWEST_STARS, MOST_COMPACT, STAR_SNR, COMPACT_SNR = 60, 5, 40, 30.0, 10.0
PHOTON_LIMIT = (
    1.5  # a measured gain may fall short of the sky's photon limit by this factor before the sky is a pedestal
)


def calibrate(
    images: Any,
    pixel_scale: float | None = None,
    bands: Iterable[str] | None = None,
    unit: str | None = None,
    gain: PerBand | None = None,
    name: str = "measured",
    zero_point: PerBand | None = None,
) -> Survey:
    """Measure sky, noise, PSF and photon noise of registered frames.

    What is not given is taken from the attributes of a DataArray (``pixel_scale``, ``units``, ``gain``,
    ``zero_point``); the rest is measured, and ``Survey.references`` says how and from how many stars and pixels.

    Parameters
    ----------
    images : array or DataArray, (band, y, x) or (y, x)
        Pixels; NaN is missing.
    pixel_scale : float, optional
        Side of a pixel [arcsec].
    bands : iterable of str, optional
        Bands to use, or names of the planes where the images name none.
    unit : str, optional
        Image unit; ``""`` (default) for display values.
    gain : float, sequence or mapping, optional
        Detected electrons per image unit.
    name : str
        Name of the survey.
    zero_point : float, sequence or mapping, optional
        AB magnitude of one image unit.

    Raises
    ------
    ValueError
        For images of other shapes or absurd sizes, without finite pixels, noise, sources or enough blank sky; and for
        a pixel scale that is missing or absurd.
    """
    attributes = dict(getattr(images, "attrs", {}))
    scale = pixel_scale if pixel_scale is not None else attributes.get("pixel_scale")
    if scale is None:
        raise ValueError("the images carry no pixel scale: give pixel_scale [arcsec]")
    scale = float(within("pixel_scale", scale, 1e-4, 60.0, "arcsec"))
    frames = read_frames(images, bands)
    unit = str(attributes.get("units", "")) if unit is None else unit
    gains = _per_band("gain", gain, images, frames.names)
    zero_points = _per_band("zero_point", zero_point, images, frames.names)
    if unit == "nJy":
        zero_points = {band: NJY_ZERO_POINT if math.isnan(zp) else zp for band, zp in zero_points.items()}
    sources, segments = measure(frames)
    blank = blank_sky(segments, sources, frames.hidden)
    references = {"pixel_scale": "given" if pixel_scale is not None else "attribute of the images"}
    measured = []
    for index, band in enumerate(frames.names):
        noise = _noise(frames, index, blank, gains[band], references)
        psf = _psf(frames, index, sources, segments, references)
        measured.append(
            Band(name=band, psf_fwhm=psf.fwhm * scale, psf_beta=psf.beta, zero_point=zero_points[band], **noise)
        )
    shared = _band_correlation(frames, blank)
    if shared:
        references["band_correlation"] = "correlation of the bands' noise in blank pixels"
    if not unit and all(math.isnan(zp) for zp in zero_points.values()):
        references["unit"] = "display values without a flux calibration: fluxes, noise and gain are in these values"
    return Survey(
        name=name, pixel_scale=scale, bands=tuple(measured), unit=unit, band_correlation=shared, references=references
    )


def _per_band(name: str, given: PerBand | None, images: Any, bands: tuple[str, ...]) -> dict[str, float]:
    """`given`, or the attribute or coordinate `name` of the images, as a float for each of `bands`; NaN if unknown."""
    names = bands
    if given is None:
        coordinates = getattr(images, "coords", {})
        given = coordinates[name].values if name in coordinates else getattr(images, "attrs", {}).get(name, math.nan)
        names = (
            tuple(str(band) for band in np.atleast_1d(coordinates["band"].values)) if "band" in coordinates else bands
        )
    if isinstance(given, Mapping):
        for band in given:
            one_of(f"band of {name}", band, names)
        return {band: float(given.get(band, math.nan)) for band in bands}
    values = np.atleast_1d(np.asarray(given, dtype=np.float64))
    if len(values) not in (1, len(names)):
        raise ValueError(f"{name} has {len(values)} values for {len(names)} bands")
    values = np.broadcast_to(values, len(names))
    return {band: float(values[names.index(band)]) for band in bands}


def _noise(
    frames: Frames, index: int, blank: NDArray[np.bool_], gain: float, references: dict[str, str]
) -> dict[str, Any]:
    """Sky, rms, autocorrelation and electrons per unit of one band, as arguments of `Band`."""
    band, data = frames.names[index], frames.data[index]
    empty = blank & ~frames.missing[index]
    middle, sigma, cut = clipped_moments(band, data[empty])
    empty &= np.abs(data - middle) <= cut
    residual = data - np.float32(middle)
    level = float(frames.raw[index][empty].mean(dtype=np.float64))
    acf = autocorrelation(residual, empty)
    if math.isnan(gain):
        usable = ~frames.missing[index] & (frames.raw[index] < 0.9 * frames.raw[index].max())
        gain, how = electrons_per_unit(residual, empty, usable, sigma), "growth of high-pass variance with brightness"
        if math.isinf(gain):
            how = "no growth of high-pass variance with brightness: photon noise of sources left out"
    else:
        within(f"gain of band {band!r}", gain, 0.0, math.inf, "electrons per unit", open_low=True)
        how = "given"
    sky, gain, sigma, note = _sky(level, gain, sigma, how == "given")
    references[f"{band}.background"] = f"{int(empty.sum())} blank pixels; level {level:.6g} {note}"
    references[f"{band}.electrons_per_unit"] = how
    return {
        **_cuts(frames, index, empty, level, references),
        "background_sigma": sigma,
        "sky": sky,
        "electrons_per_unit": gain,
        "autocorrelation": tuple(tuple(float(value) for value in row) for row in acf),
    }


def _cuts(
    frames: Frames, index: int, empty: NDArray[np.bool_], level: float, references: dict[str, str]
) -> dict[str, float]:
    """Black and white of a display image, and how its sky level varies; nothing for images that are not cut."""
    band, there = frames.names[index], ~frames.missing[index]
    raw = frames.raw[index]
    lowest, highest = float(raw[there].min()), float(raw[there].max())
    black, white = int(np.count_nonzero(raw[empty] == lowest)), int(np.count_nonzero(raw[there] == highest))
    cuts: dict[str, float] = {}
    if black > BLACK_SHARE * empty.sum() and lowest < level:
        cuts["floor"] = lowest - level
        references[f"{band}.floor"] = f"{black} blank pixels are at exactly the lowest value"
    if white >= CLIPPED_PIXELS and highest > level:
        cuts["ceiling"] = highest - level
        references[f"{band}.ceiling"] = f"{white} pixels are at exactly the highest value"
    if cuts:
        cuts["level_scatter"] = float(np.std((raw - frames.data[index])[empty], dtype=np.float64))
        references[f"{band}.level_scatter"] = "rms of the subtracted background over blank pixels"
    return cuts


def _band_correlation(frames: Frames, blank: NDArray[np.bool_]) -> tuple[tuple[float, ...], ...]:
    """Correlation matrix of the bands' background noise in blank pixels; empty where no two bands share noise."""
    empty = blank & ~frames.missing.any(axis=0)
    noise = frames.data[:, empty] / frames.rms[:, empty]
    noise = noise[:, (np.abs(noise) < 3.0).all(axis=0)].astype(np.float64)
    if noise.shape[1] < LEAST_BLANK or len(noise) == 1:
        return ()
    matrix = np.corrcoef(noise)
    apart = matrix - np.eye(len(matrix))
    if np.abs(apart).max() < SHARED_NOISE:
        return ()
    values, vectors = np.linalg.eigh(matrix)
    matrix = (vectors * np.maximum(values, 1e-3)) @ vectors.T  # display channels can be almost copies
    scale = np.sqrt(np.diag(matrix))
    matrix = matrix / np.outer(scale, scale)
    np.fill_diagonal(matrix, 1.0)
    return tuple(tuple(float(value) for value in row) for row in matrix)


def _sky(level: float, gain: float, sigma: float, fixed: bool) -> tuple[float, float, float, str]:
    """Sky level whose photons explain at most the noise, with gain and sigma moved within their errors if need be."""
    if level <= 0.05 * sigma or math.isinf(gain):
        return 0.0, gain, sigma, "(subtracted; all background noise Gaussian)"
    excess = level / gain / sigma**2
    if excess <= 1.0:
        return level, gain, sigma, "(its photons are part of the background noise)"
    if fixed and excess <= 1.05:
        return level, gain, math.sqrt(level / gain), "(photon-limited; sigma raised to its photon noise)"
    if not fixed and excess <= PHOTON_LIMIT:
        return level, level / sigma**2, sigma, "(photon-limited; it sets the electrons per unit)"
    return 0.0, gain, sigma, "(more than the noise allows for: a pedestal, subtracted)"


def _psf(
    frames: Frames, index: int, sources: Sources, segments: NDArray[np.int32], references: dict[str, str]
) -> PsfFit:
    """The PSF of one band, from stars or, where there are too few, from the most compact sources."""
    band = frames.names[index]
    snr = sources.flux[:, index] / sources.flux_err[:, index]
    peak = sources.peak[:, index]
    fine = ~sources.having(SATURATED) & (peak > 0)
    stars = np.flatnonzero(fine & (peak < 0.5 * peak.max()) & sources.having(STAR) & (snr > STAR_SNR))
    stellar = len(stars) >= FEWEST_STARS
    if not stellar:
        stars = np.flatnonzero(fine & (snr > COMPACT_SNR) & (np.hypot(sources.e1, sources.e2) < 0.25))
    stars, stamps, x, y = _star_stamps(frames, index, sources, stars, segments)
    if not len(stars):
        raise ValueError(f"band {band!r}: no compact source is bright and isolated enough to measure the PSF from")
    sigma = float(np.median(frames.rms[index]))
    if stellar:
        order = np.argsort(-snr[stars])[:MOST_STARS]
        fit = fit_psf(stamps[order], sigma, x[order], y[order], free_beta=len(order) >= FEWEST_STARS)
        kind = "stars on the stellar locus"
    else:
        order = np.argsort(sources.radius[stars])[:MOST_COMPACT]
        fit = sharpest([fit_psf(stamps[[i]], sigma, x[[i]], y[[i]], free_beta=False) for i in order])
        kind = "most compact sources, for want of stars: the tenth sharpest in a hundred, an upper limit"
    profile = "Gaussian" if math.isinf(fit.beta) else "Moffat"
    references[f"{band}.psf"] = f"pixel-integrated {profile} profile fitted to {fit.stars} {kind}"
    return fit


def _star_stamps(
    frames: Frames, index: int, sources: Sources, stars: NDArray[np.intp], segments: NDArray[np.int32]
) -> tuple[NDArray[np.intp], Array, Array, Array]:
    """The isolated ones of `stars`, stamps (N, size, size) with others' pixels NaN, windowed centroids in them."""
    import sep

    if not len(stars):
        return stars, np.empty((0, 0, 0)), np.empty(0), np.empty(0)
    data, missing = frames.data[index], frames.missing[index]
    near, radius = (sources.x[stars], sources.y[stars]), sources.radius[stars]
    width = np.maximum(radius, 1.0) / 1.1774  # sigma of a Gaussian of that half-light radius
    found = sep.winpos(data / np.float32(np.median(frames.rms[index])), *near, width)[:2]
    x, y = (np.where(np.abs(new - old) < 2.0, new, old) for new, old in zip(found, near, strict=True))
    half = int(np.clip(math.ceil(5.0 * float(np.median(radius))), 5, 30))
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    ny, nx = data.shape
    inside = np.flatnonzero((column >= half) & (row >= half) & (column < nx - half) & (row < ny - half))
    window = np.arange(-half, half + 1)
    rows, columns = row[inside, None, None] + window[:, None], column[inside, None, None] + window
    owner = segments[rows, columns]
    other = (owner != owner[:, half, half][:, None, None]) & (owner > 0)
    stamps = np.where(other | missing[rows, columns], np.nan, data[rows, columns].astype(np.float64))
    core = np.hypot(*np.meshgrid(window, window)) <= half / 2
    isolated = (np.isnan(stamps[:, core]).mean(axis=1) < 0.05) & (np.isnan(stamps).mean(axis=(1, 2)) < 0.5)
    kept = inside[isolated]
    return stars[kept], stamps[isolated], (x - column + half)[kept], (y - row + half)[kept]
