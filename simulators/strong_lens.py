"""Strong lenses: any sum or stack of deflectors, light of any profile before and behind, quasars and groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import catalogs
from simulators import _quasars as quasars
from simulators._light_choice import LightChoice, LightLike, light_of
from simulators._psf_choice import each_psf
from simulators._strong_layout import layout_of
from simulators.deflectors import Deflector, lens_of
from simulators.deflectors.masses import LINE_OF_SIGHT, masses_of
from simulators.drawing import draw_light, draw_points
from simulators.layout import Layout
from simulators.neighbours import add_neighbours
from simulators.population import resolve
from simulators.raytracing import draw_lensed
from simulators.selection import Expected
from simulators.simulator import Simulator

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["StrongLens"]

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StrongLens(Simulator):
    """One strong lens per stamp.

    Labels: those of the masses, by default ``theta_E gamma lens_e1 lens_e2 lens_x lens_y`` and external shear
    ``shear_g1 shear_g2``, lens light ``light_*`` and sources ``source_*`` (each flux per band; sources may have a
    ``component`` dimension). Populations may add ``z_lens``, ``z_source`` and ``sigma_v``, which are kept in the truth.

    Parameters
    ----------
    mass : iterable of str
        What the lens is made of, names of `simulators.deflectors.MASSES`: ``epl`` or ``sie`` (the main lens), ``nfw``
        (a halo, labels ``halo_*``), ``point``, ``shear``, ``sheet``, ``multipole3`` and ``multipole4`` (of the main
        lens), ``subhalos`` (``subhalo_*``), ``members`` (the other galaxies of a group, ``member_*``: isothermal
        masses with Sersic light of the same centre and shape) and ``line_of_sight`` (isothermal masses at redshifts of
        their own, ``los_*``; the others are then at ``z_lens``). The last three have a dimension of their own; a
        `SubhaloPopulation` among the populations draws subhaloes.
    light : {"sersic", "gaussian", "bulge-disk", "knots", "point"}, ImageSource or sequence of GalaxyImage
        What the lens's own light looks like, as for `WeakLens`. The labels ``light_*`` are the fields of the profile;
        those that only it has are drawn as of field galaxies unless a population says otherwise.
    source : {"sersic", "gaussian", "bulge-disk", "knots"}, ImageSource or sequence of GalaxyImage
        What the sources look like, labels ``source_*``. Images keep the PSF that they have (`GalaxyImage.sharpened`).
    quasar : bool
        A point source as well: ``quasar_flux``, and ``quasar_x``, ``quasar_y``, by default those of the (first) source.
        The truth gains its images, dimension ``lensed_image``: ``image_x``, ``image_y``, ``image_magnification``,
        ``image_type`` and, with redshifts and cosmology, ``image_delay``. Images farther from the stamp's centre than
        1.5 times its half side in x or y are left out.
    cosmology : astropy.cosmology.FLRW, optional
        By default that of the population.

    The other parameters are those of every simulator.
    """

    mass: str | Iterable[str] = ("epl", "shear")
    light: LightLike = "sersic"
    source: LightLike = "sersic"
    quasar: bool = False
    cosmology: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mass", masses_of(self.mass))
        if self._sources.name == "point":
            raise ValueError("source = 'point' is not drawn by rays: quasar=True adds a lensed point source")
        self._lens_light  # noqa: B018  # refuses a light that there is not
        super().__post_init__()
        if self.cosmology is not None and not hasattr(self.cosmology, "angular_diameter_distance"):
            raise ValueError(f"cosmology = {self.cosmology!r} is not one of astropy.cosmology")
        if LINE_OF_SIGHT in self._masses and self._cosmology is None:
            raise ValueError("mass: line_of_sight needs a cosmology, or a population that has one")

    @cached_property
    def layout(self) -> Layout:
        """Labels and parts of these samples."""
        return layout_of(self._masses, self._lens_light, self._sources, quasar=self.quasar)

    @cached_property
    def _lens_light(self) -> LightChoice:
        return light_of(self.light)

    @cached_property
    def _sources(self) -> LightChoice:
        return light_of(self.source)

    @property
    def _masses(self) -> tuple[str, ...]:
        assert isinstance(self.mass, tuple)
        return self.mass

    @cached_property
    def _cosmology(self) -> Any:
        """The cosmology given, or that of the last population that has one."""
        if self.cosmology is not None:
            return self.cosmology
        layers = (*resolve(self.layout.population), *resolve(self.population))
        known = [layer.cosmology for layer in layers if isinstance(layer, catalogs.Population) and layer.cosmology]
        if not known:
            return None
        from astropy.cosmology import FlatLambdaCDM

        return FlatLambdaCDM(**known[-1])

    def _lens(self, labels: dict[str, Array]) -> Deflector:
        return lens_of(self._masses, labels, self._cosmology)

    def _derived(self, labels: dict[str, Array]) -> dict[str, Array]:
        return self._images(labels) if self.quasar else {}

    def _images(self, labels: dict[str, Array]) -> dict[str, Array]:
        """The labels of the quasars' images."""
        lens = self._lens(labels)
        distance = quasars.delay_distances(lens, labels, self._cosmology)
        return quasars.image_labels(lens, labels, self.grid, distance)

    def tangent(self, truth: xr.Dataset | Mapping[str, ArrayLike], labels: Iterable[str] | None = None) -> xr.DataArray:
        """See `Simulator.tangent`; of images at ``accuracy="high"``, whose errors the differences would amplify."""
        if self.accuracy == "high":
            return super().tangent(truth, labels)
        return dataclasses.replace(self, accuracy="high").tangent(truth, labels)

    def _draw(self, part: str, labels: dict[str, Array], out: Array) -> None:
        if part == "light":
            draw_light(self._lens_light.owned(labels, "light"), labels["light_flux"], *self._drawing, out)
        elif part == "members":
            add_neighbours(labels, *self._drawing, out, owner="member")
        elif part == "quasar":
            quasars.add_images(self._images(labels), labels["quasar_flux"], *self._drawing, out)
        else:
            flux = labels["source_flux"]
            sources = [self._sources.owned(labels, "source", component) for component in range(flux.shape[1])]
            draw_lensed(self._lens(labels), sources, flux, *self._drawing, out)

    def _drawers(self, labels: dict[str, Array]) -> dict[str, Callable[[Expected], Array]]:
        return super()._drawers(labels) | {"unlensed": lambda _: self._unlensed(labels)}

    @each_psf
    def _unlensed(self, labels: dict[str, Array]) -> Array:
        """The sources and the quasar as they would look without the lens."""
        out = self._dark(labels)
        if self.quasar:
            draw_points(labels["quasar_x"], labels["quasar_y"], labels["quasar_flux"], *self._drawing, out)
        for component in range(labels["source_flux"].shape[1]):
            source = self._sources.owned(labels, "source", component)
            draw_light(source, labels["source_flux"][:, component], *self._drawing, out)
        return out

    def _fields(self, labels: dict[str, Array]) -> dict[str, Array]:
        lens = self._lens(labels)
        axis = self.grid.axis()
        points = np.meshgrid(axis, axis)
        ax, ay = lens.deflection(*points)
        return {"deflection_x": ax, "deflection_y": ay, "convergence": lens.convergence(*points)}
