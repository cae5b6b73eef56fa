"""Samples out of one file, any rows of any variable, without reading the rest.

The places of the chunks are looked up once in the HDF5 file; after that pixels are read with `os.pread` and inflated
here. That shares no file position, no HDF5 lock and no open HDF5 file, so threads and forked workers can read at once,
and every chunk is checked as it is inflated.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from astrogan.dataset.codec import DEFLATES, inflate
from astrogan.dataset.hdf5 import StoreError, attributes_of, open_hdf5
from astrogan.dataset.layout import dataset_of
from astrogan.dataset.manifest import Header

__all__ = ["ShardReader", "check_file"]

_SHUFFLE, _DEFLATE = h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE


def check_file(path: Path) -> int:
    """Size of a plain file; symbolic links, which may lead out of a store, are refused.

    Raises
    ------
    StoreError
        If there is no such file, or it is something else.
    """
    if path.is_symlink() or path.parent.is_symlink():
        raise StoreError(f"{path}: symbolic links are refused")
    if not path.is_file():
        raise StoreError(f"{path}: missing")
    return path.stat().st_size


@dataclass(frozen=True)
class _Chunks:
    """Where the chunks of a variable are: byte offsets and sizes in order of their rows, `rows` in each."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    rows: int


class ShardReader:
    """Reads one file that `ShardWriter` made.

    Parameters
    ----------
    path
        The file.
    header
        What its variables must be.
    samples
        How many it must hold.
    expected
        File attributes (``content_digest``, ``shard``, ``job_sha256``) that it must have.

    Raises
    ------
    StoreError
        If it is missing, damaged, or not the file that is expected.
    """

    def __init__(self, path: Path, header: Header, samples: int, expected: dict[str, Any]) -> None:
        self.path, self.header, self.samples = path, header, samples
        check_file(path)
        with open_hdf5(path) as file:
            attrs = attributes_of(file)
            for name, value in expected.items():
                if attrs.get(name) != value:
                    raise StoreError(f"{name} = {attrs.get(name)!r} is not {value!r}: this is another file")
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._chunks: dict[str, _Chunks] = {}
        self._labels: dict[str, NDArray[Any]] = {}

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self.close()

    def read(
        self,
        name: str,
        rows: NDArray[np.int64] | None,
        out: NDArray[Any] | None = None,
        places: NDArray[np.int64] | None = None,
    ) -> NDArray[Any]:
        """Values (rows, ...) of a variable, all for None; labels are remembered, pixels are not.

        Parameters
        ----------
        out, places
            An array of zeros to put them into, and where; a new one by default.

        Raises
        ------
        StoreError
            If what is read is not what was written.
        """
        try:
            chunks = self._chunks.get(name)
            if chunks is None:
                chunks = self._chunks[name] = self._find(name)
            rows = np.arange(chunks.shape[0]) if rows is None else rows
            places = np.arange(len(rows)) if places is None else places
            if out is None:  # the file has been found to hold what the store says, so the size is not absurd
                out = np.zeros((len(rows), *chunks.shape[1:]), chunks.dtype)
            if chunks.rows > 1:
                if name not in self._labels:
                    parts = [self._chunk(chunks, number) for number in range(len(chunks.offsets))]
                    self._labels[name] = np.concatenate(parts)[: chunks.shape[0]]
                out[places] = self._labels[name][rows]
            else:
                for place, row in zip(places.tolist(), rows.tolist(), strict=True):
                    self._chunk(chunks, row, out[place : place + 1])
        except OSError as error:
            raise StoreError(f"{self.path}: {name}: {error}") from None
        return out

    def _chunk(self, chunks: _Chunks, number: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        if out is None:
            out = np.zeros((chunks.rows, *chunks.shape[1:]), chunks.dtype)
        data = os.pread(self._handle, int(chunks.sizes[number]), int(chunks.offsets[number]))
        try:
            inflate(data, out)
        except StoreError as error:
            raise StoreError(f"{self.path}: {error}") from None
        return out

    def _find(self, name: str) -> _Chunks:
        what = self.header.variables[name]
        along = what["dims"][0] == "sample"
        shape = ((self.samples,) if along else ()) + tuple(what["shape"])
        with open_hdf5(self.path) as file:
            dataset = dataset_of(file, name)
            if dataset.dtype != np.dtype(what["dtype"]) or dataset.shape != shape:
                found = f"{dataset.dtype} {dataset.shape}"
                raise StoreError(f"{name}: {found} is not {what['dtype']} {shape}, as the store has it")
            return _chunks_of(dataset, name)


def _chunks_of(dataset: h5py.Dataset, name: str) -> _Chunks:
    """Refuse all that `ShardWriter` does not write, then list the chunks, each of which must be there once."""
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    wide = dataset.dtype.itemsize > 1
    chunks = dataset.chunks
    if dataset.external or dataset.is_virtual or chunks is None or filters != [*[_SHUFFLE] * wide, _DEFLATE]:
        raise StoreError(f"{name}: not stored as astrogan stores samples; read_samples may read it")
    if dataset.dtype.kind not in "iuf" or chunks[1:] != dataset.shape[1:]:
        raise StoreError(f"{name}: {dataset.dtype} in chunks of {chunks} is refused")
    size = math.prod(chunks) * dataset.dtype.itemsize
    count = -(-dataset.shape[0] // chunks[0])
    offsets, sizes = np.full(count, -1, np.int64), np.zeros(count, np.int64)

    def note(info: Any) -> None:
        number, rest = divmod(info.chunk_offset[0], chunks[0])
        if rest or any(info.chunk_offset[1:]) or info.filter_mask or not 0 <= number < count or offsets[number] >= 0:
            raise StoreError(f"{name}: damaged (chunk at {info.chunk_offset})")
        offsets[number], sizes[number] = info.byte_offset, info.size

    dataset.id.chunk_iter(note)
    end = os.path.getsize(dataset.file.filename)
    if (offsets + sizes > end).any() or (sizes * DEFLATES + 64 < size).any():
        raise StoreError(f"{name}: damaged (chunks of {size} bytes from {int(sizes.min())} bytes, file of {end} bytes)")
    if (offsets < 0).any():
        raise StoreError(f"{name}: {int((offsets < 0).sum())} of {count} chunks were never written")
    return _Chunks(dataset.dtype, dataset.shape, offsets, sizes, chunks[0])
