"""What all types share: parameters that are checked by name, numbers of the config's generator, surveys, truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import galsim
from galsim.config import GetAllParams, GetRNG
from galsim.config.value import standard_ignore

from catalogs import Survey, get_survey
from catalogs.checks import nearest

__all__ = ["TRUTH", "Config", "band_of", "parameters", "seed_from", "seed_of", "survey_of"]

Config = dict[str, Any]
TRUTH = "_astrogan_truth"  # of an object's config: label -> (dims, values)


def parameters(
    config: Config,
    base: Config,
    required: Mapping[str, type] | None = None,
    optional: Mapping[str, type] | None = None,
    ignore: Iterable[str] = (),
) -> tuple[Config, bool]:
    """Values of a type's parameters, and whether they are the same for every object.

    Raises
    ------
    GalSimConfigError
        For a parameter that is missing, or unknown: the nearest valid name is given.
    """
    required, optional = dict(required or {}), dict(optional or {})
    known = [*required, *optional]
    for name in config:
        if name not in (*known, *ignore, *standard_ignore) and not name.startswith("_"):
            raise galsim.GalSimConfigError(
                f"{config['type']} has no parameter {name!r}: did you mean {nearest(name, known)!r}? "
                f"It has {', '.join(known)}"
            )
    values, safe = GetAllParams(config, base, req=required, opt=optional, ignore=list(ignore))
    return values, safe


def seed_of(config: Config, base: Config, logger: Any) -> int:
    """A seed of 64 bits from the config's generator, so that `random_seed` rules and processes do not matter."""
    return seed_from(GetRNG(config, base, logger, str(config["type"])), config)


def seed_from(rng: galsim.BaseDeviate | None, config: Config) -> int:
    """The same from a generator that GalSim hands over."""
    if rng is None:
        raise galsim.GalSimConfigError(f"{config['type']} draws random numbers: set image.random_seed")
    return int(rng.raw()) | int(rng.raw()) << 32


def band_of(values: Mapping[str, Any]) -> Survey:
    """The survey that `survey` and `band` name, of that band alone."""
    return survey_of(values["survey"]).select([values["band"]])


def survey_of(name: str) -> Survey:
    """A catalogued survey by its name, or one that `Survey.to_json` wrote by the path of its ``.json``.

    Raises
    ------
    ValueError
        For an unknown name (the nearest valid one is given), or a path where no survey is.
    """
    if not name.endswith(".json"):
        return get_survey(name)
    path = Path(name)
    if not path.is_file():
        raise galsim.GalSimConfigError(f"survey = {name!r} is not a file")
    try:
        return Survey.from_json(path.read_text(encoding="utf-8"))
    except (KeyError, TypeError, ValueError) as error:
        raise galsim.GalSimConfigError(f"survey = {name!r} holds no survey: {error}") from None
