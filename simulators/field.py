"""Fields: frames of many galaxies and stars as a telescope hands them over, with the truth of every object."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import catalogs
from catalogs.checks import one_of, within
from simulators._counts import density
from simulators._field_data import catalogue, checked_catalogue, field_labels, frame_planes, size_of, wcs_of
from simulators._field_draw import draw_galaxies, draw_stars, object_ids
from simulators._field_stamps import cut_stamps
from simulators._light_choice import LightChoice, LightLike, light_of
from simulators._painting import Marks, Objects, paint
from simulators._psf_choice import check_widths, psfs_of
from simulators._survey_choice import survey_of
from simulators.drawing import ACCURACY
from simulators.light import Light, PointSource
from simulators.observation import SensorLike, flagged, observe, sensor_for
from simulators.population import PopulationLike, resolve
from simulators.psf import PSF, PSFField, PSFLibrary
from simulators.shear_fields import ShearLike, shear_at
from simulators.weak_lens import lensed_light, lensed_sersic

if TYPE_CHECKING:
    import xarray as xr
    from astropy.wcs import WCS

__all__ = ["Field"]

Array = NDArray[np.float64]
MARGIN = 6.0  # arcsec beyond the frame's edges in which there are objects whose light reaches in


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """Frames of a survey: a catalogue of galaxies and stars, drawn one by one, with WCS, segmentation and truth.

    Parameters
    ----------
    survey : str or Survey
    bands : iterable of str, optional
    size : int or (int, int)
        Pixels along a side, or along y and x.
    light : {"sersic", "gaussian", "point", "bulge-disk", "knots"}, ImageSource or sequence of GalaxyImage
        What the galaxies look like, as of `WeakLens`: its labels take the place of ``radius n e1 e2``.
    population : str, Population, Rows, function or a sequence of these, optional
        Gives galaxies' flux and the labels of their light; ``field`` is underneath. Number counts end one magnitude
        below the survey's 5 sigma depth.
    density : float, optional
        Galaxies per square arcmin; by default the number counts down to that limit.
    stars : float, optional
        Stars for each galaxy; by default their number counts.
    star_population : as `population`
        Gives stars' flux; ``stars`` is underneath.
    clustering : float
        Share of galaxies that lie within 20 arcsec of others, [0, 1): pairs have w(theta) ~ theta^-0.8, with half of
        them about as many as in KiDS.
    shear : (g1, g2), (g1, g2, kappa), function or ShearField, optional
        Reduced shear and convergence; a function takes x and y (N,) [arcsec] from the frame's centre.
    psf : PSF, sequence of PSF or PSFField, optional
        Overrides the survey's; a `PSFField` varies over the frame, cell by cell.
    pixel_scale : float, optional
        Overrides the survey's [arcsec].
    accuracy : {"default", "fast", "high"}
        Of each object's stamp, in its peaks, as for stamps. A stamp ends where an object is fainter than 3e-4 of its
        peak and 5 % of the background's sigma, and beyond 99.5 % of a galaxy's light (fast: 1e-3, 10 %, 99 %; high:
        1e-5, 0.5 %, 99.95 %), and at 1024 pixels at the latest.
    sensor : Sensor or str, optional
        Detector that the light goes through (`simulators.sensor`), the frame its whole chip, or the name of a survey
        that has one. Frames are calibrated again, and the mean of the bands' exposures.
    centre : (float, float)
        Right ascension and declination of the frame's geometric centre [deg].

    Raises
    ------
    ValueError
        For an unknown name (the nearest valid one is given), a number out of range, or a PSF wider than the frame.
    """

    survey: str | catalogs.Survey
    bands: Iterable[str] | None = None
    size: int | tuple[int, int] = (4096, 4096)
    light: LightLike = "sersic"
    population: PopulationLike = ()
    density: float | None = None
    stars: float | None = None
    star_population: PopulationLike = ()
    clustering: float = 0.5
    shear: ShearLike = None
    psf: PSF | tuple[PSF, ...] | PSFField | None = None
    pixel_scale: float | None = None
    accuracy: str = "default"
    sensor: SensorLike = None
    centre: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        survey = survey_of(self.survey, self.bands, self.pixel_scale)
        one_of("accuracy", self.accuracy, ACCURACY)
        if self.stars is not None:
            within("stars", self.stars, 0.0, 1e3, "per galaxy")
        within("clustering", self.clustering, 0.0, 0.99)
        within("centre right ascension", self.centre[0], -360.0, 360.0, "deg")
        within("centre declination", self.centre[1], -90.0, 90.0, "deg")
        if self.density is not None:
            within("density", self.density, 0.0, 1e5, "per square arcmin")
        size = size_of(self.size)
        self.labels  # noqa: B018  # refuses a light that there is not
        shear_at(self.shear, np.zeros(1), np.zeros(1))
        made = {"survey": survey, "bands": survey.band_names, "size": size}
        made["sensor"] = sensor_for(self.sensor, survey)
        made |= {name: resolve(getattr(self, name)) for name in ("population", "star_population")}
        made["psf"] = self.psf if isinstance(self.psf, PSFField) else PSFField([[psfs_of(self.psf, survey)]])
        for name, value in made.items():
            object.__setattr__(self, name, value)
        check_widths(PSFLibrary(self._psfs), len(survey.bands), size, survey.pixel_scale, "frame")

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels of an object."""
        return field_labels(self._choice)

    @property
    def wcs(self) -> WCS:
        """World coordinates of the frame: TAN, north up, east to the left, about its geometric centre."""
        return wcs_of(self._shape, self._survey.pixel_scale, self.centre)

    @property
    def _survey(self) -> catalogs.Survey:
        assert isinstance(self.survey, catalogs.Survey)
        return self.survey

    @functools.cached_property
    def _choice(self) -> LightChoice:
        return light_of(self.light)

    @property
    def _shape(self) -> tuple[int, int]:
        assert isinstance(self.size, tuple)
        return self.size

    @property
    def _sides(self) -> tuple[float, float]:
        """Height and width [arcsec]."""
        scale = self._survey.pixel_scale
        return self._shape[0] * scale, self._shape[1] * scale

    @property
    def _psfs(self) -> tuple[tuple[PSF, ...], ...]:
        assert isinstance(self.psf, PSFField)
        return self.psf.entries(len(self._survey.bands), *self._sides)

    def draw(self, seed: int, number: int = 0) -> xr.Dataset:
        """The catalogue of field `number` of run `seed`: dims (object[, band]), labels with units, `object_id`.

        A galaxy's or star's labels but for its place depend on (seed, object_id) alone. Objects lie up to 6 arcsec
        beyond the frame.
        """
        within("number", number, 0, 2**38)
        height, width = (side + 2.0 * MARGIN for side in self._sides)
        galaxies, stars = object_ids(seed, int(number), self._means(height * width / 3600.0))
        common = (self._survey, self._choice)
        labels = draw_galaxies(seed, galaxies, *common, self.population, (height, width), self.clustering)
        for name, values in draw_stars(seed, stars, *common, self.star_population, (height, width)).items():
            labels[name] = np.concatenate([labels[name], values])
        for name, values in zip(("g1", "g2", "kappa"), shear_at(self.shear, labels["x"], labels["y"]), strict=True):
            labels[name] = np.where(labels["star"] == 1, 0.0, values)
        attrs = {"seed": seed, "field": int(number)}
        return self._catalogue(self._checked(labels), np.concatenate([galaxies, stars]), attrs)

    def _means(self, area: float) -> tuple[float, float]:
        """Expected galaxies and stars of `area` square arcmin."""
        galaxies = density("field", self._survey) if self.density is None else self.density
        stars = density("stars", self._survey) if self.stars is None else self.stars * galaxies
        return area * galaxies, area * stars

    def _checked(self, truth: xr.Dataset | Mapping[str, ArrayLike]) -> dict[str, Array]:
        return checked_catalogue(truth, len(self._survey.bands), self._choice)

    def _catalogue(self, labels: dict[str, Array], ids: NDArray[np.int64], attrs: Mapping[str, Any]) -> xr.Dataset:
        return catalogue(labels, ids, self._survey, self.wcs, self._shape, attrs)

    def render(self, truth: xr.Dataset | Mapping[str, ArrayLike], labels: str = "truth") -> xr.Dataset:
        """Add the expected frame `image` (band, y, x): noise-free, PSF-convolved, pixel-integrated.

        Parameters
        ----------
        truth : Dataset from `draw`, or any mapping of label names to numbers or arrays (object[, band])
            ``flux x y``, those of the light (``radius n e1 e2``) and, if any, ``g1 g2 kappa star``. An object off the
            frame is drawn as far as its stamp reaches in; where the light of none reaches, the frame is exactly 0.
        labels : {"truth", "pixel"}
            ``pixel`` adds `segmentation` (y, x): 1 + the place in the catalogue of the object that is the brightest of
            all, 0 where all light together is below 1 sigma of the bands stacked by inverse variance.

        Raises
        ------
        ValueError
            For a missing or unknown label, one that is not finite or out of range, or shapes that disagree.
        """
        marked = one_of("labels", labels, ("truth", "pixel")) == "pixel"
        values, survey = self._checked(truth), self._survey
        frame = np.zeros((len(survey.bands), *self._shape), np.float32)
        sigma = np.array([max(band.background_sigma, 1e-30) for band in survey.bands])
        weights = sigma**-2.0 / math.sqrt((sigma**-2.0).sum())
        segmentation = np.zeros(self._shape if marked else (0, 0), np.int32)
        marks = Marks(weights.astype(np.float32), segmentation) if marked else None
        paint(self._objects(values), self._psfs, survey.pixel_scale, sigma, self.accuracy, frame, marks)
        ids = np.asarray(truth["object_id"] if "object_id" in truth else np.arange(len(values["x"])), dtype=np.int64)
        ds = self._catalogue(values, ids, getattr(truth, "attrs", {}))
        return frame_planes(ds, survey, {"image": frame}, marks)

    def _objects(self, labels: dict[str, Array]) -> tuple[Objects, Objects]:
        """Galaxies and stars."""
        assert isinstance(self.psf, PSFField)
        cell = self.psf.cell_of(labels["x"], labels["y"], *self._sides)
        scale, (rows, columns) = self._survey.pixel_scale, self._shape
        column, row = labels["x"] / scale + (columns - 1) / 2.0, labels["y"] / scale + (rows - 1) / 2.0
        number = np.arange(1, len(cell) + 1, dtype=np.int32)
        made = []
        for kind in (0, 1):
            these = np.flatnonzero(labels["star"] == kind)
            light, flux = self._light({name: value[these] for name, value in labels.items()}, bool(kind))
            made.append(Objects(light, flux, number[these], column[these], row[these], cell[these]))
        return made[0], made[1]

    def _light(self, labels: dict[str, Array], star: bool) -> tuple[Light, Array]:
        """Lensed light about the origin, and its flux (N, B)."""
        labels = labels | dict.fromkeys("xy", np.zeros(len(labels["x"])))
        if star:
            return PointSource(labels["flux"].mean(axis=1)), labels["flux"]
        if self._choice.name != "sersic":
            return lensed_light(self._choice, labels)
        light, mu = lensed_sersic(labels)
        return light, labels["flux"] * mu[:, None]

    def observe(self, clean: xr.Dataset, seed: int) -> xr.Dataset:
        """Add noise to a rendered frame: `image`, `variance` and `mask`; what it was is `clean`."""
        expected, number = clean["image"].values[None], np.array([int(clean.attrs.get("field", 0))])
        image, variance, mask = observe(expected, self._survey, self.sensor, seed, number)
        planes = {"image": image[0], "variance": variance[0], "mask": mask[0], "clean": expected[0]}
        frames = frame_planes(clean, self._survey, planes, None).assign_attrs(seed=seed)
        return flagged(frames, self.sensor)

    def simulate(self, seed: int, number: int = 0, labels: str = "truth") -> xr.Dataset:
        """Draw, render and observe field `number` of run `seed`; `labels` as for `render`."""
        return self.observe(self.render(self.draw(seed, number), labels), seed)

    def stamps(self, size: int, frames: xr.Dataset, chosen: ArrayLike | None = None) -> xr.Dataset:
        """Cut-outs of a simulated frame around its objects, in the sample schema, whatever else is in them included.

        Parameters
        ----------
        size : int
            Side of a stamp [pixel].
        frames : Dataset from `simulate`, `observe` or `render`
        chosen : array of int or bool, optional
            Which objects of the catalogue; by default all galaxies. Those whose stamp leaves the frame are left out.

        Returns
        -------
        Dataset
            Labels of the central objects (x, y from the stamp's centre), ``sample_id`` their object id, all planes;
            in `segmentation` 1 is the central object, 2, 3, ... the others.
        """
        return cut_stamps(frames, size, chosen, self._survey, self.labels)
