"""From real images to what training and simulation need: a survey, real stamps on two sides of a line, populations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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

__all__ = ["HUBBLE", "Sky", "lens_simulator", "read_sky", "weak_simulator"]

Array = NDArray[np.float64]
HUBBLE = "hubble"
SNR = 15.0  # of a galaxy that gets a stamp
FEWEST = 200  # stamps
HELD_OUT, STRIPS = 0.4, 4  # share of the stamps that no training sees; strips of the frame they come from
FAINT_SNR = 7.0  # down to which detection is nearly complete; neighbours go on below, along the counts' slope
FAINTEST = 7.0  # times fainter than that, where single sources drown in the noise
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
) -> Sky:
    """Detect, calibrate, cut out, and fit profiles to the galaxies on the training side.

    Raises
    ------
    ValueError
        For images that cannot be read, have no sources, or too few galaxies for stamps on both sides.
    """
    from simulators import calibrate, clear_of_glare, cut_out, detect, split_by_position, strip_edges
    from simulators.detection import read_frames

    images = read_images(real, bands)
    survey = calibrate(images, pixel_scale=pixel_scale, name=real if real == HUBBLE else Path(real).name)
    frames = read_frames(images)
    sources = detect(frames)
    shown = np.flatnonzero(sources.galaxies(SNR) & (sources.radius < size / 7) & clear_of_glare(sources, size))
    stamps, kept = cut_out(frames, sources.x[shown], sources.y[shown], size)
    shown = shown[kept]
    if len(shown) < FEWEST:
        raise ValueError(
            f"{real}: {len(shown)} galaxies above SNR {SNR:g}; at least {FEWEST} are needed to train and to judge"
        )
    edges = strip_edges(sources.x[shown], HELD_OUT, pairs=STRIPS)
    training, held_out = split_by_position(sources.x[shown], size, edges)
    stamps = stamps / _local_sigma(sources, survey)[shown]
    galaxies, neighbours, density = _measured(frames, sources, survey, shown, edges, size, on_progress)
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
    sources: Sources,
    survey: Survey,
    shown: NDArray[np.int64],
    edges: NDArray[np.float64],
    size: int,
    on_progress: Callable[[float], object] | None,
) -> tuple[Rows, Rows, float]:
    """Galaxies with stamps, neighbours, and neighbours per square arcsec, from the training strips between `edges`."""
    from simulators import Rows, fitted_galaxies

    among = np.searchsorted(edges, sources.x) % 2 == 0
    rows, fitted = fitted_galaxies(frames, sources, survey, FAINT_SNR, size, among=among, on_progress=on_progress)
    targets = np.isin(fitted, shown)
    company = with_fainter({name: values for name, values in rows.items() if name not in "xy"}, FAINTEST)
    widths = np.diff(np.concatenate([[0.0], edges, [frames.data.shape[-1]]]))[::2]
    area = frames.data.shape[-2] * float(widths.sum()) * survey.pixel_scale**2
    galaxies = Rows({name: values[targets] for name, values in rows.items()})
    return galaxies, Rows(company), len(company["radius"]) / area


def _local_sigma(sources: Sources, survey: Survey) -> NDArray[np.float32]:
    """Background rms around each source, (N, band, 1, 1): depth varies over a frame, stamps are brought to one."""
    sigma = np.array([band.background_sigma for band in survey.bands])
    return np.asarray(sources.rms / np.median(sources.rms, axis=0) * sigma, dtype=np.float32)[:, :, None, None]


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
