"""How a netCDF-4 file of samples is laid out: which dataset is a variable, and along which dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from astrogan.dataset.attributes import FILE_ATTRIBUTES
from astrogan.dataset.hdf5 import StoreError, attributes_of, check_dataset, find_dataset, open_hdf5
from astrogan.dataset.manifest import Header, described
from astrogan.dataset.shard_writer import BARE_DIMENSION, NOT_COORDINATE

__all__ = ["dataset_of", "header_of", "read_variable", "split_attributes", "variables_of"]


def variables_of(file: h5py.File, max_bytes: int) -> Iterator[tuple[str, h5py.Dataset, list[str]]]:
    """(name, dataset, dimensions) of every variable of a netCDF-4 file.

    Raises
    ------
    StoreError
        For all that `check_dataset` refuses, more than `max_bytes` together, links and groups, and where dimensions are
        not those of netCDF-4.
    """
    datasets = {key: find_dataset(file, key) for key in file}
    dims = {_plain(item, "_Netcdf4Dimid"): key for key, item in datasets.items() if _is_scale(item)}
    for key, dataset in datasets.items():
        if not _is_bare_dimension(dataset):
            check_dataset(dataset, max_bytes)
            max_bytes -= dataset.nbytes
            yield key.removeprefix(NOT_COORDINATE), dataset, _dims(dataset, dims)


def dataset_of(file: h5py.File, name: str) -> h5py.Dataset:
    """The dataset of the variable `name`, which may share its name with a dimension.

    Raises
    ------
    StoreError
        If there is none.
    """
    other = f"{NOT_COORDINATE}{name}"
    return find_dataset(file, other if other in file else name)


def split_attributes(file: h5py.File) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of the samples, and those of the file format (``""`` where absent)."""
    attrs: dict[str, Any] = attributes_of(file)
    return attrs, {name: attrs.pop(name, "") for name in FILE_ATTRIBUTES}


def read_variable(dataset: h5py.Dataset, dims: list[str]) -> xr.Variable:
    """All values of a variable that `check_dataset` let pass."""
    if h5py.check_string_dtype(dataset.dtype) is not None:
        values = np.asarray(dataset.asstr()[()], dtype=str)
    else:
        values = dataset[()].astype(dataset.dtype.newbyteorder("="), copy=False)
    return xr.Variable(dims, values, attributes_of(dataset))


def header_of(path: Path) -> tuple[Header, int, dict[str, Any]]:
    """Header, number of samples and attributes of the format of one file, of which no pixels are read.

    Raises
    ------
    StoreError
        If it is damaged or no sample store.
    """
    with open_hdf5(path) as file:
        attrs, extra = split_attributes(file)
        variables, sizes = {}, dict[str, int]()
        for name, dataset, dims in variables_of(file, max_bytes=2**62):
            sizes |= dict(zip(dims, dataset.shape, strict=True))
            if dataset.dtype.kind in "iuf":
                none = np.zeros((0,) * dataset.ndim, dataset.dtype)
                what = described(xr.Variable(dims, none, attributes_of(dataset)))
                variables[name] = what | {"shape": list(dataset.shape[dims[0] == "sample" :])}
            else:
                variables[name] = described(read_variable(dataset, dims))
        coords = [name for name in variables if name in sizes]  # xarray files labels called like dimensions there
        coords += str(extra["coordinates"]).split()
        header = Header.made(variables, attrs, coords, str(extra["job_sha256"]))
    if "sample" not in sizes:
        raise StoreError(f"{path}: there are no samples in it")
    return header, sizes["sample"], extra


def _is_scale(dataset: h5py.Dataset) -> bool:
    return bool(_plain(dataset, "CLASS") == b"DIMENSION_SCALE")


def _is_bare_dimension(dataset: h5py.Dataset) -> bool:
    return _is_scale(dataset) and bytes(_plain(dataset, "NAME")).startswith(BARE_DIMENSION.encode())


def _plain(dataset: h5py.Dataset, attribute: str) -> Any:
    """An attribute of numbers or fixed-length text; ``b""`` if it is absent or of another kind.

    Variable-length ones (DIMENSION_LIST) are not looked at: HDF5 trusts their lengths, so one flipped bit makes it
    work for minutes.
    """
    if attribute not in dataset.attrs:
        return b""
    handle = dataset.attrs.get_id(attribute)
    plain = handle.dtype.kind in "iuS" and math.prod(handle.shape) <= 32
    return dataset.attrs[attribute] if plain else b""


def _dims(dataset: h5py.Dataset, names: Mapping[int, str]) -> list[str]:
    key = dataset.name.strip("/")
    if _is_scale(dataset):
        dims = [key]
    else:
        dims = [names.get(number, "") for number in np.atleast_1d(_plain(dataset, "_Netcdf4Coordinates")).tolist()]
    if len(dims) != dataset.ndim or "" in dims:
        raise StoreError(f"{key}: its dimensions are not those of a netCDF-4 file")
    return dims
