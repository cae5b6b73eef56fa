"""Strong lenses: an elliptical power law with external shear, Sersic lens light and Sersic sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulators._psf_choice import each_psf
from simulators.deflectors import EPL, ExternalShear, Sum
from simulators.drawing import draw_sersic
from simulators.layout import Layout
from simulators.light import Sersic
from simulators.raytracing import draw_lensed
from simulators.selection import Expected
from simulators.simulator import Simulator

__all__ = ["StrongLens"]

Array = NDArray[np.float64]
_SHAPE = ("flux", "radius", "n", "e1", "e2", "x", "y")
_STEPS = {"flux": -1e-2, "radius": -1e-3, "n": -1e-3, "e1": 1e-3, "e2": 1e-3, "x": 2e-2, "y": 2e-2}
_MASS = ("theta_E", "gamma", "lens_e1", "lens_e2", "lens_x", "lens_y", "shear_g1", "shear_g2")
_LIGHT, _SOURCE = (tuple(f"{owner}_{name}" for name in _SHAPE) for owner in ("light", "source"))
_LAYOUT = Layout(
    labels=(*_MASS, *_LIGHT, *_SOURCE),
    flux_labels=("light_flux", "source_flux"),
    parts={"light": _LIGHT, "sources": (*_MASS, *_SOURCE)},
    fits=((*_MASS, *_LIGHT, *_SOURCE),),
    # Wide steps: cells that are refined more or less as labels move make the image a little rough.
    steps={
        **dict.fromkeys(("lens_e1", "lens_e2", "shear_g1", "shear_g2", "gamma"), 2e-3),
        "theta_E": -2e-3,
        "lens_x": 2e-2,
        "lens_y": 2e-2,
        **{f"{owner}_{name}": step for owner in ("light", "source") for name, step in _STEPS.items()},
    },
    population="galaxy-galaxy",
    extras=("z_lens", "z_source", "sigma_v"),
    dimensions=dict.fromkeys(_SOURCE, "component"),
    splits={"sources": "component"},
    arcs="source",
)


def _light(labels: dict[str, Array], owner: str, component: int | None = None) -> Sersic:
    """The Sersic profiles of `owner` ("light" or "source"), of one component where there are several."""
    at = {name: labels[f"{owner}_{name}"] for name in _SHAPE}
    if component is not None:
        at = {name: value[:, component] for name, value in at.items()}
    at["flux"] = at["flux"].mean(axis=-1)
    return Sersic(**at)


def _deflectors(labels: dict[str, Array]) -> tuple[EPL, ExternalShear]:
    lens = EPL(*(labels[name] for name in ("theta_E", "gamma", "lens_e1", "lens_e2", "lens_x", "lens_y")))
    return lens, ExternalShear(labels["shear_g1"], labels["shear_g2"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class StrongLens(Simulator):
    """One galaxy-scale strong lens per stamp.

    Labels: mass ``theta_E gamma lens_e1 lens_e2 lens_x lens_y``, external shear ``shear_g1 shear_g2``, lens light
    ``light_*`` and sources ``source_*`` (each flux per band; sources may have a ``component`` dimension). Populations
    may add ``z_lens``, ``z_source`` and ``sigma_v``, which are kept in the truth.
    """

    @property
    def layout(self) -> Layout:
        """Labels and parts of these samples."""
        return _LAYOUT

    def _draw(self, part: str, labels: dict[str, Array], out: Array) -> None:
        if part == "light":
            draw_sersic(_light(labels, "light"), labels["light_flux"], *self._drawing, out)
            return
        flux = labels["source_flux"]
        sources = [_light(labels, "source", component) for component in range(flux.shape[1])]
        draw_lensed(Sum(_deflectors(labels)), sources, flux, *self._drawing, out)

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
        lens, shear = _deflectors(labels)
        axis = self.grid.axis()
        points = np.meshgrid(axis, axis)
        (ax, ay), (bx, by) = lens.deflection(*points), shear.deflection(*points)
        return {"deflection_x": ax + bx, "deflection_y": ay + by, "convergence": lens.convergence(*points)}
