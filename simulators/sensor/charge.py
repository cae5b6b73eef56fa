"""Charge in the pixels: photons, the brighter-fatter effect and dark current."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import within
from simulators._kernels._jit import run
from simulators._kernels.charge import add_counts, count_photons, move_borders
from simulators._kernels.noise import PIXELS
from simulators.sensor.base import Effect, Exposure

__all__ = ["BrighterFatter", "Dark", "Photons"]

# Relative change of pixels' areas by an electron in the pixel of the first row and column, down the columns and along
# the rows: GalSim's lsst_itl_50_8, from Lage's Poisson solver (Lage, Bradshaw & Tyson 2017, JINST 12, C03091).
_ITL = (
    (-1.0490e-6, 7.389e-8, 1.109e-8, 4.041e-9, 2.643e-9),
    (1.918e-7, 4.319e-8, 8.982e-9, 3.557e-9, 2.591e-9),
    (1.443e-8, 9.924e-9, 5.332e-9, 3.308e-9, 2.432e-9),
    (4.593e-9, 4.376e-9, 3.272e-9, 2.280e-9, 2.065e-9),
    (2.442e-9, 2.827e-9, 2.353e-9, 1.901e-9, 1.781e-9),
)


@dataclass(frozen=True)
class Photons(Effect):
    """Poisson counts of the expected photons; negative expectations stay. `counted` False leaves what is expected."""

    counted: bool = True

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return not self.counted

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, variance, _ = exposure.lit
        np.maximum(image, 0.0, out=variance)
        jobs = -(-image.size // PIXELS)
        run(count_photons, jobs, exposure.keys("photons"), exposure.words, image.reshape(-1), share=8)


@dataclass(frozen=True)
class BrighterFatter(Effect):
    """Collected charge repels later charge, so that the borders of bright pixels move inwards (Antilogus et al. 2014,
    JINST 9, C03048), from a potential as Coulton et al. 2018 (AJ 155, 258). Charge is conserved.

    Parameters
    ----------
    strength : float
        Factor of `areas`.
    areas : tuple of tuples
        Relative change of the area of the pixel j rows and i columns away by one electron [1/electron], as flat fields'
        covariances give it (Astier et al. 2019, A&A 629, A36); the same in all four quadrants. The first is replaced by
        minus the sum of the others, for pixels tile the chip.
    """

    strength: float = 1.0
    areas: tuple[tuple[float, ...], ...] = _ITL

    def __post_init__(self) -> None:
        within("BrighterFatter strength", self.strength, 0.0, 100.0)
        areas = within("BrighterFatter areas", self.areas, -1e-3, 1e-3, "per electron")
        if areas.ndim != 2 or areas.shape[0] != areas.shape[1] or not 2 <= len(areas) <= 16:
            raise ValueError(f"BrighterFatter areas has shape {areas.shape}; it must be square with a side of 2 to 16")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.strength == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        move_borders(exposure.lit[0], _potential(self.areas) * np.float32(self.strength))


@lru_cache(maxsize=16)
def _potential(areas: tuple[tuple[float, ...], ...]) -> NDArray[np.float32]:
    """The kernel (k, k rounded up to 4) whose discrete Laplacian is the change of areas, 0 beyond k.

    Solved on a plane that is wide enough for its edge not to matter, and cut where areas are no longer given.
    """
    quarter = np.asarray(areas, dtype=np.float64)
    reach, side = len(quarter) - 1, 256
    change = np.zeros((side, side))
    offsets = np.arange(-reach, reach + 1)
    change[np.ix_(offsets, offsets)] = quarter[np.ix_(abs(offsets), abs(offsets))]
    change[0, 0] -= change.sum()
    k = 2.0 * np.cos(2.0 * np.pi * np.fft.fftfreq(side))
    laplacian = k[:, None] + k[None, :] - 4.0
    laplacian[0, 0] = 1.0
    potential = np.fft.ifft2(np.fft.fft2(change) / laplacian).real
    potential -= potential[reach + 1, reach + 1]
    kernel = potential[np.ix_(offsets, offsets)]
    return np.pad(kernel, ((0, 0), (0, -len(kernel) % 4))).astype(np.float32)


@dataclass(frozen=True)
class Dark(Effect):
    """Dark current of `rate` [electron/s], Poisson."""

    rate: float = 0.002

    def __post_init__(self) -> None:
        within("Dark rate", self.rate, 0.0, 1e6, "electron/s")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.rate == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, variance, _ = exposure.lit
        mean = self.rate * exposure.time
        variance += np.float32(mean)
        jobs = -(-image.size // PIXELS)
        run(add_counts, jobs, exposure.keys("dark"), exposure.words, mean, image.reshape(-1), share=8)

    def calibrate(self, exposure: Exposure) -> None:
        """See `Effect.calibrate`."""
        image = exposure.lit[0]
        image -= np.float32(self.rate * exposure.time)
