"""Simulated objects painted onto real images: the sky, its noise and its defects are real, the label is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs import Band
from catalogs.checks import one_of, within
from simulators._image_forms import common_wcs, pixels_of, planes_of, rebuilt, variance_of, with_pixels
from simulators._kernels import frames as kernels
from simulators._kernels._jit import run
from simulators._psf_choice import check_widths
from simulators.labels import LABELS
from simulators.noise import add_noise
from simulators.samples import sample_ids_of
from simulators.simulator import Simulator

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Injected", "inject"]

Array = NDArray[np.float64]
BATCH = 2**22  # pixels of the stamps that are drawn at once


@dataclasses.dataclass(frozen=True, eq=False)
class Injected:
    """Images with objects painted in.

    Attributes
    ----------
    images : as given
        Of the same kind, with their coordinates, units and headers; variances grown by the photon noise of the light.
    light : (band, y, x) float32
        What was added, photon noise included, in the images' unit; bands of the simulator.
    truth : Dataset
        Labels of the objects, and where they are: `column`, `row` [pixel index] and, with a WCS, `ra`, `dec` [deg].
    """

    images: Any
    light: NDArray[np.float32]
    truth: xr.Dataset


def inject(
    images: Any,
    simulator: Simulator,
    truth: xr.Dataset | Mapping[str, ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    *,
    seed: int,
    sky: bool = False,
    bands: Iterable[str] | None = None,
    wcs: Any = None,
    zero_point: Mapping[str, float] | float | None = None,
) -> Injected:
    """Paint what `simulator` renders of `truth` onto images, at any place between pixels, with its photon noise.

    Parameters
    ----------
    images : array (y, x) or (band, y, x), DataArray, CCDData, or a mapping of band to one of these
        Pixels that are NaN stay so.
    simulator : Simulator
        Its bands are painted, with its PSF, pixel scale and `electrons_per_unit`: give it a survey that describes the
        images (`calibrate` measures one) and ``psf=`` where the PSF is known better.
    truth : Dataset from `draw`, or mapping of labels
        S objects.
    x, y : array_like, shape (S,)
        Where the stamps' centres come to lie: column and row [pixel index], or right ascension and declination [deg].
    seed : int
        Of the photon noise, which is keyed by ``sample_id``.
    sky : bool
        Whether `x`, `y` are right ascension and declination.
    bands : iterable of str, optional
        Names of the planes, where the images name none; by default the simulator's bands.
    wcs : astropy.wcs.WCS, optional
        Coordinates of images that carry none.
    zero_point : mapping or float, optional
        AB magnitude of one unit of the images, of each band; by default that of the simulator's survey.

    Raises
    ------
    ValueError
        For a band that the images lack, coordinates or a pixel scale that do not fit, a place that is not finite or
        off the images, a PSF wider than these, a negative variance, or labels out of range.
    """
    survey = simulator.survey
    assert not isinstance(survey, str)
    planes = planes_of(images, bands, survey.band_names)
    for name in survey.band_names:
        one_of("band of the images", name, planes)
    coordinates = common_wcs(planes, wcs, survey.pixel_scale)
    labels = simulator._checked(truth)
    count = len(labels[simulator.labels[0]])
    shape = np.shape(next(iter(planes.values())))
    check_widths(simulator.psf, len(survey.bands), shape, survey.pixel_scale, "image")
    column, row = _places(x, y, coordinates if sky else None, sky, count, shape)
    ids = sample_ids_of(truth, count)
    scales = _scales(survey.bands, zero_point)
    light, variance = np.zeros((2, len(survey.bands), *shape), np.float32)
    for part in np.array_split(np.arange(count), -(-count * simulator.size**2 * len(survey.bands) // BATCH)):
        shifted, corners = _moved(labels, column[part], row[part], part, simulator)
        clean = simulator.render({**shifted, "sample_id": ids[part]})["image"].values
        painted, spread = add_noise(clean, [_photons(band) for band in survey.bands], seed, ids[part])
        for stamps, frame, power in ((painted, light, 1), (spread, variance, 2)):
            scaled = (stamps * scales[:, None, None] ** power).astype(np.float32)
            run(kernels.add_stamps, len(frame), scaled, corners, 0, shape[0], frame)
    made = dict(planes)
    for name, added, spread in zip(survey.band_names, light, variance, strict=True):
        made[name] = _painted(planes[name], added, spread)
    known = simulator._dataset(labels, ids, truth, seed=seed)
    return Injected(rebuilt(images, made), light, _placed(known, column, row, coordinates))


def _painted(plane: Any, light: NDArray[np.float32], variance: NDArray[np.float32]) -> Any:
    """A plane with light added, and the variance that it carries."""
    own = variance_of(plane)
    return with_pixels(plane, np.asarray(pixels_of(plane)) + light, None if own is None else own + variance)


def _places(x: ArrayLike, y: ArrayLike, wcs: Any, sky: bool, count: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Columns and rows (S,) of `count` objects, all on the images."""
    if sky and wcs is None:
        raise ValueError("right ascension and declination need coordinates: the images carry no WCS, give wcs")
    if sky:
        ra, dec = within("right ascension", x, -360.0, 360.0, "deg"), within("declination", y, -90.0, 90.0, "deg")
        x, y = wcs.all_world2pix(np.atleast_1d(ra), np.atleast_1d(dec), 0)
    places = []
    for name, value, side in (("x", x, shape[1]), ("y", y, shape[0])):
        checked = np.atleast_1d(within(f"inject {name}", value, -0.5, side - 0.5, "pixels of the images"))
        if checked.shape not in ((1,), (count,)):
            raise ValueError(f"inject {name} has shape {checked.shape} for {count} objects")
        places.append(np.array(np.broadcast_to(checked, (count,))))
    return places[0], places[1]


