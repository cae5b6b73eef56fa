"""The one form that samples take between simulators, stores, models, validation and exporters.

An `xarray.Dataset` with dims ``sample, band, y, x`` (and `SECONDS`, ``part``, ``draw``, ``psf_y, psf_x``), a string
coordinate ``band`` (and ``part``, the names of the components that have an image of their own), the planes of
`PLANES`, one variable per label, and the attributes ``pixel_scale``, ``survey`` (the JSON of `catalogs.schema.Survey`),
``simulator`` (``""`` for observed stamps) and ``seed``.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from astrogan.dataset.attributes import SCHEMA_VERSION, SchemaError, check_attribute_values, check_attributes
from catalogs.checks import one_of
from catalogs.schema import Survey
from simulators.labels import LABELS

__all__ = ["DIMENSIONS", "PLANES", "SCHEMA_VERSION", "SchemaError", "label_names", "plane_names", "validate_samples"]

SECONDS = ("component", "neighbour", "galaxy", "subhalo", "plane", "lensed_image")  # that labels may have
DIMENSIONS = ("sample", "band", *SECONDS, "part", "draw", "y", "x", "psf_y", "psf_x")
LABEL_DTYPES = ("float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_IMAGE = ("sample", "band", "y", "x")
_PSF = ("band", "psf_y", "psf_x")
_FLAT = ("sample", "y", "x")
_NAMES = ("band", "part")  # text coordinates


@dataclass(frozen=True)
class Plane:
    """What a variable with a fixed name must be; its unit is the survey's to the power `power`, or else `unit`."""

    dims: tuple[tuple[str, ...], ...]
    dtype: str
    power: int
    long_name: str
    unit: str = ""


PLANES = {
    "image": Plane((_IMAGE,), "float32", 1, "image"),
    "variance": Plane((_IMAGE,), "float32", 2, "variance of the image's noise"),
    "clean": Plane((_IMAGE,), "float32", 1, "expected image, without noise"),
    "image_std": Plane((_IMAGE,), "float32", 1, "standard deviation of what fills a hole, 0 where observed"),
    "image_draws": Plane((("sample", "draw", "band", "y", "x"),), "float32", 1, "draws of the image"),
    "mask": Plane((_IMAGE, _FLAT), "uint8", 0, "pixel mask, 0 is good"),
    "psf": Plane((_IMAGE, ("sample", *_PSF), _PSF), "float32", 0, "point spread function, sum 1"),
    "component_image": Plane((("sample", "part", "band", "y", "x"),), "float32", 1, "expected image of each component"),
    "segmentation": Plane((_FLAT,), "int16", 0, "1 + number of the brightest part, 0 is none"),
    "arc_mask": Plane((_FLAT,), "uint8", 0, "1 where the lensed sources show"),
    "deflection_x": Plane((_FLAT,), "float32", 0, "deflection along x", "arcsec"),
    "deflection_y": Plane((_FLAT,), "float32", 0, "deflection along y", "arcsec"),
    "convergence": Plane((_FLAT,), "float32", 0, "convergence"),
    "image_step": Plane((("sample", "band"),), "float32", 1, "image holds whole multiples of this, 0 is any value"),
    "sample_id": Plane((("sample",),), "int64", 0, "number of the sample in its run"),
    "qc_flag": Plane((("sample",),), "int8", 0, "quality flag, 0 is good"),
}


def validate_samples(ds: xr.Dataset) -> xr.Dataset:
    """Return `ds` if it keeps the schema, with units and long names of known variables filled in where absent.

    The result shares its arrays with `ds`; ``schema_version`` is set.

    Raises
    ------
    SchemaError
        Naming the variable or attribute, what was found and what is allowed (or the nearest valid dimension).
    """
    if not isinstance(ds, xr.Dataset):
        raise SchemaError(f"samples must be an xarray.Dataset, not {type(ds).__name__}")
    survey = check_attributes(ds)
    for needed in ("image", "sample_id", "qc_flag", "band"):
        if needed not in ds.variables:
            raise SchemaError(f"{needed}: this variable is missing; samples need image, sample_id, qc_flag and band")
    out = ds.copy(deep=False)
    for name in out.variables:
        _check_name(name)
        if name not in _NAMES:
            variable = out[name]
            _check_dims(variable)
            _check_dtype(variable)
            _check_units(variable, survey)
        check_attribute_values(out.variables[name].attrs, f"{name}: ")
    _check_bands(out, survey)
    _check_parts(out)
    _check_values(out)
    return out.assign_attrs(schema_version=SCHEMA_VERSION)


def label_names(ds: xr.Dataset) -> tuple[str, ...]:
    """Names of the label variables of `ds`, in its order.

    Use this and not ``ds.data_vars``: xarray files a label that is called like a dimension (``x``, ``y``) under the
    coordinates.
    """
    return tuple(str(name) for name, one in ds.variables.items() if name not in PLANES and _is_label(str(name), one))


def plane_names(ds: xr.Dataset) -> tuple[str, ...]:
    """Names of the variables of `ds` that hold pixels, in its order."""
    return tuple(str(name) for name, one in ds.variables.items() if {"x", "psf_x"} & set(one.dims) and one.ndim > 1)


def _is_label(name: str, variable: xr.Variable) -> bool:
    dims = variable.dims
    return dims[:1] == ("sample",) and set(dims[1:]) <= {"band", *SECONDS} and name != "sample"


