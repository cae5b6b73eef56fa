"""Samples in one netCDF-4/HDF5 file, written whole, read whole, checked both ways.

The file opens as is in h5py, in netCDF tools and in xarray (``engine="h5netcdf"`` or ``"netcdf4"``).
"""

from __future__ import annotations

import os

import xarray as xr

from astrogan.dataset.digest import attribute_digest, digest
from astrogan.dataset.files import check_target, replace_file
from astrogan.dataset.hdf5 import MAX_BYTES, StoreError, open_hdf5
from astrogan.dataset.layout import read_variable, split_attributes, variables_of
from astrogan.dataset.schema import validate_samples
from astrogan.dataset.shard_writer import ShardWriter

__all__ = ["StoreError", "digest", "read_samples", "write_samples"]

BATCH = 256  # samples that are compressed together


def write_samples(ds: xr.Dataset, path: str | os.PathLike[str], *, codec: str = "auto", overwrite: bool = False) -> str:
    """Write samples to one file, which is at `path` complete or not at all; return the `digest` of what it holds.

    Parameters
    ----------
    codec : {"auto", "none"}
        ``auto`` rounds `image` to whole multiples of ``image_step`` (sample, band), a power of two up to 1/24 of each
        stamp's own noise: a third of the size for 1e-4 more noise variance; and `variance` to 13 significant bits.
        Noise-free images and all other variables stay bit for bit. ``none`` rounds nothing.

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
    with ShardWriter(count, codec) as writer:
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
        attrs, extra = split_attributes(file)
        variables = {name: read_variable(dataset, dims) for name, dataset, dims in variables_of(file, max_bytes)}
        ds = xr.Dataset(variables, attrs=attrs).set_coords(str(extra["coordinates"]).split())
        samples = validate_samples(ds)
        for name, made in (("content_digest", digest), ("attribute_digest", attribute_digest)):
            if extra[name] and extra[name] != made(samples):
                raise StoreError(f"damaged: it does not hold what was written ({name} differs)")
    return samples
