"""Drawing labels: catalogued priors, rows of a catalogue or a function, each number keyed by (seed, sample id)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import catalogs
from catalogs.checks import one_of, within
from simulators import streams
from simulators.labels import LABELS
from simulators.relations import relate

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


Give = Callable[[int, NDArray[np.int64], catalogs.Survey], Mapping[str, ArrayLike]]
Source = catalogs.Population | Rows | Give
PopulationLike = str | Source | Sequence[str | Source]


def resolve(population: PopulationLike) -> tuple[Source, ...]:
    """The populations meant, names looked up; an unknown name raises ValueError with the nearest valid one."""
    alone = isinstance(population, str | catalogs.Population | Rows) or callable(population)
    layers: list[str | Source] = [population] if alone else list(population)  # type: ignore[list-item, arg-type]
    found = tuple(catalogs.get_population(layer) if isinstance(layer, str) else layer for layer in layers)
    for layer in found:
        if not (isinstance(layer, catalogs.Population | Rows) or callable(layer)):
            raise ValueError(f"population {layer!r} is neither a name, a Population, Rows nor a function")
    return found


def _called(give: Give, survey: catalogs.Survey, seed: int, ids: NDArray[np.int64], tag: str) -> dict[str, Array]:
    """What a user's function gives, checked; another `tag` is another seed."""
    owner = f"population {getattr(give, '__name__', type(give).__name__)}"
    given = give(seed ^ streams.effect_key(tag) if tag else seed, ids.copy(), survey)
    if not isinstance(given, Mapping):
        raise ValueError(f"{owner} gave {type(given).__name__}, not a mapping of labels to arrays")
    checked: dict[str, Array] = {}
    for name, values in given.items():
        label = LABELS[one_of(f"label of {owner}", str(name), LABELS)]
        array = within(f"{owner}: {name}", values, label.low, label.high, label.unit)
        if array.ndim == 0 or len(array) != len(ids) or array.ndim > 3:
            raise ValueError(
                f"{owner}: {name} has shape {array.shape}; its first dimension must be that of {len(ids)} sample ids"
            )
        checked[str(name)] = array
    return checked


def draw_labels(
    default: PopulationLike,
    population: PopulationLike,
    survey: catalogs.Survey,
    names: tuple[str, ...],
    seed: int,
    ids: NDArray[np.int64],
    tag: str = "",
    extras: tuple[str, ...] = (),
) -> dict[str, Array]:
    """Draw the labels `names` of samples `ids`: later populations override earlier ones, `default` is under all
    and may give labels that `names` does not hold.

    Another `tag` is another, independent draw for the same samples. Labels in `extras` are kept where a population
    gives them.

    Raises
    ------
    ValueError
        For an unknown population, labels that `names` does not hold, or magnitudes in a survey without zero points.
    """
    layers: list[tuple[Source, dict[str, Array]]] = []
    givers: dict[str, int] = {}
    known = (*names, *extras)
    under = resolve(default)
    for source in (*under, *resolve(population)):
        if isinstance(source, catalogs.Population):
            given: dict[str, Array] = dict.fromkeys(source.labels, np.empty(0))
        elif isinstance(source, Rows):
            given = source.draw(seed, ids, tag)
        else:
            given = _called(source, survey, seed, ids, tag)
        for name in given:
            if len(layers) >= len(under) or name in known:
                givers[one_of("label of this simulator", name, known)] = len(layers)
        layers.append((source, given))
    missing = [name for name in names if name not in givers]
    if missing:
        raise ValueError(f"no population gives the label {', '.join(missing)}")
    drawn: dict[str, Array] = {}
    priors: list[tuple[catalogs.Population, set[str]]] = []
    for at, (source, given) in enumerate(layers):
        mine = {name for name, giver in givers.items() if giver == at}
        if isinstance(source, catalogs.Population):
            priors.append((source, mine))
        else:
            drawn |= {name: value for name, value in given.items() if name in mine}
    drawn = _draw_repeated(priors, drawn, survey, seed, ids, tag)
    return {name: drawn[name] for name in known if name in drawn}


