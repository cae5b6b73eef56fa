"""The training loop of every model."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from time import perf_counter
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from astrogan.training.batches import Batch, Sampler
from astrogan.training.budget import Budget
from astrogan.training.checkpoint import random_state, read_checkpoint, restore_random_state, write_checkpoint
from astrogan.training.device import cpu_threads, pick_device
from astrogan.training.distributed import agree, everywhere, rank, share
from astrogan.training.ema import Ema
from astrogan.training.log import TrainingLog
from astrogan.training.recipe import Recipe
from catalogs.checks import within

__all__ = ["OnProgress", "Trainer", "Watch"]

Watch = Callable[[int, float, dict[str, float]], object]
OnProgress = Callable[[float, dict[str, float]], object]
"""Called after every step with the part of the budget spent and the step's scalars."""


class Trainer:
    """Trains a recipe on batches until the budget is spent, with averages, log, checkpoints and exact restarts.

    Parameters
    ----------
    recipe, batches, budget
        What to train, on what, and for how long.
    folder
        Where ``log.jsonl`` and ``checkpoint.pt`` go; None: nowhere.
    ema_half_life
        Of the averages of `recipe.averaged`, in images.
    watch
        Called after every step with its number, the part of the budget spent and the step's scalars; it may warn, and
        raise to end training (`health.Monitor`).
    log_every
        Steps per line of the log.
    checkpoint_every
        Training seconds between checkpoints; one more is written at the end.
    device
        As in `pick_device`. Networks and images are laid out channels-last.

    Attributes
    ----------
    ema
        The averages, in `ema.networks`.
    steps, images, seconds
        Trained so far, over restarts; `seconds` count time inside steps only.
    """

    def __init__(
        self,
        recipe: Recipe,
        batches: Sampler,
        budget: Budget,
        folder: str | Path | None = None,
        *,
        ema_half_life: float = 10_000.0,
        watch: Watch | None = None,
        log_every: int = 50,
        checkpoint_every: float = 300.0,
        device: str = "auto",
    ) -> None:
        within("log_every", log_every, 1, 1e9, "steps")
        within("checkpoint_every", checkpoint_every, 0.0, 1e9, "s", open_low=True)
        self.recipe, self.batches, self.budget = recipe, batches, budget
        self.folder = None if folder is None else Path(folder)
        self.device = pick_device(device)
        recipe.networks.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
        self.ema = Ema(recipe.networks, recipe.averaged, half_life=ema_half_life)
        self.log_every, self.checkpoint_every, self.watch = log_every, checkpoint_every, watch
        self.steps, self.images, self.seconds = 0, 0, 0.0
        self._log = TrainingLog(None if self.folder is None or rank() > 0 else self.folder / "log.jsonl")
        self._scalars: dict[str, float] = {}
        self._saved_at, self._stopping, self._torn, self._interrupted = 0.0, False, False, False

    def fit(self, on_progress: OnProgress | None = None) -> dict[str, Any]:
        """Train until the budget is spent or `stop` is called.

        Returns
        -------
        dict
            `images`, `seconds`, `steps`, `images_per_second`, and the last step's `scalars`.

        Raises
        ------
        FloatingPointError
            If a scalar is not finite; names it and the step. The checkpoint on disk stays as it was.
        FileExistsError
            If the folder holds a checkpoint of a run that was not resumed.
        KeyboardInterrupt
            After the running step and its checkpoint, where there is a folder; a second one ends it at once.
        """
        self._open()
        try:
            with cpu_threads(), self._until_interrupted():
                while not everywhere(self._stopping) and (fraction := self._fraction()) < 1.0:
                    self._advance(fraction)
                    if on_progress is not None:
                        on_progress(min(self._fraction(), 1.0), dict(self._scalars))
        finally:
            self._log.close()
        if self.folder is not None:
            self.save()
        if self._interrupted:
            raise KeyboardInterrupt
        return self._summary()

    def stop(self) -> None:
        """End `fit` after the running step, with its checkpoint; for signal handlers and progress callbacks."""
        self._stopping = True

    def save(self, path: str | Path | None = None) -> None:
        """Write a checkpoint, by default ``checkpoint.pt`` in the folder; of several ranks the first does.

        Raises
        ------
        RuntimeError
            If the last step failed half-way, so that the weights in memory belong to no step.
        """
        if self._torn:
            raise RuntimeError("the last step did not finish; the weights in memory are not worth saving")
        if rank() == 0:
            write_checkpoint(self._path(path), self._state())
        self._saved_at = self.seconds

    def resume(self, path: str | Path | None = None) -> None:
        """Go on from a checkpoint; on a CPU every later number is that of a run never interrupted, bit for bit.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is damaged, not a checkpoint, or of another recipe.
        """
        path = self._path(path)
        state = read_checkpoint(path)
        try:
            self._load(state)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a checkpoint of this {type(self.recipe).__name__}: {error}") from error
        self._log.rewind(self.steps)
        self._saved_at, self._torn = self.seconds, False

    @contextmanager
    def _until_interrupted(self) -> Iterator[None]:
        """Let an interrupt end the loop after the running step, once."""
        if self.folder is None or current_thread() is not main_thread():
            yield
            return

        def stop(number: int, _: FrameType | None) -> None:
            self._interrupted = self._stopping = True
            signal.signal(number, before)

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _open(self) -> None:
        self._stopping = self._interrupted = False
        self.recipe.networks.train()
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.steps == 0:
            if rank() == 0 and self._path(None).exists():
                raise FileExistsError(f"{self.folder} holds another run: resume it or choose a new folder")
            self._log.rewind(0)

    def _fraction(self) -> float:
        return self.budget.fraction(self.images, self.seconds)

    def _advance(self, fraction: float) -> None:
        start = perf_counter()
        self._torn = True
        scalars = agree(self.recipe.step(self._batch(), fraction))
        _check_finite(scalars, self.steps + 1)
        self.ema.update(self.recipe.networks, added=self.batches.batch_size, seen=self.images)
        self.seconds = everywhere(self.seconds + perf_counter() - start)
        self.steps += 1
        self.images += self.batches.batch_size
        self._scalars, self._torn = scalars, False
        self._log.add(scalars)
        if self.steps % self.log_every == 0 or self._fraction() >= 1.0:
            self._log.write(self.steps, self.images, self.seconds)
        if self.watch is not None:
            self.watch(self.steps, self._fraction(), scalars)
        if self.folder is not None and self.seconds - self._saved_at >= self.checkpoint_every:
            self.save()

    def _batch(self) -> Batch:
        batch = self.batches.next()
        return {name: {key: _moved(share(x), self.device) for key, x in group.items()} for name, group in batch.items()}

    def _path(self, path: str | Path | None) -> Path:
        if path is not None:
            return Path(path)
        if self.folder is None:
            raise ValueError("this trainer has no folder: name the checkpoint's path")
        return self.folder / "checkpoint.pt"

    def _parts(self) -> dict[str, Any]:
        optimizers = {f"optimizer {name}": optimizer for name, optimizer in self.recipe.optimizers.items()}
        parts = {"networks": self.recipe.networks, "averages": self.ema.networks, "batches": self.batches}
        return {**parts, "recipe": self.recipe, "log": self._log, **optimizers}

    def _state(self) -> dict[str, Any]:
        counts = {"steps": self.steps, "images": self.images, "seconds": self.seconds, "scalars": self._scalars}
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {"counts": counts, "parts": parts, "random": random_state()}

    def _load(self, state: dict[str, Any]) -> None:
        parts, saved, counts = self._parts(), state["parts"], state["counts"]
        if parts.keys() != saved.keys():
            raise ValueError(f"it has {', '.join(saved)}; expected {', '.join(parts)}")
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        restore_random_state(state["random"])
        self.steps, self.images, self.seconds = counts["steps"], counts["images"], counts["seconds"]
        self._scalars = counts["scalars"]

    def _summary(self) -> dict[str, Any]:
        rate = self.images / self.seconds if self.seconds > 0 else 0.0
        counts = {"images": self.images, "seconds": self.seconds, "steps": self.steps}
        return {**counts, "images_per_second": rate, "scalars": dict(self._scalars)}


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    layout = torch.channels_last if tensor.ndim == 4 else torch.preserve_format
    return tensor.to(device, non_blocking=True, memory_format=layout)


def _check_finite(scalars: dict[str, float], step: int) -> None:
    for name, value in scalars.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"training diverged: {name} is {value} at step {step}; try a lower learning rate")
