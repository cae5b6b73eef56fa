"""Drawing through the Fourier plane: everything about a grid and its PSFs that does not depend on the object drawn."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import one_of
from simulators._kernels import light as kernels
from simulators._kernels._jit import run
from simulators.grid import PixelGrid
from simulators.light import Sersic, sersic_table
from simulators.psf import PSF

__all__ = ["ACCURACY", "Accuracy", "draw_sersic"]

Array = NDArray[np.float64]
BOXES = (2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Accuracy:
    """Numerical settings behind one value of ``accuracy``; errors are in units of the brightest pixel."""

    cutoff: float  # modes are dropped where the PSF's transform falls below
    folding: float  # brightness allowed to fold back from the periodic box


ACCURACY = {
    "fast": Accuracy(cutoff=1e-3, folding=1e-3),
    "default": Accuracy(cutoff=1e-4, folding=1e-5),
    "high": Accuracy(cutoff=1e-8, folding=1e-7),
}


@dataclass(frozen=True)
class _Modes:
    kx: Array
    ky: Array
    psf: Array
    waves: tuple[Array, Array, Array, Array]


@functools.lru_cache(maxsize=32)
def _modes(grid: PixelGrid, psfs: tuple[PSF, ...], box: int, accuracy: Accuracy) -> _Modes:
    """Fourier modes of a periodic box of `box` stamps, with PSF and pixel response, beyond Nyquist where needed."""
    side = box * grid.size
    spacing = 2.0 * math.pi / (side * grid.scale)
    trial = np.arange(1, 4 * side) * spacing
    significant = [np.flatnonzero(psf.transform(trial) > accuracy.cutoff) for psf in psfs]
    count = max(int(index[-1]) + 1 if index.size else 1 for index in significant)
    kx = np.arange(count + 1) * spacing
    ky = np.arange(4 * math.ceil((count + 1) / 4)) * spacing  # a multiple of four, see the kernel
    pixel = np.sinc(kx[:, None] * grid.scale / (2 * math.pi)) * np.sinc(ky[None, :] * grid.scale / (2 * math.pi))
    modulus = np.hypot(kx[:, None], ky[None, :])
    inside = modulus <= kx[-1]
    psf = np.stack([np.where(inside, one.transform(modulus), 0.0) * pixel / side**2 for one in psfs])
    axis = grid.axis()
    waves = tuple(wave(np.outer(k, axis)) for k in (kx, ky) for wave in (np.cos, np.sin))
    return _Modes(kx, ky, psf, waves)  # type: ignore[arg-type]  # a generator's length is not in its type


def _boxes(light: Sersic, grid: PixelGrid, psfs: tuple[PSF, ...], accuracy: Accuracy) -> NDArray[np.int64]:
    """Smallest box of each object whose four nearest replicas stay below the folding error at the stamp's edge."""
    axis = np.linalg.norm(light.matrix(), ord=2, axis=(1, 2))
    core = (0.4 * min(psf.fwhm for psf in psfs)) ** 2 + (0.5 * np.asarray(light.radius)) ** 2
    flux = np.maximum(np.asarray(light.flux), 1e-300)
    peak = flux / (2.0 * math.pi * np.maximum(core, grid.scale**2 / 6.0))
    half = 0.5 * grid.size * grid.scale
    offset = np.maximum(np.abs(np.asarray(light.x)), np.abs(np.asarray(light.y)))
    rows = light.packed()
    chosen = np.full(len(light), BOXES[-1])
    for box in BOXES[-2::-1]:
        distance = np.maximum(2.0 * box * half - half - offset, half)
        scaled = distance / axis
        brightness = flux * rows[:, 8] * np.exp(-rows[:, 7] * scaled ** (2.0 * rows[:, 6]))
        chosen[4.0 * brightness <= accuracy.folding * peak] = box
    return chosen


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
    boxes = _boxes(light, grid, psfs, settings)
    pair = (kernels.add_profiles_serial, kernels.add_profiles_parallel)
    position, shape = light.table_position(), np.ascontiguousarray(light.matrix().reshape(-1, 4))
    x, y = np.asarray(light.x), np.asarray(light.y)
    for box in np.unique(boxes):
        modes = _modes(grid, psfs, int(box), settings)
        these = np.flatnonzero(boxes == box)
        image = np.zeros((len(these), *out.shape[1:]))
        objects = (position[these], shape[these], np.ascontiguousarray(flux[these]), x[these], y[these])
        run(pair, len(these), table, *objects, modes.kx, modes.ky, modes.psf, *modes.waves, image)
        out[these] += image
