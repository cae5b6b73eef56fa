"""Whole files or none: a product appears at its name complete, or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

__all__ = ["check_target", "replace_file"]


def check_target(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """The path as a `Path`, if a file can be written there; called before any work is done.

    Raises
    ------
    FileExistsError, IsADirectoryError, FileNotFoundError, NotADirectoryError, PermissionError
        With one line that names the path and what to do.
    """
    target = Path(path)
    folder = target.parent
    if not folder.exists():
        raise FileNotFoundError(f"cannot write {target}: the folder {folder} does not exist")
    if not folder.is_dir():
        raise NotADirectoryError(f"cannot write {target}: {folder} is not a folder")
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder")
    if os.path.lexists(target) and not overwrite:
        raise FileExistsError(f"{target} exists already; pass overwrite=True to replace it")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(f"cannot write {target}: the folder {folder} is read-only")
    return target


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Write `content` beside `path`, flush it to the disk, then rename it to `path`; leave nothing behind on failure.

    Raises
    ------
    OSError
        With the path and the bytes needed, when the disk is full or the file cannot be made.
    """
    temporary = path.with_name(f".{path.name[:64]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise type(error)(error.errno, f"cannot write {len(content)} bytes: {error.strerror}", str(path)) from None
    finally:
        with suppress(OSError):
            temporary.unlink()
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system can open folders."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
