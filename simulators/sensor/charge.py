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

# What an electron moves borders by [pixel]: GalSim's lsst_itl_50_8, where Lage's Poisson solver traces the edges of the
# pixels around one that holds 1e5 electrons (Lage, Bradshaw & Tyson 2017, JINST 12, C03091), averaged along each edge.
_ACROSS = (
    (-1.968e-7, -3.621e-8, -1.351e-8, -5.873e-9),
    (-4.798e-8, -2.334e-8, -1.101e-8, -5.122e-9),
    (-6.238e-9, -9.413e-9, -6.461e-9, -3.511e-9),
    (-1.748e-9, -3.63e-9, -3.429e-9, -2.198e-9),
    (-7.78e-10, -1.788e-9, -1.914e-9, -1.387e-9),
)
_ALONG = (
    (-3.363e-7, -4.267e-8, -5.73e-9, -1.677e-9, -7.1e-10),
    (-4.163e-8, -2.449e-8, -9.057e-9, -3.665e-9, -1.751e-9),
    (-1.438e-8, -1.144e-8, -6.401e-9, -3.375e-9, -1.899e-9),
    (-6.048e-9, -5.27e-9, -3.614e-9, -2.2e-9, -1.399e-9),
)


@dataclass(frozen=True)
class Photons(Effect):
    """Poisson counts of the expected photons; negative expectations stay. `counted` False leaves what is expected."""

    counted: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.counted, bool):
            raise ValueError(f"Photons counted = {self.counted!r} is neither True nor False")

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
    """Collected charge moves the borders of pixels, mostly towards itself, and what they sweep over changes pixels
    (Antilogus et al. 2014, JINST 9, C03048, eqs. 1-4; Guyonnet et al. 2015, A&A 575, A41). Charge is conserved.

    Borders between columns (channel stops) and between rows (gate voltages) are held by different fields and move
    apart, so that a potential alone (Coulton et al. 2018, AJ 155, 258) would make stars grow too roundly.

    Parameters
    ----------
    strength : float
        Factor of the shifts.
    across : tuple of tuples
        Entry [j][i]: shift of the border between columns i and i + 1 by an electron at column 0, j rows away
        [pixel/electron], positive away from it; the same in all four quadrants.
    along : tuple of tuples
        Entry [j][i]: the same of the border between rows j and j + 1, i columns away.
    full_well : float
        What a pixel holds [electron]: charge beyond blooms (see `Saturation`) and moves no border.
    """

    strength: float = 1.0
    across: tuple[tuple[float, ...], ...] = _ACROSS
    along: tuple[tuple[float, ...], ...] = _ALONG
    full_well: float = 1.0e5

    def __post_init__(self) -> None:
        within("BrighterFatter strength", self.strength, 0.0, 100.0)
        within("BrighterFatter full_well", self.full_well, 0.0, 1e30, "electron", open_low=True)
        across, along = (
            within(f"BrighterFatter {name}", getattr(self, name), -1e-3, 1e-3, "pixel per electron")
            for name in ("across", "along")
        )
        if across.ndim != 2 or across.shape != along.shape[::-1] or len(across) != along.shape[0] + 1 <= 17:
            raise ValueError(
                f"BrighterFatter across has shape {across.shape} and along {along.shape}; they must be (n + 1, n) and "
                "(n, n + 1) with n up to 16"
            )

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.strength == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        weights = (w * np.float32(self.strength) for w in _weights(self.across, self.along))
        move_borders(exposure.lit[0], np.float32(self.full_well), *weights)


@lru_cache(maxsize=16)
def _weights(*tables: tuple[tuple[float, ...], ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (2n + 1, 2n) and (2n, 2n + 1) of charges in the shift of a border, the last axis padded to fours.

    Charge on the near side pushes the border away by its table, charge on the far side by minus that.
    """
    across, along = (np.asarray(table) for table in tables)
    across = np.concatenate([across[:0:-1], across])
    along = np.concatenate([along[:, :0:-1], along], axis=1)
    whole = np.concatenate([across[:, ::-1], -across], axis=1), np.concatenate([along[::-1], -along])
    first, second = (np.pad(w, ((0, 0), (0, -w.shape[1] % 4))).astype(np.float32) for w in whole)
    return first, second


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
