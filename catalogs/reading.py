"""TOML documents to surveys and populations: every number has a unit, a reference and a date."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalogs.checks import one_of, within
from catalogs.population import Population, Prior
from catalogs.relations import ColourTrack, Relation
from catalogs.schema import NJY_ZERO_POINT, Band, Survey

__all__ = ["QUANTITIES", "Fact", "read_facts", "read_population", "read_survey"]


@dataclass(frozen=True)
class Quantity:
    """What a survey's table must look like: its unit and the closed range of its numbers."""

    unit: str
    low: float
    high: float
    optional: bool = False


QUANTITIES = {
    "pixel_scale": Quantity("arcsec", 1e-4, 60.0),
    "zero_point": Quantity("mag", 0.0, 50.0),  # AB magnitude of a source that gives 1 electron/s
    "sky_zero_point": Quantity("mag", 0.0, 50.0, optional=True),  # the same for sky light, where extinction differs
    "exposure_time": Quantity("s", 1e-3, 1e7),  # of one exposure
    "n_exposures": Quantity("", 1.0, 1e6),
    "sky_brightness": Quantity("mag / arcsec2", 0.0, 50.0),
    "read_noise": Quantity("electron", 0.0, 1e4),  # per pixel and exposure
    "dark_current": Quantity("electron / s", 0.0, 1e4, optional=True),  # per pixel: dark and the telescope's warmth
    "psf_fwhm": Quantity("arcsec", 1e-4, 60.0),
    "psf_beta": Quantity("", 1.0, float("inf")),  # Moffat slope; inf is a Gaussian
    "depth": Quantity("mag", 0.0, 50.0, optional=True),  # published, to be recomputed by the tests
}
_SOURCE = ("unit", "reference", "date", "checked")


@dataclass(frozen=True)
class Fact:
    """One quantity of a survey: its value in every band and where it comes from.

    Parameters
    ----------
    values : mapping of str to float
        Band name -> value.
    source : str
        Reference and the date when it was read; what it was compared with, if anything.
    details : mapping of str to float
        What else the number needs (``depth``: ``snr``, and the diameter ``aperture`` [arcsec] unless PSF-weighted).
    """

    values: Mapping[str, float]
    source: str
    details: Mapping[str, float]


def read_facts(document: Mapping[str, Any]) -> dict[str, Fact]:
    """The quantities of a survey's document, each checked for value, unit, range, reference and date.

    Raises
    ------
    ValueError
        Naming the entry that is unknown, missing, without reference or out of range.
    """
    bands = document.get("bands")
    if not isinstance(bands, list) or not bands or not all(isinstance(band, str) for band in bands):
        raise ValueError("bands must be a list of band names, in wavelength order")
    entries = {key: entry for key, entry in document.items() if key not in ("title", "bands")}
    for name in entries:
        one_of("quantity", name, QUANTITIES)
    missing = [name for name, quantity in QUANTITIES.items() if name not in entries and not quantity.optional]
    if missing:
        raise ValueError(f"missing {', '.join(missing)}")
    return {name: _fact(name, entry, bands) for name, entry in entries.items()}


def read_survey(name: str, document: Mapping[str, Any]) -> Survey:
    """The survey of a TOML document, its images in nJy.

    An AB magnitude m gives 10^(0.4 (zero_point - m)) electron/s, and 1 nJy has m = 31.4. The background variance of a
    pixel is its sky and dark electrons plus the squared read noise of every exposure.
    """
    facts = read_facts(document)
    scales = set(facts["pixel_scale"].values.values())
    if len(scales) != 1:
        raise ValueError("pixel_scale must be the same in all bands")
    scale = scales.pop()
    return Survey(
        name=name,
        pixel_scale=scale,
        bands=tuple(_band(band, facts, scale) for band in document["bands"]),
        references={key: fact.source for key, fact in facts.items()},
    )


