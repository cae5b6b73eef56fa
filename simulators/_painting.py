"""Painting many objects into a frame: each on a stamp as large as its light needs, in batches of one size and PSF."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators import _boxes as boxes
from simulators._kernels import frames as kernels
from simulators._kernels._jit import run
from simulators.drawing import draw_points, draw_sersic
from simulators.grid import PixelGrid
from simulators.light import Sersic
from simulators.psf import PSF

__all__ = ["EDGES", "SIZES", "Marks", "Objects", "paint", "stamp_sizes"]

Array = NDArray[np.float64]
SIZES = (24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024)  # sides of stamps [pixel]
BATCH = 2**20  # pixels of the stamps that are drawn at once


@dataclass(frozen=True)
class Edge:
    """Where a stamp may end."""

    peak: float  # brightness there, in peaks of the object
    sigma: float  # and in sigmas of a pixel's background
    light: float  # and share of a galaxy's light beyond, before the PSF


EDGES = {"fast": Edge(1e-3, 0.1, 1e-2), "default": Edge(3e-4, 0.05, 5e-3), "high": Edge(1e-5, 5e-3, 5e-4)}


@dataclass(frozen=True)
class Objects:
    """N objects of a frame.

    Attributes
    ----------
    light : Sersic
        Lensed profiles about any centre; of stars, whatever is valid.
    flux : (N, B)
    star : (N,) bool
    column, row : (N,)
        Centres [pixel index].
    cell : (N,) int
        Whose PSF each has.
    """

    light: Sersic
    flux: Array
    star: NDArray[np.bool_]
    column: Array
    row: Array
    cell: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.star)


@dataclass(frozen=True)
class Marks:
    """The brightest object in each pixel: its light [sigma] and 1 + its number (Y, X), and the bands' weights (B,)."""

    weights: NDArray[np.float32]
    brightest: NDArray[np.float32]
    segmentation: NDArray[np.int32]


def stamp_sizes(
    objects: Objects, these: NDArray[np.int64], psfs: tuple[PSF, ...], scale: float, sigma: Array, edge: Edge
) -> NDArray[np.int64]:
    """Sides [pixel] of the stamps of the objects `these`, of one PSF; `sigma` (B,) is that of the background."""
    rows = objects.light.take(these).packed()
    axes = np.linalg.svd(objects.light.take(these).matrix(), compute_uv=False)
    axes[objects.star[these]] = 1e-9
    major, n = axes[:, 0], 0.5 / rows[:, 6]
    core = (0.4 * min(psf.fwhm for psf in psfs)) ** 2 + 0.25 * axes.prod(axis=1)
    peak = 1.0 / (2.0 * math.pi * np.maximum(core, scale**2 / 6.0))
    with np.errstate(divide="ignore"):
        seen = (objects.flux[these] / sigma).max(axis=1) * scale**2
        level = np.clip(np.minimum(edge.peak * peak, edge.sigma / seen), 1e-12 * peak, edge.peak * peak)
    log_radius, highest, _ = boxes.wings(psfs)
    wing = np.exp(np.interp(-np.log(level), -np.log(np.maximum(highest, 1e-300)), log_radius))
    profile = np.maximum(np.log(rows[:, 8] / level) / rows[:, 7], 0.0) ** n
    held = major * np.maximum(profile, _radius_holding(n, rows[:, 7], edge.light))
    galaxy = np.maximum(wing + 0.5 * major, held + 0.7 * max(psf.fwhm for psf in psfs))
    half = np.where(objects.star[these], wing, galaxy)
    index = np.minimum(np.searchsorted(SIZES, 2.0 * half / scale + 1.0), len(SIZES) - 1)
    return np.asarray(np.asarray(SIZES)[index], dtype=np.int64)


def _radius_holding(n: Array, b: Array, beyond: float) -> Array:
    """Radius in half-light radii beyond which Sersic profiles have the share `beyond` of their light."""
    from scipy.special import gammainccinv

    return np.asarray((gammainccinv(2.0 * n, beyond) / b) ** n)


def _batches(
    objects: Objects, psfs: tuple[tuple[PSF, ...], ...], scale: float, sigma: Array, edge: Edge, shape: tuple[int, int]
) -> Iterator[tuple[int, int, NDArray[np.int64], NDArray[np.int64]]]:
    """(cell, side, objects, first row and column of each stamp (S, 2)), always in the same order; those that do not
    reach into the frame are left out.
    """
    for cell in np.unique(objects.cell):
        these = np.flatnonzero(objects.cell == cell)
        sizes = stamp_sizes(objects, these, psfs[cell], scale, sigma, edge)
        for star in (False, True):
            for side in np.unique(sizes):
                chosen = these[(sizes == side) & (objects.star[these] == star)]
                centre = np.stack([objects.row[chosen], objects.column[chosen]], axis=1)
                corners = np.rint(centre - (side - 1) / 2.0).astype(np.int64)
                inside = ((corners + side > 0) & (corners < shape)).all(axis=1)
                chosen, corners = chosen[inside], corners[inside]
                share = max(1, BATCH // (objects.flux.shape[1] * int(side) ** 2))
                for start in range(0, len(chosen), share):
                    part = slice(start, start + share)
                    yield int(cell), int(side), chosen[part], corners[part]


def paint(
    objects: Objects,
    psfs: tuple[tuple[PSF, ...], ...],
    scale: float,
    sigma: Array,
    accuracy: str,
    frame: NDArray[Any],
    marks: Marks | None = None,
) -> None:
    """Add all objects to `frame` (B, Y, X), in an order that neither threads nor batches change.

    Parameters
    ----------
    objects : Objects
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
    edge, dtype = EDGES[accuracy], np.float64 if accuracy == "high" else np.float32
    for cell, side, these, corners in _batches(objects, psfs, scale, sigma, edge, frame.shape[1:]):
        grid = PixelGrid(side, scale)
        stamps = np.zeros((len(these), len(frame), side, side), dtype)
        middle = corners + (side - 1) / 2.0
        x = (objects.column[these] - middle[:, 1]) * scale
        y = (objects.row[these] - middle[:, 0]) * scale
        if objects.star[these[0]]:
            draw_points(x, y, objects.flux[these], grid, psfs[cell], accuracy, stamps)
        else:
            light = objects.light.take(these)
            moved = Sersic(light.flux, light.radius, light.n, light.e1, light.e2, x, y)
            draw_sersic(moved, objects.flux[these], grid, psfs[cell], accuracy, stamps)
        run(kernels.add_stamps, len(frame), stamps, corners, frame)
        if marks is not None:
            numbers = (these + 1).astype(np.int32)
            kernels.mark_brightest(stamps, corners, numbers, marks.weights, marks.brightest, marks.segmentation)
