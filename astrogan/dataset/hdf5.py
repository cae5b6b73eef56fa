"""HDF5 files from anywhere: opened without following links out of them, read only if they are what they claim."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np

from astrogan.dataset.attributes import SchemaError

__all__ = ["MAX_BYTES", "StoreError", "attributes_of", "check_dataset", "find_dataset", "open_hdf5"]

MAX_BYTES = 16 * 2**30
MAX_ATTRIBUTE = 2**16
_FORMAT = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_FillValue")
_DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, IndexError, AttributeError, MemoryError, SystemError)


class StoreError(ValueError):
    """A file that is damaged, hostile or no sample store; one line that names the file and the reason."""


@contextmanager
def open_hdf5(path: str | os.PathLike[str], error: type[ValueError] = StoreError) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; whatever goes wrong inside the block is raised as `error`, naming the file.

    Raises
    ------
    FileNotFoundError, PermissionError, IsADirectoryError
        If there is no file to read.
    ValueError
        `error`, for everything that is wrong with the file itself.
    """
    with open(path, "rb"):
        pass
    if not h5py.is_hdf5(path):
        raise error(f"{os.fspath(path)}: not an HDF5 file")
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (StoreError, SchemaError, error) as reason:
        raise error(f"{os.fspath(path)}: {_one_line(reason)}") from None
    except _DAMAGE as reason:
        raise error(f"{os.fspath(path)}: damaged ({_one_line(reason)})") from None


def _one_line(reason: BaseException) -> str:
    text = " ".join(str(reason).split()) or type(reason).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."


def find_dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """The dataset `name` (a path of plain names) of this very file.

    Raises
    ------
    StoreError
        For links of any kind, groups and names that are not there.
    """
    item = group
    for part in name.strip("/").split("/"):
        if not isinstance(item, h5py.Group) or part in ("", ".", "..") or item.get(part, getlink=True) is None:
            raise StoreError(f"{name}: there is no such dataset")
        if not isinstance(item.get(part, getlink=True), h5py.HardLink):
            raise StoreError(f"{name}: links are refused")
        item = item[part]
    if not isinstance(item, h5py.Dataset):
        raise StoreError(f"{name}: a group, not a dataset")
    return item


def check_dataset(dataset: h5py.Dataset, max_bytes: int = MAX_BYTES) -> None:
    """Refuse values that are not all stored in this very file, or do not fit.

    Raises
    ------
    StoreError
        For external or virtual storage, missing chunks, types other than numbers and text, and absurd shapes.
    """
    name = dataset.name.strip("/")
    if dataset.external or dataset.is_virtual:
        raise StoreError(f"{name}: values stored outside this file are refused")
    text = h5py.check_string_dtype(dataset.dtype) is not None
    if dataset.shape is None or (dataset.dtype.kind not in "iuf" and not text):
        raise StoreError(f"{name}: type {dataset.dtype} is refused")
    _check_size(dataset, name, max_bytes)


def _check_size(dataset: h5py.Dataset, name: str, max_bytes: int) -> None:
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    chunk = math.prod(dataset.chunks or (1,)) * dataset.dtype.itemsize
    if max(size, chunk) > max_bytes:
        needed = f"{max(size, chunk) / 2**30:.3g} GiB"
        raise StoreError(f"{name}: shape {dataset.shape} needs {needed}, the limit is {max_bytes / 2**30:.3g} GiB")
    if dataset.chunks:
        pieces = math.prod(-(-length // step) for length, step in zip(dataset.shape, dataset.chunks, strict=True))
        missing = pieces - dataset.id.get_num_chunks()
    else:
        missing = max(0, size - dataset.id.get_storage_size())
    if missing:
        raise StoreError(f"{name}: values were never written ({missing} {'chunks' if dataset.chunks else 'bytes'})")


def attributes_of(item: h5py.Group | h5py.Dataset) -> dict[str, str | int | float | np.ndarray]:
    """The attributes of a group or dataset as text, numbers and arrays of numbers, without those of the file format.

    A file's own attributes of length 1 are numbers, as netCDF has it.

    Raises
    ------
    StoreError
        For attributes of another kind or absurd size.
    """
    found: dict[str, str | int | float | np.ndarray] = {}
    for name in item.attrs:
        if name in _FORMAT or name.startswith(("_N", "_nc")):
            continue
        handle = item.attrs.get_id(name)
        text = h5py.check_string_dtype(handle.dtype) is not None and not handle.shape
        if not text and (handle.dtype.kind not in "iuf" or math.prod(handle.shape) > MAX_ATTRIBUTE):
            raise StoreError(f"attribute {name}: type {handle.dtype}, shape {handle.shape} is refused")
        value = item.attrs[name]
        single = isinstance(value, np.ndarray) and value.shape == (1,) and isinstance(item, h5py.File)
        value = value.item() if single or isinstance(value, np.generic) else value
        value = value.decode() if isinstance(value, bytes) else value
        found[name] = value
    return found