def _band(name: str, facts: Mapping[str, Fact], pixel_scale: float) -> Band:
    value = {key: fact.values[name] for key, fact in facts.items()}
    seconds = value["exposure_time"] * value["n_exposures"]
    electrons_per_njy = seconds * 10 ** (0.4 * (value["zero_point"] - NJY_ZERO_POINT))
    sky_zero_point = value.get("sky_zero_point", value["zero_point"])
    sky_electrons = seconds * 10 ** (0.4 * (sky_zero_point - value["sky_brightness"])) * pixel_scale**2
    dark_electrons = seconds * value.get("dark_current", 0.0)
    variance = sky_electrons + dark_electrons + value["n_exposures"] * value["read_noise"] ** 2
    return Band(
        name=name,
        psf_fwhm=value["psf_fwhm"],
        psf_beta=value["psf_beta"],
        background_sigma=variance**0.5 / electrons_per_njy,
        electrons_per_unit=electrons_per_njy,
        sky=sky_electrons / electrons_per_njy,
        zero_point=NJY_ZERO_POINT,
        exposures=round(value["n_exposures"]),
    )


def _fact(name: str, entry: object, bands: list[str]) -> Fact:
    table = _table(name, entry)
    quantity = QUANTITIES[name]
    source = _source(name, table)
    if table["unit"] != quantity.unit:
        raise ValueError(f"{name}: unit is {table['unit']!r}; it must be {quantity.unit!r}")
    if ("value" in table) == ("values" in table):
        raise ValueError(f"{name}: give either value (all bands) or values (a table with every band)")
    values = _table(f"{name} values", table["values"]) if "values" in table else dict.fromkeys(bands, table["value"])
    for band in values:
        one_of(f"band of {name}", band, bands)
    absent = [band for band in bands if band not in values]
    if absent:
        raise ValueError(f"{name}: no value for band {', '.join(absent)}")
    numbers = {band: _number(f"{name} of {band}", values[band], quantity) for band in bands}
    details = {
        key: _float(f"{name}: {key}", item) for key, item in table.items() if key not in (*_SOURCE, "value", "values")
    }
    for key in details:
        one_of(f"detail of {name}", key, ("snr", "aperture") if name == "depth" else (*_SOURCE, "value", "values"))
    return Fact(numbers, source, details)


def _number(where: str, value: object, quantity: Quantity) -> float:
    number = _float(where, value)
    if number == quantity.high:  # the infinity of psf_beta, which `within` refuses
        return number
    return float(within(where, number, quantity.low, quantity.high, quantity.unit))


