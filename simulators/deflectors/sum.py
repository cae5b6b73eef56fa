"""Deflectors on one plane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.deflectors.base import Array, Deflector, Gradient
from simulators.labels import Label

__all__ = ["Sum", "together"]


def together(owner: str, parts: Iterable[Deflector]) -> tuple[Deflector, ...]:
    """The parts, each with N lenses: one lens is taken N times.

    Raises
    ------
    ValueError
        For no parts, something that is not a deflector, or numbers of lenses that are neither 1 nor N.
    """
    given = tuple(parts)
    for part in given:
        if not isinstance(part, Deflector):
            raise ValueError(f"{owner} holds {part!r}, which is not a deflector")
    counts = [len(part) for part in given]
    lenses = next((count for count in counts if count != 1), 1)
    if not given or set(counts) - {1, lenses}:
        raise ValueError(f"{owner} needs parts of one number of lenses, or of one lens; got {counts}")
    return tuple(part if len(part) == lenses else part.take(np.zeros(lenses, dtype=np.int64)) for part in given)


@dataclass(frozen=True)
class Sum(Deflector):
    """Deflectors on one plane, such as ``Sum([EPL(1.0), ExternalShear(0.05, 0.0)])``.

    Parameters
    ----------
    parts : sequence of Deflector
        Each of N lenses or of one.
    """

    parts: Iterable[Deflector]

    ranges: ClassVar[dict[str, Label]] = {}

    def __post_init__(self) -> None:
        parts = together("Sum", self.parts)
        for part in parts:
            if not part.irrotational:
                raise ValueError(f"Sum holds a {type(part).__name__}, which is not on one plane")
        object.__setattr__(self, "parts", parts)

    def __len__(self) -> int:
        return len(next(iter(self.parts)))

    def take(self, index: ArrayLike) -> Sum:
        """See `Deflector.take`."""
        return Sum(tuple(part.take(index) for part in self.parts))

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        each = [part._deflection(x, y) for part in self.parts]
        return np.sum([ax for ax, _ in each], axis=0), np.sum([ay for _, ay in each], axis=0)

    def _gradient(self, x: Array, y: Array) -> Gradient:
        each = zip(*(part._gradient(x, y) for part in self.parts), strict=True)
        xx, xy, yx, yy = (np.asarray(np.sum(one, axis=0)) for one in each)
        return xx, xy, yx, yy

    def _potential(self, x: Array, y: Array) -> Array:
        return np.asarray(np.sum([part._potential(x, y) for part in self.parts], axis=0))
