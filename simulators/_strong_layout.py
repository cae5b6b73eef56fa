"""The labels and parts of strong lenses, by what they are made of."""

from __future__ import annotations

from simulators._light_choice import LightChoice
from simulators._quasars import DELAY, IMAGE_LABELS
from simulators.deflectors.masses import mass_labels
from simulators.layout import Layout

__all__ = ["layout_of"]

_STEPS = {"flux": -1e-1, "radius": -2e-3, "n": -4e-3, "e1": 1e-3, "e2": 1e-3, "x": 3e-3, "y": 3e-3}
_QUASAR = {"quasar_flux": -1e-2, "quasar_x": 2e-2, "quasar_y": 2e-2}
_REDSHIFTS = ("z_lens", "z_source")


def _sersic(owner: str) -> dict[str, float]:
    return {f"{owner}_{name}": step for name, step in _STEPS.items()}


def _under(masses: tuple[str, ...], *, quasar: bool) -> str:
    """The population that lies under all others."""
    return "group" if "members" in masses else "lensed-quasar" if quasar else "galaxy-galaxy"


def layout_of(masses: tuple[str, ...], lens_light: LightChoice, sources: LightChoice, *, quasar: bool) -> Layout:
    """Layout of a `StrongLens` of these masses and profiles of light, with or without a quasar.

    In `fits` is what stamps tell apart: not a sheet of mass (Falco, Gorenstein & Shapiro 1985, ApJ 289, L1), subhaloes
    and redshifts.
    """
    steps, dimensions = mass_labels(masses)
    bend = tuple(steps)
    (light, choosing), (source, also) = lens_light.owned_labels("light"), sources.owned_labels("source")
    member, discrete, more = tuple(_sersic("member")), choosing | also, sources.owned_populations("source")
    parts, labels = {"light": tuple(light), "sources": (*bend, *source)}, (*bend, *light, *source)
    steps = steps | light | source
    dimensions = dimensions | dict.fromkeys(source, "component")
    extras = ["sigma_v"] + [name for name in _REDSHIFTS if name not in bend]
    splits = {"sources": "component"}
    arcs: tuple[str, ...] = ("source",)
    if "members" in masses:
        parts, splits = {**parts, "members": member}, {**splits, "members": "galaxy"}
        labels += tuple(name for name in member if name not in bend)
        steps = _sersic("member") | steps
        dimensions |= dict.fromkeys((*member, "member_sigma_v"), "galaxy")
        extras.append("member_sigma_v")
    if "nfw" in masses:
        extras.append("halo_mass")
    if quasar:
        parts, labels, steps = {**parts, "quasar": (*bend, *_QUASAR)}, (*labels, *_QUASAR), steps | _QUASAR
        arcs += ("quasar",)
        dimensions |= dict.fromkeys((*IMAGE_LABELS, DELAY), "lensed_image")
    apart = ("sheet_kappa", "subhalo", *_REDSHIFTS, "los_z")
    return Layout(
        labels=labels,
        flux_labels=tuple(name for name in labels if name.endswith("_flux")),
        parts=parts,
        fits=(tuple(name for name in labels if not name.startswith(apart) and name not in discrete),),
        steps=steps,
        population=(_under(masses, quasar=quasar), *lens_light.owned_populations("light"), *more),
        extras=tuple(extras),
        derived=(*IMAGE_LABELS, DELAY) if quasar else (),
        defaults={"quasar_x": "source_x", "quasar_y": "source_y"} if quasar else {},
        dimensions=dimensions,
        splits=splits,
        arcs=arcs,
        discrete=discrete,
    )
