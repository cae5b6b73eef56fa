"""The images inside an HDF5 file, one `Plane` per band."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from astrogan.dataset.hdf5 import attributes_of, check_dataset, find_dataset, open_hdf5
from astrogan.dataset.planes import ImageError, Plane, calibration

__all__ = ["hdf5_planes"]


def hdf5_planes(path: Path, hdu: int | str | None, bands: Sequence[str] | None) -> list[Plane]:
    """One plane per band of a 3-D dataset (band, y, x), or of the 2-D datasets of the file's root, named by band.

    Parameters
    ----------
    hdu : str or None
        The dataset to use, as a path inside the file; None takes the only 3-D one, or else all 2-D ones.
    bands : sequence of str or None
        Names for the planes of a 3-D dataset that has none (an attribute or dataset ``bands`` or ``band``).

    Raises
    ------
    ImageError
        If the file is damaged, keeps values outside itself, or has no such dataset.
    """
    with open_hdf5(path, ImageError) as file:
        names = [str(hdu)] if hdu is not None else _image_names(file)
        return [plane for name in names for plane in _planes_of(file, name, path, bands)]


def _image_names(file: h5py.File) -> list[str]:
    plain = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
    ranks = {name: len(file[name].shape or ()) for name in plain if isinstance(file[name], h5py.Dataset)}
    for rank in (3, 2):
        found = [name for name, this in ranks.items() if this == rank]
        if rank == 3 and len(found) > 1:
            raise ImageError(f"several cubes ({', '.join(found)}); choose one with hdu=")
        if found:
            return found
    if 4 in ranks.values():
        raise ImageError("it holds stamps, not an image of a field; a sample store is read with astrogan.read_samples")
    raise ImageError("no 2-D or 3-D dataset at the top level; name one with hdu='group/dataset'")


def _planes_of(file: h5py.File, name: str, path: Path, bands: Sequence[str] | None) -> list[Plane]:
    dataset = find_dataset(file, name)
    check_dataset(dataset)
    if dataset.dtype.kind not in "iuf":
        raise ImageError(f"{name}: text, not an image")
    shape, source = dataset.shape, f"{path}[{name}]"
    attrs = {key.upper(): value for key, value in {**attributes_of(file), **attributes_of(dataset)}.items()}
    load = partial(_load, path, name)
    if len(shape) == 2:
        return [Plane(source, name.rsplit("/", 1)[-1], shape, load, **calibration(attrs))]
    if len(shape) != 3:
        raise ImageError(f"{name}: shape {shape} is neither an image (y, x) nor a cube (band, y, x)")
    names = _cube_names(file, attrs, shape[0], bands)
    if names is None:
        raise ImageError(f"{name}: a cube of {shape[0]} planes without band names; pass as many with bands=")
    return [
        Plane(source, band, shape[1:], partial(load, k), **calibration(_of_band(attrs, k, len(names))))
        for k, band in enumerate(names)
    ]


def _of_band(attrs: dict[str, Any], band: int, count: int) -> dict[str, Any]:
    """The attributes with every list of one value per band replaced by the value of `band`."""
    return {key: value[band] if np.shape(value) == (count,) else value for key, value in attrs.items()}


def _cube_names(file: h5py.File, attrs: dict[str, Any], count: int, bands: Sequence[str] | None) -> list[str] | None:
    stored = [file[key] for key in ("band", "bands") if isinstance(file.get(key, getlink=True), h5py.HardLink)]
    texts = [item.asstr()[()].tolist() for item in stored if h5py.check_string_dtype(item.dtype) is not None]
    for value in (attrs.get("BANDS"), attrs.get("BAND"), *texts, bands):
        names = re.split(r"[\s,;]+", value) if isinstance(value, str) else [str(item) for item in value or ()]
        if len(names) == count and all(names):
            return names
    return None


def _load(path: Path, name: str, plane: int | None = None) -> NDArray[Any]:
    with open_hdf5(path, ImageError) as file:
        dataset = find_dataset(file, name)
        return np.asarray(dataset[()] if plane is None else dataset[plane])