def _draw_repeated(
    sources: list[tuple[catalogs.Population, set[str]]],
    drawn: dict[str, Array],
    survey: catalogs.Survey,
    seed: int,
    ids: NDArray[np.int64],
    tag: str,
) -> dict[str, Array]:
    """What `_draw_priors` gives, and labels (S, K[, band]) that a population repeats, each draw by itself."""
    repeats = {name: prior for source, _ in sources for name, prior in source.repeats.items()}
    own: dict[str, set[str]] = {name: set() for name in repeats}
    for source, mine in sources:
        for name in source.repeats:
            own[name] |= {label for label in mine if label.startswith(f"{name}_")}
    several = set().union(*own.values())
    drawn = _draw_priors([(source, mine - several) for source, mine in sources], drawn, survey, seed, ids, tag)
    for name, prior in repeats.items():
        count = np.round(prior.quantile(streams.uniform(seed, ids, f"repeats.{name}{tag}")))
        numbers = range(max(1, round(prior.support[1])))
        priors = [(source, mine & own[name]) for source, mine in sources]
        each = [_draw_priors(priors, dict(drawn), survey, seed, ids, f".{name}{k}{tag}") for k in numbers]
        for label in own[name]:
            values = np.stack([one[label] for one in each], axis=1)
            if label.endswith(("flux", "theta_E")):
                there = np.arange(len(each)) < count[:, None]
                values = values * there.reshape(*there.shape, *(1,) * (values.ndim - 2))
            drawn[label] = values
    return drawn


def _draw_priors(
    sources: list[tuple[catalogs.Population, set[str]]],
    drawn: dict[str, Array],
    survey: catalogs.Survey,
    seed: int,
    ids: NDArray[np.int64],
    tag: str,
) -> dict[str, Array]:
    """`drawn` and the labels that each population gives: independent ones, then relations, factors and ties."""
    magnitudes: dict[str, Array] = {}
    for source, mine in sources:
        for label, value in _independent(source, mine, drawn, seed, ids, tag, last=False):
            (magnitudes if label in source.priors and source.priors[label].unit == "mag" else drawn)[label] = value
    for source, mine in sources:
        for relation in source.relations:
            if mine.intersection(relation.labels):
                at = {**dict.fromkeys(magnitudes, np.empty(0)), **drawn}
                related = relate(relation, source, at, magnitudes, seed, ids, tag)
                for label in mine.intersection(related):
                    as_magnitude = relation.unit == "mag" and label.endswith("flux")
                    (magnitudes if as_magnitude else drawn)[label] = related[label]
    for source, mine in sources:
        drawn.update(_independent(source, mine, drawn, seed, ids, tag, last=True))
    for source, mine in sources:
        for label in mine.intersection(magnitudes):
            kicks = streams.normal(seed, ids, f"label.{label}.colour{tag}") if label in source.scatters else None
            drawn[label] = _fluxes(source, label, magnitudes[label], drawn, survey, kicks)
    for source, mine in sources:
        drawn.update({label: drawn[tied] for label, tied in source.ties.items() if label in mine})
    return drawn


def _independent(
    source: catalogs.Population,
    mine: set[str],
    drawn: Mapping[str, Array],
    seed: int,
    ids: NDArray[np.int64],
    tag: str,
    *,
    last: bool,
) -> Iterator[tuple[str, Array]]:
    """(label, value) of the priors and pairs of `source`: those multiplied by another label (`last`), or the others."""
    for label in sorted(mine.intersection(source.priors)):
        prior = source.priors[label]
        if bool(prior.times) == last:
            value = prior.quantile(streams.uniform(seed, ids, f"label.{label}{tag}", ()))
            yield label, value * drawn[prior.times] if prior.times else value
    for pair, prior in source.pairs.items():
        if mine.intersection(pair) and bool(prior.times) == last:
            uniforms = streams.uniform(seed, ids, f"label.{pair[0]}{tag}", (2,))
            length, angle = prior.quantile(uniforms[:, 0]), 2.0 * math.pi * uniforms[:, 1]
            length = length * drawn[prior.times] if prior.times else length
            for label, value in zip(pair, (length * np.cos(angle), length * np.sin(angle)), strict=True):
                if label in mine:
                    yield label, value


def _fluxes(
    source: catalogs.Population,
    label: str,
    magnitude: Array,
    drawn: Mapping[str, Array],
    survey: catalogs.Survey,
    kicks: Array | None,
) -> Array:
    """Fluxes (S, band) in the survey's unit of AB magnitudes (S,); `kicks` (S,) scatter their colours."""
    uncalibrated = [band.name for band in survey.bands if not math.isfinite(band.zero_point)]
    if uncalibrated:
        raise ValueError(
            f"population {source.name!r} gives {label} as AB magnitude, but band {', '.join(uncalibrated)} of survey "
            f"{survey.name!r} has no zero point: give fluxes as Rows"
        )
    bands = []
    for band in survey.bands:
        own = magnitude + source.offsets(label, band.name, {**drawn, label: magnitude}) - band.zero_point
        if kicks is not None:
            own = own + kicks * source.scatters[label].get(band.name, 0.0)
        bands.append(own)
    return 10.0 ** (-0.4 * np.stack(bands, axis=1))
