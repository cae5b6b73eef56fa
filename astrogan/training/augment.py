"""The eight symmetries of the square."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["d4", "draw_d4"]


def draw_d4(count: int, rng: torch.Generator, *, square: bool = True) -> Tensor:
    """Random elements (count,) for `d4`: 0-7, or 0-3 (flips and the half turn) for images that are not square."""
    return torch.randint(8 if square else 4, (count,), generator=rng)


def d4(images: Tensor, elements: Tensor) -> Tensor:
    """Images (N, ..., y, x), image n turned by element n: bit 0 flips x, bit 1 flips y, bit 2 then swaps x and y."""
    for bit, axes in ((1, (-1,)), (2, (-2,))):
        images = torch.where(_chosen(elements, bit, images), images.flip(axes), images)
    if bool((elements & 4).any()):
        images = torch.where(_chosen(elements, 4, images), images.transpose(-1, -2), images)
    return images


def _chosen(elements: Tensor, bit: int, images: Tensor) -> Tensor:
    return ((elements & bit) != 0).to(images.device).view(-1, *([1] * (images.ndim - 1)))
