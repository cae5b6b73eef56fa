"""Which objects a field has: their number, and the labels of its galaxies and stars, each by its own key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalogs import Survey
from catalogs.checks import within
from simulators import streams
from simulators._counts import places, truncated
from simulators._light_choice import LightChoice
from simulators.population import PopulationLike, Source, draw_labels, resolve

__all__ = ["draw_galaxies", "draw_stars", "object_ids"]

Array = NDArray[np.float64]
Ids = NDArray[np.int64]
STARS = 2**23  # numbers of stars start here
FIELDS = 2**24  # and those of the next field here
MOST = 2_000_000  # objects of a field
_SIZES = {"bulge-disk": ("field-disks",)}  # over the populations of a light, under ``field``


def object_ids(seed: int, number: int, means: tuple[float, float]) -> tuple[Ids, Ids]:
    """Ids of the galaxies and stars of a field, Poisson in number about `means`."""
    expected = within("objects of a field", means, 0, MOST)
    ids = []
    for first, effect, mean in zip((0, STARS), ("field.galaxies", "field.stars"), expected, strict=True):
        count = int(streams.poisson(seed, np.array([number]), effect, np.array([mean]))[0])
        ids.append(np.arange(count, dtype=np.int64) + (number * FIELDS + first))
    return ids[0], ids[1]


def draw_galaxies(
    seed: int,
    ids: Ids,
    survey: Survey,
    light: LightChoice,
    population: PopulationLike,
    sides: tuple[float, float],
    clustering: float,
) -> dict[str, Array]:
    """Labels of the galaxies `ids` of this light, in a rectangle of `sides` [arcsec] along y and x."""
    names = [name for name in light.labels if name not in ("x", "y", *light.discrete)]
    default = (*light.populations, *_SIZES.get(light.name, ()), "field")
    under, over = _seen(default, survey), _seen(population, survey)
    labels = draw_labels(under, over, survey, tuple(names), seed, ids, ".field", tuple(light.discrete))
    for name, count in light.discrete.items():
        if name not in labels:
            labels[name] = np.floor(streams.uniform(seed, ids, f"label.{name}.field") * count)
    labels["x"], labels["y"] = places(seed, ids, sides, clustering)
    return labels | {"star": np.zeros(len(ids))}


def draw_stars(
    seed: int, ids: Ids, survey: Survey, light: LightChoice, population: PopulationLike, sides: tuple[float, float]
) -> dict[str, Array]:
    """Labels of the stars `ids`: of what describes a galaxy's light, zeros."""
    labels = {name: np.zeros(len(ids)) for name in light.labels}
    labels |= draw_labels(_seen("stars", survey), _seen(population, survey), survey, ("flux",), seed, ids, ".stars")
    labels["x"], labels["y"] = places(seed, ids, sides, 0.0)
    return labels | {"star": np.ones(len(ids))}


def _seen(population: PopulationLike, survey: Survey) -> list[Source]:
    """Populations without what the survey cannot see."""
    return [truncated(source, survey) for source in resolve(population)]
