"""Lenses that have nothing in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.deflectors.base import Array, Deflector, Gradient
from simulators.labels import Label

__all__ = ["Each"]


@dataclass(frozen=True)
class Each(Deflector):
    """N lenses that each are of their own make, such as stacks of planes at redshifts that differ.

    Parameters
    ----------
    lenses : sequence of Deflector
        Each of one lens.

    Raises
    ------
    ValueError
        For something that is not a deflector of one lens.
    """

    lenses: Iterable[Deflector]

    ranges: ClassVar[dict[str, Label]] = {}
    irrotational: ClassVar[bool] = False

    def __post_init__(self) -> None:
        lenses = tuple(self.lenses)
        for lens in lenses:
            if not isinstance(lens, Deflector) or len(lens) != 1:
                raise ValueError(f"Each holds {lens!r}, which is not a deflector of one lens")
        object.__setattr__(self, "lenses", lenses)

    def __len__(self) -> int:
        return len(tuple(self.lenses))

    def take(self, index: ArrayLike) -> Each:
        """See `Deflector.take`."""
        lenses = tuple(self.lenses)
        return Each(lenses[row] for row in np.arange(len(lenses))[index].reshape(-1))  # type: ignore[index]  # as numpy takes it

    def _rows(self, x: Array, y: Array) -> Iterable[tuple[Deflector, Array, Array]]:
        return ((lens, x[row : row + 1], y[row : row + 1]) for row, lens in enumerate(self.lenses))

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        ax, ay = _stacked(x, 2, (lens._deflection(px, py) for lens, px, py in self._rows(x, y)))
        return ax, ay

    def _gradient(self, x: Array, y: Array) -> Gradient:
        xx, xy, yx, yy = _stacked(x, 4, (lens._gradient(px, py) for lens, px, py in self._rows(x, y)))
        return xx, xy, yx, yy

    def _potential(self, x: Array, y: Array) -> Array:
        (potential,) = _stacked(x, 1, ((lens._potential(px, py),) for lens, px, py in self._rows(x, y)))
        return np.asarray(potential)


def _stacked(x: Array, count: int, each: Iterable[tuple[Array, ...]]) -> Array:
    """`count` arrays of each lens, together of shape (count, *x.shape)."""
    out = np.empty((count, *x.shape))
    for row, values in enumerate(each):
        out[:, row] = np.concatenate(values)
    return out
