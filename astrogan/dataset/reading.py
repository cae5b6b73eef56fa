"""A store of many shards, or one file, as one long list of samples that is read on demand."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrogan.dataset.hdf5 import StoreError
from astrogan.dataset.layout import header_of
from astrogan.dataset.manifest import Header, Manifest, Shard, read_manifest
from astrogan.dataset.shard_reader import ShardReader, check_file

__all__ = ["SampleStore"]

OPEN = 64  # files that are kept open


class SampleStore:
    """Reads samples of a directory of shards, or of one file, from any thread or process.

    Opening looks at the manifest and the sizes of the files alone; what a shard holds is checked when it is used.

    Parameters
    ----------
    path
        A directory with a manifest, or a ``.h5`` file that astrogan wrote.

    Raises
    ------
    StoreError
        If the manifest is damaged, or a shard is missing or of another size.
    FileNotFoundError
        If there is nothing at `path`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.manifest: Manifest | None = None
        self.extra: dict[str, Any] = {}  # attributes of the format, of one file
        if self.path.is_dir():
            self.manifest = read_manifest(self.path)
            self.header: Header = self.manifest.header
            _check_sizes(self.path, self.manifest.shards)
            counts = [shard.samples for shard in self.manifest.shards]
        else:
            self.header, count, self.extra = header_of(self.path)
            counts = [count]
        self.starts: NDArray[np.int64] = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._forget()

    def _forget(self) -> None:
        self._readers: OrderedDict[int, ShardReader] = OrderedDict()
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but open files, which each process opens for itself."""
        return {name: value for name, value in vars(self).items() if name not in ("_readers", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def __len__(self) -> int:
        """Number of samples."""
        return int(self.starts[-1])

    def read(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Values (rows, ...) of a variable along ``sample``, in the order of `rows` (counted from 0 over all shards).

        Raises
        ------
        StoreError
            If what is read is not what was written.
        """
        if not len(rows):
            what = self.header.variables[name]
            return np.empty((0, *what["shape"]), np.dtype(what["dtype"]))
        out: NDArray[Any] | None = None
        for number, places in self.by_shard(rows):
            reader, here = self._reader(number), rows[places] - self.starts[number]
            if len(places) == len(rows):
                return reader.read(name, here)
            if out is None:
                first = reader.read(name, here[:0])  # also finds that the store's sizes are the file's
                out = np.zeros((len(rows), *first.shape[1:]), first.dtype)
            reader.read(name, here, out, places)
        assert out is not None
        return out

    def read_shared(self, name: str) -> NDArray[Any]:
        """Values of a variable without ``sample``."""
        return self._reader(0).read(name, None)

    def by_shard(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """(place of the shard in the manifest, positions in `rows`) for every shard that `rows` touch."""
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"sample {rows.min()} … {rows.max()} is outside 0 … {len(self) - 1}")
        number = np.searchsorted(self.starts, rows, side="right") - 1
        for one in np.unique(number).tolist():
            yield one, np.flatnonzero(number == one)

    def _reader(self, number: int) -> ShardReader:
        with self._lock:
            reader = self._readers.get(number)
            if reader is None:
                reader = self._readers[number] = self._open(number)
                if len(self._readers) > OPEN:
                    self._readers.popitem(last=False)  # closed when the last thread that reads from it is done
            self._readers.move_to_end(number)
        return reader

    def _open(self, number: int) -> ShardReader:
        samples = int(self.starts[number + 1] - self.starts[number])
        if self.manifest is None:
            return ShardReader(self.path, self.header, samples, {"content_digest": self.extra["content_digest"]})
        shard = self.manifest.shards[number]
        expected = {
            "content_digest": shard.content_digest,
            "shard": shard.shard,
            "job_sha256": self.header.job_sha256,
            "schema_version": self.header.schema_version,
        }
        return ShardReader(self.path / shard.file, self.header, samples, expected)


def _check_sizes(folder: Path, shards: tuple[Shard, ...]) -> None:
    for shard in shards:
        size = check_file(folder / shard.file)
        if size != shard.bytes:
            raise StoreError(f"{folder / shard.file}: damaged ({size} bytes instead of {shard.bytes})")
