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
    """One frame, or a cut-out of one, on its way through a sensor, changed in place.

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
        Number of the chip, the key of its fixed defects; without it each sample and `number` has a chip of its own.
    frame : (rows, columns)
        Of the whole chip that sees light.
    corner : (row, column)
        Place of the image's first pixel on the chip.
    sky : float
        Electrons in a pixel of the chip beyond the image.
    number : int
        Of the exposure among those of one sample and band.
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
    frame: tuple[int, int]
    corner: tuple[int, int] = (0, 0)
    sky: float = 0.0
    number: int = 0

    @property
    def lit(self) -> tuple[Plane, Plane, NDArray[np.uint8]]:
        """Image, variance and mask of the rows that see light, as views."""
        return self.image[: self.rows], self.variance[: self.rows], self.mask[: self.rows]

    @property
    def segments(self) -> list[tuple[slice, int]]:
        """Columns of the image that each amplifier reads, and how many of its columns come before them."""
        width, n, left = self.frame[1], self.amplifiers, self.corner[1]
        parts = []
        for first, stop in ((width * i // n, width * (i + 1) // n) for i in range(n)):
            start = max(first - left, 0)
            parts.append((slice(start, max(stop - left, start)), max(left - first, 0)))
        return parts

    @property
    def words(self) -> NDArray[np.uint64]:
        """The sample as a counter word, shape (1,)."""
        return np.array([self.sample], np.uint64)

    def name(self, effect: str) -> str:
        """What keys this exposure's own random numbers."""
        return f"sensor.{effect}.{self.band}" + (f"#{self.number}" if self.number else "")

    def keys(self, effect: str) -> NDArray[np.uint64]:
        """Round keys of this exposure's own random numbers."""
        return round_keys(self.seed, self.name(effect))

    def count(self, effect: str, mean: float) -> int:
        """A Poisson count of this exposure."""
        return int(poisson(self.seed, [self.sample], self.name(f"{effect}.count"), [mean])[0])

    def uniform(self, effect: str, shape: Sequence[int]) -> NDArray[np.float64]:
        """Uniform numbers of this exposure."""
        drawn: NDArray[np.float64] = uniform(self.seed, [self.sample], self.name(effect), shape)[0]
        return drawn

    def pattern(self, effect: str, shape: Sequence[int]) -> NDArray[np.float64]:
        """Uniform numbers of the chip: those of all its exposures."""
        seed, sample, name = self.chip(effect)
        drawn: NDArray[np.float64] = uniform(seed, [sample], name, shape)[0]
        return drawn

    def pattern_count(self, effect: str, mean: float) -> int:
        """A Poisson count of the chip."""
        seed, sample, name = self.chip(f"{effect}.count")
        return int(poisson(seed, [sample], name, [mean])[0])

    def chip(self, effect: str) -> tuple[int, int, str]:
        """Seed, sample and name of what is the chip's own."""
        if self.detector is not None:
            return effect_key("sensor"), self.detector, f"sensor.{effect}"
        return self.seed, self.sample, f"sensor.{effect}" + (f"#{self.number}" if self.number else "")


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

    def calibrate(self, exposure: Exposure) -> None:  # noqa: B027  # most effects leave nothing that could be taken off
        """Take off what calibration frames (bias, dark, flat) tell of the effect; its noise and its flags stay."""
