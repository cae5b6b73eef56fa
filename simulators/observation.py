"""Expected images observed: the survey's noise, or a sensor that its light goes through."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalogs import Band, Survey
from simulators._kernels._jit import run
from simulators._kernels.stacking import add_exposure, take_mean
from simulators.noise import add_noise
from simulators.streams import uniform

if TYPE_CHECKING:
    import xarray as xr

    from simulators.sensor import Sensor

__all__ = ["SensorLike", "flagged", "observe", "sensor_for"]

SensorLike = Any  # None, a Sensor or the name of a survey with one
Planes = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]


def sensor_for(sensor: SensorLike, survey: Survey, cut_out: tuple[int, int] | None = None) -> Sensor | None:
    """A sensor, given itself or by its survey's name, that images of the survey can go through.

    They are whole chips, or cut-outs of the sensor's `frame` with the shape given (y, x).

    Raises
    ------
    ValueError
        For something that is no sensor, an overscan of cut-outs, a sky that the survey has already, images larger than
        the chip, and bands whose electrons are not known or that are cut at black or white.
    """
    if sensor is None:
        return None
    from simulators.sensor import Sensor, Sky, sensor_of

    found = sensor_of(sensor) if isinstance(sensor, str) else sensor
    if not isinstance(found, Sensor):
        raise ValueError(f"sensor = {sensor!r} is no simulators.sensor.Sensor, and no name that sensor_of knows")
    if any(isinstance(effect, Sky) and not effect.off for effect in found.effects):
        raise ValueError("sensor: Sky is a part of the survey's bands; leave it out of a simulator's sensor")
    if cut_out is None:
        found = dataclasses.replace(found, frame=None)
    elif found.frame is not None and any(side > chip for side, chip in zip(cut_out, found.frame, strict=True)):
        raise ValueError(f"sensor: images of {cut_out} pixels are larger than the chip's frame, {found.frame}")
    elif found.overscan:
        raise ValueError(f"sensor: overscan = {found.overscan}, but stamps have none")
    for band in survey.bands:
        if math.isinf(band.electrons_per_unit):
            raise ValueError(f"sensor: electrons_per_unit of band {band.name!r} is infinite; a sensor counts electrons")
        if math.isfinite(band.floor) or math.isfinite(band.ceiling):
            raise ValueError(f"sensor: band {band.name!r} is cut at black or white; a sensor needs linear images")
    return found


def observe(expected: NDArray[Any], survey: Survey, sensor: Sensor | None, seed: int, ids: NDArray[np.int64]) -> Planes:
    """Image, variance and mask (samples, bands, y, x) of expected images, in the survey's unit.

    Without a sensor that is not off: `add_noise`. With one, each of a band's `exposures` gets its share of the light
    and of the sky's, whose photons are always counted; is taken at a place of its own on the chip, and calibrated; and
    the image is their mean, where any of them is good of those alone. What the sensor's read noise and dark current
    leave of the survey's background is added as Gaussian noise.
    """
    if sensor is None or sensor.off:
        mask = np.empty(expected.shape, np.uint8)
        run(lambda first, last: mask[first:last].fill(0), len(mask), share=64)
        return *add_noise(expected, survey.bands, seed, ids, survey.noise_mixing), mask
    image, variance = np.zeros(expected.shape, np.float32), np.zeros(expected.shape, np.float32)
    mask = np.zeros(expected.shape, np.uint8)
    for j, band in enumerate(survey.bands):
        _stack(expected[:, j : j + 1], band, sensor, seed, ids, (image[:, j], variance[:, j], mask[:, j]))
    rest = [_rest(band, sensor) for band in survey.bands]
    image, more = add_noise(image, rest, seed, ids, survey.noise_mixing)
    image[np.isinf(variance)] = 0.0
    variance += more
    return image, variance, mask


def flagged(ds: xr.Dataset, sensor: Sensor | None) -> xr.Dataset:
    """`ds`, whose mask says what the bits of a sensor mean."""
    if sensor is not None:
        from simulators.sensor import flag_attributes

        ds["mask"].attrs.update(flag_attributes())
    return ds


def _stack(light: NDArray[Any], band: Band, sensor: Sensor, seed: int, ids: NDArray[np.int64], out: Planes) -> None:
    """Put the mean of a band's exposures of expected images (samples, 1, y, x) into planes (samples, y, x) of zeros."""
    scale = band.electrons_per_unit / band.exposures
    frames = (light + band.sky).astype(np.float32, copy=False)
    frames *= scale
    count = np.zeros(out[2].shape, np.uint16)
    for number in range(int(band.exposures)):
        _by_sample(add_exposure, *_exposure(frames, band, sensor, seed, ids, number), *out, count)
    _by_sample(partial(take_mean, np.float32(scale)), *out[:2], count)


def _by_sample(kernel: Callable[..., None], *planes: NDArray[Any]) -> None:
    """Call a kernel with the pixels of each sample of planes (samples, y, x)."""
    for one in zip(*planes, strict=True):
        kernel(*(plane.reshape(-1) for plane in one))


def _exposure(
    frames: NDArray[np.float32], band: Band, sensor: Sensor, seed: int, ids: NDArray[np.int64], number: int
) -> Planes:
    """One exposure of expected electrons, calibrated."""
    corners = None
    if sensor.frame is not None:
        room = np.array(sensor.frame) - frames.shape[2:] + 1
        corners = (uniform(seed, ids, f"sensor.corner.{band.name}#{number}", (2,)) * room).astype(np.int64)
    sky = band.sky * band.electrons_per_unit / band.exposures
    return _counting(sensor).expose(
        frames, seed, ids, [band.name], corners=corners, sky=sky, number=number, calibrated=True
    )


def _counting(sensor: Sensor) -> Sensor:
    """The sensor, which counts photons."""
    from simulators.sensor import Photons

    others = [effect for effect in sensor.effects if not isinstance(effect, Photons)]
    return dataclasses.replace(sensor, effects=(Photons(), *others))


def _own_variance(sensor: Sensor) -> float:
    """What the detector adds to a pixel's variance in one exposure [electron^2]: read noise, dark current, rounding."""
    from simulators.sensor import Dark, Gain, Quantisation, ReadNoise

    quiet = [effect for effect in sensor.effects if isinstance(effect, (Dark, ReadNoise, Gain, Quantisation))]
    alone = dataclasses.replace(sensor, effects=quiet, amplifiers=1, frame=None)
    return float(alone.expose(np.zeros((1, 1)), 0, calibrated=True)[1][0, 0])


def _rest(band: Band, sensor: Sensor) -> Band:
    """The part of a band's background that is neither photons nor the sensor's own noise, as a band of noise alone."""
    own = _own_variance(sensor) * band.exposures / band.electrons_per_unit**2 + band.sky / band.electrons_per_unit
    variance = band.background_sigma**2 - own
    if variance <= 1e-9 * band.background_sigma**2:
        return dataclasses.replace(band, background_sigma=0.0, electrons_per_unit=math.inf, sky=0.0)
    covariance = band.background_sigma**2 * band.acf
    covariance[len(covariance) // 2, len(covariance) // 2] = variance
    acf = tuple(map(tuple, np.clip(covariance / variance, -1.0, 1.0).tolist()))
    sigma = math.sqrt(variance)
    return dataclasses.replace(band, background_sigma=sigma, electrons_per_unit=math.inf, sky=0.0, autocorrelation=acf)
