"""The folder beside a model's weights, with log and checkpoint of its training."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["make_room"]


def make_room(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Remove the folder of an earlier run that is to be replaced, if it holds nothing else.

    Raises
    ------
    FileNotFoundError
        Where there is no checkpoint to resume from.
    FileExistsError
        Where the folder holds something that no training wrote.
    """
    if resume and not (folder / "checkpoint.pt").is_file():
        raise FileNotFoundError(f"{folder} holds no checkpoint to resume from")
    if resume or not overwrite or not folder.is_dir():
        return
    others = sorted({path.name for path in folder.iterdir()} - {"log.jsonl", "checkpoint.pt"})
    if others:
        raise FileExistsError(f"{folder} holds more than a training run ({', '.join(others)}); it is not overwritten")
    shutil.rmtree(folder)
