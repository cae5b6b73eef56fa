"""Samples in one netCDF-4/HDF5 file, written whole, read whole, checked both ways.

The file opens as is in h5py, in netCDF tools and in xarray (``engine="h5netcdf"`` or ``"netcdf4"``).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import xarray as xr

from astrogan.dataset.attributes import FILE_ATTRIBUTES
from astrogan.dataset.digest import attribute_digest, digest
from astrogan.dataset.files import check_target, replace_file
from astrogan.dataset.hdf5 import MAX_BYTES, StoreError, attributes_of, check_dataset, find_dataset, open_hdf5
from astrogan.dataset.schema import validate_samples
from astrogan.dataset.shard_writer import BARE_DIMENSION, NOT_COORDINATE, ShardWriter

__all__ = ["StoreError", "digest", "read_samples", "write_samples"]

BATCH = 256  # samples that are compressed together


def write_samples(ds: xr.Dataset, path: str | os.PathLike[str], *, codec: str = "auto", overwrite: bool = False) -> str:
    """Write samples to one file, which is at `path` complete or not at all; return the `digest` of what it holds.

    Parameters
    ----------
    codec : {"auto", "none"}
        ``auto`` rounds `image` to whole multiples of ``image_step`` (sample, band), a power of two up to a sixteenth of
        each stamp's own noise: a third of the size for 2e-4 more noise variance. Noise-free images and all other
        variables stay bit for bit. ``none`` rounds nothing.

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
    count = samples.sizes["sample"]
    writer = ShardWriter(count, codec)
    for start in range(0, count, BATCH):
        writer.add(samples.isel(sample=slice(start, start + BATCH)))
    content, name, _ = writer.close()
    replace_file(target, content)
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
                variables[key.removeprefix(NOT_COORDINATE)] = variable
                max_bytes -= variable.nbytes
        ds = xr.Dataset(variables, attrs=attrs).set_coords(str(extra["coordinates"]).split())
        samples = validate_samples(ds)
        for name, made in (("content_digest", digest), ("attribute_digest", attribute_digest)):
            if extra[name] and extra[name] != made(samples):
                raise StoreError(f"damaged: it does not hold what was written ({name} differs)")
    return samples


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
