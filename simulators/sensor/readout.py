"""From charge to numbers: amplifiers, bias and the converter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import within
from simulators._kernels._jit import run
from simulators._kernels.noise import PIXELS, add_background
from simulators.sensor.base import FLAGS, Effect, Exposure
from simulators.streams import normal

__all__ = ["Bias", "Gain", "NonLinearity", "Quantisation", "ReadNoise"]

_STEEPEST = 0.99  # of what a charge can fall behind that is still told from others


@dataclass(frozen=True)
class NonLinearity(Effect):
    """The chain falls behind large charges q: q / (1 + `coefficient` q), which rises for every q [1/electron]."""

    coefficient: float = 1e-7

    def __post_init__(self) -> None:
        within("NonLinearity coefficient", self.coefficient, 0.0, 1e-3, "per electron")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.coefficient == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        for rows, variance in zip(_strips(exposure.image), _strips(exposure.variance), strict=True):
            slope = 1.0 + np.float32(self.coefficient) * np.maximum(rows, 0.0)
            rows /= slope
            variance /= (slope * slope) * (slope * slope)

    def calibrate(self, exposure: Exposure) -> None:
        """See `Effect.calibrate`."""
        for rows, variance in zip(_strips(exposure.image), _strips(exposure.variance), strict=True):
            slope = 1.0 / (1.0 - np.minimum(np.float32(self.coefficient) * np.maximum(rows, 0.0), _STEEPEST))
            rows *= slope
            variance *= (slope * slope) * (slope * slope)


@dataclass(frozen=True)
class ReadNoise(Effect):
    """White Gaussian noise of rms `sigma` [electron] in every pixel, overscan included."""

    sigma: float = 5.0

    def __post_init__(self) -> None:
        within("ReadNoise sigma", self.sigma, 0.0, 1e6, "electron")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.sigma == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, weights = exposure.image, np.array([[self.sigma, 0.0, 0.0, 0.0]], np.float32)
        np.add(exposure.variance, np.float32(self.sigma**2), out=exposure.variance)
        height = max(1, PIXELS // image.shape[1])
        jobs, keys = -(-len(image) // height), exposure.keys("read_noise")
        run(add_background, jobs, keys, exposure.words, 0, weights, height, image[None, None], share=8)


@dataclass(frozen=True)
class Gain(Effect):
    """Electrons to adu: `gain` [electron/adu], of each amplifier within a relative rms of `scatter`."""

    gain: float = 1.5
    scatter: float = 0.01

    def __post_init__(self) -> None:
        within("Gain gain", self.gain, 0.0, 1e6, "electron/adu", open_low=True)
        within("Gain scatter", self.scatter, 0.0, 0.1)

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.gain == 1.0 and self.scatter == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        self._scale(exposure, -1)

    def calibrate(self, exposure: Exposure) -> None:
        """See `Effect.calibrate`."""
        self._scale(exposure, 1)

    def _scale(self, exposure: Exposure, power: int) -> None:
        for (columns, _), step in zip(exposure.segments, _steps(exposure, "gain"), strict=True):
            factor = np.float32((self.gain * (1.0 + self.scatter * step)) ** power)
            exposure.image[:, columns] *= factor
            exposure.variance[:, columns] *= factor * factor


@dataclass(frozen=True)
class Bias(Effect):
    """`level` [adu] added before conversion, of each amplifier within an rms of `scatter` [adu]."""

    level: float = 1000.0
    scatter: float = 10.0

    def __post_init__(self) -> None:
        within("Bias level", self.level, 0.0, 1e6, "adu")
        within("Bias scatter", self.scatter, 0.0, 1e4, "adu")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.level == 0.0 and self.scatter == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        self._add(exposure, 1.0)

    def calibrate(self, exposure: Exposure) -> None:
        """See `Effect.calibrate`."""
        self._add(exposure, -1.0)

    def _add(self, exposure: Exposure, sign: float) -> None:
        for (columns, _), step in zip(exposure.segments, _steps(exposure, "bias"), strict=True):
            exposure.image[:, columns] += np.float32(sign * (self.level + self.scatter * step))


@dataclass(frozen=True)
class Quantisation(Effect):
    """Whole adu from 0 to 2^`bits` - 1, the rest cut; 0 bits leaves the numbers as they are. What is cut at the top is
    flagged.
    """

    bits: int = 16
    flags: ClassVar[tuple[str, ...]] = ("saturated",)

    def __post_init__(self) -> None:
        if within("Quantisation bits", self.bits, 0, 24, "bits") % 1:
            raise ValueError(f"Quantisation bits = {self.bits!r} is not a whole number")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.bits == 0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        most, bit = np.float32(2**self.bits - 1), np.uint8(FLAGS["saturated"])
        for rows, mask in zip(_strips(exposure.image), _strips(exposure.mask), strict=True):
            np.rint(rows, out=rows)
            if rows.max() > most:
                mask[rows > most] |= bit
            np.clip(rows, 0.0, most, out=rows)
        np.add(exposure.variance, np.float32(1.0 / 12.0), out=exposure.variance)


def _strips(image: NDArray[Any]) -> list[NDArray[Any]]:
    """Views of 64 rows each, which stay in the processor's cache."""
    return [image[start : start + 64] for start in range(0, len(image), 64)]


def _steps(exposure: Exposure, effect: str) -> NDArray[np.float64]:
    """Standard normal numbers of the chip's amplifiers."""
    seed, sample, name = exposure.chip(effect)
    drawn: NDArray[np.float64] = normal(seed, [sample], name, (exposure.amplifiers,))[0]
    return drawn
