"""External shear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.deflectors.base import Array, Deflector, Gradient
from simulators.labels import LABELS

__all__ = ["ExternalShear"]


@dataclass(frozen=True)
class ExternalShear(Deflector):
    """External shears g1, g2 about the stamp's centre (lenstronomy's SHEAR gamma1, gamma2)."""

    g1: ArrayLike
    g2: ArrayLike

    ranges: ClassVar = {"g1": LABELS["shear_g1"], "g2": LABELS["shear_g2"]}
    moduli: ClassVar = {("g1", "g2"): 0.5}

    def _columns(self) -> tuple[Array, Array]:
        return np.asarray(self.g1)[:, None], np.asarray(self.g2)[:, None]

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        g1, g2 = self._columns()
        return g1 * x + g2 * y, g2 * x - g1 * y

    def _gradient(self, x: Array, y: Array) -> Gradient:
        g1, g2 = (np.broadcast_to(column, x.shape) for column in self._columns())
        return g1, g2, g2, -g1

    def _potential(self, x: Array, y: Array) -> Array:
        g1, g2 = self._columns()
        return np.asarray(0.5 * g1 * (x * x - y * y) + g2 * x * y)
