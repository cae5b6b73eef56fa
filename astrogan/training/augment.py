"""Changes of images that move no pixel's value: the eight symmetries of the square, shifts, cutouts."""

from __future__ import annotations

import torch
from torch import Tensor

from astrogan.training.distributed import share, world

__all__ = ["augmented", "cutout", "d4", "draw_d4", "shift"]

SHIFT = 0.125  # largest shift, as a part of the side
CUTOUT = 0.5  # side of the square cut out, as a part of the image's


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


def shift(images: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
    """Images (N, C, y, x) moved by whole pixels dy, dx (N,) on a torus: their noise stays as it is, edges included."""
    rows, columns = (
        (torch.arange(size, device=images.device) - by.to(images.device)[:, None]) % size
        for size, by in zip(images.shape[-2:], (dy, dx), strict=True)
    )
    moved = images.gather(2, rows[:, None, :, None].expand_as(images))
    return moved.gather(3, columns[:, None, None, :].expand_as(images))


def cutout(images: Tensor, y: Tensor, x: Tensor, side: int) -> Tensor:
    """Images (N, C, y, x) with a square of `side` pixels from (y, x) (N,) on set to 0, on a torus."""
    inside = [
        (torch.arange(size, device=images.device) - at.to(images.device)[:, None]) % size < side
        for size, at in zip(images.shape[-2:], (y, x), strict=True)
    ]
    return images * ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])


def augmented(images: Tensor, probability: float, rng: torch.Generator) -> Tensor:
    """Critic inputs (N, C, y, x), each turned or flipped, shifted, and cut out, each with `probability`.

    Differentiable, and the same for real and fake images in distribution, so a critic that sees only such images still
    tells the distributions apart for any probability below 1 (Karras et al. 2020, NeurIPS, sections 2.2 and 2.3; Zhao
    et al. 2020, NeurIPS). No pixel is rescaled or resampled: what could teach the refiner another flux, size or noise
    stays out. Labels do not follow: for critics only. Of several ranks each augments its part of the global batch.
    """
    count, (height, width) = len(images) * world(), images.shape[-2:]
    chosen = [share(torch.rand(count, generator=rng) < probability) for _ in range(3)]
    turns = share(draw_d4(count, rng, square=height == width)) * chosen[0]
    limits = [max(1, round(SHIFT * size)) for size in (height, width)]
    dy, dx = (share(torch.randint(-most, most + 1, (count,), generator=rng)) * chosen[1] for most in limits)
    y, x = (share(torch.randint(size, (count,), generator=rng)) for size in (height, width))
    whole = shift(d4(images, turns), dy, dx)
    cut = cutout(whole, y, x, round(CUTOUT * min(height, width)))
    return torch.where(chosen[2].to(images.device)[:, None, None, None], cut, whole)


def _chosen(elements: Tensor, bit: int, images: Tensor) -> Tensor:
    return ((elements & bit) != 0).to(images.device).view(-1, *([1] * (images.ndim - 1)))
