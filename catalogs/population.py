"""What a population is: a prior for every label, as an inverse cumulative distribution, or a relation to others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import one_of, within
from catalogs.relations import COSMOLOGY, ColourTrack, Relation

__all__ = ["DISTRIBUTIONS", "Population", "Prior"]

Array = NDArray[np.float64]


def _constant(u: Array, p: Mapping[str, float]) -> Array:
    return np.full_like(u, p["value"])


def _uniform(u: Array, p: Mapping[str, float]) -> Array:
    return p["low"] + u * (p["high"] - p["low"])


def _normal(u: Array, p: Mapping[str, float]) -> Array:
    from scipy.special import ndtr, ndtri

    low, high = ((p[end] - p["mean"]) / p["sigma"] for end in ("low", "high"))
    if low > 0:  # the far upper tail is resolved only from below
        z = -ndtri(ndtr(-low) + u * (ndtr(-high) - ndtr(-low)))
    else:
        z = ndtri(ndtr(low) + u * (ndtr(high) - ndtr(low)))
    return np.asarray(p["mean"] + p["sigma"] * np.clip(z, low, high), dtype=np.float64)


def _lognormal(u: Array, p: Mapping[str, float]) -> Array:
    low = math.log(p["low"]) if p["low"] > 0 else -math.inf
    logs = {"mean": math.log(p["median"]), "sigma": p["sigma"], "low": low, "high": math.log(p["high"])}
    return np.exp(_normal(u, logs))


def _power_law(u: Array, p: Mapping[str, float]) -> Array:
    low, high, power = p["low"], p["high"], p["index"] + 1.0
    if abs(power) < 1e-12:
        return np.asarray(low * (high / low) ** u, dtype=np.float64)
    return np.asarray((low**power + u * (high**power - low**power)) ** (1.0 / power), dtype=np.float64)


def _counts(u: Array, p: Mapping[str, float]) -> Array:
    knee = min(max(p["knee"], p["low"]), p["high"])
    bright, faint = p["bright_slope"] * math.log(10.0), p["slope"] * math.log(10.0)
    first = math.exp(bright * (p["low"] - knee))  # density at low, that at the knee being 1
    above = first * _grown(bright, knee - p["low"])
    amount = u * (above + _grown(faint, p["high"] - knee))
    beyond = knee + _length(faint, np.maximum(amount - above, 0.0))
    return np.where(amount < above, p["low"] + _length(bright, np.minimum(amount, above) / first), beyond)


def _grown(rate: float, length: float) -> float:
    """Integral of exp(rate x) from 0 to `length`."""
    return math.expm1(rate * length) / rate if rate else length


def _length(rate: float, amount: Array) -> Array:
    """The length over which the integral is `amount`."""
    return np.asarray(np.log1p(rate * amount) / rate if rate else amount)


def _rayleigh(u: Array, p: Mapping[str, float]) -> Array:
    inside = -math.expm1(-0.5 * (p["high"] / p["sigma"]) ** 2)
    return p["sigma"] * np.sqrt(-2.0 * np.log1p(-u * inside))


def _gamma(u: Array, p: Mapping[str, float]) -> Array:
    from scipy.special import gammainc, gammaincinv

    shape = (p["index"] + 1.0) / p["power"]
    low, high = (gammainc(shape, (p[end] / p["scale"]) ** p["power"]) for end in ("low", "high"))
    drawn = p["scale"] * gammaincinv(shape, low + u * (high - low)) ** (1.0 / p["power"])
    return np.asarray(np.clip(drawn, p["low"], p["high"]), dtype=np.float64)


@dataclass(frozen=True)
class _Family:
    """A family of distributions: its inverse cumulative, the parameters it needs, and defaults for the others."""

    quantile: Callable[[Array, Mapping[str, float]], Array]
    needs: tuple[str, ...]
    defaults: Mapping[str, float] = field(default_factory=dict)


_UNBOUNDED = {"low": -math.inf, "high": math.inf}
_FAMILIES = {
    "constant": _Family(_constant, ("value",)),
    "uniform": _Family(_uniform, ("low", "high")),
    "normal": _Family(_normal, ("mean", "sigma"), _UNBOUNDED),
    "lognormal": _Family(_lognormal, ("median", "sigma"), {"low": 0.0, "high": math.inf}),
    "power_law": _Family(_power_law, ("index", "low", "high")),
    "counts": _Family(_counts, ("slope", "low", "high"), {"knee": -math.inf, "bright_slope": 0.0}),
    "rayleigh": _Family(_rayleigh, ("sigma",), {"high": math.inf}),
    "gamma": _Family(_gamma, ("index", "scale", "power"), {"low": 0.0, "high": math.inf}),
}
DISTRIBUTIONS = tuple(_FAMILIES)


@dataclass(frozen=True)
class Prior:
    """A one-dimensional distribution with a unit and a reference.

    Parameters
    ----------
    distribution : str
        One of `DISTRIBUTIONS`.
    parameters : mapping
        ``constant`` value; ``uniform`` low, high; ``normal`` mean, sigma; ``lognormal`` median, sigma (of the natural
        logarithm); ``power_law`` index, low, high (density x^index); ``counts`` slope, low, high (density
        10^(slope x), as of magnitudes; with ``knee`` and ``bright_slope`` another slope below the knee); ``rayleigh``
        sigma; ``gamma`` index, scale, power (density x^index exp(-(x / scale)^power)). The unbounded ones also take the
        bounds ``low`` and ``high`` (rayleigh: ``high``), between which they are renormalised.
    unit : str
        An astropy unit, or ``mag`` for a flux given as AB magnitude.
    reference : str
        Paper and equation, or the measurement or choice behind the numbers; never empty.
    times : str
        A label that the draw is multiplied by, such as ``theta_E`` for positions of sources behind their lens.
    """

    distribution: str
    parameters: Mapping[str, float]
    unit: str
    reference: str
    times: str = ""

    def __post_init__(self) -> None:
        family = _FAMILIES[one_of("distribution", self.distribution, _FAMILIES)]
        for name in self.parameters:
            one_of(f"parameter of {self.distribution}", name, (*family.needs, *family.defaults))
        missing = [name for name in family.needs if name not in self.parameters]
        if missing:
            raise ValueError(f"{self.distribution}: missing parameter {', '.join(missing)}")
        if not self.reference.strip():
            raise ValueError(f"{self.distribution}: the reference is empty; say where the numbers come from")
        self._check_range()

    def _check_range(self) -> None:
        values = self._all
        for name in _FAMILIES[self.distribution].needs:
            positive = name in ("sigma", "median", "scale", "power")
            positive = positive or (self.distribution == "power_law" and name == "low")
            lowest = 0.0 if positive else -1e30
            # a power law that vanishes at zero may start there
            open_low = positive and not (name == "low" and values["index"] > -1.0)
            within(f"{self.distribution} {name}", values[name], lowest, 1e30, self.unit, open_low=open_low)
        low, high = values.get("low", 0.0), values.get("high", math.inf)
        if self.distribution == "counts" and ("knee" in self.parameters) != ("bright_slope" in self.parameters):
            raise ValueError("counts: knee and bright_slope need one another")
        if self.distribution == "gamma":
            within("gamma index", values["index"], -1.0, 1e30, open_low=True)
            within("gamma low", low, 0.0, 1e30, self.unit)
        if self.times and self.unit == "mag":
            raise ValueError(f"{self.distribution}: a magnitude cannot be multiplied by {self.times}")
        if not low < high:
            raise ValueError(f"{self.distribution}: low = {low:g} is not below high = {high:g}")

    @property
    def _all(self) -> dict[str, float]:
        return {**_FAMILIES[self.distribution].defaults, **self.parameters}

    def quantile(self, u: ArrayLike) -> Array:
        """Inverse cumulative distribution at `u` in (0, 1), same shape, in `unit`."""
        values = self._all
        with np.errstate(divide="ignore"):  # u = 1 of an unbounded prior is infinity
            drawn = _FAMILIES[self.distribution].quantile(within("u", u, 0.0, 1.0), values)
        return np.clip(drawn, values.get("low"), values.get("high"))

    @property
    def support(self) -> tuple[float, float]:
        """The closed range that every draw falls in (before `times`)."""
        ends = self.quantile(np.array([0.0, 1.0]))
        return float(ends[0]), float(ends[1])


@dataclass(frozen=True)
class Population:
    """Priors for the labels of a simulator.

    Parameters
    ----------
    name : str
        Population name.
    priors : mapping of str to Prior
        Label -> prior; these labels are independent.
    pairs : mapping of (str, str) to Prior
        Two labels that are a vector (or a spin-2 field) of random direction: the prior of its length. With phi
        uniform in [0, 2 pi) they are length cos(phi) and length sin(phi).
    ties : mapping of str to str
        Label -> the label that it equals.
    colours : mapping
        Flux label -> {band name: AB magnitude in that band minus the prior's}; see `offset`.
    references : mapping
        Where each number comes from: path -> text.
    relations : sequence of Relation
        Labels drawn from others, each from those above it.
    tracks : mapping of str to ColourTrack
        Flux label -> its colours by redshift or by its own magnitude, in place of `colours`.
    cosmology : mapping
        ``H0`` [km / (Mpc s)] and ``Om0`` of the flat LambdaCDM of the relations.
    repeats : mapping of str to Prior
        What the names of labels begin with that an object has several of -> the prior of their number, which is
        rounded. Each is drawn anew; beyond the number drawn fluxes and Einstein radii are zero.
    scatters : mapping
        Flux label -> {band name: what one standard deviation of an object's colour adds to the magnitude there}.
    """

    name: str
    priors: Mapping[str, Prior]
    pairs: Mapping[tuple[str, str], Prior] = field(default_factory=dict)
    ties: Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    tracks: Mapping[str, ColourTrack] = field(default_factory=dict)
    cosmology: Mapping[str, float] = field(default_factory=dict)
    repeats: Mapping[str, Prior] = field(default_factory=dict)
    scatters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = self.labels
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"population {self.name!r}: label {', '.join(twice)} has more than one prior")
        drawn = [label for label in labels if label not in self.ties]
        for label in self.ties.values():
            one_of(f"tied label of population {self.name!r}", label, drawn)
        for kind, table in (("colours", self.colours), ("scatter", self.scatters)):
            for label, offsets in table.items():
                one_of(f"coloured label of population {self.name!r}", label, labels)
                within(f"{kind} of {label}", list(offsets.values()), -20.0, 20.0, "mag")
        for pair, prior in self.pairs.items():
            if prior.support[0] < 0:
                raise ValueError(f"population {self.name!r}: the length of ({', '.join(pair)}) can be negative")
        for name, prior in self.repeats.items():
            within(f"number of {name} in population {self.name!r}", prior.support, 0.0, 1000.0)
            if not any(label.startswith(f"{name}_") for label in labels):
                raise ValueError(f"population {self.name!r} repeats {name}, but has no label {name}_...")
        self._check_relations()

    def _check_relations(self) -> None:
        """Every relation, factor and colour track has what it needs above it."""
        given = [label for labels, prior in self._drawn if not prior.times for label in labels]
        for relation in self.relations:
            for label in relation.inputs:
                one_of(f"label that {relation.kind} needs above it in population {self.name!r}", label, given)
            given += relation.labels
        for labels, prior in self._drawn:
            if prior.times:
                one_of(f"factor of {labels[0]} in population {self.name!r}", prior.times, given)
        for label, track in self.tracks.items():
            one_of(f"coloured label of population {self.name!r}", label, self.labels)
            one_of(f"redshift of the colours of population {self.name!r}", track.of, given)
        for name, value in self.cosmology.items():
            low, high = COSMOLOGY[one_of("cosmological parameter", name, COSMOLOGY)]
            within(name, value, low, high)
        missing = [name for name in COSMOLOGY if name not in self.cosmology]
        if self.relations and missing:
            raise ValueError(f"population {self.name!r}: its relations need a cosmology with {', '.join(missing)}")

    @property
    def _drawn(self) -> tuple[tuple[tuple[str, ...], Prior], ...]:
        """Labels and their prior, for single ones and pairs alike."""
        return (*(((label,), prior) for label, prior in self.priors.items()), *self.pairs.items())

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a draw gives, in order of definition."""
        related = (label for relation in self.relations for label in relation.labels)
        return (*self.priors, *(label for pair in self.pairs for label in pair), *related, *self.ties)

    def offset(self, label: str, band: str) -> float:
        """Magnitude in `band` minus the magnitude that the prior of `label` draws, of the faintest; 0 where none is
        known.
        """
        track = self.tracks.get(label)
        if track is not None and track.of == label:
            return track.bands.get(band, (0.0,))[-1]
        return self.colours.get(label, {}).get(band, 0.0)

    def offsets(self, label: str, band: str, of: Mapping[str, Array]) -> Array | float:
        """The same of every object; `of` holds the magnitude itself and the redshift that colours follow."""
        track = self.tracks.get(label)
        if track is None or (track.of == label and band not in track.bands):
            return self.offset(label, band)
        return track.offset(band, of[track.of])
