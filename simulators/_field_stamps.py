"""Stamps cut out of simulated frames: samples like any others, with everything that lies beside their object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs import Survey
from catalogs.checks import within
from simulators.samples import LabelShapes, samples

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["cut_stamps"]

_CUT = ("image", "variance", "mask", "clean", "segmentation")


def cut_stamps(
    frames: xr.Dataset, size: int, chosen: ArrayLike | None, survey: Survey, names: tuple[str, ...]
) -> xr.Dataset:
    """See `Field.stamps`."""
    if "image" not in frames:
        raise ValueError("stamps needs a rendered frame: give what `simulate`, `observe` or `render` returned")
    ny, nx = frames["image"].shape[-2:]
    if size != int(size):
        raise ValueError(f"size = {size!r} is not a whole number of pixels")
    within("size", size, 8, min(ny, nx), "pixels, the frame's shorter side")
    these = _chosen(frames, chosen)
    column, row = frames["column"].values[these], frames["row"].values[these]
    left, low = (np.rint(at - (size - 1) / 2.0).astype(np.int64) for at in (column, row))
    inside = (left >= 0) & (low >= 0) & (left + size <= nx) & (low + size <= ny)
    these, left, low = these[inside], left[inside], low[inside]
    if not len(these):
        raise ValueError(f"no object has a stamp of {size} pixels inside the frame of {ny} x {nx}")
    labels: dict[str, NDArray[Any]] = {name: frames[name].values[these] for name in names}
    labels["x"] = (column[inside] - left - (size - 1) / 2.0) * survey.pixel_scale
    labels["y"] = (row[inside] - low - (size - 1) / 2.0) * survey.pixel_scale
    rows, columns = (first[:, None] + np.arange(size) for first in (low, left))
    planes = {
        name: np.moveaxis(frames[name].values[..., rows[:, :, None], columns[:, None, :]], -3, 0)
        for name in _CUT
        if name in frames
    }
    if "segmentation" in planes:
        planes["segmentation"] = _renumbered(planes["segmentation"], these)
    planes = {name: np.ascontiguousarray(plane) for name, plane in planes.items()}
    kept = ("simulator", "seed")
    attrs = {name: frames.attrs[name] for name in kept if name in frames.attrs}
    ids = frames["object_id"].values[these].astype(np.int64)
    stamps = samples(labels, LabelShapes(("flux",), {}, survey.band_names), ids, survey, planes, attrs)
    if "mask" in planes:
        stamps["mask"].attrs.update(frames["mask"].attrs)
    return stamps


def _chosen(frames: xr.Dataset, chosen: ArrayLike | None) -> NDArray[np.int64]:
    """Places in the catalogue of the objects to cut out."""
    count = frames.sizes["object"]
    if chosen is None:
        return np.flatnonzero(frames["star"].values == 0)
    given = np.atleast_1d(np.asarray(chosen))
    if given.dtype == bool:
        if given.shape != (count,):
            raise ValueError(f"chosen has shape {given.shape}; the catalogue has {count} objects")
        return np.flatnonzero(given)
    if given.dtype.kind not in "iu":
        raise ValueError(f"chosen holds {given.dtype}; it must be places in the catalogue, or booleans")
    within("chosen", given, 0, count - 1, "the catalogue")
    return given.astype(np.int64)


def _renumbered(segmentation: NDArray[np.int32], central: NDArray[np.int64]) -> NDArray[np.int16]:
    """Segmentations (S, y, x) in which 1 is the central object and 2, 3, ... are the others, in catalogue order."""
    out = np.zeros(segmentation.shape, np.int16)
    for plane, numbered, own in zip(segmentation, out, central + 1, strict=True):
        numbered[plane == own] = 1
        for new, old in enumerate(np.setdiff1d(plane, [0, own]), start=2):
            numbered[plane == old] = new
    return out
