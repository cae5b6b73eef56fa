"""Gaussian profiles of light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.labels import LABELS
from simulators.light.base import Array, Light
from simulators.light.sersic import Sersic

__all__ = ["Gaussian"]


@dataclass(frozen=True)
class Gaussian(Light):
    """Elliptical Gaussians: Sersic profiles of n = 1/2 exactly (the PSF is `simulators.Gaussian`).

    Parameters
    ----------
    flux, radius, e1, e2, x, y : array_like
        As of `Sersic`; `radius` is the half-light radius, sqrt(2 ln 2) = 1.1774 standard deviations [arcsec].
    """

    flux: ArrayLike
    radius: ArrayLike
    e1: ArrayLike = 0.0
    e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {name: LABELS[name] for name in ("flux", "radius", "e1", "e2", "x", "y")}

    def components(self) -> tuple[tuple[Sersic, Array], ...]:
        """See `Light.components`."""
        return ((Sersic(1.0, self.radius, 0.5, self.e1, self.e2, self.x, self.y), np.ones(len(self))),)