def _float(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{where} = {value!r} is not a number")
    return float(value)


_TABLES = ("title", "priors", "pairs", "relations", "ties", "colours", "scatter", "cosmology", "repeats")


def read_population(name: str, document: Mapping[str, Any]) -> Population:
    """The population of a TOML document (tables ``priors``, ``pairs``, ``relations``, ``ties``, ``colours``,
    ``scatter``, ``cosmology``, ``repeats``).
    """
    for key in document:
        one_of("table", key, _TABLES)
    sources: dict[str, str] = {}
    priors = {label: _prior(label, entry, sources) for label, entry in document.get("priors", {}).items()}
    pairs = {}
    for label, entry in document.get("pairs", {}).items():
        table = _table(label, entry)
        names = table.pop("labels", None)
        if not isinstance(names, list) or len(names) != 2:
            raise ValueError(f"pairs.{label}: labels must name two labels")
        pairs[(str(names[0]), str(names[1]))] = _prior(label, table, sources)
    relations = tuple(_relation(label, entry, sources) for label, entry in document.get("relations", {}).items())
    colours, tracks = {}, {}
    for label, entry in document.get("colours", {}).items():
        table = _table(f"colours.{label}", entry)
        sources[f"colours.{label}"] = _source(f"colours.{label}", table)
        if "redshift" in table or "at" in table:
            tracks[label] = _track(f"colours.{label}", table, label)
        else:
            colours[label] = _offsets(f"colours.{label}", table)
    scatters = {}
    for label, entry in document.get("scatter", {}).items():
        table = _table(f"scatter.{label}", entry)
        sources[f"scatter.{label}"] = _source(f"scatter.{label}", table)
        scatters[label] = _offsets(f"scatter.{label}", table)
    ties = dict(document.get("ties", {}))
    cosmology = _cosmology(document, sources)
    repeats = {
        label: _prior(f"repeats.{label}", entry, sources) for label, entry in document.get("repeats", {}).items()
    }
    return Population(name, priors, pairs, ties, colours, sources, relations, tracks, cosmology, repeats, scatters)


def _offsets(where: str, table: dict[str, Any]) -> dict[str, float]:
    """Band -> magnitudes."""
    return {band: _float(f"{where}: {band}", item) for band, item in table.items() if band not in _SOURCE}


def _prior(label: str, entry: object, sources: dict[str, str]) -> Prior:
    table = _table(label, entry)
    sources[label] = _source(label, table)
    times = str(table.pop("times", ""))
    parameters = {
        key: _float(f"{label}: {key}", item) for key, item in table.items() if key not in (*_SOURCE, "distribution")
    }
    try:
        return Prior(str(table.get("distribution", "")), parameters, table["unit"], sources[label], times)
    except ValueError as error:
        raise ValueError(f"{label}: {error}") from None


def _relation(label: str, entry: object, sources: dict[str, str]) -> Relation:
    where = f"relations.{label}"
    table = _table(where, entry)
    sources[where] = _source(where, table)
    kind, labels, inputs = str(table.pop("relation", "")), table.pop("labels", [label]), table.pop("of", [])
    if not isinstance(labels, list) or not isinstance(inputs, list):
        raise ValueError(f"{where}: labels and of must be lists of labels")
    parameters = {key: _float(f"{where}: {key}", item) for key, item in table.items() if key not in _SOURCE}
    try:
        return Relation(
            kind, tuple(map(str, labels)), tuple(map(str, inputs)), parameters, table["unit"], sources[where]
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _track(where: str, table: dict[str, Any], label: str) -> ColourTrack:
    """Colours along a redshift, or along the magnitude of `label` itself."""
    lists = {key: item for key, item in table.items() if key not in (*_SOURCE, "redshift")}
    for key, item in lists.items():
        if not isinstance(item, list):
            raise ValueError(f"{where}: {key} = {item!r} must be a list, one value for each of `at`")
    numbers = {key: tuple(_float(f"{where}: {key}", one) for one in item) for key, item in lists.items()}
    try:
        return ColourTrack(str(table.get("redshift", label)), numbers.pop("at", ()), numbers)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _cosmology(document: Mapping[str, Any], sources: dict[str, str]) -> dict[str, float]:
    if "cosmology" not in document:
        return {}
    table = _table("cosmology", document["cosmology"])
    sources["cosmology"] = _source("cosmology", table)
    return {key: _float(f"cosmology: {key}", item) for key, item in table.items() if key not in _SOURCE}


def _table(where: str, entry: object) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} must be a table, not {entry!r}")
    return dict(entry)


def _source(where: str, table: Mapping[str, Any]) -> str:
    """``reference (date)`` of a table, which with the unit must be there, and ``; checked: ...`` if it has it."""
    if not isinstance(table.get("unit"), str):
        raise ValueError(f"{where}: it has no unit")
    reference, date = table.get("reference"), table.get("date")
    if not isinstance(reference, str) or not reference.strip():
        raise ValueError(f"{where}: the reference is empty; say where the number comes from")
    if not isinstance(date, datetime.date):
        raise ValueError(f"{where}: it has no date (as 2026-11-22)")
    checked = table.get("checked", "none")
    if not isinstance(checked, str) or not checked.strip():
        raise ValueError(f"{where}: checked is empty; name what the number was compared with, or leave it out")
    tail = f"; checked: {checked.strip()}" if "checked" in table else ""
    return f"{reference.strip()} ({date:%Y-%m-%d}){tail}"
