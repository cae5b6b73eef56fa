"""Samples in one netCDF-4/HDF5 file, written whole, read whole, checked both ways.

The file opens as is in h5py, in netCDF tools and in xarray (``engine="h5netcdf"`` or ``"netcdf4"``). A label that is
called like a dimension (``x``, ``y``) is stored as ``_nc4_non_coord_x``, netCDF-4's own name for such variables.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import xarray as xr

from astrogan import __version__
from astrogan.dataset.attributes import FILE_ATTRIBUTES, SCHEMA_VERSION
from astrogan.dataset.digest import attribute_digest, digest
from astrogan.dataset.files import check_target, replace_file
from astrogan.dataset.hdf5 import MAX_BYTES, StoreError, attributes_of, check_dataset, find_dataset, open_hdf5
from astrogan.dataset.schema import validate_samples

__all__ = ["StoreError", "digest", "read_samples", "write_samples"]

_NOT_COORDINATE = "_nc4_non_coord_"
_BARE_DIMENSION = "This is a netCDF dimension but not a netCDF variable."


def write_samples(ds: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False) -> str:
    """Write samples to one file, which is at `path` complete or not at all; return their `digest`.

    Raises
    ------
    SchemaError
        If `ds` breaks the sample schema.
    OSError
        If the path exists (and not `overwrite`), its folder is missing or read-only (all before any work), or the disk
        is full.
    """
    target = check_target(path, overwrite)
    samples = validate_samples(ds)
    name = digest(samples)
    replace_file(target, _pack(samples, name))
    return name


def read_samples(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> xr.Dataset:
    """Read samples into memory.

    Raises
    ------
    StoreError
        If the file is no sample store, is damaged (its digest is checked), keeps values outside itself or declares more
        than `max_bytes`.
    OSError
        If there is no file to read.
    """
    with open_hdf5(path) as file:
        attrs = attributes_of(file)
        extra = {name: attrs.pop(name, "") for name in FILE_ATTRIBUTES}
        datasets = {key: find_dataset(file, key) for key in file}
        dims = {_plain(item, "_Netcdf4Dimid"): key for key, item in datasets.items() if _is_scale(item)}
        variables = {}
        for key, dataset in datasets.items():
            if not _is_bare_dimension(dataset):
                check_dataset(dataset, max_bytes)
                variable = _variable(dataset, dims)
                variables[key.removeprefix(_NOT_COORDINATE)] = variable
                max_bytes -= variable.nbytes
        ds = xr.Dataset(variables, attrs=attrs).set_coords(str(extra["coordinates"]).split())
        samples = validate_samples(ds)
        for name, made in (("content_digest", digest), ("attribute_digest", attribute_digest)):
            if extra[name] and extra[name] != made(samples):
                raise StoreError(f"damaged: it does not hold what was written ({name} differs)")
    return samples


def _pack(ds: xr.Dataset, name: str) -> bytes:
    """The bytes of the file, built in memory."""
    attrs = {
        **ds.attrs,
        "Conventions": f"CF-1.11 astrogan-{SCHEMA_VERSION}",
        "attribute_digest": attribute_digest(ds),
        "content_digest": name,
        "written_by": f"astrogan {__version__}",
    }
    coordinates = [str(key) for key in ds.coords if key not in ds.dims]
    if coordinates:
        attrs["coordinates"] = " ".join(coordinates)
    with h5py.File(
        name, "w", driver="core", backing_store=False, libver=("earliest", "v110"), track_order=True
    ) as file:
        _set_attributes(file, attrs)
        for number, (dim, length) in enumerate(ds.sizes.items()):
            scale = _add_dimension(file, ds, str(dim), length)
            scale.attrs["_Netcdf4Dimid"] = np.int32(number)
        for key in ds.variables:
            if ds[key].dims != (key,):
                _add_variable(file, ds, str(key))
        file.flush()
        return bytes(file.id.get_file_image())


def _add_dimension(file: h5py.File, ds: xr.Dataset, dim: str, length: int) -> h5py.Dataset:
    if dim in ds.variables and ds[dim].dims == (dim,):
        scale = _compressed(file, dim, ds[dim].values, (length,))
        scale.make_scale(dim)
        _set_attributes(scale, ds[dim].attrs)
    else:
        scale = file.create_dataset(dim, shape=(length,), dtype=">f4")
        scale.make_scale(f"{_BARE_DIMENSION}{length:10d}")
    return scale


def _add_variable(file: h5py.File, ds: xr.Dataset, name: str) -> None:
    variable = ds[name]
    row = max(1, variable.dtype.itemsize * int(np.prod(variable.shape[1:])))
    pixels = variable.ndim > 2 and variable.dims[0] == "sample"
    first = 1 if pixels else min(variable.shape[0], max(1, 2**20 // row))
    key = f"{_NOT_COORDINATE}{name}" if name in ds.dims else name
    dataset = _compressed(file, key, variable.values, (first, *variable.shape[1:]))
    for axis, dim in enumerate(variable.dims):
        dataset.dims[axis].attach_scale(file[str(dim)])
    dataset.attrs["_Netcdf4Coordinates"] = np.array([list(ds.sizes).index(dim) for dim in variable.dims], np.int32)
    _set_attributes(dataset, variable.attrs)


def _compressed(file: h5py.File, name: str, values: np.ndarray, chunks: tuple[int, ...]) -> h5py.Dataset:
    """Shuffle and deflate, which every HDF5 library reads and whose checksum notices any flipped bit."""
    if values.dtype.kind not in "iuf":
        return file.create_dataset(name, data=values.astype(object), dtype=h5py.string_dtype())
    shuffle = values.dtype.itemsize > 1
    return file.create_dataset(
        name, data=values, chunks=chunks, compression="gzip", compression_opts=1, shuffle=shuffle
    )


def _set_attributes(item: h5py.Group | h5py.Dataset, attrs: Mapping[Any, Any]) -> None:
    for name, value in attrs.items():
        unsigned = isinstance(value, int) and value >= 2**63
        item.attrs[name] = np.uint64(value) if unsigned else value


def _is_scale(dataset: h5py.Dataset) -> bool:
    return bool(_plain(dataset, "CLASS") == b"DIMENSION_SCALE")


def _is_bare_dimension(dataset: h5py.Dataset) -> bool:
    return _is_scale(dataset) and bytes(_plain(dataset, "NAME")).startswith(_BARE_DIMENSION.encode())


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


def _variable(dataset: h5py.Dataset, names: Mapping[int, str]) -> xr.Variable:
    key = dataset.name.strip("/")
    if _is_scale(dataset):
        dims = [key]
    else:
        dims = [names.get(number, "") for number in np.atleast_1d(_plain(dataset, "_Netcdf4Coordinates")).tolist()]
    if len(dims) != dataset.ndim or "" in dims:
        raise StoreError(f"{key}: its dimensions are not those of a netCDF-4 file")
    if h5py.check_string_dtype(dataset.dtype) is not None:
        values = np.asarray(dataset.asstr()[()], dtype=str)
    else:
        values = dataset[()].astype(dataset.dtype.newbyteorder("="), copy=False)
    return xr.Variable(dims, values, attributes_of(dataset))
