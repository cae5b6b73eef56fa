"""A sensor: effects in the order of nature, and what comes out of an exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import nearest, within
from simulators.sensor.base import FLAGS, Effect, Exposure, Plane
from simulators.sensor.charge import BrighterFatter, Dark, Photons
from simulators.sensor.cosmic_rays import CosmicRays
from simulators.sensor.defects import BadColumns, ChipGaps, HotPixels
from simulators.sensor.glare import Fringing, Ghosts, Sky
from simulators.sensor.readout import Bias, Gain, NonLinearity, Quantisation, ReadNoise
from simulators.sensor.trails import Trails
from simulators.sensor.wells import ChargeTransfer, Saturation
from simulators.streams import MAX_RATE, sample_words

__all__ = ["EFFECTS", "Sensor"]

EFFECTS: tuple[type[Effect], ...] = (
    Sky,
    Fringing,
    Ghosts,
    Trails,
    Photons,
    BrighterFatter,
    Dark,
    CosmicRays,
    HotPixels,
    BadColumns,
    Saturation,
    ChargeTransfer,
    NonLinearity,
    ReadNoise,
    Gain,
    Bias,
    Quantisation,
    ChipGaps,
)
Exposed = tuple[Plane, Plane, NDArray[np.uint8]]


@dataclass(frozen=True)
class Sensor:
    """Effects of a detector, each at most once, applied in the order of `EFFECTS`.

    Light comes first (sky, fringes, ghosts, trails), for its photons are counted with the sky's; then charge, then
    reading it out.

    Parameters
    ----------
    effects : sequence of Effect
        In any order.
    time : float
        Exposure time [s].
    amplifiers : int
        Side by side along x.
    overscan : int
        Rows read beyond the last one that sees light, flagged as ``no_data``: bias, read noise and deferred charge.
    detector : int, optional
        Number of the chip: defects, fringes and amplifiers are then the same in all samples.

    Raises
    ------
    ValueError
        For an effect named twice, something that is no effect, or a number out of range.
    """

    effects: Sequence[Effect] = ()
    time: float = 30.0
    amplifiers: int = 1
    overscan: int = 0
    detector: int | None = None

    def __post_init__(self) -> None:
        names = [effect.__name__ for effect in EFFECTS]
        for effect in self.effects:
            if type(effect) not in EFFECTS:
                name = getattr(effect, "__name__", type(effect).__name__)
                raise ValueError(f"{effect!r} is no effect; did you mean {nearest(name, names)}()? Valid: {names}")
        kinds = [type(effect) for effect in self.effects]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ValueError(f"{kind.__name__} is given {kinds.count(kind)} times; a sensor has each effect once")
        object.__setattr__(self, "effects", tuple(sorted(self.effects, key=lambda e: EFFECTS.index(type(e)))))
        within("Sensor time", self.time, 0.0, 1e6, "s", open_low=True)
        for name, low, high in (("amplifiers", 1, 1024), ("overscan", 0, 10_000), ("detector", 0, 2**62)):
            value = getattr(self, name)
            if value is not None and within(f"Sensor {name}", value, low, high) % 1:
                raise ValueError(f"Sensor {name} = {value!r} is not a whole number")

    def expose(
        self, expected: ArrayLike, seed: int, ids: ArrayLike | None = None, bands: Sequence[str] | None = None
    ) -> Exposed:
        """Expose frames of expected electrons.

        Parameters
        ----------
        expected : array (y, x) or (samples, bands, y, x)
            Electrons that the light of a whole exposure makes on average.
        seed : int
            Seed of the run.
        ids : array of int (samples,), optional
            Keys of the samples' random numbers; 0, 1, ... by default.
        bands : sequence of str, optional
            Names of the bands, which key their random numbers; "0", "1", ... by default.

        Returns
        -------
        image, variance : float32 arrays, `overscan` rows higher than `expected`
            Electrons, or adu behind a `Gain`, and the variance expected of them: light, dark current and read noise.
        mask : uint8 array of the same shape
            Bits of `FLAGS`.

        Raises
        ------
        ValueError
            For shapes that disagree, and pixels that are NaN or beyond 1e15 electrons.
        """
        light = np.asarray(expected)
        if light.ndim not in (2, 4) or light.size == 0:
            raise ValueError(f"expected has shape {light.shape}; it must be (y, x) or (samples, bands, y, x)")
        frames = light if light.ndim == 4 else light[None, None]
        samples = sample_words(np.arange(len(frames)) if ids is None else ids)
        names = tuple(str(i) for i in range(frames.shape[1])) if bands is None else tuple(bands)
        if (samples.size, len(names)) != frames.shape[:2]:
            raise ValueError(f"{samples.size} ids and {len(names)} bands for expected images of shape {frames.shape}")
        if self.amplifiers > frames.shape[-1]:
            raise ValueError(f"Sensor amplifiers = {self.amplifiers} is outside [1, {frames.shape[-1]}] columns")
        if not (frames.min() >= -MAX_RATE and frames.max() <= MAX_RATE):
            within("expected", frames, -MAX_RATE, MAX_RATE, "electron")
        planes = self._planes(frames)
        for i, sample in enumerate(samples):
            for j, band in enumerate(names):
                self._expose(tuple(plane[i, j] for plane in planes), seed, int(sample), band)
        image, variance, mask = planes if light.ndim == 4 else tuple(plane[0, 0] for plane in planes)
        return image, variance, mask

    def _planes(self, frames: NDArray[np.float64]) -> Exposed:
        """Image, variance and mask before the first effect."""
        ny = frames.shape[2]
        image = np.zeros((*frames.shape[:2], ny + self.overscan, frames.shape[3]), np.float32)
        image[:, :, :ny] = frames
        mask = np.zeros(image.shape, np.uint8)
        mask[:, :, ny:] = FLAGS["no_data"]
        return image, np.zeros_like(image), mask

    def _expose(self, planes: tuple[NDArray[Any], ...], seed: int, sample: int, band: str) -> None:
        image, variance, mask = planes
        shared = (self.time, self.amplifiers, seed, sample, band, self.detector)
        exposure = Exposure(image, variance, mask, len(image) - self.overscan, *shared)
        for effect in self.effects:
            if not effect.off:
                effect.apply(exposure)
