"""How long to train."""

from __future__ import annotations

from dataclasses import dataclass

from catalogs.checks import within

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """Images shown, seconds of training, or both: whichever is spent first ends it. Both count over restarts.

    Attributes
    ----------
    images
        Samples, counted as batch size times steps; the last step may overshoot.
    seconds
        Time inside steps, without checkpoints, logs and progress bars.
    """

    images: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.images is None and self.seconds is None:
            raise ValueError("a budget needs images, seconds, or both")
        if self.images is not None:
            within("images", self.images, 1, 1e15)
        if self.seconds is not None:
            within("seconds", self.seconds, 0.0, 1e9, "s", open_low=True)

    def fraction(self, images: int, seconds: float) -> float:
        """Part of the budget spent, 1 or more when it is used up."""
        parts = [images / self.images] if self.images is not None else []
        parts += [seconds / self.seconds] if self.seconds is not None else []
        return max(parts)
