"""Large images through a fully convolutional network tile by tile, with the same result as at once."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from astrogan.networks.residual import SMALLEST
from catalogs.checks import within

__all__ = ["in_tiles"]


def in_tiles(network: nn.Module, image: Tensor, halo: int, tile: int, multiple: int = 1) -> Tensor:
    """``network(image)``, computed on tiles of `tile` x `tile` pixels.

    Each tile is seen with `halo` more pixels on every side, taken from across the border at the image's own, as the
    network's circular padding does; what these margins give is thrown away, so no seam is left.

    Parameters
    ----------
    network
        Keeps the image's size; an output pixel sees at most `halo` pixels to each side.
    image
        Shape (N, C, H, W).
    multiple
        Of which tiles and their places are multiples, for a network that halves the image; the image's sides too.

    Raises
    ------
    ValueError
        For tiles below 24 pixels, or sides that are no multiples of `multiple`.
    """
    within("tile", tile, SMALLEST, 1e6, "pixels")
    if any(side % multiple for side in image.shape[-2:]):
        raise ValueError(f"image of {tuple(image.shape[-2:])} pixels: sides must be multiples of {multiple}")
    height, width = image.shape[-2:]
    if height <= tile and width <= tile:
        out: Tensor = network(image)
        return out
    rows = []
    for y, ny in _spans(height, tile, multiple):
        band = image if ny == height else _around(image, y, ny, halo, -2, multiple)
        parts = [
            _inner(network(_around(band, x, nx, halo, -1, multiple)), ny, nx) for x, nx in _spans(width, tile, multiple)
        ]
        rows.append(torch.cat(parts, dim=-1))
    return torch.cat(rows, dim=-2)


def _spans(length: int, tile: int, multiple: int) -> list[tuple[int, int]]:
    """(start, size) of as few tiles as cover one axis, alike to a `multiple`."""
    count, units = -(-length // tile), length // multiple
    edges = [multiple * (units * k // count) for k in range(count + 1)]
    return [(start, stop - start) for start, stop in pairwise(edges)]


def _around(image: Tensor, start: int, size: int, halo: int, axis: int, multiple: int) -> Tensor:
    """Pixels start - halo ... start + size + halo - 1 of a torus along an axis; all, where one tile takes them all."""
    if size == image.shape[axis]:
        return image
    margin = multiple * -(-max(halo, (SMALLEST - size + 1) // 2) // multiple)
    places = torch.arange(start - margin, start + size + margin, device=image.device) % image.shape[axis]
    return image.index_select(axis, places)


def _inner(out: Tensor, ny: int, nx: int) -> Tensor:
    """Without the margins, which are as wide on both sides."""
    top, left = (out.shape[-2] - ny) // 2, (out.shape[-1] - nx) // 2
    return out[..., top : top + ny, left : left + nx]
