"""Running medians by comparisons alone, which run on any device and let gradients through."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["median_of_nine"]

# Exchanges that bring the median of nine values to place 4 (Smith 1996; Devillard 1998, "Fast median search")
EXCHANGES = (
    *((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3), (5, 8), (4, 7), (3, 6)),
    *((1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2)),
)


def median_of_nine(x: Tensor, step: int = 1) -> Tensor:
    """Median (..., H, W) of each pixel and the eight around it that are `step` pixels away, on a torus."""
    shifts = [(i, j) for i in (-step, 0, step) for j in (-step, 0, step)]
    values = [torch.roll(x, shift, (-2, -1)) for shift in shifts]
    for i, j in EXCHANGES:
        values[i], values[j] = torch.minimum(values[i], values[j]), torch.maximum(values[i], values[j])
    return values[4]
