"""Every kind of damage to a store, found and named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from astrogan.dataset.backend import samples_of
from astrogan.dataset.digest import RunningDigest, attribute_digest
from astrogan.dataset.folder import locked
from astrogan.dataset.hdf5 import StoreError
from astrogan.dataset.manifest import Header, Manifest, Shard, read_manifest, write_manifest
from astrogan.dataset.reading import SampleStore
from astrogan.dataset.schema import validate_samples
from astrogan.dataset.shard_reader import check_file
from astrogan.dataset.sharding import BATCH

__all__ = ["Fault", "examine", "file_sha256", "rebuild", "verify_store"]

_SHARD = re.compile(r"shard-(\d{5,9})\.h5")
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Fault:
    """What is wrong with one file of a store."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


def verify_store(path: str | os.PathLike[str], on_progress: Progress | None = None) -> list[Fault]:
    """Read all of a directory of shards, or of one file, and list what is not as it was written.

    Found are changed, truncated, missing, swapped and foreign shards, wrong manifests, sample ids that repeat,
    leftovers of killed runs, and runs that did not end.
    """
    folder = Path(path)
    if not folder.is_dir():
        return _verify_file(folder)
    try:
        manifest = read_manifest(folder)
    except (StoreError, OSError) as error:
        return [Fault("manifest.jsonl", str(error))]
    faults = [] if manifest.complete else [Fault("manifest.jsonl", "the run that wrote it did not end")]
    faults += _strangers(folder, manifest)
    ids, count = [np.zeros((0, 2), np.int64)], 0
    for number, shard in enumerate(manifest.shards):
        try:
            found, header, shard_ids = examine(folder / shard.file, shard.shard)
            _compare(found, shard, header, manifest.header)
            ids.append(_ranges(shard_ids))
            count += len(shard_ids)
        except (StoreError, OSError) as error:
            faults.append(Fault(shard.file, str(error).removeprefix(f"{folder / shard.file}: ")))
        if on_progress is not None:
            on_progress((number + 1) / len(manifest.shards), shard.file)
    repeated = count - _distinct(np.concatenate(ids))
    if repeated:
        faults.append(Fault("manifest.jsonl", f"{repeated} sample ids repeat"))
    return faults


def rebuild(path: str | os.PathLike[str]) -> tuple[Manifest, list[Fault]]:
    """Write a new manifest from the shards that are whole, and list those that are not.

    Raises
    ------
    StoreError
        If there is no whole shard, or shards come from different jobs.
    OSError
        If a run is writing to the directory.
    """
    folder = Path(path)
    with locked(folder):
        shards, faults, header = [], [], None
        for file in sorted((folder / "shards").iterdir()):
            name = f"shards/{file.name}"
            try:
                match = _SHARD.fullmatch(file.name)
                if match is None:
                    raise StoreError("not a shard")
                shard, its_header, _ = examine(file, int(match.group(1)))
                header = its_header if header is None else header
                if not its_header.same_as(header):
                    raise StoreError("its variables or attributes are not those of other shards")
                shards.append(shard)
            except (StoreError, OSError) as error:
                faults.append(Fault(name, str(error).removeprefix(f"{file}: ")))
        if header is None:
            raise StoreError(f"{folder}: there is no whole shard in it")
        manifest = Manifest(replace(header.without_varying(), shards=len(shards)), tuple(shards))
        write_manifest(folder, manifest)
        for part in folder.glob("manifest-*-of-*.jsonl"):
            part.unlink()
    return manifest, faults


def examine(path: Path, number: int) -> tuple[Shard, Header, np.ndarray]:
    """What a shard holds, all of which is read: its line of a manifest, its header and its sample ids.

    Raises
    ------
    StoreError
        If it is damaged, by itself, or not shard `number`.
    """
    try:
        return _examine(path, number)
    except (ValueError, KeyError, TypeError, IndexError, RuntimeError, MemoryError) as error:
        raise error if isinstance(error, StoreError) else StoreError(f"{path}: damaged ({error})") from None


def _examine(path: Path, number: int) -> tuple[Shard, Header, np.ndarray]:
    size = check_file(path)
    store = SampleStore(path)
    extra, samples = store.extra, samples_of(store)
    if extra["shard"] != number:
        raise StoreError(f"{path}: it says that it is shard {extra['shard']!r}: another file stands here")
    running, flagged, ids = RunningDigest(), 0, []
    for start in range(0, len(store), BATCH):
        batch = validate_samples(samples.isel(sample=slice(start, start + BATCH)).load())
        running.add(batch)
        flagged += int(np.count_nonzero(batch["qc_flag"].values))
        ids.append(np.asarray(batch["sample_id"].values))
    for name, made in (("content_digest", running.hexdigest()), ("attribute_digest", attribute_digest(batch))):
        if extra[name] != made:
            raise StoreError(f"{path}: damaged: it does not hold what was written ({name} differs)")
    every = np.concatenate(ids)
    held = (running.hexdigest(), len(store), int(every[0]), flagged)
    return Shard(number, f"shards/{path.name}", size, file_sha256(path), *held), store.header, every


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    sha = sha256()
    with open(path, "rb") as file:
        while block := file.read(2**22):
            sha.update(block)
    return sha.hexdigest()


def _verify_file(path: Path) -> list[Fault]:
    from astrogan.dataset.store import read_samples

    try:
        read_samples(path)
    except (StoreError, OSError) as error:
        return [Fault(path.name, str(error).removeprefix(f"{path}: "))]
    return []


def _compare(found: Shard, listed: Shard, header: Header, wanted: Header) -> None:
    for name, value in asdict(listed).items():
        if asdict(found)[name] != value:
            raise StoreError(f"damaged: {name} = {asdict(found)[name]!r} is not {value!r}, as the manifest has it")
    if not header.same_as(wanted):
        raise StoreError("its variables or attributes are not those of the store")


def _ranges(ids: np.ndarray) -> np.ndarray:
    """(first, last + 1) of all runs of consecutive numbers in `ids`: few, where a million ids are many."""
    numbers = np.unique(ids)
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(numbers) - 1)
    return np.stack([numbers[firsts], numbers[lasts] + 1], axis=1)


def _distinct(ranges: np.ndarray) -> int:
    """How many numbers are in the union of ranges (first, last + 1)."""
    first, after = ranges[np.argsort(ranges[:, 0])].T
    seen = np.append(np.iinfo(np.int64).min, np.maximum.accumulate(after)[:-1]) if len(after) else after
    return int(np.maximum(after - np.maximum(first, seen), 0).sum())


def _strangers(folder: Path, manifest: Manifest) -> list[Fault]:
    """Files that do not belong there."""
    listed = {shard.file for shard in manifest.shards}
    faults = []
    for path in sorted((folder / "shards").iterdir()):
        name = f"shards/{path.name}"
        if path.name.endswith(".tmp"):
            faults.append(Fault(name, "left by a run that was killed; resuming sweeps it up"))
        elif name not in listed:
            faults.append(Fault(name, "not in the manifest"))
    return faults
