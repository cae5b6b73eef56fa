"""Drawing labels: catalogued priors or rows of a measured catalogue, each number a function of (seed, sample id)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import catalogs
from catalogs.checks import one_of
from simulators import streams
from simulators.labels import LABELS

__all__ = ["PopulationLike", "Rows", "draw_labels", "resolve"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Labels resampled jointly, with replacement, from the rows of a catalogue (so that correlations are kept).

    Parameters
    ----------
    labels : mapping of str to array
        Label -> values, shape (N,) or, for fluxes, (N, band); all of one length N > 0.
    scatter : float
        Relative Gaussian scatter added to fluxes and radii, common to all bands of a row, so that draws are not copies.

    Ellipticities keep their modulus and take a random direction: a measured shear must not leak into intrinsic shapes.

    Raises
    ------
    ValueError
        For unknown labels, lengths that differ, no rows, or values that are not finite.
    """

    labels: Mapping[str, ArrayLike]
    scatter: float = 0.1

    def __post_init__(self) -> None:
        if not self.labels:
            raise ValueError("Rows has no labels")
        arrays = {name: np.asarray(values, dtype=np.float64) for name, values in self.labels.items()}
        for name, values in arrays.items():
            one_of("label", name, LABELS)
            if values.ndim not in (1, 2) or not np.isfinite(values).all():
                raise ValueError(f"Rows label {name} must be finite, shape (N,) or (N, band); got shape {values.shape}")
        lengths = {name: len(values) for name, values in arrays.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise ValueError(f"Rows labels must have one length above 0; got {lengths}")
        if not 0.0 <= self.scatter <= 1.0:
            raise ValueError(f"scatter = {self.scatter:g} is outside [0, 1]")
        object.__setattr__(self, "labels", arrays)

    def __len__(self) -> int:
        return len(np.asarray(next(iter(self.labels.values()))))

    def draw(self, seed: int, ids: NDArray[np.int64], tag: str = "") -> dict[str, Array]:
        """One row per sample id, label -> (S,) or (S, band); another `tag` draws other rows."""
        tag = "rows." + ",".join(self.labels) + tag
        uniforms = streams.uniform(seed, ids, tag, (2,))
        index = np.minimum((uniforms[:, 0] * len(self)).astype(np.int64), len(self) - 1)
        drawn = {name: np.asarray(values)[index] for name, values in self.labels.items()}
        kicks = np.exp(self.scatter * streams.normal(seed, ids, tag + ".scatter", (2,)))
        for name in drawn:
            if name.endswith("flux"):
                drawn[name] = drawn[name] * kicks[:, 0].reshape(-1, *(1,) * (drawn[name].ndim - 1))
            elif name.endswith("radius"):
                drawn[name] = np.clip(drawn[name] * kicks[:, 1], LABELS[name].low, LABELS[name].high)
        for name in [name for name in drawn if name.endswith("e1") and name[:-1] + "2" in drawn]:
            other = name[:-1] + "2"
            modulus, angle = np.hypot(drawn[name], drawn[other]), 2.0 * math.pi * uniforms[:, 1]
            drawn[name], drawn[other] = modulus * np.cos(angle), modulus * np.sin(angle)
        return drawn


PopulationLike = str | catalogs.Population | Rows | Sequence[str | catalogs.Population | Rows]


def resolve(population: PopulationLike) -> tuple[catalogs.Population | Rows, ...]:
    """The populations meant, names looked up; an unknown name raises ValueError with the nearest valid one."""
    layers = [population] if isinstance(population, str | catalogs.Population | Rows) else list(population)
    return tuple(catalogs.get_population(layer) if isinstance(layer, str) else layer for layer in layers)


def draw_labels(
    default: str,
    population: PopulationLike,
    survey: catalogs.Survey,
    names: tuple[str, ...],
    seed: int,
    ids: NDArray[np.int64],
    tag: str = "",
) -> dict[str, Array]:
    """Draw the labels `names` of samples `ids`: later populations override earlier ones, `default` is under all.

    Another `tag` is another, independent draw for the same samples.

    Raises
    ------
    ValueError
        For an unknown population, labels that `names` does not hold, or magnitudes in a survey without zero points.
    """
    drawers: dict[str, catalogs.Population | Rows] = {}
    for source in (catalogs.get_population(default), *resolve(population)):
        for name in source.labels:
            one_of("label of this simulator", name, names)
            drawers[name] = source
    missing = [name for name in names if name not in drawers]
    if missing:
        raise ValueError(f"no population gives the label {', '.join(missing)}")
    drawn: dict[str, Array] = {}
    for source in {id(source): source for source in drawers.values()}.values():
        mine = {name for name, giver in drawers.items() if giver is source}
        if isinstance(source, Rows):
            drawn |= {name: value for name, value in source.draw(seed, ids, tag).items() if name in mine}
        else:
            drawn |= _draw_priors(source, mine, survey, seed, ids, tag)
    for name, source in drawers.items():
        if isinstance(source, catalogs.Population) and name in source.ties:
            drawn[name] = drawn[source.ties[name]]
    return {name: drawn[name] for name in names}


def _draw_priors(
    source: catalogs.Population,
    mine: set[str],
    survey: catalogs.Survey,
    seed: int,
    ids: NDArray[np.int64],
    tag: str,
) -> dict[str, Array]:
    """The labels `mine` of `source`, but for those tied to others."""
    drawn: dict[str, Array] = {}
    for label in mine.intersection(source.priors):
        prior = source.priors[label]
        value = prior.quantile(streams.uniform(seed, ids, f"label.{label}{tag}", ()))
        drawn[label] = _fluxes(source, label, value, survey) if prior.unit == "mag" else value
    for pair, prior in source.pairs.items():
        if mine.intersection(pair):
            uniforms = streams.uniform(seed, ids, f"label.{pair[0]}{tag}", (2,))
            length, angle = prior.quantile(uniforms[:, 0]), 2.0 * math.pi * uniforms[:, 1]
            drawn |= {pair[0]: length * np.cos(angle), pair[1]: length * np.sin(angle)}
    return {label: value for label, value in drawn.items() if label in mine}


def _fluxes(source: catalogs.Population, label: str, magnitude: Array, survey: catalogs.Survey) -> Array:
    """Fluxes (S, band) in the survey's unit of AB magnitudes (S,)."""
    uncalibrated = [band.name for band in survey.bands if not math.isfinite(band.zero_point)]
    if uncalibrated:
        raise ValueError(
            f"population {source.name!r} gives {label} as AB magnitude, but band {', '.join(uncalibrated)} of survey "
            f"{survey.name!r} has no zero point: give fluxes as Rows"
        )
    bands = [magnitude + source.offset(label, band.name) - band.zero_point for band in survey.bands]
    return 10.0 ** (-0.4 * np.stack(bands, axis=1))
