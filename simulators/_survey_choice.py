"""Which survey a simulator draws for: a catalogued or a given one, some of its bands, another pixel scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import catalogs

__all__ = ["survey_of"]


def survey_of(survey: str | catalogs.Survey, bands: Iterable[str] | None, pixel_scale: float | None) -> catalogs.Survey:
    """The survey by its name or as given, with `bands` in order (None: all) and `pixel_scale` [arcsec] (None: its own).

    Raises
    ------
    ValueError
        For an unknown name, of a survey or a band; the nearest valid one is given.
    """
    found = catalogs.get_survey(survey) if isinstance(survey, str) else survey
    found = found if bands is None else found.select(bands)
    return found if pixel_scale is None else dataclasses.replace(found, pixel_scale=pixel_scale)