def _moved(
    labels: dict[str, Array], column: Array, row: Array, part: NDArray[np.int64], simulator: Simulator
) -> tuple[dict[str, Array], NDArray[np.int64]]:
    """Labels of the objects `part`, all centres moved by what their places lie off the stamps' centres, and the stamps'
    first rows and columns.
    """
    scale, side = simulator.grid.scale, simulator.size
    corners = np.rint(np.stack([row, column], axis=1) - (side - 1) / 2.0).astype(np.int64)
    shift = (np.stack([row, column], axis=1) - corners - (side - 1) / 2.0) * scale
    moved = {}
    for name, values in labels.items():
        moved[name] = values[part]
        last = name.rsplit("_", 1)[-1]
        if last in ("x", "y") and LABELS[name].unit == "arcsec":
            by = shift[:, 1 if last == "x" else 0]
            moved[name] = moved[name] + by.reshape(-1, *(1,) * (moved[name].ndim - 1))
    return moved, corners


def _photons(band: Band) -> Band:
    """The band with no noise but that of the photons of what is painted."""
    off: dict[str, Any] = {"background_sigma": 0.0, "sky": 0.0, "level_scatter": 0.0, "autocorrelation": ((1.0,),)}
    return dataclasses.replace(band, **off, floor=-math.inf, ceiling=math.inf)


def _scales(bands: tuple[Band, ...], zero_point: Mapping[str, float] | float | None) -> NDArray[np.float64]:
    """Units of the images for one unit of each band."""
    if zero_point is None:
        return np.ones(len(bands))
    given = zero_point if isinstance(zero_point, Mapping) else {band.name: zero_point for band in bands}
    for band in bands:
        one_of("band of zero_point", band.name, given)
        if math.isnan(band.zero_point):
            raise ValueError(f"band {band.name!r} of the simulator has no zero point to compare the images' with")
    values = [float(within(f"zero_point of {band.name}", given[band.name], -50.0, 50.0, "mag")) for band in bands]
    return np.array([10.0 ** (0.4 * (own - band.zero_point)) for own, band in zip(values, bands, strict=True)])


def _placed(truth: xr.Dataset, column: Array, row: Array, wcs: Any) -> xr.Dataset:
    """The labels, and where the stamps' centres lie."""
    places = {"column": (column, "", "column"), "row": (row, "", "row")}
    if wcs is not None:
        ra, dec = wcs.all_pix2world(column, row, 0)
        places |= {"ra": (ra, "deg", "right ascension"), "dec": (dec, "deg", "declination")}
    for name, (values, unit, meaning) in places.items():
        truth[name] = ("sample", values, {"units": unit, "long_name": f"{meaning} in the images"})
    return truth
