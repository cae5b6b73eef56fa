"""``xarray.open_dataset(path, engine="astrogan")``: samples that are read when they are looked at."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from astrogan.dataset.manifest import MANIFEST, attributes_from
from astrogan.dataset.reading import SampleStore

__all__ = ["AstroganBackend", "open_samples", "samples_of"]


def open_samples(path: str | os.PathLike[str], *, chunks: Any = None) -> xr.Dataset:
    """Samples of a directory of shards or of one file; nothing is read before it is needed.

    Parameters
    ----------
    path
        A directory that astrogan wrote, or a ``.h5`` file.
    chunks
        As for `xarray.open_dataset`: ``{}`` gives dask arrays with one chunk per shard; None needs no dask.

    Raises
    ------
    StoreError
        If it is damaged or no sample store; also later, when a damaged part is read.
    FileNotFoundError
        If there is nothing at `path`.
    """
    return xr.open_dataset(path, engine=AstroganBackend, chunks=chunks)


class AstroganBackend(BackendEntrypoint):
    """Opens sample stores for xarray."""

    description = "Sample stores of astrogan: a directory of HDF5 shards with a manifest, or one file"
    url = "https://github.com/astrogan/astrogan"
    open_dataset_parameters = ("filename_or_obj", "drop_variables")

    def open_dataset(self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None) -> xr.Dataset:
        """The samples, as lazy arrays."""
        dropped = {drop_variables} if isinstance(drop_variables, str) else set(drop_variables or ())
        return samples_of(SampleStore(filename_or_obj), dropped)

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether it is a directory with a manifest; single files are left to the netCDF engines."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        return (Path(filename_or_obj) / MANIFEST).is_file()


def samples_of(store: SampleStore, dropped: Collection[str] = ()) -> xr.Dataset:
    """The samples of a store as lazy arrays, without the variables `dropped`."""
    variables = {name: _variable(store, name) for name in store.header.variables if name not in dropped}
    coords = {name: variables.pop(name) for name in store.header.coords if name in variables}
    return xr.Dataset(variables, xr.Coordinates(coords), attributes_from(store.header.attrs))


def _variable(store: SampleStore, name: str) -> xr.Variable:
    what = store.header.variables[name]
    attrs = attributes_from(what["attrs"])
    if what["dtype"] == "text":
        return xr.Variable(what["dims"], np.array(what["values"], dtype=str), attrs)
    if what["dims"][0] != "sample":
        return xr.Variable(what["dims"], store.read_shared(name), attrs)
    array = indexing.LazilyIndexedArray(_SampleArray(store, name))
    return xr.Variable(what["dims"], array, attrs, {"preferred_chunks": {"sample": _shard_sizes(store)}})


def _shard_sizes(store: SampleStore) -> tuple[int, ...]:
    return tuple(int(size) for size in np.diff(store.starts))


class _SampleArray(BackendArray):
    """One variable of a store."""

    def __init__(self, store: SampleStore, name: str) -> None:
        what = store.header.variables[name]
        self.store, self.name = store, name
        self.shape = (len(store), *what["shape"])
        self.dtype = np.dtype(what["dtype"])

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        first, *others = key
        rows = np.atleast_1d(np.arange(len(self.store))[first])
        values = self.store.read(self.name, rows)
        values = values[0] if isinstance(first, int | np.integer) else values
        axis = values.ndim - len(others)
        for other in others:
            values = values[(slice(None),) * axis + (other,)]
            axis += not isinstance(other, int | np.integer)
        return values
