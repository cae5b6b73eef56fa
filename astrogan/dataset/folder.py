"""A directory of shards while somebody writes it: one run at a time, and a manifest that never promises too much."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from astrogan.dataset.hdf5 import StoreError
from astrogan.dataset.manifest import (
    MANIFEST,
    Header,
    Manifest,
    Shard,
    append_line,
    read_manifest,
    write_manifest,
)

__all__ = ["LockedError", "StoreFolder", "locked", "make_folder"]

LOCK = ".lock"


class LockedError(OSError):
    """Another run writes to the directory."""


def make_folder(path: str | os.PathLike[str], *, resume: bool = False) -> Path:
    """An empty directory for a store, or, to resume, one that holds a store already.

    Raises
    ------
    FileExistsError
        If there is something else, which is never written into.
    FileNotFoundError, NotADirectoryError, PermissionError
        If it cannot be made.
    """
    folder = Path(path)
    if "\0" in str(folder):
        raise FileNotFoundError(f"cannot write {str(folder)!r}: a path has no NUL")
    if folder.is_symlink() or (folder / "shards").is_symlink():
        raise FileExistsError(f"cannot write {folder}: symbolic links are refused")
    if os.path.lexists(folder):
        if not folder.is_dir():
            raise NotADirectoryError(f"cannot write {folder}: it is not a folder")
        others = {name for name in os.listdir(folder) if not name.startswith(".")}
        if others and not resume:
            raise FileExistsError(f"{folder} exists already and is not empty; choose another name, or resume")
        if others and not others & {"shards", "job.yaml"}:
            raise FileExistsError(f"{folder} is not empty and no sample store; choose another name")
    elif not folder.parent.is_dir():
        raise FileNotFoundError(f"cannot write {folder}: the folder {folder.parent} does not exist")
    if os.path.lexists(folder / "shards") and not (folder / "shards").is_dir():
        raise NotADirectoryError(f"cannot write {folder}: {folder / 'shards'} is not a folder")
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(folder: Path, job: tuple[int, int] | None = None) -> Iterator[None]:
    """Keep every other run out of `folder`; jobs (k, n) of one array keep out all but each other.

    The lock is the kernel's (`fcntl.flock`) and ends with the process, however that dies, so none is ever stale.

    Raises
    ------
    LockedError
        If the directory is being written by another run, which is named.
    """
    import fcntl

    names = [(LOCK, fcntl.LOCK_EX)] if job is None else [(LOCK, fcntl.LOCK_SH), (f"{LOCK}-{job[0]}", fcntl.LOCK_EX)]
    handles = []
    try:
        for name, kind in names:
            handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            handles.append(handle)
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.read(handle, 200).decode(errors="replace").strip() or "another run"
                raise LockedError(f"{folder} is being written by {owner}; wait for it or choose another name") from None
            if kind == fcntl.LOCK_EX:
                os.ftruncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        for handle in reversed(handles):
            os.close(handle)


class StoreFolder:
    """The shards that are whole on the disk, and the manifest that says so; use it while the folder is `locked`.

    Parameters
    ----------
    folder
        From `make_folder`.
    name
        The manifest's; jobs of an array have one each.
    """

    def __init__(self, folder: Path, name: str = MANIFEST) -> None:
        self.folder, self.name = folder, name
        self.header: Header | None = None
        self.shards: dict[int, Shard] = {}

    def take_over(self, shards: dict[int, Shard], header: Header | None) -> None:
        """Begin with shards that an earlier run left, and sweep up its unfinished files."""
        if self.name == MANIFEST:  # other jobs of an array may be writing theirs
            _sweep(self.folder)
        self.header, self.shards = header, dict(shards)
        if header is not None:
            self.header = replace(header, shards=None)
            write_manifest(self.folder, Manifest(self.header, tuple(shards.values())), self.name)

    def add(self, shard: Shard, header: Header) -> None:
        """Take in a shard that is whole on the disk.

        Raises
        ------
        StoreError
            If its variables or attributes are not those of the others.
        """
        if self.header is None:
            self.header = header.without_varying()
            write_manifest(self.folder, Manifest(self.header, ()), self.name)
        elif not header.same_as(self.header):
            raise StoreError(f"{self.folder / shard.file}: its variables or attributes are not those of other shards")
        append_line(self.folder, shard, self.name)
        self.shards[shard.shard] = shard

    def finish(self) -> None:
        """Say in the manifest that all shards are there."""
        if self.header is None:
            raise StoreError(f"{self.folder}: no shard was written")
        _sweep(self.folder)
        header = replace(self.header, shards=len(self.shards))
        write_manifest(self.folder, Manifest(header, tuple(self.shards.values())))

    def finish_array(self, planned: int) -> bool:
        """Merge the manifests of all jobs of an array if all `planned` shards are there; whether they are."""
        try:
            with locked(self.folder):
                whole = read_manifest(self.folder)
                if len(whole.shards) < planned:
                    return False
                _sweep(self.folder)
                write_manifest(self.folder, Manifest(replace(whole.header, shards=planned), whole.shards))
                for path in self.folder.glob("manifest-*-of-*.jsonl"):
                    path.unlink()
        except LockedError:
            return False  # another job is still writing, and will do this
        return True


def _sweep(folder: Path) -> None:
    """Remove what killed processes had not finished, while nobody writes."""
    for pattern in ("shards/.shard-*.tmp", ".manifest*.tmp", ".job*.tmp"):
        for path in folder.glob(pattern):
            with suppress(FileNotFoundError):
                path.unlink()
