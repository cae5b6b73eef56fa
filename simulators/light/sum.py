"""Light profiles together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from simulators.light.base import Component, Light

__all__ = ["Sum"]


@dataclass(frozen=True)
class Sum(Light):
    """Profiles of N objects each, such as ``Sum([Sersic(10.0, 0.5, 4.0), PointSource(3.0)])``; its centre is that of
    the first.
    """

    parts: Iterable[Light]
    flux: ArrayLike = field(init=False)
    x: ArrayLike = field(init=False)
    y: ArrayLike = field(init=False)

    ranges: ClassVar = {}

    def __post_init__(self) -> None:
        parts = tuple(self.parts)
        for part in parts:
            if not isinstance(part, Light):
                raise ValueError(f"Sum holds {part!r}, which is not a light profile")
        counts = {len(part) for part in parts}
        if len(counts) != 1:
            raise ValueError(f"Sum needs parts of one number of objects; got {sorted(counts)}")
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "flux", np.sum([part._column("flux") for part in parts], axis=0))
        for name in "xy":
            object.__setattr__(self, name, parts[0]._column(name))

    def take(self, index: ArrayLike) -> Self:
        """See `Light.take`."""
        return self._with(parts=tuple(part.take(index) for part in self.parts))

    def components(self) -> tuple[Component, ...]:
        """See `Light.components`."""
        total = self._column("flux")
        bright = np.where(total > 0, total, 1.0)
        return tuple(
            (one, share * part._column("flux") / bright) for part in self.parts for one, share in part.components()
        )

    def transformed(self, matrix: ArrayLike, shift: ArrayLike = 0.0) -> Sum:
        """See `Light.transformed`."""
        return Sum(tuple(part.transformed(matrix, shift) for part in self.parts))
