"""The attributes of a sample dataset: what must be there, and what a file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from catalogs.schema import Survey

__all__ = ["FILE_ATTRIBUTES", "SCHEMA_VERSION", "SchemaError", "check_attribute_values", "check_attributes"]

SCHEMA_VERSION = 1
FILE_ATTRIBUTES = (
    *("Conventions", "attribute_digest", "content_digest", "coordinates", "job_sha256", "shard", "written_by"),
)
_NETCDF = ("_FillValue", "missing_value", "scale_factor", "add_offset", "calendar", "dtype", "units_metadata")
_HDF5 = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST")
_survey = lru_cache(maxsize=8)(Survey.from_json)  # every batch of a store tells the same
RESERVED = frozenset({*FILE_ATTRIBUTES, *_NETCDF, *_HDF5})


class SchemaError(ValueError):
    """A dataset that breaks the sample schema; names the variable, what was found and what is allowed."""


def check_attributes(ds: xr.Dataset) -> Survey:
    """The survey of `ds`, after its attributes were checked.

    Raises
    ------
    SchemaError
        Naming the attribute, what was found and what is allowed.
    """
    for name in ("pixel_scale", "survey", "simulator"):
        if name not in ds.attrs:
            raise SchemaError(f"attribute {name!r} is missing; samples need pixel_scale, survey, simulator and seed")
    check_attribute_values(ds.attrs, "")
    if not isinstance(ds.attrs["simulator"], str):
        raise SchemaError(f"attribute simulator = {ds.attrs['simulator']!r} is not a name ('' for observed stamps)")
    seed = ds.attrs.get("seed", "missing" if ds.attrs["simulator"] else 0)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= int(seed) < 2**64:
        raise SchemaError(f"attribute seed = {seed!r} is not an integer in [0, 2^64)")
    version = ds.attrs.get("schema_version", SCHEMA_VERSION)
    if str(version) != str(SCHEMA_VERSION):
        raise SchemaError(f"attribute schema_version = {version!r}; this astrogan knows version {SCHEMA_VERSION}")
    try:
        survey = _survey(ds.attrs["survey"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SchemaError(f"attribute survey is not the JSON of a Survey: {error!r}") from None
    scale = ds.attrs["pixel_scale"]
    if not isinstance(scale, float | int | np.number) or not np.isclose(scale, survey.pixel_scale, rtol=1e-6, atol=0):
        raise SchemaError(f"attribute pixel_scale = {scale!r} is not that of its survey, {survey.pixel_scale:g} arcsec")
    return survey


def check_attribute_values(attrs: Mapping[Any, object], where: str) -> None:
    """Refuse attributes that netCDF readers cannot hold, or that the file format uses itself.

    Raises
    ------
    SchemaError
        Naming the attribute, with `where` before it.
    """
    for name, value in attrs.items():
        if not isinstance(name, str) or name in RESERVED or name.startswith(("_Net", "_nc")):
            raise SchemaError(f"{where}attribute name {name!r} is reserved for the file format")
        array = np.asarray(value)
        text = isinstance(value, str) and "\0" not in value
        number = not isinstance(value, bool | np.bool_) and array.dtype.kind in "iuf" and array.dtype != np.float16
        if not where and array.shape == (1,):  # netCDF has no such thing: length 1 is a number
            raise SchemaError(f"attribute {name} = {value!r} is a list of one; make it a number")
        if not text and not (number and array.ndim <= 1 and array.size):
            raise SchemaError(f"{where}attribute {name} = {value!r} is not text or a number; write structures as JSON")
