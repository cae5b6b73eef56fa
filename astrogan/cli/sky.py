"""From real images to what training and simulation need: a survey, real stamps on two sides of a line, populations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalogs import Survey
from catalogs.checks import one_of

if TYPE_CHECKING:
    import xarray as xr

    from simulators import Rows, StrongLens, WeakLens
    from simulators.detection import Frames, Sources

__all__ = ["HUBBLE", "Sky", "company", "lens_simulator", "read_sky", "weak_simulator"]

Array = NDArray[np.float64]
HUBBLE = "hubble"
SNR = 15.0  # of a galaxy that gets a stamp
FEWEST = 200  # stamps
HELD_OUT, STRIPS = 0.4, 4  # share of the stamps that no training sees; strips of the frame they come from
FAINT_SNR = 7.0  # down to which detection is nearly complete; neighbours go on below, along the counts' slope
FAINTEST = 7.0  # times fainter than that, where single sources drown in the noise
ALIKE = 25  # sources of like flux over which company is averaged
DRAWN = 4  # rows of the company's population for each source
HUBBLE_LICENCE = "public domain (NASA, ESA; the Hubble eXtreme Deep Field that scikit-image ships)"
PREFERRED = ("g", "r", "i")


@dataclass(frozen=True)
class Sky:
    """Real sky, measured.

    Attributes
    ----------
    source : str
        Where the images come from.
    survey : Survey
        As `calibrate` measured it.
    training, held_out : (N, band, size, size) float32
        Stamps of real galaxies in local background sigmas, from alternating strips; no pixel is in both.
    galaxies, neighbours : Rows
        Labels of the training side's galaxies with stamps, and of all there, those too faint to be detected included.
    density : float
        Neighbours per square arcsec.
    licence : str
        Under which the images may be used.
    """

    source: str
    survey: Survey
    training: NDArray[np.float32]
    held_out: NDArray[np.float32]
    galaxies: Rows
    neighbours: Rows
    density: float
    licence: str


def read_images(real: str, bands: str | None) -> xr.DataArray:
    """The Hubble field for ``"hubble"``, else the user's images; of more than three bands g, r, i or the first
    three.
    """
    from astrogan.dataset import hubble_deep_field
    from astrogan.dataset import read_images as read

    if real == HUBBLE:
        field = hubble_deep_field()
        known = [str(name) for name in field["band"].values]
        return field if bands is None else field.sel(band=[one_of("band of the Hubble field", b, known) for b in bands])
    images = read(real, bands=bands)
    names = [str(name) for name in images["band"].values]
    if bands is not None or len(names) <= 3:
        return images
    chosen = list(PREFERRED) if set(PREFERRED) <= set(names) else names[:3]
    return images.sel(band=chosen)


def read_sky(
    real: str,
    size: int,
    bands: str | None = None,
    pixel_scale: float | None = None,
    on_progress: Callable[[float], object] | None = None,
    *,
    edges: Sequence[float] | None = None,
    snr: float = SNR,
) -> Sky:
    """Detect, calibrate, cut out, and fit profiles to the galaxies on the training side.

    Strips between the `edges` [pixel index], from low to high x, are in turn for training and held out; without them
    `strip_edges` chooses. `snr` is the least of a galaxy with a stamp.

    Raises
    ------
    ValueError
        For images that cannot be read, have no sources, or too few galaxies for stamps on both sides.
    """
    from simulators import calibrate, clear_of_glare, cut_out, split_by_position, strip_edges
    from simulators.detection import local_noise, measure, read_frames

    images = read_images(real, bands)
    survey = calibrate(images, pixel_scale=pixel_scale, name=real if real == HUBBLE else Path(real).name)
    frames = read_frames(images)
    detected = sources, _ = measure(frames)
    shown = np.flatnonzero(sources.galaxies(snr) & (sources.radius < size / 7) & clear_of_glare(sources, size))
    stamps, kept = cut_out(frames, sources.x[shown], sources.y[shown], size)
    shown = shown[kept]
    if len(shown) < FEWEST:
        raise ValueError(
            f"{real}: {len(shown)} galaxies above SNR {snr:g}; at least {FEWEST} are needed to train and to judge"
        )
    lines = strip_edges(sources.x[shown], HELD_OUT, pairs=STRIPS) if edges is None else np.array(edges, dtype=float)
    training, held_out = split_by_position(sources.x[shown], size, lines)
    stamps /= local_noise(frames, *detected)[shown].astype(np.float32)[:, :, None, None]  # depth varies
    galaxies, neighbours, density = _measured(frames, detected, survey, shown[training], lines, size, on_progress)
    order = np.random.default_rng(0).permutation(int(held_out.sum()))  # sources come by brightness
    return Sky(
        source=real,
        survey=survey,
        training=stamps[training],
        held_out=stamps[held_out][order],
        galaxies=galaxies,
        neighbours=neighbours,
        density=density,
        licence=HUBBLE_LICENCE if real == HUBBLE else "that of the images it was trained on",
    )


def _measured(
    frames: Frames,
    detected: tuple[Sources, NDArray[np.int32]],
    survey: Survey,
    shown: NDArray[np.int64],
    edges: NDArray[np.float64],
    size: int,
    on_progress: Callable[[float], object] | None,
) -> tuple[Rows, Rows, float]:
    """Galaxies with stamps, their neighbours, and neighbours per square arcsec, from the training strips between
    `edges`.

    Stars keep galaxies company, but for glaring ones, beside which there are no stamps: each is a Sersic profile far
    smaller than the PSF.
    """
    from simulators import Rows, fitted_galaxies
    from simulators.detection import STAR, glaring

    sources, segments = detected
    among = (np.searchsorted(edges, sources.x) % 2 == 0) & ~glaring(sources)
    free = replace(sources, flags=sources.flags & ~STAR)
    rows, fitted = fitted_galaxies(frames, free, survey, FAINT_SNR, size, among=among, on_progress=on_progress)
    targets = np.isin(fitted, shown)
    each = company(sources, segments, shown, fitted, size, survey)
    shares = np.cumsum(each) / each.sum()
    drawn = np.searchsorted(shares, (np.arange(DRAWN * len(each)) + 0.5) / (DRAWN * len(each)))
    near = with_fainter({name: values[drawn] for name, values in rows.items() if name not in "xy"}, FAINTEST)
    density = float(each.sum()) * len(near["radius"]) / len(drawn)
    return Rows({name: values[targets] for name, values in rows.items()}), Rows(near), density


def company(
    sources: Sources,
    segments: NDArray[np.int32],
    shown: NDArray[np.int64],
    fitted: NDArray[np.int64],
    size: int,
    survey: Survey,
) -> Array:
    """How often each of the sources `fitted` is around those `shown`, per square arcsec, (M,).

    Galaxies cluster, and the largest have few about them that are seen and get stamps. Counted in stamps of side `size`
    [pixel], but for the middle, where `draw_neighbours` places none, on the sky that brighter sources' `segments` leave
    free, and averaged over sources of like flux.
    """
    from scipy.ndimage import correlate1d

    apart = [at[shown][:, None] - at[fitted] for at in (sources.x, sources.y)]
    near, centre = 1.5 * max(band.psf_fwhm for band in survey.bands) / survey.pixel_scale, np.hypot(*apart)
    inside = (np.abs(apart[0]) < size / 2) & (np.abs(apart[1]) < size / 2) & (centre >= near)
    area = len(shown) * (size**2 - math.pi * near**2) * survey.pixel_scale**2
    each: Array = inside.sum(axis=0) / (1.0 - _hidden(sources, segments, shown, size)[fitted]) / area
    order = np.argsort(sources.flux[fitted].sum(axis=1))
    averaged = np.empty_like(each)
    averaged[order] = correlate1d(each[order], np.full(ALIKE, 1.0 / ALIKE), mode="nearest")
    return averaged


def _hidden(sources: Sources, segments: NDArray[np.int32], shown: NDArray[np.int64], size: int) -> Array:
    """Share (N,) of the stamps of those `shown` that sources brighter than each one own."""
    order = np.argsort(-sources.flux.sum(axis=1))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    owner = np.full(int(segments.max()) + 1, len(order))  # of sky, and of what was no source
    owner[segments[np.rint(sources.y).astype(int), np.rint(sources.x).astype(int)]] = rank
    owner[0] = len(order)
    window = np.arange(size)
    rows, columns = (np.rint(at[shown] - (size - 1) / 2).astype(int)[:, None] + window for at in (sources.y, sources.x))
    covering = np.bincount(owner[segments[rows[:, :, None], columns[:, None]]].ravel(), minlength=len(order) + 1)
    brighter = np.cumsum(covering)[:-1] - covering[:-1]
    return np.asarray(brighter[rank] / covering.sum())


def with_fainter(rows: dict[str, Array], ratio: float) -> dict[str, Array]:
    """Rows complete to their faintest, and those expected down to `ratio` times fainter.

    Counts go on as N(>S) ~ S^-a with the slope (at most 1.5) between the 5th percentile and the median of the total
    fluxes; shapes and colours are those of the faintest third.
    """
    total = rows["flux"].sum(axis=1)
    limit, middle = np.quantile(total, (0.05, 0.5))
    slope = min(math.log(0.95 / 0.5) / math.log(middle / limit), 1.5)
    more = ratio**slope - 1.0  # N(>limit / ratio) / N(>limit) - 1
    count = int(0.95 * len(total) * more)
    flux = limit * (1.0 + more * (np.arange(count) + 0.5) / count) ** (-1.0 / slope)
    lent = np.resize(np.argsort(total)[: 1 + len(total) // 3], count)
    extra = {name: values[lent] for name, values in rows.items()}
    extra["flux"] = extra["flux"] * (flux / total[lent])[:, None]
    return {name: np.concatenate([values, extra[name]]) for name, values in rows.items()}


def weak_simulator(sky: Sky, size: int) -> WeakLens:
    """Weakly lensed galaxies whose fluxes, sizes, colours and company follow the measured ones."""
    from simulators import WeakLens

    return WeakLens(
        survey=sky.survey,
        size=size,
        population=sky.galaxies,
        neighbours=sky.density,
        neighbour_population=sky.neighbours,
    )


def lens_simulator(sky: Sky, size: int) -> StrongLens:
    """Strong lenses: light of the brightest measured galaxies, sources from all of them, masses from the catalogue."""
    from simulators import Rows, StrongLens

    shape = ("flux", "radius", "n", "e1", "e2")
    labels = {name: np.asarray(sky.galaxies.labels[name]) for name in shape}
    total = labels["flux"].sum(axis=1)
    bright = total >= np.quantile(total, 0.8)
    light = Rows({f"light_{name}": values[bright] for name, values in labels.items()})
    source = Rows({f"source_{name}": values[~bright] for name, values in labels.items()})
    return StrongLens(survey=sky.survey, size=size, population=(light, source))
