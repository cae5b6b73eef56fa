"""Which light a simulator's galaxies have: its labels, and the profiles that they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import catalogs
from catalogs.checks import one_of
from simulators.light import BulgeDisk, GalaxyImage, Gaussian, ImageSource, Knots, Light, PointSource, Sersic
from simulators.population import draw_labels

__all__ = ["LightChoice", "LightLike", "light_of"]

Array = NDArray[np.float64]
LightLike = str | ImageSource | Sequence[GalaxyImage]
_STEPS = {"flux": -1e-2, "e1": 1e-3, "e2": 1e-3, "n": -1e-3, "radius": -1e-3, "x": 2e-2, "y": 2e-2}
_STEPS |= {"zoom": -1e-3, "angle": 1e-3, "fraction": 1e-3}


@dataclass(frozen=True, eq=False)
class LightChoice:
    """A profile whose fields are labels.

    Parameters
    ----------
    labels : tuple of str
        Fields of the profile, with `flux`, `x` and `y`.
    make : function
        Labels as keywords -> the profiles.
    populations : tuple of str
        What gives the labels that "weak-lensing" does not.
    discrete : mapping of str to int
        Labels that choose, and how many values each has, as `Layout` wants it.
    """

    name: str
    labels: tuple[str, ...]
    make: Callable[..., Light]
    populations: tuple[str, ...] = ()
    discrete: Mapping[str, int] = field(default_factory=dict)

    def profiles(self, labels: Mapping[str, Array]) -> Light:
        """The N profiles that `labels` (N,), flux (N,) or (N, B), mean."""
        fields = {name: labels[name] for name in self.labels}
        flux = np.asarray(fields["flux"])
        return self.make(**{**fields, "flux": flux.mean(axis=-1) if flux.ndim > 1 else flux})

    def owned(self, labels: Mapping[str, Array], owner: str, component: int | None = None) -> Light:
        """The profiles that the labels ``{owner}_...`` mean, of one component where these have several."""
        at = slice(None) if component is None else (slice(None), component)
        return self.profiles({name: labels[f"{owner}_{name}"][at] for name in self.labels})

    def owned_labels(self, owner: str) -> tuple[dict[str, float], dict[str, int]]:
        """The labels ``{owner}_...`` and their steps, 0 for those that choose; and of these the number of values."""
        steps = {f"{owner}_{name}": 0.0 if name in self.discrete else self.step(name) for name in self.labels}
        return steps, {f"{owner}_{name}": count for name, count in self.discrete.items()}

    def owned_populations(self, owner: str) -> tuple[Callable[..., dict[str, Array]], ...]:
        """What gives the labels ``{owner}_...`` that no population of strong lenses does."""

        def of(name: str) -> Callable[..., dict[str, Array]]:
            def give(seed: int, ids: NDArray[np.int64], survey: catalogs.Survey) -> dict[str, Array]:
                wanted = catalogs.get_population(name).labels
                drawn = draw_labels(name, (), survey, wanted, seed, ids, f".{owner}")
                return {f"{owner}_{label}": values for label, values in drawn.items()}

            return give

        return tuple(of(name) for name in self.populations)

    def turned(self, labels: dict[str, Array], angle: Array) -> dict[str, Array]:
        """The labels of galaxies turned by `angle` (N,) [rad]."""
        made = dict(labels)
        cos, sin = np.cos(2.0 * angle), np.sin(2.0 * angle)
        for first in [name for name in self.labels if name.endswith("e1")]:
            second = first[:-1] + "2"
            e1, e2 = labels[first], labels[second]
            made |= {first: e1 * cos - e2 * sin, second: e1 * sin + e2 * cos}
        if "angle" in self.labels:
            made["angle"] = labels["angle"] + angle
        return made

    def step(self, name: str) -> float:
        """Half the difference that a tangent is taken over, as `Layout` wants it."""
        return _STEPS[name] if name in _STEPS else _STEPS[name.rsplit("_", 1)[1]]


_SHAPE = ("flux", "radius", "e1", "e2", "x", "y")
_CHOICES = {
    choice.name: choice
    for choice in (
        LightChoice("sersic", ("flux", "radius", "n", "e1", "e2", "x", "y"), Sersic),
        LightChoice("gaussian", _SHAPE, Gaussian),
        LightChoice("point", ("flux", "x", "y"), PointSource),
        LightChoice("bulge-disk", tuple(BulgeDisk.ranges), BulgeDisk, ("bulge-disk",)),
        LightChoice("knots", tuple(Knots.ranges), Knots, ("knots",), {"knot_seed": 10**9}),
    )
}


def light_of(given: LightLike) -> LightChoice:
    """The choice meant by a name, or by real galaxies.

    Raises
    ------
    ValueError
        For an unknown name (the nearest valid one is given), or no galaxies.
    """
    if isinstance(given, str):
        return _CHOICES[one_of("light", given, _CHOICES)]
    galaxies = (given if isinstance(given, ImageSource) else ImageSource(given)).galaxies

    def images(**labels: Array) -> ImageSource:
        return ImageSource(galaxies, **labels)

    names = ("flux", "image_index", "zoom", "angle", "x", "y")
    return LightChoice("images", names, images, ("real-galaxies",), {"image_index": len(galaxies)})
