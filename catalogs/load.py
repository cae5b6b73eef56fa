"""Surveys and populations by name: TOML files of the package, or a user's own, read when asked for and kept."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from catalogs.checks import one_of
from catalogs.population import Population
from catalogs.reading import read_population, read_survey
from catalogs.schema import Survey

__all__ = ["get_population", "get_survey", "list_populations", "list_surveys", "references"]

MAX_BYTES = 1_000_000
T = TypeVar("T")


@cache
def _names(folder: str) -> tuple[str, ...]:
    entries = files("catalogs").joinpath(folder).iterdir()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")))


def list_surveys() -> tuple[str, ...]:
    """Names that `get_survey` takes."""
    return _names("surveys")


def list_populations() -> tuple[str, ...]:
    """Names that `get_population` takes."""
    return _names("populations")


def get_survey(name: str) -> Survey:
    """The survey called `name`, or the one described by the TOML file at the path `name`.

    Raises
    ------
    ValueError
        Naming the nearest survey, or the file and the entry that is missing, has no reference or is out of range.
    """
    if str(name).endswith(".toml"):
        return _parse(read_survey, str(name), _document(Path(name)))
    return _packaged_survey(one_of("survey", name, list_surveys()))


def get_population(name: str) -> Population:
    """The population called `name`, or the one described by the TOML file at the path `name`.

    Raises
    ------
    ValueError
        Naming the nearest population, or the file and the entry that is wrong.
    """
    if str(name).endswith(".toml"):
        return _parse(read_population, str(name), _document(Path(name)))
    return _packaged_population(one_of("population", name, list_populations()))


def references(name: str) -> Mapping[str, str]:
    """Where every number of a survey or population comes from: ``r.zero_point`` -> source and date."""
    if str(name).endswith(".toml"):
        from_file = get_survey if "bands" in _document(Path(name)) else get_population
        return dict(from_file(name).references)
    one_of("survey or population", name, (*list_surveys(), *list_populations()))
    return dict((get_survey(name) if name in list_surveys() else get_population(name)).references)


@cache
def _packaged_survey(name: str) -> Survey:
    return _parse(read_survey, f"{name}.toml", _packaged("surveys", name))


@cache
def _packaged_population(name: str) -> Population:
    return _parse(read_population, f"{name}.toml", _packaged("populations", name))


def _packaged(folder: str, name: str) -> dict[str, Any]:
    return tomllib.loads(files("catalogs").joinpath(folder, f"{name}.toml").read_text(encoding="utf-8"))


def _parse(read: Callable[[str, Mapping[str, Any]], T], where: str, document: Mapping[str, Any]) -> T:
    try:
        return read(Path(where).stem, document)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _document(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: larger than {MAX_BYTES} bytes, which is no catalogue entry")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from None
