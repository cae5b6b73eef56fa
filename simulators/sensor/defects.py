"""Defects of the chip: the same in all exposures of a detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from catalogs.checks import within
from simulators.sensor.base import FLAGS, Effect, Exposure
from simulators.streams import poisson

__all__ = ["BadColumns", "ChipGaps", "HotPixels"]


@dataclass(frozen=True)
class HotPixels(Effect):
    """Pixels with a dark current far above the others', a share `density` of all, `rate` / u [electron/s] with u
    uniform in (0, 1) and no more than a thousand times `rate`.

    Both numbers are choices. DECam has a share of 5e-4 of bad pixels of any kind (see `sensor_of`), and flags 0.001 +-
    0.001 in the frames of docs/sensor.md; in space shares of hot ones grow to the order of 0.01.
    """

    density: float = 1e-5
    rate: float = 10.0
    flags: ClassVar[tuple[str, ...]] = ("hot_pixel",)

    def __post_init__(self) -> None:
        within("HotPixels density", self.density, 0.0, 0.1)
        within("HotPixels rate", self.rate, 0.0, 1e6, "electron/s")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.density == 0.0 or self.rate == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, variance, mask = exposure.lit
        count = exposure.pattern_count("hot_pixels", self.density * exposure.frame[0] * exposure.frame[1])
        x, y, u = exposure.pattern("hot_pixels", (count, 3)).T
        row, column = (_at(v, n) - c for v, n, c in zip((y, x), exposure.frame, exposure.corner, strict=True))
        inside = (row >= 0) & (row < image.shape[0]) & (column >= 0) & (column < image.shape[1])
        mean = self.rate * exposure.time / np.maximum(u, 1e-3)
        drawn = poisson(exposure.seed, [exposure.sample], exposure.name("hot_pixels"), mean[None])[0]
        pixels, first = np.unique(row[inside] * image.shape[1] + column[inside], return_index=True)
        mean, drawn, at = mean[inside][first], drawn[inside][first], np.unravel_index(pixels, image.shape)
        image[at] += drawn.astype(np.float32)
        variance[at] += mean.astype(np.float32)
        mask[at] |= np.uint8(FLAGS["hot_pixel"])


@dataclass(frozen=True)
class BadColumns(Effect):
    """Columns blocked from some row on, seen from the register: a share `density` of all, which let through less than
    `leak` of their charge.

    Both numbers are choices; DECam's 5e-4 of bad pixels are 1e-3 of its columns, blocked from half way on in the mean.
    """

    density: float = 5e-4
    leak: float = 0.2
    flags: ClassVar[tuple[str, ...]] = ("bad_column",)

    def __post_init__(self) -> None:
        within("BadColumns density", self.density, 0.0, 1.0)
        within("BadColumns leak", self.leak, 0.0, 1.0)

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.density == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, _, mask = exposure.lit
        (ny, nx), (row, column) = exposure.frame, exposure.corner
        count = exposure.pattern_count("bad_columns", self.density * nx)
        for u, v, w in exposure.pattern("bad_columns", (count, 3)):
            x = int(u * nx) - column
            if not 0 <= x < image.shape[1]:
                continue
            blocked = slice(max(int(v * ny) - row, 0), None), x
            image[blocked] *= np.float32(self.leak * w)
            mask[blocked] |= np.uint8(FLAGS["bad_column"])


@dataclass(frozen=True)
class ChipGaps(Effect):
    """A mosaic of `chips` (rows, columns) with `gap` (between rows, between columns) [pixel] that see nothing."""

    chips: tuple[int, int] = (1, 1)
    gap: tuple[int, int] = (0, 0)
    flags: ClassVar[tuple[str, ...]] = ("no_data",)

    def __post_init__(self) -> None:
        for name, low, high in (("chips", 1, 1000), ("gap", 0, 100_000)):
            pair = within(f"ChipGaps {name}", getattr(self, name), low, high)
            if pair.shape != (2,) or (pair % 1).any():
                raise ValueError(f"ChipGaps {name} = {getattr(self, name)!r} must be two whole numbers")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return not any(chips > 1 and gap for chips, gap in zip(self.chips, self.gap, strict=True))

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, variance, mask = exposure.lit
        places = zip(exposure.frame, self.chips, self.gap, exposure.corner, image.shape, strict=True)
        dark = [_in_gap(n, chips, gap)[first : first + side] for n, chips, gap, first, side in places]
        for part in ((dark[0], slice(None)), (slice(None), dark[1])):
            image[part] = 0.0
            variance[part] = 0.0
            mask[part] |= np.uint8(FLAGS["no_data"])


def _at(u: np.ndarray, n: int) -> np.ndarray:
    """Indices of uniform numbers."""
    return (u * n).astype(np.int64)


def _in_gap(n: int, chips: int, gap: int) -> np.ndarray:
    """Whether each of `n` pixels lies in a gap between chips of equal size."""
    if (chips - 1) * gap >= n:
        raise ValueError(f"ChipGaps gap = {gap} leaves nothing of {n} pixels for {chips} chips")
    pitch = (n + gap) / chips
    return np.arange(n) % pitch >= pitch - gap
