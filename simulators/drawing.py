"""Drawing unlensed light: profiles and points through the Fourier plane, images by their transforms."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import one_of, within
from simulators import _boxes as boxes
from simulators._kernels import light as kernels
from simulators._kernels._jit import run_all
from simulators._plans import plan_of
from simulators._spectra import add_transforms
from simulators.grid import PixelGrid
from simulators.labels import LABELS
from simulators.light import Light, PointSource, Sersic, sersic_table
from simulators.psf import PSF
from simulators.shapes import semi_axes

__all__ = ["ACCURACY", "Accuracy", "draw_light", "draw_points", "draw_sersic"]

Array = NDArray[np.float64]
FAR = 4.0  # FWHM outside the stamp and a half beyond which a PSF is flat over a pixel


@dataclass(frozen=True)
class Accuracy:
    """Numerical settings behind one value of ``accuracy``; errors are in units of the brightest pixel."""

    dropped: float  # light in modes that are left out
    folding: float  # light of the periodic box's replicas that is not taken off
    single: bool  # whether a single-precision image is made in single precision


ACCURACY = {
    "fast": Accuracy(dropped=1e-3, folding=3e-4, single=True),
    "default": Accuracy(dropped=3e-5, folding=5e-6, single=True),
    "high": Accuracy(dropped=1e-8, folding=1e-7, single=False),
}


@functools.cache
def _table(dtype: type) -> NDArray[Any]:
    return sersic_table().astype(dtype)


@dataclass(frozen=True)
class _Profiles:
    """N profiles for the kernels: rows of the Sersic table (N,), the packed profiles (N, 9) of `Sersic.packed`, and the
    matrices (N, 2, 2) that make them of circles; of points, zeros.
    """

    position: Array
    rows: Array
    matrix: Array

    def add(self, flux: Array, grid: PixelGrid, psfs: tuple[PSF, ...], settings: Accuracy, out: NDArray[Any]) -> None:
        """Add them to `out` (N, B, n, n), box by box."""
        dtype = np.float32 if settings.single and out.dtype == np.float32 else np.float64
        axes = semi_axes(self.matrix)
        chosen = boxes.choose_boxes(self.rows, axes, grid, psfs, settings.folding)
        shape = np.hstack([self.matrix.reshape(-1, 4), axes[:, 1:], self.rows[:, :2]]).astype(dtype)
        image = out if out.dtype == dtype else np.zeros(out.shape, dtype)
        profiles, loops = _single(self.rows), []
        for box in np.unique(chosen):
            plan = plan_of(grid, psfs, float(box), settings.dropped, dtype)
            these = np.flatnonzero(chosen == box)
            far = boxes.far_light(self.rows[these], axes[these], box * grid.size * grid.scale).astype(np.float32)
            objects = (self.position[these], shape[these], profiles[these], far, flux[these].astype(dtype))
            loops.append((kernels.add_profiles, len(these), _table(dtype), plan, these, *objects, image))
        run_all(loops)
        if image is not out:
            out += image


def _single(rows: Array) -> NDArray[np.float32]:
    """Packed profiles (N, 9) as `brightness_block` takes them, (N, 14), without a core."""
    rows = np.hstack([rows, np.full((len(rows), 1), 1e24), np.zeros((len(rows), 4))])
    rows[:, 7] /= math.log(2.0)
    return rows.astype(np.float32)


def draw_sersic(
    light: Sersic, flux: Array, grid: PixelGrid, psfs: tuple[PSF, ...], accuracy: str, out: NDArray[Any]
) -> None:
    """Add PSF-convolved, pixel-integrated Sersic profiles to `out`.

    Parameters
    ----------
    light : Sersic
        N profiles (their own `flux` is not looked at).
    flux : array, shape (N, B)
        Flux of each profile in each band.
    grid : PixelGrid
    psfs : tuple of PSF, length B
    accuracy : {"fast", "default", "high"}
    out : array, shape (N, B, size, size)
        Changed in place; if it is of single precision so is the arithmetic, but for ``high``.
    """
    settings = ACCURACY[one_of("accuracy", accuracy, ACCURACY)]
    profiles = _Profiles(light.table_position(), light.packed(), light.matrix())
    profiles.add(np.asarray(flux), grid, psfs, settings, out)


def draw_points(
    x: Array, y: Array, flux: Array, grid: PixelGrid, psfs: tuple[PSF, ...], accuracy: str, out: Array
) -> None:
    """Add point sources, PSF and pixel at any place between pixels, to `out`.

    Parameters
    ----------
    x, y : array, shape (N,)
        Places [arcsec] from the stamp's centre; outside the stamp, only the wings of the PSF are seen.
    flux : array, shape (N, B)
        Flux of each point in each band.
    grid : PixelGrid
    psfs : tuple of PSF, length B
    accuracy : {"fast", "default", "high"}
    out : array, shape (N, B, size, size)
        Changed in place.

    Raises
    ------
    ValueError
        For a place that is not finite or out of range, or a flux that is not finite or negative.
    """
    settings = ACCURACY[one_of("accuracy", accuracy, ACCURACY)]
    for name, values in (("x", x), ("y", y), ("flux", flux)):
        within(f"draw_points {name}", values, LABELS[name].low, LABELS[name].high, LABELS[name].unit)
    x, y, flux, axis = np.asarray(x), np.asarray(y), np.asarray(flux), grid.axis()
    outside = np.maximum(np.abs(x), np.abs(y)) > grid.size * grid.scale + FAR * max(psf.fwhm for psf in psfs)
    for n in np.flatnonzero(outside):
        for b, psf in enumerate(psfs):
            wing = psf.brightness(axis[None, :] - x[n], axis[:, None] - y[n])
            out[n, b] += flux[n, b] * grid.scale**2 * wing
    inside = np.flatnonzero(~outside)
    rows = np.zeros((inside.size, 9))
    rows[:, 0], rows[:, 1], rows[:, 6], rows[:, 7] = x[inside], y[inside], 0.5, 1.0
    drawn = np.zeros((inside.size, *out.shape[1:]), out.dtype)
    points = _Profiles(np.ones(inside.size), rows, np.zeros((inside.size, 2, 2)))
    points.add(flux[inside], grid, psfs, settings, drawn)
    out[inside] += drawn


def draw_light(light: Light, flux: Array, grid: PixelGrid, psfs: tuple[PSF, ...], accuracy: str, out: Array) -> None:
    """Add any light profiles to `out`: Sersics and points by their own kernels, others by their transforms.

    Parameters
    ----------
    light : Light
        N objects; `flux` takes the place of their own.
    flux, grid, psfs, accuracy, out
        As of `draw_sersic`.
    """
    settings = ACCURACY[one_of("accuracy", accuracy, ACCURACY)]
    drawing = (grid, psfs, accuracy, out)
    for part, share in light.components():
        of_part = flux * share[:, None]
        if isinstance(part, Sersic):
            draw_sersic(part, of_part, *drawing)
        elif isinstance(part, PointSource):
            draw_points(np.asarray(part.x), np.asarray(part.y), of_part, *drawing)
        else:
            add_transforms(part, of_part, grid, psfs, (settings.dropped, settings.folding), out)
