"""What every simulator of stamps does: draw labels, render, observe, differentiate."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import catalogs
from catalogs.checks import one_of, within
from simulators.grid import PixelGrid
from simulators.labels import check_labels
from simulators.neighbours import NEIGHBOUR_LABELS, add_neighbours, draw_neighbours
from simulators.noise import add_noise
from simulators.population import PopulationLike, draw_labels, resolve
from simulators.psf import PSF, psf_of
from simulators.samples import LabelShapes, labels_of, sample_ids_of, samples, tangent_array

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Simulator"]

Array = NDArray[np.float64]
MAX_SAMPLES = 10_000_000


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
    psf : PSF or sequence of PSF, optional
        Overrides the survey's PSF, for all bands or one per band.
    pixel_scale : float, optional
        Overrides the survey's pixel scale [arcsec].
    accuracy : {"default", "fast", "high"}
        Numerical accuracy of the expected image.
    neighbours : float
        Mean number of other galaxies per square arcsec, kept in the truth as ``neighbour_*``; 0 is none.
    neighbour_population : as `population`
        Gives the neighbours' flux, radius, n, e1 and e2.

    Raises
    ------
    ValueError
        For an unknown name (the nearest valid one is given) or a number out of range.
    """

    survey: str | catalogs.Survey
    bands: Iterable[str] | None = None
    size: int = 64
    population: PopulationLike = ()
    psf: PSF | tuple[PSF, ...] | None = None
    pixel_scale: float | None = None
    accuracy: str = "default"
    neighbours: float = 0.0
    neighbour_population: PopulationLike = ()

    labels: ClassVar[tuple[str, ...]]
    extras: ClassVar[tuple[str, ...]] = ()  # labels that a population may give and no image needs
    flux_labels: ClassVar[tuple[str, ...]]
    component_labels: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[Mapping[str, tuple[str, ...]]]  # what is drawn separately and summed -> the labels it depends on
    fits: ClassVar[tuple[tuple[str, ...], ...]]  # sets of labels that an image can tell apart
    steps: ClassVar[Mapping[str, float]]
    default_population: ClassVar[str]

    def __post_init__(self) -> None:
        from simulators.drawing import ACCURACY

        survey = catalogs.get_survey(self.survey) if isinstance(self.survey, str) else self.survey
        survey = survey if self.bands is None else survey.select(self.bands)
        if self.pixel_scale is not None:
            survey = dataclasses.replace(survey, pixel_scale=self.pixel_scale)
        given = self.psf if self.psf is not None else tuple(psf_of(band) for band in survey.bands)
        psfs = (given,) * len(survey.bands) if isinstance(given, PSF) else tuple(given)
        if len(psfs) != len(survey.bands):
            raise ValueError(f"psf has {len(psfs)} entries for {len(survey.bands)} bands: give one, or one per band")
        one_of("accuracy", self.accuracy, ACCURACY)
        within("neighbours", self.neighbours, 0.0, 1e3, "per square arcsec")
        populations = {name: resolve(getattr(self, name)) for name in ("population", "neighbour_population")}
        for name, value in {"survey": survey, "bands": survey.band_names, "psf": psfs, **populations}.items():
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
    def _psfs(self) -> tuple[PSF, ...]:
        assert isinstance(self.psf, tuple)
        return self.psf

    def draw(self, n: int, seed: int, start: int = 0) -> xr.Dataset:
        """Labels of samples start .. start+n-1 of run `seed`: dims (sample[, component][, band]), with units.

        A sample's labels depend on (seed, sample id) alone.
        """
        within("n", n, 1, MAX_SAMPLES)
        within("start", start, 0, 2**62)
        ids = np.arange(start, start + n, dtype=np.int64)
        labels = draw_labels(
            self.default_population, self.population, self._survey, self.labels, seed, ids, extras=self.extras
        )
        if self.neighbours > 0:
            around = (self.neighbours, self.neighbour_population, self._survey, self.grid)
            labels |= draw_neighbours(*around, seed, ids)
        return self._dataset(self._checked(labels), ids, seed=seed)

    def render(self, truth: xr.Dataset | Mapping[str, ArrayLike]) -> xr.Dataset:
        """Add the expected image: noise-free, PSF-convolved, pixel-integrated, in the survey's unit.

        Parameters
        ----------
        truth : Dataset from `draw`, or any mapping of the label names to numbers or arrays (sample[, component][,
        band])

        Raises
        ------
        ValueError
            For a missing or unknown label, or a value out of range.
        """
        labels = self._checked(truth)
        image = self._expected(labels).astype(np.float32)
        return self._dataset(labels, sample_ids_of(truth, len(image)), truth, {"image": image})

    def observe(self, clean: xr.Dataset, seed: int) -> xr.Dataset:
        """Add noise to an expected image: `image`, `variance`, `mask` and the expected image as `clean`."""
        ids = sample_ids_of(clean, clean.sizes["sample"])
        image, variance = add_noise(clean["image"].values, self._survey.bands, seed, ids, self._survey.noise_mixing)
        expected = clean["image"].values
        mask = np.zeros(image.shape, dtype=np.uint8)
        planes: dict[str, NDArray[Any]] = {"image": image, "variance": variance, "mask": mask, "clean": expected}
        return self._dataset(self._checked(clean), ids, clean, planes, seed=seed)

    def simulate(self, n: int, seed: int, start: int = 0) -> xr.Dataset:
        """Draw, render and observe samples start .. start+n-1 of run `seed`."""
        return self.observe(self.render(self.draw(n, seed, start)), seed)

    def tangent(self, truth: xr.Dataset | Mapping[str, ArrayLike], labels: Iterable[str] | None = None) -> xr.DataArray:
        """Derivatives of the expected image by each continuous label, dims (sample, label, band, y, x).

        Central differences of the float64 renderer. A flux label gives one tangent per band, named ``flux_r``; a
        label with components one per component, named ``source_x_0``.
        """
        names = tuple(labels) if labels is not None else self.labels
        for name in names:
            one_of(f"{type(self).__name__} label", name, self.labels)
        values = self._checked(truth)
        columns = {key: plane for name in names for key, plane in self._differences(values, name)}
        return tangent_array(columns, sample_ids_of(truth, len(next(iter(columns.values())))), self._survey)

    def _differences(self, values: dict[str, Array], name: str) -> Iterable[tuple[str, Array]]:
        """(tangent name, derivative (S, B, y, x)) of one label, split by component and, for fluxes, by band."""
        value = values[name]
        components = range(value.shape[1]) if name in self.component_labels else [None]
        for component in components:
            step = np.zeros_like(value)
            at = (slice(None), component) if component is not None else slice(None)
            step[at] = self._step(name, value[at])
            up, down = (self._expected({**values, name: end}, name) for end in (value + step, value - step))
            width = 2.0 * step[at]
            tag = name if component is None or len(components) == 1 else f"{name}_{component}"
            if name in self.flux_labels:
                for b, band in enumerate(self._survey.band_names):
                    plane = np.zeros_like(up)
                    plane[:, b] = (up[:, b] - down[:, b]) / width[:, b, None, None]
                    yield f"{tag}_{band}", plane
            else:
                yield tag, (up - down) / width[:, None, None, None]

    def _step(self, name: str, value: Array) -> Array:
        """Finite-difference step: a fraction of the value for positive labels, of a pixel or of one otherwise."""
        step = self.steps[name]
        if step < 0:
            return np.maximum(-step * np.abs(value), 1e-9)
        return np.full_like(value, step * (self._survey.pixel_scale if name.endswith(("x", "y")) else 1.0))

    def _checked(self, truth: xr.Dataset | Mapping[str, ArrayLike]) -> dict[str, Array]:
        owner = type(self).__name__
        names = self.labels + tuple(name for name in self.extras if name in truth)
        names += NEIGHBOUR_LABELS if NEIGHBOUR_LABELS[0] in truth else ()
        return check_labels(dict(labels_of(truth, names, self._shapes, owner)), names, owner)

    @property
    def _shapes(self) -> LabelShapes:
        return LabelShapes((*self.flux_labels, NEIGHBOUR_LABELS[0]), self.component_labels, self._survey.band_names)

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
        return samples(labels, self._shapes, ids, self._survey, planes or {}, attrs)

    def _expected(self, labels: dict[str, Array], label: str | None = None) -> Array:
        """Expected images, shape (S, B, size, size) float64, of checked labels: all parts, or those that `label`
        moves.
        """
        out = np.zeros((len(labels[self.labels[0]]), len(self._psfs), self.size, self.size))
        for part, names in self.parts.items():
            if label is None or label in names:
                self._draw(part, labels, out)
        if label is None and NEIGHBOUR_LABELS[0] in labels:
            add_neighbours(labels, self.grid, self._psfs, self.accuracy, out)
        return out

    @abstractmethod
    def _draw(self, part: str, labels: dict[str, Array], out: Array) -> None:
        """Add one of `parts` to `out`, shape (S, B, size, size) float64."""
