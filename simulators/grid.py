"""The pixel grid of a stamp: where its pixels are, in arcsec."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import within

__all__ = ["PixelGrid"]


@dataclass(frozen=True)
class PixelGrid:
    """A square stamp of `size` pixels of side `scale`; the origin is its geometric centre.

    Parameters
    ----------
    size : int
        Pixels along a side, 8 to 4096.
    scale : float
        Side of a pixel [arcsec].
    """

    size: int
    scale: float

    def __post_init__(self) -> None:
        if self.size != int(self.size):
            raise ValueError(f"size = {self.size!r} is not a whole number of pixels")
        within("size", self.size, 8, 4096, "pixels")
        within("pixel_scale", self.scale, 0.0, 60.0, "arcsec", open_low=True)

    def axis(self, oversample: int = 1, pad: int = 0) -> NDArray[np.float64]:
        """Coordinates [arcsec] of the centres of `oversample` cells per pixel, with `pad` extra pixels at both ends."""
        cells = (self.size + 2 * pad) * oversample
        return np.asarray((np.arange(cells) - (cells - 1) / 2.0) * (self.scale / oversample), dtype=np.float64)
