"""Samples into a directory of shards: any number of them, from memory or from another store, a batch at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from pathlib import Path

import numpy as np
import xarray as xr

from astrogan.dataset.attributes import SCHEMA_VERSION, SchemaError
from astrogan.dataset.codec import check_codec
from astrogan.dataset.files import replace_file
from astrogan.dataset.folder import StoreFolder, locked, make_folder
from astrogan.dataset.manifest import Header, Shard, shard_file
from astrogan.dataset.schema import validate_samples
from astrogan.dataset.shard_writer import ShardWriter
from catalogs.checks import within

__all__ = ["BATCH", "SHARD_SIZE", "batches_of", "check_ids", "write_shard", "write_store"]

SHARD_SIZE = 4096
BATCH = 256  # samples that are in memory at a time
MAX_SHARD = 1_000_000
Span = Callable[[str], AbstractContextManager[None]]


def write_store(
    ds: xr.Dataset | Sequence[xr.Dataset],
    path: str | os.PathLike[str],
    *,
    shard_size: int = SHARD_SIZE,
    codec: str = "auto",
) -> int:
    """Write samples to a new directory of shards; return the number of shards.

    Parameters
    ----------
    ds
        Samples, also lazy ones of `open_samples`, of which a batch at a time is read; several datasets follow one
        another.
    path
        A directory to make. Its parent must exist; what is in it is never replaced.
    shard_size
        Samples in each file.
    codec : {"auto", "none"}
        As for `write_samples`.

    Raises
    ------
    SchemaError
        If samples break the schema, or do not fit one another.
    OSError
        If the directory exists and is not empty, is being written, or the disk is full.
    """
    sources = [ds] if isinstance(ds, xr.Dataset) else list(ds)
    if not sources:
        raise SchemaError("no samples to write")
    within("shard_size", shard_size, 1, MAX_SHARD)
    check_codec(codec)
    validate_samples(sources[0].isel(sample=slice(0, 1)).load())
    total = check_ids(sources)
    folder = make_folder(path)
    with locked(folder):
        store = StoreFolder(folder)
        for number, start in enumerate(range(0, total, shard_size)):
            stop = min(start + shard_size, total)
            batches = batches_of(sources, start, stop)
            store.add(*write_shard(batches, folder, number, stop - start, codec, total=total))
        store.finish()
    return len(store.shards)


def check_ids(sources: Sequence[xr.Dataset]) -> int:
    """The number of samples in all sources.

    Raises
    ------
    SchemaError
        If a sample id repeats.
    """
    ids = np.concatenate([np.asarray(source["sample_id"].values) for source in sources])
    repeated = ids.size - np.unique(ids).size
    if repeated:
        raise SchemaError(f"sample_id: {repeated} of {ids.size} values repeat; each must be unique")
    return int(ids.size)


def batches_of(sources: Sequence[xr.Dataset], start: int, stop: int, size: int = BATCH) -> Iterator[xr.Dataset]:
    """Samples start … stop-1, counted over all sources, in memory, at most `size` at a time."""
    before = 0
    for source in sources:
        count = source.sizes["sample"]
        first, last = max(0, start - before), min(count, stop - before)
        for begin in range(first, last, size):
            yield source.isel(sample=slice(begin, min(begin + size, last))).load()
        before += count


def write_shard(
    batches: Iterable[xr.Dataset],
    folder: Path,
    number: int,
    count: int,
    codec: str = "auto",
    job_sha256: str = "",
    span: Span = lambda _stage: nullcontext(),
    total: int | None = None,
) -> tuple[Shard, Header]:
    """Write one shard of `count` samples, which is there whole or not at all; what the manifest says about it.

    Each batch is compressed by a thread while the next one is made.

    Parameters
    ----------
    span
        Called with "store" and "write"; what it returns is entered while a batch is compressed or the file written.
    total
        Samples of all shards together.

    Raises
    ------
    SchemaError
        If the batches break the schema, differ from one another, or are not `count` samples.
    OSError
        If the disk is full.
    """
    attributes = {"shard": number, "job_sha256": job_sha256, "schema_version": SCHEMA_VERSION}
    with ShardWriter(count, codec, attributes, total) as writer:
        first_id, flagged = _add_all(writer, batches, span)
        content, digest, like = writer.close()
    name = shard_file(number)
    with span("write"):
        replace_file(folder / name, content)
    made = sha256(content).hexdigest()
    shard = Shard(number, name, len(content), made, digest, count, first_id, flagged)
    return shard, Header.of(like, job_sha256)


def _add_all(writer: ShardWriter, batches: Iterable[xr.Dataset], span: Span) -> tuple[int, int]:
    """Compress each batch in a thread while the next is made; the first sample's id, and how many are flagged."""
    first_id, flagged = None, 0

    def add(batch: xr.Dataset) -> None:
        with span("store"):
            writer.add(batch)

    with ThreadPoolExecutor(1) as pool:
        waiting: Future[None] | None = None
        for batch in batches:
            if waiting is not None:
                waiting.result()
            waiting = pool.submit(add, batch)
            first_id = int(batch["sample_id"].values[0]) if first_id is None else first_id
            flagged += int(np.count_nonzero(batch["qc_flag"].values))
        if waiting is not None:
            waiting.result()
    return first_id or 0, flagged
