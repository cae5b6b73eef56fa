"""Convergence sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.deflectors.base import CENTRE, Array, Deflector, Gradient, offsets
from simulators.labels import LABELS

__all__ = ["ConvergenceSheet"]


@dataclass(frozen=True)
class ConvergenceSheet(Deflector):
    """Uniform convergence `kappa` that does not deflect at x, y [arcsec] (lenstronomy's CONVERGENCE)."""

    kappa: ArrayLike
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {"kappa": LABELS["kappa"], **CENTRE}

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        kappa = np.asarray(self.kappa)[:, None]
        u, v = offsets(self, x, y)
        return kappa * u, kappa * v

    def _gradient(self, x: Array, y: Array) -> Gradient:
        kappa = np.broadcast_to(np.asarray(self.kappa)[:, None], x.shape)
        zero = np.zeros_like(kappa)
        return kappa, zero, zero, kappa

    def _potential(self, x: Array, y: Array) -> Array:
        u, v = offsets(self, x, y)
        return np.asarray(0.5 * np.asarray(self.kappa)[:, None] * (u * u + v * v))
