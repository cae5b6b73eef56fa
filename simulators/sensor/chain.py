"""A sensor: effects in the order of nature, and what comes out of an exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import nearest, within
from simulators.sensor.base import FLAGS, Effect, Exposure, Plane
from simulators.sensor.effects import EFFECTS
from simulators.sensor.glare import Sky
from simulators.streams import MAX_RATE, sample_words

__all__ = ["Sensor"]

Exposed = tuple[Plane, Plane, NDArray[np.uint8]]
Place = tuple[int, int]  # row and column


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
    frame : (rows, columns), optional
        Of the chip that sees light: images may then be cut-outs from it. By default an image is a whole chip.

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
    frame: tuple[int, int] | None = None

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
        if self.frame is not None:
            sides = within("Sensor frame", self.frame, 1, 100_000, "pixel")
            if sides.shape != (2,) or (sides % 1).any():
                raise ValueError(f"Sensor frame = {self.frame!r} must be two whole numbers, rows and columns")

    @property
    def off(self) -> bool:
        """Whether this sensor leaves every image as it is."""
        return self.overscan == 0 and all(effect.off for effect in self.effects)

    def expose(
        self,
        expected: ArrayLike,
        seed: int,
        ids: ArrayLike | None = None,
        bands: Sequence[str] | None = None,
        *,
        corners: ArrayLike | None = None,
        sky: ArrayLike = 0.0,
        number: int = 0,
        calibrated: bool = False,
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
        corners : array of int (samples, 2), optional
            Row and column of each image's first pixel on the chip, of which the images are then cut-outs.
        sky : float or array (bands,)
            Electrons of the sky that `expected` holds, in a pixel: what lies beyond a cut-out.
        number : int
            Of this exposure, among several of the same samples; each has random numbers of its own.
        calibrated : bool
            Take off what calibration frames tell (bias, gain, linearity, dark current) and the sky; without the
            overscan, in electrons. Pixels that saw nothing are 0 with infinite variance.

        Returns
        -------
        image, variance : float32 arrays, `overscan` rows higher than `expected`
            Electrons, or adu behind a `Gain`, and the variance expected of them: light, dark current and read noise.
        mask : uint8 array of the same shape
            Bits of `FLAGS`.

        Raises
        ------
        ValueError
            For shapes that disagree, cut-outs that leave the chip, and pixels that are NaN or beyond 1e15 electrons.
        """
        alone, frames = _frames(expected)
        samples = sample_words(np.arange(len(frames)) if ids is None else ids)
        names = tuple(str(i) for i in range(frames.shape[1])) if bands is None else tuple(bands)
        if (samples.size, len(names)) != frames.shape[:2]:
            raise ValueError(f"{samples.size} ids and {len(names)} bands for expected images of shape {frames.shape}")
        if len(set(names)) != len(names) or within("number", number, 0, 2**62) % 1:
            raise ValueError(f"bands {names} must differ, and number = {number!r} be whole: they key random numbers")
        chip, places = self._places(corners, frames.shape)
        levels = np.broadcast_to(within("sky", sky, 0.0, MAX_RATE, "electron"), len(names))
        levels = levels + sum(effect.level for effect in self.effects if isinstance(effect, Sky))
        planes = self._planes(frames)
        for i, sample in enumerate(samples):
            for j, band in enumerate(names):
                image, variance, mask = (plane[i, j] for plane in planes)
                key = (self.time, self.amplifiers, seed, int(sample), band, self.detector)
                where = (chip, places[i], float(levels[j]), number)
                self._expose(Exposure(image, variance, mask, frames.shape[2], *key, *where), calibrated)
        rows = slice(frames.shape[2] if calibrated else None)
        image, variance, mask = (plane[0, 0, rows] if alone else plane[:, :, rows] for plane in planes)
        return image, variance, mask

    def _places(self, corners: ArrayLike | None, shape: tuple[int, ...]) -> tuple[Place, list[Place]]:
        """Rows and columns of the chip, and where on it each image's first pixel lies."""
        if corners is None:
            if self.amplifiers > shape[3]:
                raise ValueError(f"Sensor amplifiers = {self.amplifiers} is outside [1, {shape[3]}] columns")
            return (shape[2], shape[3]), [(0, 0)] * shape[0]
        if self.frame is None or self.overscan:
            raise ValueError(
                f"corners: cut-outs need a sensor with a frame and without overscan, not frame = {self.frame} and "
                f"overscan = {self.overscan}"
            )
        places = np.asarray(corners)
        if places.shape != (shape[0], 2) or places.dtype.kind not in "iu":
            raise ValueError(f"corners is {places.dtype} {places.shape}; it must be whole numbers ({shape[0]}, 2)")
        for axis, name in enumerate(("rows", "columns")):
            within(f"corners: {name}", places[:, axis], 0, self.frame[axis] - shape[2 + axis], "pixel")
        if self.amplifiers > self.frame[1]:
            raise ValueError(f"Sensor amplifiers = {self.amplifiers} is outside [1, {self.frame[1]}] columns")
        return self.frame, [(int(row), int(column)) for row, column in places]

    def _planes(self, frames: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Image, variance and mask before the first effect."""
        ny = frames.shape[2]
        image = np.zeros((*frames.shape[:2], ny + self.overscan, frames.shape[3]), np.float32)
        image[:, :, :ny] = frames
        mask = np.zeros(image.shape, np.uint8)
        mask[:, :, ny:] = FLAGS["no_data"]
        return image, np.zeros_like(image), mask

    def _expose(self, exposure: Exposure, calibrated: bool) -> None:
        for effect in self.effects:
            if not effect.off:
                effect.apply(exposure)
        if calibrated:
            for effect in reversed(self.effects):
                if not effect.off:
                    effect.calibrate(exposure)
            image, variance, mask = exposure.lit
            image -= np.float32(exposure.sky)
            blind = (mask & FLAGS["no_data"]) > 0
            image[blind], variance[blind] = 0.0, np.inf


def _frames(expected: ArrayLike) -> tuple[bool, NDArray[Any]]:
    """Whether there is one frame alone, and frames (samples, bands, y, x), checked."""
    light = np.asarray(expected)
    if light.dtype.kind not in "fiu":
        raise ValueError(f"expected holds {light.dtype}; it must be numbers of electrons")
    if light.ndim not in (2, 4) or light.size == 0:
        raise ValueError(f"expected has shape {light.shape}; it must be (y, x) or (samples, bands, y, x)")
    if not (light.min() >= -MAX_RATE and light.max() <= MAX_RATE):
        within("expected", light, -MAX_RATE, MAX_RATE, "electron")
    return light.ndim == 2, light if light.ndim == 4 else light[None, None]
