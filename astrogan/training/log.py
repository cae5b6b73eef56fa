"""The training log: one JSON object per line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO

__all__ = ["TrainingLog"]


class TrainingLog:
    """Means of scalars over windows of steps, appended to a JSON-lines file (or to nothing, without a path).

    A line holds `step`, `images`, `seconds` and `scalars`: each scalar's mean over those steps since the last line that
    gave it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._window: dict[str, list[float]] = {}
        self._file: TextIO | None = None

    def add(self, scalars: dict[str, float]) -> None:
        """Take one step's scalars into the window."""
        for name, value in scalars.items():
            total = self._window.setdefault(name, [0.0, 0.0])
            total[0] += value
            total[1] += 1.0

    def write(self, step: int, images: int, seconds: float) -> None:
        """Write the window's means as a line and start the next window."""
        means = {name: total / count for name, (total, count) in self._window.items()}
        self._window = {}
        if self.path is None:
            return
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8")
        line = {"step": step, "images": images, "seconds": round(seconds, 6), "scalars": means}
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()

    def rewind(self, step: int) -> None:
        """Drop the lines after `step`, and a line cut short by a crash: they are about to be written again."""
        self.close()
        if self.path is None or not self.path.exists():
            return
        kept = [line for line in self.path.read_text(encoding="utf-8").splitlines(True) if _step_of(line) <= step]
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.write_text("".join(kept), encoding="utf-8")
        os.replace(temporary, self.path)

    def close(self) -> None:
        """Push everything to the disk and close the file."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def state_dict(self) -> dict[str, Any]:
        """The unfinished window."""
        return {name: list(total) for name, total in self._window.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over an unfinished window."""
        self._window = {name: list(total) for name, total in state.items()}


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
