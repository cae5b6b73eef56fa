"""Point sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators.labels import LABELS
from simulators.light.base import Array, Light

__all__ = ["PointSource"]


@dataclass(frozen=True)
class PointSource(Light):
    """Stars, quasars: all the flux in one point, of which only a PSF makes a surface brightness.

    Parameters
    ----------
    flux : array_like
        Total flux, shape (...) or one value.
    x, y : array_like
        Place [arcsec].
    """

    flux: ArrayLike
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {name: LABELS[name] for name in ("flux", "x", "y")}

    def components(self) -> tuple[tuple[PointSource, Array], ...]:
        """See `Light.components`."""
        return ((self._with(flux=np.ones(len(self))), np.ones(len(self))),)

    def brightness(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Infinite at the point and nothing elsewhere: refused.

        Raises
        ------
        ValueError
            Always: `draw_points` draws points, and behind a lens `image_positions` finds their images.
        """
        raise ValueError("a PointSource has no surface brightness: draw its images with draw_points")

    def transform(self, kx: ArrayLike, ky: ArrayLike) -> Array:
        """See `Light.transform`: the flux at every wave number."""
        return np.array(np.broadcast_to(self._column("flux")[:, None, None], (len(self), np.size(kx), np.size(ky))))

    def transformed(self, matrix: ArrayLike, shift: ArrayLike = 0.0) -> PointSource:
        """See `Light.transformed`: of a point, the flux grows as that of something small."""
        return self._with(**self._mapped(matrix, shift)[1])
