"""Drawing through the Fourier plane: everything about a grid and its PSFs that does not depend on the object drawn."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import one_of, within
from simulators._boxes import choose_boxes, folded
from simulators._kernels import light as kernels
from simulators._kernels._jit import run
from simulators._spectra import add_points, add_transforms
from simulators.grid import PixelGrid
from simulators.labels import LABELS
from simulators.light import Light, PointSource, Sersic, sersic_table
from simulators.psf import PSF
from simulators.psf.base import band_limit

__all__ = ["ACCURACY", "Accuracy", "draw_light", "draw_points", "draw_sersic"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Accuracy:
    """Numerical settings behind one value of ``accuracy``; errors are in units of the brightest pixel."""

    cutoff: float  # modes are dropped where the PSF's transform falls below
    folding: float  # brightness allowed to fold back from the periodic box, before its mean is taken off


ACCURACY = {
    "fast": Accuracy(cutoff=1e-3, folding=1e-3),
    "default": Accuracy(cutoff=1e-4, folding=3e-5),
    "high": Accuracy(cutoff=1e-8, folding=1e-7),
}


@dataclass(frozen=True)
class _Modes:
    kx: Array
    ky: Array
    psf: Array
    waves: tuple[Array, Array, Array, Array]


@functools.lru_cache(maxsize=128)
def _modes(grid: PixelGrid, psfs: tuple[PSF, ...], box: int, accuracy: Accuracy) -> _Modes:
    """Fourier modes of a periodic box of `box` stamps, with PSF and pixel response, beyond Nyquist where needed."""
    side = box * grid.size
    spacing = 2.0 * math.pi / (side * grid.scale)
    most = 4 * side - 1
    count = max(math.ceil(band_limit(psf, accuracy.cutoff, most * spacing, most) / spacing - 1e-6) for psf in psfs)
    kx = np.arange(count + 1) * spacing
    ky = np.arange(4 * math.ceil((count + 1) / 4)) * spacing  # a multiple of four, see the kernel
    pixel = np.sinc(kx[:, None] * grid.scale / (2 * math.pi)) * np.sinc(ky[None, :] * grid.scale / (2 * math.pi))
    pixel *= (np.hypot(kx[:, None], ky[None, :]) <= kx[-1]) / side**2
    if all(psf.circular for psf in psfs):
        modes = np.stack([psf.transform(np.hypot(kx[:, None], ky[None, :])) for psf in psfs]) * pixel
    else:
        modes = np.stack([_skew_modes(psf, kx, ky) for psf in psfs]) * pixel
    axis = grid.axis()
    waves = tuple(wave(np.outer(k, axis)) for k in (kx, ky) for wave in (np.cos, np.sin))
    return _Modes(kx, ky, modes, waves)  # type: ignore[arg-type]  # a generator's length is not in its type


def _skew_modes(psf: PSF, kx: NDArray[Any], ky: NDArray[Any]) -> Array:
    """Real and imaginary parts of half the sum and half the difference of a PSF's modes at (kx, ky) and (kx, -ky)."""
    above, below = (psf.spectrum(kx[:, None], sign * ky[None, :]) for sign in (1.0, -1.0))
    total, difference = 0.5 * (above + below), 0.5 * (above - below)
    return np.stack([total.real, total.imag, difference.real, difference.imag])


def draw_sersic(light: Sersic, flux: Array, grid: PixelGrid, psfs: tuple[PSF, ...], accuracy: str, out: Array) -> None:
    """Add PSF-convolved, pixel-integrated Sersic profiles to `out`.

    Parameters
    ----------
    light : Sersic
        N profiles (their own `flux` sets nothing but the box size).
    flux : array, shape (N, B)
        Flux of each profile in each band.
    grid : PixelGrid
    psfs : tuple of PSF, length B
    accuracy : {"fast", "default", "high"}
    out : array, shape (N, B, size, size)
        Changed in place.
    """
    settings = ACCURACY[one_of("accuracy", accuracy, ACCURACY)]
    table = sersic_table()
    rows = light.packed()
    boxes = choose_boxes(light, rows, grid, psfs, settings.folding)
    if all(psf.circular for psf in psfs):
        pair = (kernels.add_profiles_serial, kernels.add_profiles_parallel)
    else:
        pair = (kernels.add_skew_profiles_serial, kernels.add_skew_profiles_parallel)
    position, shape = light.table_position(), np.ascontiguousarray(light.matrix().reshape(-1, 4))
    x, y = np.asarray(light.x), np.asarray(light.y)
    for box in np.unique(boxes):
        modes = _modes(grid, psfs, int(box), settings)
        these = np.flatnonzero(boxes == box)
        image = np.zeros((len(these), *out.shape[1:]))
        objects = (position[these], shape[these], np.ascontiguousarray(flux[these]), x[these], y[these])
        run(pair, len(these), table, *objects, modes.kx, modes.ky, modes.psf, *modes.waves, image)
        background = folded(rows[these], grid, psfs, int(box)) * flux[these] * grid.scale**2
        out[these] += image - background[:, :, None, None]


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
    add_points(np.asarray(x), np.asarray(y), np.asarray(flux), grid, psfs, (settings.cutoff, settings.folding), out)


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
            add_transforms(part, of_part, grid, psfs, (settings.cutoff, settings.folding), out)
