"""What an effect of a sensor is, the exposure it acts on, and the flags it leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simulators.streams import effect_key, poisson, round_keys, uniform

__all__ = ["FLAGS", "Effect", "Exposure", "Plane", "flag_attributes"]

Plane = NDArray[np.float32]
FLAGS = {
    "bad_column": 1,
    "hot_pixel": 2,
    "saturated": 4,
    "bleed": 8,
    "cosmic_ray": 16,
    "trail": 32,
    "ghost": 64,
    "no_data": 128,
}


def flag_attributes() -> dict[str, Any]:
    """The CF attributes of a mask: ``flag_masks`` and ``flag_meanings``."""
    return {"flag_masks": np.array(list(FLAGS.values()), np.uint8), "flag_meanings": " ".join(FLAGS)}


@dataclass(frozen=True)
class Exposure:
    """One frame on its way through a sensor, changed in place.

    Parameters
    ----------
    image, variance : float32 arrays (y, x)
        Electrons, then adu, and their noise variance, first to the overscan's last row.
    mask : uint8 array (y, x)
        Bits of `FLAGS`.
    rows : int
        Rows that see light; those above are overscan.
    time : float
        Exposure time [s].
    amplifiers : int
        Side by side along x, each read out at its lower left corner.
    seed, sample : int
        Keys of random numbers.
    band : str
        Name in the keys of what differs from band to band.
    detector : int, optional
        Number of the chip, the key of its fixed defects; without it each sample has a chip of its own.
    """

    image: Plane
    variance: Plane
    mask: NDArray[np.uint8]
    rows: int
    time: float
    amplifiers: int
    seed: int
    sample: int
    band: str
    detector: int | None

    @property
    def lit(self) -> tuple[Plane, Plane, NDArray[np.uint8]]:
        """Image, variance and mask of the rows that see light, as views."""
        return self.image[: self.rows], self.variance[: self.rows], self.mask[: self.rows]

    @property
    def segments(self) -> list[tuple[int, int]]:
        """First and last column (exclusive) of each amplifier."""
        nx, n = self.image.shape[1], self.amplifiers
        return [(nx * i // n, nx * (i + 1) // n) for i in range(n)]

    @property
    def words(self) -> NDArray[np.uint64]:
        """The sample as a counter word, shape (1,)."""
        return np.array([self.sample], np.uint64)

    def keys(self, effect: str) -> NDArray[np.uint64]:
        """Round keys of this exposure's own random numbers."""
        return round_keys(self.seed, f"sensor.{effect}.{self.band}")

    def count(self, effect: str, mean: float) -> int:
        """A Poisson count of this exposure."""
        return int(poisson(self.seed, [self.sample], f"sensor.{effect}.count.{self.band}", [mean])[0])

    def uniform(self, effect: str, shape: Sequence[int]) -> NDArray[np.float64]:
        """Uniform numbers of this exposure."""
        drawn: NDArray[np.float64] = uniform(self.seed, [self.sample], f"sensor.{effect}.{self.band}", shape)[0]
        return drawn

    def pattern(self, effect: str, shape: Sequence[int]) -> NDArray[np.float64]:
        """Uniform numbers of the chip: those of all its exposures."""
        seed, sample = self.chip
        drawn: NDArray[np.float64] = uniform(seed, [sample], f"sensor.{effect}", shape)[0]
        return drawn

    def pattern_count(self, effect: str, mean: float) -> int:
        """A Poisson count of the chip."""
        seed, sample = self.chip
        return int(poisson(seed, [sample], f"sensor.{effect}.count", [mean])[0])

    @property
    def chip(self) -> tuple[int, int]:
        """Seed and sample of what is the chip's own."""
        return (self.seed, self.sample) if self.detector is None else (effect_key("sensor"), self.detector)


class Effect(ABC):
    """One thing that a sensor does to an exposure.

    Effects are frozen dataclasses of numbers, checked when they are made. One that is `off` changes nothing, bit for
    bit. Its random numbers depend on seed, sample, band and its own name alone. `flags` are the bits it sets, exactly
    where it acted; an effect on every pixel has none.
    """

    flags: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def off(self) -> bool:
        """Whether these numbers leave every exposure as it is."""

    @abstractmethod
    def apply(self, exposure: Exposure) -> None:
        """Change `exposure`."""