def _check_name(name: Hashable) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise SchemaError(f"variable name {name!r} is not made of a letter, then letters, digits and _")


def _check_dims(variable: xr.DataArray) -> None:
    name, dims = str(variable.name), tuple(str(dim) for dim in variable.dims)
    for dim in dims:
        try:
            one_of("dimension", dim, DIMENSIONS)
        except ValueError as error:
            raise SchemaError(f"{name}: {error}") from None
    if name in PLANES:
        allowed = PLANES[name].dims
        if dims not in allowed:
            raise SchemaError(f"{name}: dims {_tuple(dims)} are not {' or '.join(map(_tuple, allowed))}")
    elif dims[:1] not in (("sample",), ("band",)) and dims != (name,):
        raise SchemaError(f"{name}: dims {_tuple(dims)} do not begin with sample (or band)")
    if not variable.size:
        raise SchemaError(f"{name}: shape {variable.shape} is empty; every dimension needs at least one element")


def _tuple(dims: Iterable[str]) -> str:
    return f"({', '.join(dims)})"


def _check_dtype(variable: xr.DataArray) -> None:
    name, dtype = str(variable.name), variable.dtype
    if name in PLANES:
        allowed: tuple[str, ...] = (PLANES[name].dtype,)
    else:
        pixels = {"y", "x"} & set(variable.dims) and variable.ndim > 1
        allowed = tuple(kind for kind in LABEL_DTYPES if not (pixels and kind == "float64"))
    if dtype.name not in allowed or not dtype.isnative:
        raise SchemaError(f"{name}: dtype {dtype} is not allowed; allowed: {', '.join(allowed)}")


def _expected_units(name: str, survey: Survey) -> tuple[str, str] | None:
    from astropy.units import Unit

    if name in PLANES:
        plane = PLANES[name]
        return (Unit(survey.unit) ** plane.power).to_string() if plane.power else plane.unit, plane.long_name
    if name in LABELS:
        unit = LABELS[name].unit
        return survey.unit if unit == "flux" else unit, LABELS[name].long_name
    return None


def _check_units(variable: xr.DataArray, survey: Survey) -> None:
    """Fill in what is known; demand the rest."""
    from astropy.units import Unit

    name = str(variable.name)
    known = _expected_units(name, survey)
    if known is not None:
        for key, text in zip(("units", "long_name"), known, strict=True):
            variable.attrs.setdefault(key, text)
    for key in ("units", "long_name"):
        if not isinstance(variable.attrs.get(key), str):
            raise SchemaError(f"{name}: attribute {key!r} is missing or not text")
    units = variable.attrs["units"]
    try:
        unit = Unit(units)
    except (ValueError, TypeError):
        raise SchemaError(f"{name}: units {units!r} are not an astropy unit ('' for a pure number)") from None
    if known is not None and unit != Unit(known[0]):
        raise SchemaError(f"{name}: units {units!r} are not {known[0]!r}, the unit of this variable")
    _check_flag_meanings(variable)


def _check_flag_meanings(variable: xr.DataArray) -> None:
    if "flag_meanings" not in variable.attrs:
        return
    values = variable.attrs.get("flag_values", variable.attrs.get("flag_masks"))
    count = len(str(variable.attrs["flag_meanings"]).split())
    if values is None or np.size(values) != count or np.asarray(values).dtype != variable.dtype:
        raise SchemaError(
            f"{variable.name}: flag_meanings names {count} flags; flag_values or flag_masks must hold as many "
            f"{variable.dtype} values"
        )


def _check_bands(ds: xr.Dataset, survey: Survey) -> None:
    band = ds["band"]
    if band.dims != ("band",) or not all(isinstance(name, str) for name in band.values.tolist()):
        raise SchemaError(f"band: dims {band.dims} and dtype {band.dtype} are not names along (band)")
    names = tuple(band.values.tolist())
    if names != survey.band_names:
        raise SchemaError(f"band: {', '.join(names)} are not the bands of the survey, {', '.join(survey.band_names)}")


def _check_parts(ds: xr.Dataset) -> None:
    if "part" not in ds.dims and "part" not in ds.variables:
        return
    named = "part" in ds.variables and ds["part"].dims == ("part",)
    if not named or not all(isinstance(name, str) for name in ds["part"].values.tolist()):
        raise SchemaError("part: samples with images of their components need their names along (part)")


def _check_values(ds: xr.Dataset) -> None:
    ids = ds["sample_id"].values
    repeated = ids.size - np.unique(ids).size
    if repeated:
        raise SchemaError(f"sample_id: {repeated} of {ids.size} values repeat; each must be unique")
    flagged = ds["qc_flag"].values != 0
    for name, variable in ds.variables.items():
        values = variable.values
        if values.dtype.kind != "f":
            continue
        good = ~np.isnan(values) & (values >= 0) if name == "variance" else np.isfinite(values)
        if good.all():
            continue
        if name in plane_names(ds) and variable.dims[0] == "sample":
            bad = ~good.reshape(len(good), -1).all(axis=1) & ~flagged
            if bad.any():
                first = ids[bad.argmax()]
                raise SchemaError(
                    f"{name}: {int(bad.sum())} samples (first: sample_id {first}) have NaN, infinite or "
                    f"{'negative ' if name == 'variance' else ''}pixels; allowed only where qc_flag is not 0"
                )
        else:
            raise SchemaError(
                f"{name}: {int((~good).sum())} of {good.size} values are NaN or infinite; all must be finite"
            )
