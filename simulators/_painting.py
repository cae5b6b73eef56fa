"""Painting many objects into a frame: each on a stamp as large as its light needs, in batches of one size and PSF."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators import _boxes as boxes
from simulators._kernels import frames as kernels
from simulators._kernels._jit import run
from simulators.drawing import draw_light
from simulators.grid import PixelGrid
from simulators.light import Light, PointSource, Sersic, Sum
from simulators.psf import PSF
from simulators.shapes import semi_axes

__all__ = ["EDGES", "SIZES", "Marks", "Objects", "paint", "stamp_sizes"]

Array = NDArray[np.float64]
# Sides of stamps [pixel].
SIZES = (*range(24, 48, 4), *range(48, 80, 8), 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024)
BATCH = 2**20  # pixels of the stamps that are drawn at once
LEAST = 128  # rows of the last strip of a marked frame


@dataclass(frozen=True)
class Edge:
    """Where a stamp may end."""

    peak: float  # brightness there, in peaks of the object
    sigma: float  # and in sigmas of a pixel's background
    light: float  # and share of a galaxy's light beyond, before the PSF


EDGES = {"fast": Edge(1e-3, 0.1, 1e-2), "default": Edge(3e-4, 0.05, 5e-3), "high": Edge(1e-5, 5e-3, 5e-4)}


@dataclass(frozen=True)
class Objects:
    """N objects of a frame, of one kind of light.

    Attributes
    ----------
    light : Light
        Lensed, about the origin.
    flux : (N, B)
    number : (N,) int32
        1 + the place in the catalogue.
    column, row : (N,)
        Centres [pixel index].
    cell : (N,) int
        Whose PSF each has.
    """

    light: Light
    flux: Array
    number: NDArray[np.int32]
    column: Array
    row: Array
    cell: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True)
class Marks:
    """The number of the brightest object in each pixel (Y, X), 0 where there is none, by the bands' weights (B,)."""

    weights: NDArray[np.float32]
    segmentation: NDArray[np.int32]

    def strip(self, rows: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
        """Weights, room for the brightest light and the numbers of some rows. The room is that of later rows, as long
        as there are enough, and must be left with zeros.
        """
        first, end = rows
        numbers, later = self.segmentation[first:end], self.segmentation[end : 2 * end - first]
        room = later.view(np.float32) if later.shape == numbers.shape else np.zeros(numbers.shape, np.float32)
        return self.weights, room, numbers


def stamp_sizes(
    objects: Objects, these: NDArray[np.int64], psfs: tuple[PSF, ...], scale: float, sigma: Array, edge: Edge
) -> NDArray[np.int64]:
    """Sides [pixel] of the stamps of the objects `these`, of one PSF; `sigma` (B,) is that of the background."""
    half = np.zeros(len(these))
    for part, share in objects.light.take(these).components():
        with np.errstate(divide="ignore"):
            dim = 1.0 / ((objects.flux[these] * share[:, None] / sigma).max(axis=1) * scale**2)
        offset = np.maximum(*(np.abs(np.asarray(getattr(part, name))) for name in "xy"))
        needed = offset + _half_width(part, dim, psfs, scale, edge)
        half = np.maximum(half, np.where(share > 0.0, needed, 0.0))
    index = np.minimum(np.searchsorted(SIZES, 2.0 * half / scale + 1.0), len(SIZES) - 1)
    return np.asarray(np.asarray(SIZES)[index], dtype=np.int64)


def _half_width(part: Light, dim: Array, psfs: tuple[PSF, ...], scale: float, edge: Edge) -> Array:
    """Half-widths [arcsec] beyond which profiles of unit flux are fainter than the `edge` allows; `dim` (N,) is the
    brightness of one sigma.
    """
    core = np.full(len(part), (0.4 * min(psf.fwhm for psf in psfs)) ** 2)
    axes = semi_axes(part.matrix()) if isinstance(part, Sersic) else np.zeros((len(part), 2))
    core += 0.25 * axes.prod(axis=1)
    peak = 1.0 / (2.0 * math.pi * np.maximum(core, scale**2 / 6.0))
    level = np.clip(np.minimum(edge.peak * peak, edge.sigma * dim), 1e-12 * peak, edge.peak * peak)
    log_radius, highest, _ = boxes.wings(psfs)
    wing = np.exp(np.interp(-np.log(level), -np.log(np.maximum(highest, 1e-300)), log_radius))
    smear = 0.7 * max(psf.fwhm for psf in psfs)
    if isinstance(part, PointSource):
        return np.asarray(wing)
    if not isinstance(part, Sersic):
        return np.asarray(np.maximum(wing, part.reach() + smear))
    rows = part.packed()
    n = 0.5 / rows[:, 6]
    profile = np.maximum(np.log(rows[:, 8] / level) / rows[:, 7], 0.0) ** n
    held = axes[:, 0] * np.maximum(profile, _radius_holding(n, rows[:, 7], edge.light))
    return np.asarray(np.maximum(wing + 0.5 * axes[:, 0], held + smear))


def _radius_holding(n: Array, b: Array, beyond: float) -> Array:
    """Radius in half-light radii beyond which Sersic profiles have the share `beyond` of their light."""
    from scipy.special import gammainccinv

    return np.asarray((gammainccinv(2.0 * n, beyond) / b) ** n)


def _batches(
    objects: Objects, sides: NDArray[np.int64], rows: tuple[int, int], columns: int
) -> Iterator[tuple[int, int, NDArray[np.int64], NDArray[np.int64]]]:
    """(cell, side, objects, first row and column of each stamp (S, 2)), always in the same order; those that do not
    reach into the rows `rows[0]` to `rows[1]` are left out.
    """
    for cell in np.unique(objects.cell):
        for side in np.unique(sides):
            chosen = np.flatnonzero((objects.cell == cell) & (sides == side))
            centre = np.stack([objects.row[chosen], objects.column[chosen]], axis=1)
            corners = np.rint(centre - (side - 1) / 2.0).astype(np.int64)
            inside = ((corners + side > (rows[0], 0)) & (corners < (rows[1], columns))).all(axis=1)
            chosen, corners = chosen[inside], corners[inside]
            share = max(1, BATCH // (objects.flux.shape[1] * int(side) ** 2))
            for start in range(0, len(chosen), share):
                part = slice(start, start + share)
                yield int(cell), int(side), chosen[part], corners[part]


def _placed(light: Light, x: Array, y: Array) -> Light:
    """Profiles about the origin, moved to `x`, `y` (N,) [arcsec]."""
    if isinstance(light, Sum):
        return light.transformed(np.eye(2), np.stack([x, y], axis=-1))
    return light._with(x=x, y=y)


def _all_sizes(
    objects: Objects, psfs: tuple[tuple[PSF, ...], ...], scale: float, sigma: Array, edge: Edge
) -> NDArray[np.int64]:
    """Sides [pixel] of the stamps of all objects."""
    sides = np.zeros(len(objects), np.int64)
    for cell in np.unique(objects.cell):
        these = np.flatnonzero(objects.cell == cell)
        sides[these] = stamp_sizes(objects, these, psfs[cell], scale, sigma, edge)
    return sides


def paint(
    groups: Sequence[Objects],
    psfs: tuple[tuple[PSF, ...], ...],
    scale: float,
    sigma: Array,
    accuracy: str,
    frame: NDArray[Any],
    marks: Marks | None = None,
) -> None:
    """Add all objects to `frame` (B, Y, X), in an order that neither threads, batches nor strips change.

    Parameters
    ----------
    groups : sequence of Objects
    psfs : tuple, shape (cells, B)
    scale : float
        Side of a pixel [arcsec].
    sigma : array, shape (B,)
        Of the background, which decides how far bright objects are drawn.
    accuracy : {"fast", "default", "high"}
    frame : array, shape (B, Y, X)
        Changed in place.
    marks : Marks, optional
        Changed in place.
    """
    width = frame.shape[2]
    sides = [_all_sizes(objects, psfs, scale, sigma, EDGES[accuracy]) for objects in groups]
    for rows in _strips(frame.shape[1], marks is not None):
        strip = None if marks is None else marks.strip(rows)
        for objects, sizes in zip(groups, sides, strict=True):
            for cell, side, these, corners in _batches(objects, sizes, rows, width):
                grid = PixelGrid(side, scale)
                stamps = _stamps(objects, these, corners, grid, psfs[cell], accuracy)
                run(kernels.add_stamps, len(frame), stamps, corners, *rows, frame)
                if strip is not None:
                    kernels.mark_brightest(stamps, corners - (rows[0], 0), objects.number[these], *strip)
        if strip is not None:
            strip[1][:] = 0.0


def _strips(height: int, marked: bool) -> Iterator[tuple[int, int]]:
    """First row and end of the parts that are drawn one after another: of a marked frame, half of what is left each."""
    low = 0
    while low < height:
        rest = height - low
        high = low + (rest // 2 if marked and rest >= 2 * LEAST else rest)
        yield low, high
        low = high


def _stamps(
    objects: Objects,
    these: NDArray[np.int64],
    corners: NDArray[np.int64],
    grid: PixelGrid,
    psfs: tuple[PSF, ...],
    accuracy: str,
) -> NDArray[Any]:
    """Images (S, B, side, side) of the objects `these` on stamps whose first pixels are at `corners` (S, 2)."""
    dtype = np.float64 if accuracy == "high" else np.float32
    stamps = np.zeros((len(these), len(psfs), grid.size, grid.size), dtype)
    middle = corners + (grid.size - 1) / 2.0
    x = (objects.column[these] - middle[:, 1]) * grid.scale
    y = (objects.row[these] - middle[:, 0]) * grid.scale
    draw_light(_placed(objects.light.take(these), x, y), objects.flux[these], grid, psfs, accuracy, stamps)
    return stamps
