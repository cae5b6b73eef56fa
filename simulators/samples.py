"""Samples as xarray Datasets: the shapes, units and attributes that stores, models and reports rely on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs import Survey
from catalogs.checks import one_of
from simulators.labels import LABELS

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PIXEL_LABELS", "LabelShapes", "labels_of", "sample_ids_of", "samples", "tangent_array"]

Array = NDArray[np.float64]
_STAMP, _FLAT = ("sample", "band", "y", "x"), ("sample", "y", "x")
_PLANES = {
    "image": ("flux", "image", _STAMP),
    "variance": ("flux2", "noise variance", _STAMP),
    "mask": ("", "pixel flags, 0 = good", _STAMP),
    "clean": ("flux", "expected image without noise", _STAMP),
    "part": ("", "component of the image", ("part",)),
    "component_image": ("flux", "expected image of each component", ("sample", "part", "band", "y", "x")),
    "segmentation": ("", "1 + number of the brightest part, 0 = none", _FLAT),
    "arc_mask": ("", "1 where the lensed sources show", _FLAT),
    "deflection_x": ("arcsec", "deflection along x", _FLAT),
    "deflection_y": ("arcsec", "deflection along y", _FLAT),
    "convergence": ("", "convergence", _FLAT),
}
PIXEL_LABELS = tuple(_PLANES)[4:]


def sample_ids_of(truth: Any, n: int) -> NDArray[np.int64]:
    """The ``sample_id`` of a Dataset, or 0 .. n-1 for a plain mapping."""
    if "sample_id" in truth:
        return np.asarray(truth["sample_id"], dtype=np.int64)
    return np.arange(n, dtype=np.int64)


@dataclass(frozen=True)
class LabelShapes:
    """Which labels of a simulator have a band dimension, and which a second one before it, such as ``component``."""

    flux: tuple[str, ...]
    seconds: Mapping[str, str]
    bands: tuple[str, ...]

    def second(self, name: str) -> str | None:
        """Name of the label's second dimension, if it may have one."""
        return self.seconds.get(name)

    def full_rank(self, name: str) -> int:
        """Number of dimensions of the label with all that it may have."""
        return 1 + (self.second(name) is not None) + (name in self.flux)


def labels_of(
    truth: xr.Dataset | Mapping[str, ArrayLike], names: tuple[str, ...], shapes: LabelShapes, owner: str
) -> dict[str, Array]:
    """Labels broadcast to (S,), (S, B), (S, C) or (S, C, B); names that are not labels are an error in a plain mapping.

    Raises
    ------
    ValueError
        For unknown names in a mapping, values that are not numbers, or shapes that do not fit one another.
    """
    import xarray as xr

    if isinstance(truth, xr.Dataset):
        given = {name: truth.variables[name].to_numpy() for name in names if name in truth}
    else:
        given = {name: _number(owner, name, value) for name, value in truth.items() if name != "sample_id"}
        for name in given:
            one_of(f"{owner} label", name, names)
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(f"{owner}: missing label {', '.join(missing)}; it needs {', '.join(names)}")
    lengths = {"sample": max((value.shape[0] for value in given.values() if value.ndim), default=1)}
    for name, value in given.items():
        second = shapes.second(name)
        if second is not None and value.ndim == shapes.full_rank(name):
            lengths[second] = max(lengths.get(second, 1), value.shape[1])
    return {name: _shaped(owner, name, given[name], lengths, shapes) for name in names}


def _number(owner: str, name: str, value: ArrayLike) -> Array:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{owner} label {name} = {value!r} is not a number") from None


def _shaped(owner: str, name: str, value: Array, lengths: Mapping[str, int], shapes: LabelShapes) -> Array:
    """One label broadcast to its full shape."""
    shape: tuple[int, ...] = (lengths["sample"],)
    second = shapes.second(name)
    if second is not None:
        if value.ndim and value.ndim < shapes.full_rank(name):
            value = value[:, None]
        shape += (lengths.get(second, 1),)
    if name in shapes.flux:
        if value.ndim and value.ndim == len(shape):
            value = value[..., None]
        shape += (len(shapes.bands),)
    try:
        return np.array(np.broadcast_to(value, shape), dtype=np.float64)
    except ValueError:
        raise ValueError(f"{owner} label {name} has shape {value.shape}; it must broadcast to {shape}") from None


def samples(
    labels: Mapping[str, Array],
    shapes: LabelShapes,
    ids: NDArray[np.int64],
    survey: Survey,
    planes: Mapping[str, NDArray[Any]],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """A sample Dataset of labels (dims by name) and pixel planes (dims by name)."""
    import xarray as xr

    units = {"flux": survey.unit, "flux2": f"{survey.unit}2" if survey.unit else ""}
    variables: dict[str, Any] = {"sample_id": ("sample", ids, {"long_name": "sample number in its run", "units": ""})}
    for name, value in labels.items():
        dims: tuple[str, ...] = ("sample",)
        second = shapes.second(name)
        if second is not None and (value.shape[1] > 1 or second != "component"):
            dims += (second,)
        elif second is not None:
            value = value[:, 0]
        dims += ("band",) if name in shapes.flux else ()
        label = LABELS[name]
        variables[name] = (dims, value, {"units": units.get(label.unit, label.unit), "long_name": label.long_name})
    variables["qc_flag"] = ("sample", np.zeros(len(ids), np.int8), {"long_name": "quality flag, 0 = good", "units": ""})
    for name, plane in planes.items():
        unit, meaning, shape = _PLANES[name]
        variables[name] = (shape, plane, {"units": units.get(unit, unit), "long_name": meaning})
    merged = {**attrs, "pixel_scale": survey.pixel_scale, "survey": survey.to_json()}
    return xr.Dataset(variables, coords={"band": ("band", list(survey.band_names))}, attrs=merged)


def tangent_array(columns: Mapping[str, Array], ids: Iterable[int], survey: Survey) -> xr.DataArray:
    """Stack tangents (S, B, y, x) into dims (sample, label, band, y, x), float32."""
    import xarray as xr

    data = np.stack([plane.astype(np.float32) for plane in columns.values()], axis=1)
    coords = {"label": list(columns), "band": list(survey.band_names), "sample_id": ("sample", np.asarray(ids))}
    return xr.DataArray(data, dims=("sample", "label", "band", "y", "x"), coords=coords, name="tangent")
