"""What every `astrogan train` shares: how long, where the weights go, and how it ends."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrogan.cli.progress import Steps
from catalogs.checks import within

if TYPE_CHECKING:
    from astrogan.training import Budget

__all__ = ["TrainingRun"]

MINUTES = 10.0


@dataclass(frozen=True)
class TrainingRun:
    """For how long to train, and where the weights go; beside them a folder takes log and checkpoint."""

    out: Path
    minutes: float | None = None
    images: int | None = None
    resume: bool = False
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.minutes is not None:
            within("minutes", self.minutes, 0.0, 1e4, "min", open_low=True)
        if self.images is not None:
            within("images", self.images, 1, 1e12)
        within("seed", self.seed, 0, 2**62)
        if self.out.suffix != ".safetensors":
            raise ValueError(f"{self.out.name}: a model file ends in .safetensors")

    @property
    def folder(self) -> Path:
        """Where log and checkpoint go."""
        return self.out.with_suffix(".training")

    @property
    def budget(self) -> Budget:
        """Images, minutes, or both, whichever is spent first; 10 minutes by default."""
        from astrogan.training import Budget

        minutes = MINUTES if self.minutes is None and self.images is None else self.minutes
        return Budget(self.images, None if minutes is None else 60.0 * minutes)

    def make_room(self) -> None:
        """Refuse a target that is there already; of an earlier run that is replaced, remove the folder.

        Raises
        ------
        OSError
            If the target exists or cannot be made, there is nothing to resume from, or the folder holds other files.
        """
        from astrogan.dataset.files import check_target

        check_target(self.out, self.overwrite or self.resume)
        if self.resume and not (self.folder / "checkpoint.pt").is_file():
            raise FileNotFoundError(f"{self.folder} holds no checkpoint to resume from")
        if self.resume or not self.overwrite or not self.folder.is_dir():
            return
        others = ", ".join(sorted({path.name for path in self.folder.iterdir()} - {"log.jsonl", "checkpoint.pt"}))
        if others:
            raise FileExistsError(f"{self.folder} holds more than a training run ({others}); it is not overwritten")
        shutil.rmtree(self.folder)

    @contextmanager
    def interruptible(self, steps: Steps) -> Iterator[None]:
        """An interrupt within the block ends with a word on how to go on, and exit code 130."""
        import typer

        try:
            yield
        except KeyboardInterrupt:
            steps.say(f"interrupted; {self.folder} keeps what was learnt: run again with --resume")
            raise typer.Exit(130) from None

    def save(self, model: Any) -> None:
        """Write weights, and the card with the command of this process."""
        model.card["command"] = shlex.join(["astrogan", *sys.argv[1:]])
        model.save(self.out)
