"""Periodic boxes around a stamp: how large each object needs one, and the light that folds back from it.

What folds back is the light of the box's replicas. It is taken off again: the nearest replicas' and the PSFs' wings by
interpolation over the stamp, all others' as a constant. A box must only be so large that these are right.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from simulators._kernels.light import NODES
from simulators._kernels.tracing import BLOCK
from simulators.grid import PixelGrid
from simulators.psf import PSF

__all__ = ["BOXES", "choose_boxes", "far_light", "first_half", "folding", "replicas", "wings"]

Array = NDArray[np.float64]
RINGS = 3  # of replicas that are looked at one by one
BOXES = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)  # sides in stamps


@functools.lru_cache(maxsize=128)
def wings(psfs: tuple[PSF, ...]) -> tuple[Array, Array, Array]:
    """Logarithms of radii (R,) [arcsec], the most that any of the PSFs reaches there or farther out (R,), and the mean
    of each over a FWHM either way (B, R) [1/arcsec^2]: an Airy pattern is dark at some radii.
    """
    radius = np.geomspace(0.2 * min(psf.fwhm for psf in psfs), 2e3 * max(psf.fwhm for psf in psfs), 400)
    around = np.linspace(-1.0, 1.0, 9)[:, None]
    values = np.stack([np.abs(psf.profile(np.abs(radius + around * psf.fwhm))) for psf in psfs])
    return np.log(radius), np.maximum.accumulate(values.max(axis=(0, 1))[::-1])[::-1], values.mean(axis=1)


def choose_boxes(rows: Array, axes: Array, grid: PixelGrid, psfs: tuple[PSF, ...], folding: float) -> Array:
    """Smallest box of each object that leaves less than `folding` peaks of the light that folds back.

    A replica at distance d leaves its PSF's wing (at worst) and, of its own I(d), the parts that the PSF smears out and
    that interpolation misses: its error falls as the parameter of the Bernstein ellipse that ends at the replica.

    Parameters
    ----------
    rows : array, shape (N, 9)
        Packed profiles.
    axes : array, shape (N, 2)
        Half-light axes, the larger first [arcsec]; zeros of points.
    """
    most, least = np.maximum(axes, 1e-9).T
    width = 0.42 * max(psf.fwhm for psf in psfs)
    core = (0.4 * min(psf.fwhm for psf in psfs)) ** 2 + 0.25 * most * least
    peak = 1.0 / (2.0 * math.pi * np.maximum(core, grid.scale**2 / 6.0))
    half = 0.5 * grid.size * grid.scale
    offset = np.maximum(np.abs(rows[:, 0]), np.abs(rows[:, 1]))
    log_radius, highest, _ = wings(psfs)
    chosen = np.full(len(rows), BOXES[-1])
    for box in BOXES[-2::-1]:
        distance = np.maximum((2.0 * box - 1.0) * half - offset, 1e-3 * half)
        scaled = rows[:, 7] * (distance / most) ** (2.0 * rows[:, 6])
        steep = 2.0 * rows[:, 6] * scaled / distance  # -d ln I / dr
        smeared = np.expm1(np.minimum(0.5 * (width * steep) ** 2, 50.0))
        across = distance * least / most / half
        missed = (across + np.sqrt(1.0 + across**2)) ** -NODES
        left = rows[:, 8] * np.exp(-scaled) * (smeared + missed) + np.interp(np.log(distance), log_radius, highest)
        chosen[(4.0 * left <= folding * peak) & (distance > 0.3 * half)] = box
    return chosen


def first_half(axis: Array) -> Array:
    """The coordinates that the others mirror, padded to whole fours."""
    half = axis[: (len(axis) + 1) // 2]
    return np.pad(half, (0, -len(half) % 4))


def _nodes(grid: PixelGrid) -> Array:
    """Chebyshev's points between the outermost pixels of a stamp, shape (NODES,) [arcsec]."""
    return np.asarray(-np.cos((np.arange(NODES) + 0.5) * (math.pi / NODES)) * grid.axis()[-1])


def _spread(nodes: Array, axis: Array) -> Array:
    """Lagrange interpolation from the nodes to `axis`, shape (NODES, len(axis))."""
    others = [np.delete(nodes, i) for i in range(NODES)]
    rows = [np.prod([(axis - b) / (node - b) for b in rest], axis=0) for node, rest in zip(nodes, others, strict=True)]
    return np.stack(rows)


def folding(grid: PixelGrid, psfs: tuple[PSF, ...], box: float) -> dict[str, Array]:
    """Interpolation of what folds back from the nodes to the pixels, and what does of point sources."""
    nodes, axis = _nodes(grid), grid.axis()
    half = _spread(nodes, first_half(axis))
    own, other = half[: NODES // 2], half[: NODES // 2 - 1 : -1]
    mirror = 0.5 * np.stack([own + other, own - other])
    return {"spread": _spread(nodes, axis), "mirror": mirror, "wings": _folded_wings(grid, psfs, box)}


def replicas(grid: PixelGrid, period: float) -> dict[str, Array]:
    """The nodes, y before x, the places (8, 2) of the replicas around a box of side `period`, and how the `RINGS - 1`
    rings beyond see the stamp's four Gauss-Legendre points: their part is nearly the same all over it.
    """
    nodes, step = _nodes(grid), np.arange(-RINGS, RINGS + 1) * period
    places = np.stack(np.meshgrid(step, step), axis=-1).reshape(-1, 2)
    ring = np.rint(np.abs(places).max(axis=1) / period)
    gauss = grid.size * grid.scale / math.sqrt(12.0) * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    outer = (gauss[:, None] - places[ring > 1]).reshape(-1, 2)
    outer = np.concatenate([outer, np.full((-len(outer) % BLOCK, 2), 1e6)])
    return {
        "node_x": np.tile(nodes, NODES),
        "node_y": np.repeat(nodes, NODES),
        "places": places[ring == 1],
        "outer_x": outer[:, 0],
        "outer_y": outer[:, 1],
    }


def _folded_wings(grid: PixelGrid, psfs: tuple[PSF, ...], box: float, rings: int = 12) -> Array:
    """Flux in a pixel at the nodes (B, NODES, NODES), y before x, of all replicas of a point source of unit flux."""
    log_radius, _, means = wings(psfs)
    step = np.arange(-rings, rings + 1) * (box * grid.size * grid.scale)
    x, y = (np.delete(part, part.size // 2)[:, None, None] for part in np.meshgrid(step, step))
    nodes = _nodes(grid)
    distance = np.log(np.hypot(x + nodes[None, None, :], y + nodes[None, :, None]))
    return np.array([np.interp(distance, log_radius, wing).sum(axis=0) for wing in means]) * grid.scale**2


def far_light(rows: Array, axes: Array, period: float) -> Array:
    """Mean brightness of all replicas of packed profiles (N, 9) of unit flux beyond `RINGS`, shape (N,)
    [1/arcsec^2]: their light beyond a circle as large as all boxes up to them, spread over one; `axes` as for
    `choose_boxes`.
    """
    from scipy.special import gammaincc

    radius = (2 * RINGS + 1) * period / math.sqrt(math.pi) / np.sqrt(np.maximum(axes.prod(axis=1), 1e-18))
    return np.asarray(gammaincc(1.0 / rows[:, 6], rows[:, 7] * radius ** (2.0 * rows[:, 6]))) / period**2
