"""What every simulator of stamps does: draw labels, render, observe, differentiate."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import catalogs
from catalogs.checks import one_of, within
from simulators._psf_choice import draw_psfs, each_psf, psfs_of
from simulators._survey_choice import survey_of
from simulators._tangents import tangents
from simulators._truth import checked_labels, drawn_labels, label_shapes
from simulators.grid import PixelGrid
from simulators.layout import Layout
from simulators.neighbours import NEIGHBOUR_LABELS, add_neighbours, draw_neighbours
from simulators.observation import SensorLike, flagged, observe, sensor_for
from simulators.pixel_labels import component_images, pixel_labels
from simulators.population import PopulationLike, resolve
from simulators.psf import PSF, PSFLibrary
from simulators.samples import PIXEL_LABELS, sample_ids_of, samples, tangent_array
from simulators.selection import Expected, Selection, SelectLike, drawers_of, selected, selection_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Simulator"]

Array = NDArray[np.float64]
MAX_SAMPLES = 10_000_000
_KEPT = {"clean": "image"} | {name: name for name in PIXEL_LABELS}  # planes of an observed image: those of the expected


@dataclasses.dataclass(frozen=True, kw_only=True)
class Simulator(ABC):
    """A stamp simulator: a survey's bands on a square grid, and a population to draw from.

    Parameters
    ----------
    survey : str or Survey
        A catalogued survey's name, or a Survey (for example from `calibrate`).
    bands : iterable of str, optional
        Bands to render, in order; all by default.
    size : int
        Pixels along a side of the stamp.
    population : str, Population, Rows, function or a sequence of these, optional
        Where labels come from; later entries override the labels of earlier ones. The simulator's own default is
        always underneath. A function ``f(seed, sample_ids, survey)`` returns a mapping of labels to arrays (sample
        [, component][, band]), each row a function of the seed and its sample id alone (`simulators.streams`).
    psf : PSF, sequence of PSF or PSFLibrary, optional
        Overrides the survey's PSF, for all bands or one per band; from a library, one for each sample (``psf_index``).
    pixel_scale : float, optional
        Overrides the survey's pixel scale [arcsec].
    accuracy : {"default", "fast", "high"}
        Numerical accuracy of the expected image.
    neighbours : float
        Mean number of other galaxies per square arcsec, kept in the truth as ``neighbour_*``; 0 is none.
    neighbour_population : as `population`
        Gives the neighbours' flux, radius, n, e1 and e2.
    sensor : Sensor or str, optional
        Detector that the light goes through (`simulators.sensor`), or the name of a survey that has one. Images are
        calibrated again, the mean of the bands' exposures; where `sensor` has a frame, each at a random place of it.
    select : function, sequence of functions or Selection, optional
        Cuts that every sample passes (`simulators.selection`); a candidate that fails is replaced by the sample's
        next one, and the acceptance rate is an attribute of the samples.

    Raises
    ------
    ValueError
        For an unknown name (the nearest valid one is given) or a number out of range.
    """

    survey: str | catalogs.Survey
    bands: Iterable[str] | None = None
    size: int = 64
    population: PopulationLike = ()
    psf: PSF | tuple[PSF, ...] | PSFLibrary | None = None
    pixel_scale: float | None = None
    accuracy: str = "default"
    neighbours: float = 0.0
    neighbour_population: PopulationLike = ()
    select: SelectLike = ()
    sensor: SensorLike = None

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Labels and parts of these samples."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that the image needs."""
        return self.layout.labels

    @property
    def flux_labels(self) -> tuple[str, ...]:
        """Those of them that have a band dimension."""
        return self.layout.flux_labels

    @property
    def fits(self) -> tuple[tuple[str, ...], ...]:
        """Sets of labels that an image can tell apart."""
        return self.layout.fits

    def __post_init__(self) -> None:
        from simulators.drawing import ACCURACY

        survey = survey_of(self.survey, self.bands, self.pixel_scale)
        one_of("accuracy", self.accuracy, ACCURACY)
        within("neighbours", self.neighbours, 0.0, 1e3, "per square arcsec")
        populations = {name: resolve(getattr(self, name)) for name in ("population", "neighbour_population")}
        made = {"survey": survey, "bands": survey.band_names, "select": selection_of(self.select)}
        made["psf"] = psfs_of(self.psf, survey)
        made["sensor"] = sensor_for(self.sensor, survey, (self.size, self.size))
        for name, value in {**made, **populations}.items():
            object.__setattr__(self, name, value)
        PixelGrid(self.size, survey.pixel_scale)

    @property
    def grid(self) -> PixelGrid:
        """The stamp's pixel grid."""
        return PixelGrid(self.size, self._survey.pixel_scale)

    @property
    def _survey(self) -> catalogs.Survey:
        assert isinstance(self.survey, catalogs.Survey)
        return self.survey

    @property
    def _drawing(self) -> tuple[PixelGrid, tuple[PSF, ...], str]:
        return self.grid, self._psfs, self.accuracy

    @property
    def _psfs(self) -> tuple[PSF, ...]:
        assert isinstance(self.psf, tuple)
        return self.psf

    def draw(self, n: int, seed: int, start: int = 0) -> xr.Dataset:
        """Labels of samples start .. start+n-1 of run `seed`: dims (sample[, component][, band]), with units.

        A sample's labels depend on (seed, sample id) alone.
        """
        within("n", n, 1, MAX_SAMPLES)
        within("start", start, 0, 2**62)
        assert isinstance(self.select, Selection)
        ids = np.arange(start, start + n, dtype=np.int64)
        if not self.select.cuts:
            return self._dataset(self._candidates(seed, ids), ids, seed=seed)
        labels, report = selected(self.select, partial(self._candidates, seed), self._shown, ids)
        return self._dataset(labels, ids, seed=seed).assign_attrs(report)

    def _candidates(self, seed: int, ids: NDArray[np.int64], tag: str = "") -> dict[str, Array]:
        """Checked labels of samples `ids`; another `tag` is another candidate for each."""
        labels = self._drawn(seed, ids, tag)
        if self.neighbours > 0:
            around = (self.neighbours, self.neighbour_population, self._survey, self.grid)
            labels |= draw_neighbours(*around, seed, ids, tag)
        return self._checked(labels)

    def _drawn(self, seed: int, ids: NDArray[np.int64], tag: str) -> dict[str, Array]:
        """Labels of the objects themselves."""
        labels = drawn_labels(self.layout, self.population, self._survey, seed, ids, tag)
        return labels | draw_psfs(self.psf, seed, ids, tag)

    def _shown(self, labels: dict[str, Array], ids: NDArray[np.int64]) -> tuple[xr.Dataset, Expected]:
        """What cuts judge by."""
        return self._dataset(labels, ids), Expected(self._drawers(labels), self._survey)

    def _drawers(self, labels: dict[str, Array]) -> dict[str, Callable[[Expected], Array]]:
        """What draws the `Expected` images of these labels."""
        parts: dict[str, Callable[[], Array]] = {part: partial(self._part, part, labels) for part in self.layout.parts}
        if NEIGHBOUR_LABELS[0] in labels:
            parts["neighbours"] = partial(self._part, "neighbours", labels)
        return drawers_of(parts, self._survey.bands)

    def render(self, truth: xr.Dataset | Mapping[str, ArrayLike], labels: str = "truth") -> xr.Dataset:
        """Add the expected image: noise-free, PSF-convolved, pixel-integrated, in the survey's unit.

        Parameters
        ----------
        truth : Dataset from `draw`, or any mapping of the label names to numbers or arrays (sample[, component][,
        band])
        labels : {"truth", "pixel"}
            ``pixel`` adds the planes of `pixel_labels` and, behind lenses, ``deflection_x``, ``deflection_y`` [arcsec]
            and ``convergence``, of lens and external shear, at the pixels' centres.

        Raises
        ------
        ValueError
            For a missing or unknown label, or a value out of range.
        """
        values = self._checked(truth)
        pixel = one_of("labels", labels, ("truth", "pixel")) == "pixel"
        planes = self._labelled(values) if pixel else {"image": self._expected(values, None, np.float32)}
        planes["image"] = planes["image"].astype(np.float32, copy=False)
        return self._dataset(values, sample_ids_of(truth, len(planes["image"])), truth, planes)

    @each_psf
    def _labelled(self, labels: dict[str, Array]) -> dict[str, NDArray[Any]]:
        """The expected image and the planes of pixel labels."""
        images = component_images(self.layout, labels, self._part)
        if NEIGHBOUR_LABELS[0] in labels:
            images["neighbours"] = self._part("neighbours", labels)
        fields = {name: field.astype(np.float32) for name, field in self._fields(labels).items()}
        return {
            "image": self._expected(labels, None, np.float32),
            **pixel_labels(images, labels, self._survey.bands, self._drawing, self.layout.arcs),
            **fields,
        }

    def observe(self, clean: xr.Dataset, seed: int) -> xr.Dataset:
        """Add noise to an expected image: `image`, `variance`, `mask`, and it itself as `clean`; pixel labels stay.

        With a `sensor`, the mask's bits are `simulators.sensor.FLAGS`, also as CF ``flag_masks``.
        """
        ids = sample_ids_of(clean, clean.sizes["sample"])
        image, variance, mask = observe(clean["image"].values, self._survey, self.sensor, seed, ids)
        planes: dict[str, NDArray[Any]] = {"image": image, "variance": variance, "mask": mask}
        planes |= {name: clean[kept].values for name, kept in _KEPT.items() if kept in clean.variables}
        return flagged(self._dataset(self._checked(clean), ids, clean, planes, seed=seed), self.sensor)

    def simulate(self, n: int, seed: int, start: int = 0, labels: str = "truth") -> xr.Dataset:
        """Draw, render and observe samples start .. start+n-1 of run `seed`; `labels` as for `render`."""
        return self.observe(self.render(self.draw(n, seed, start), labels), seed)

    def tangent(self, truth: xr.Dataset | Mapping[str, ArrayLike], labels: Iterable[str] | None = None) -> xr.DataArray:
        """Derivatives of the expected image by each continuous label, dims (sample, label, band, y, x).

        Central differences of the float64 renderer. A flux label gives one tangent per band, named ``flux_r``; one
        with components one per component, named ``source_x_0``; those of subhaloes only where asked for.
        """
        names = tuple(labels) if labels is not None else self.layout.moved
        for name in names:
            one_of(f"{type(self).__name__} label with a tangent", name, self.layout.continuous)
        columns = tangents(self._expected, values := self._checked(truth), names, self.layout, self._survey)
        return tangent_array(columns, sample_ids_of(truth, len(values[self.labels[0]])), self._survey)

    def _checked(self, truth: xr.Dataset | Mapping[str, ArrayLike]) -> dict[str, Array]:
        """Labels as they must be, and what follows from them."""
        labels = checked_labels(truth, self.layout, self.psf, self._survey, type(self).__name__)
        return labels | self._derived(labels)

    def _derived(self, labels: dict[str, Array]) -> dict[str, Array]:
        """The layout's `derived` labels; those that `labels` hold may be out of date."""
        return {}

    def _dataset(
        self,
        labels: dict[str, Array],
        ids: NDArray[np.int64],
        before: xr.Dataset | Mapping[str, ArrayLike] | None = None,
        planes: Mapping[str, NDArray[Any]] | None = None,
        *,
        seed: int | None = None,
    ) -> xr.Dataset:
        attrs = dict(getattr(before, "attrs", {}))
        attrs |= {"simulator": type(self).__name__} | ({} if seed is None else {"seed": seed})
        return samples(labels, label_shapes(self.layout, self._survey), ids, self._survey, planes or {}, attrs)

    @each_psf
    def _expected(self, labels: dict[str, Array], label: str | None = None, dtype: type = np.float64) -> NDArray[Any]:
        """Expected images, shape (S, B, size, size), of checked labels: all parts, or those that `label` moves."""
        out = self._dark(labels, dtype)
        for part, names in self.layout.parts.items():
            if label is None or label in names:
                self._draw(part, labels, out)
        if label is None and NEIGHBOUR_LABELS[0] in labels:
            add_neighbours(labels, *self._drawing, out)
        return out

    def _dark(self, labels: dict[str, Array], dtype: type = np.float64) -> NDArray[Any]:
        return np.zeros((len(labels[self.labels[0]]), len(self._survey.bands), self.size, self.size), dtype)

    @each_psf
    def _part(self, part: str, labels: dict[str, Array]) -> Array:
        """Expected image of one part alone, or of the neighbours."""
        out = self._dark(labels)
        if part == "neighbours":
            add_neighbours(labels, *self._drawing, out)
        else:
            self._draw(part, labels, out)
        return out

    def _fields(self, labels: dict[str, Array]) -> dict[str, Array]:
        """Fields that bend the light at the pixels' centres, shape (S, size, size) each."""
        return {}

    @abstractmethod
    def _draw(self, part: str, labels: dict[str, Array], out: Array) -> None:
        """Add one of `parts` to `out`, shape (S, B, size, size)."""
