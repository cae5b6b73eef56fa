"""Images of any size through a function of windows of one size, blended so that no window shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blend", "corners"]

Array = NDArray[np.float32]


def corners(length: int, window: int) -> list[int]:
    """First pixels of windows along an axis: at most half a window apart, the outermost flush with the ends."""
    steps = -(-2 * (length - window) // window)
    return [round(k * (length - window) / steps) for k in range(steps + 1)] if steps > 0 else [0]


@dataclass(frozen=True)
class Blend:
    """Weights w_j(x) of the windows that cover a pixel x, falling to their rims as sin², Σ_j w_j = 1.

    What each window says of a pixel enters `sum_` with w; independent departures from a mean enter with w / √(Σ w²),
    which leaves their variance as it is.

    Parameters
    ----------
    shape : (height, width)
        Of the image, at least a window.
    window : int
        Side of the windows [pixel].
    """

    shape: tuple[int, int]
    window: int

    @property
    def places(self) -> list[tuple[int, int]]:
        """Corners (y, x) of all windows."""
        height, width = self.shape
        return [(y, x) for y in corners(height, self.window) for x in corners(width, self.window)]

    @property
    def bump(self) -> Array:
        """The weight of a window's pixels before they are made to add up to 1."""
        side = np.sin(np.pi * (np.arange(self.window) + 0.5) / self.window) ** 2
        return np.asarray(side[:, None] * side, dtype=np.float32)

    def weights(self) -> tuple[Array, Array]:
        """Σ bump and √(Σ bump²) at every pixel of the image, (height, width) each."""
        first, second = np.zeros((2, *self.shape), np.float32)
        for y, x in self.places:
            at = slice(y, y + self.window), slice(x, x + self.window)
            first[at] += self.bump
            second[at] += self.bump**2
        return first, np.sqrt(second)
