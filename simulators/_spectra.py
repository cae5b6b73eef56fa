"""Drawing objects of any Fourier transform: a periodic box, complex modes, sums at the pixels as matrix products."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators._boxes import BOXES, wings
from simulators._boxes import folding as folding_at
from simulators.grid import PixelGrid
from simulators.light import Light
from simulators.psf import PSF
from simulators.psf.base import band_limit

__all__ = ["add_transforms"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Modes:
    """Wave numbers kx >= 0 (P,) and ky of either sign (Q,) [rad/arcsec]; PSF times pixel (B, Q, P) on them, with the
    weight of each mode in the image; what replicas of a unit source fold into the stamp (B, size, size) [flux in a
    pixel].
    """

    kx: Array
    ky: Array
    response: Complex
    folded: Array


@functools.lru_cache(maxsize=64)
def modes_of(grid: PixelGrid, psfs: tuple[PSF, ...], box: float, cutoff: float) -> Modes:
    """The modes of a periodic box of `box` stamps, as far as any PSF's transform exceeds `cutoff`."""
    side = box * grid.size
    spacing = 2.0 * math.pi / (side * grid.scale)
    most = int(4 * side) - 1
    count = max(math.ceil(band_limit(psf, cutoff, most * spacing, most) / spacing - 1e-6) for psf in psfs)
    ky = np.asarray(np.arange(-count, count + 1) * spacing, dtype=np.float64)
    kx = ky[count:]
    pixel = np.sinc(ky[:, None] * grid.scale / (2 * math.pi)) * np.sinc(kx[None, :] * grid.scale / (2 * math.pi))
    pixel *= (np.hypot(ky[:, None], kx[None, :]) <= kx[-1]) / side**2
    pixel[:, 1:] *= 2.0  # a mode and its conjugate at -k
    response = np.stack([psf.spectrum(kx[:, None], ky[None, :]).T for psf in psfs]) * pixel
    at = folding_at(grid, psfs, box)
    return Modes(kx, ky, response, at["spread"].T @ at["wings"] @ at["spread"])


def boxes_around(offset: Array, reach: Array, grid: PixelGrid, psfs: tuple[PSF, ...], folding: float) -> Array:
    """Smallest box of objects of half-width `reach` whose replicas, with the PSF's wings, stay below `folding` peaks
    of a point source at the stamp's edge, `offset` [arcsec] from its centre along an axis.
    """
    half = 0.5 * grid.size * grid.scale
    log_radius, highest, _ = wings(psfs)
    peak = 1.0 / (2.0 * math.pi * ((0.4 * min(psf.fwhm for psf in psfs)) ** 2 + grid.scale**2 / 12.0))
    needed = np.ceil((offset + reach + half) / (2.0 * half) + 0.5)  # half a stamp for the PSF itself
    chosen = np.maximum(needed, BOXES[-1])
    for box in BOXES[-2::-1]:
        distance = np.maximum(2.0 * box * half - half - offset - reach, 0.5 * half)
        dark = 4.0 * np.interp(np.log(distance), log_radius, highest) <= folding * peak
        chosen[dark & (needed <= box)] = box
    return chosen


def place(modes: Modes, x: float, y: float, grid: PixelGrid) -> tuple[Complex, Complex]:
    """Waves exp(i k (r - r0)) that bring modes about (x, y) to the pixels: along x (P, size) and along y (size, Q)."""
    axis = grid.axis()
    return np.exp(1j * np.outer(modes.kx, axis - x)), np.exp(1j * np.outer(axis - y, modes.ky))


def by_box(boxes: Array) -> Iterator[tuple[float, NDArray[np.intp]]]:
    """(box, the objects that have it)."""
    for box in np.unique(boxes):
        yield float(box), np.flatnonzero(boxes == box)


def add_transforms(
    light: Light, flux: Array, grid: PixelGrid, psfs: tuple[PSF, ...], limits: tuple[float, float], out: Array
) -> None:
    """Add N profiles of unit flux by their transforms, times `flux` (N, B), at the (cutoff, folding) of an accuracy."""
    x, y = np.asarray(light.x), np.asarray(light.y)
    boxes = boxes_around(np.maximum(np.abs(x), np.abs(y)), light.reach(), grid, psfs, limits[1])
    for box, these in by_box(boxes):
        modes = modes_of(grid, psfs, box, limits[0])
        for n in these:
            along_x, along_y = place(modes, x[n], y[n], grid)
            spectrum = light.take(n).transform(modes.kx, modes.ky)[0].T
            image = (along_y @ (spectrum * modes.response) @ along_x).real - modes.folded
            out[n] += flux[n, :, None, None] * image
