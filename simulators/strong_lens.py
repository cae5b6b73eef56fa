"""Strong lenses: any sum or stack of deflectors, lens light, Sersic sources, quasars and groups of galaxies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import catalogs
from simulators import _quasars as quasars
from simulators._psf_choice import each_psf
from simulators._strong_layout import layout_of
from simulators.deflectors import Deflector, lens_of
from simulators.deflectors.masses import LINE_OF_SIGHT, masses_of
from simulators.drawing import draw_sersic
from simulators.layout import Layout
from simulators.light import Sersic
from simulators.neighbours import add_neighbours
from simulators.population import resolve
from simulators.raytracing import draw_lensed
from simulators.selection import Expected
from simulators.simulator import Simulator

__all__ = ["StrongLens"]

Array = NDArray[np.float64]
_SHAPE = ("flux", "radius", "n", "e1", "e2", "x", "y")


def _light(labels: dict[str, Array], owner: str, component: int | None = None) -> Sersic:
    """The Sersic profiles of `owner` ("light" or "source"), of one component where there are several."""
    at = {name: labels[f"{owner}_{name}"] for name in _SHAPE}
    if component is not None:
        at = {name: value[:, component] for name, value in at.items()}
    at["flux"] = at["flux"].mean(axis=-1)
    return Sersic(**at)


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
    quasar: bool = False
    cosmology: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mass", masses_of(self.mass))
        if self.cosmology is not None and not hasattr(self.cosmology, "angular_diameter_distance"):
            raise ValueError(f"cosmology = {self.cosmology!r} is not one of astropy.cosmology")
        if LINE_OF_SIGHT in self._masses and self._cosmology is None:
            raise ValueError("mass: line_of_sight needs a cosmology, or a population that has one")

    @cached_property
    def layout(self) -> Layout:
        """Labels and parts of these samples."""
        return layout_of(self._masses, quasar=self.quasar)

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

    def _draw(self, part: str, labels: dict[str, Array], out: Array) -> None:
        if part == "light":
            draw_sersic(_light(labels, "light"), labels["light_flux"], *self._drawing, out)
        elif part == "members":
            add_neighbours(labels, *self._drawing, out, owner="member")
        elif part == "quasar":
            quasars.add_images(self._images(labels), labels["quasar_flux"], *self._drawing, out)
        else:
            flux = labels["source_flux"]
            sources = [_light(labels, "source", component) for component in range(flux.shape[1])]
            draw_lensed(self._lens(labels), sources, flux, *self._drawing, out)

    def _drawers(self, labels: dict[str, Array]) -> dict[str, Callable[[Expected], Array]]:
        return super()._drawers(labels) | {"unlensed": lambda _: self._unlensed(labels)}

    @each_psf
    def _unlensed(self, labels: dict[str, Array]) -> Array:
        """The sources as they would look without the lens."""
        out = self._dark(labels)
        for component in range(labels["source_flux"].shape[1]):
            source = _light(labels, "source", component)
            draw_sersic(source, labels["source_flux"][:, component], *self._drawing, out)
        return out

    def _fields(self, labels: dict[str, Array]) -> dict[str, Array]:
        lens = self._lens(labels)
        axis = self.grid.axis()
        points = np.meshgrid(axis, axis)
        ax, ay = lens.deflection(*points)
        return {"deflection_x": ax, "deflection_y": ay, "convergence": lens.convergence(*points)}
