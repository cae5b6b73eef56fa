"""Progress of a long command: rich bars on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

__all__ = ["Step", "Steps"]


class Step:
    """One step in progress."""

    def __init__(self, bar: Progress | None = None, task: TaskID | None = None) -> None:
        self.summary = ""
        self._bar, self._task = bar, task

    def advance(self, fraction: float, note: str = "") -> None:
        """Show that `fraction` of the step is done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=fraction, note=note)

    def done(self, summary: str) -> None:
        """Say what the step found."""
        self.summary = summary


class Steps:
    """Steps of a command, told to `console` as they run."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the first step."""
        return time.perf_counter() - self.start

    def say(self, text: str) -> None:
        """Print a line, also in the midst of a step."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run a step; its line says what it is, then what it found and when it ended."""
        if self.console.is_terminal:
            with self._bar() as bar:
                step = Step(bar, bar.add_task(title, total=1.0, note=""))
                yield step
        else:
            step = Step()
            yield step
        tail = f": {step.summary}" if step.summary else ""
        self.console.print(f"[{self.seconds:6.1f} s] {title}{tail}", markup=False, highlight=False, soft_wrap=True)

    def _bar(self) -> Progress:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        return Progress(*columns, TextColumn("{task.fields[note]}"), console=self.console, transient=True)
