"""Measurements with errors, and tables of them that pass or fail beside a baseline and a control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import hypot, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Measurement", "Row", "Table", "bootstrap", "mean_of"]

SIGMAS = 3.0  # errors within which a value agrees with another


@dataclass(frozen=True)
class Measurement:
    """A number and its standard error."""

    value: float
    error: float


def bootstrap(
    statistic: Callable[..., float], *samples: NDArray[Any], seed: int, draws: int = 100, paired: bool = False
) -> Measurement:
    """The statistic of samples, each (N, ...), and its scatter where their rows are drawn again (Efron 1979).

    `paired` samples have rows that belong together.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        rows = [rng.integers(0, len(x), len(x)) for x in (samples[:1] if paired else samples)]
        rows = rows * len(samples) if paired else rows
        drawn.append(statistic(*(x[row] for x, row in zip(samples, rows, strict=True))))
    return Measurement(float(statistic(*samples)), float(np.std(drawn, ddof=1)))


def mean_of(values: NDArray[np.float64]) -> Measurement:
    """The mean of finite values with its standard error; NaN where there are fewer than two."""
    good = values[np.isfinite(values)]
    if len(good) < 2:
        return Measurement(float("nan"), float("nan"))
    return Measurement(float(good.mean()), float(good.std(ddof=1) / np.sqrt(len(good))))


@dataclass(frozen=True)
class Row:
    """One quantity: how far it may be from `ideal`, and what was found.

    A measurement passes within `limit` and 3 errors (its own and that of the ideal). `classical` is the same for the
    noise- and PSF-matched simulation, `control` for images that are known to be wrong, which must fail; `matters`
    says whether this control moves this quantity.
    """

    name: str
    unit: str
    synthetic: Measurement
    classical: Measurement | None = None
    control: Measurement | None = None
    ideal: Measurement = Measurement(0.0, 0.0)
    limit: float = 0.0
    matters: bool = True

    def passes(self, found: Measurement | None) -> bool | None:
        """Whether a measurement agrees with the ideal; None if there is none."""
        if found is None or not isfinite(found.value):
            return None
        return abs(found.value - self.ideal.value) <= self.limit + SIGMAS * hypot(found.error, self.ideal.error)

    @property
    def passed(self) -> bool | None:
        """Whether the synthetic images pass."""
        return self.passes(self.synthetic)

    @property
    def control_fails(self) -> bool | None:
        """Whether the control fails, as it must; None if there is none."""
        found = self.passes(self.control) if self.matters else None
        return None if found is None else not found


@dataclass(frozen=True)
class Table:
    """Rows of one kind; `control` says what was done to the images of its control."""

    title: str
    caption: str
    control: str
    rows: Sequence[Row]

    @property
    def control_fails(self) -> bool | None:
        """Whether the table tells the control: one row does, as a control need not be wrong in every way."""
        found = [row.control_fails for row in self.rows if row.control_fails is not None]
        return any(found) if found else None

    def numbers(self) -> dict[str, Any]:
        """Everything, for JSON."""
        rows = [
            {
                **asdict(row),
                "passed": row.passed,
                "classical_passed": row.passes(row.classical),
                "control_fails": row.control_fails,
            }
            for row in self.rows
        ]
        return {
            "title": self.title,
            "caption": self.caption,
            "control": self.control,
            "control_fails": self.control_fails,
            "rows": rows,
        }
