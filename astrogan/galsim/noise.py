"""Noise types of config['image']['noise']: AstroGANNoise and AstroGANSensor.

A sensor of astrogan works on whole frames of expected electrons (bleed trails, transfer losses and amplifiers couple
pixels far apart), GalSim's `Sensor` on the photons of one object. So AstroGANSensor stands where noise does: GalSim
calls it once, when all light is on the image.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any

import galsim
import numpy as np
from galsim.config import NoiseBuilder
from galsim.config.noise import noise_ignore
from numpy.typing import NDArray

from astrogan.galsim._parameters import Config, band_of, parameters, seed_from
from catalogs import Survey
from simulators.noise import add_noise, variance_map
from simulators.observation import observe, sensor_for

__all__ = ["OBSERVED", "NoiseType", "SensorType"]

OBSERVED = "_astrogan_observed"  # of the base config: plane -> array of the last image that noise was added to
Plane = NDArray[Any]


class _SurveyNoise(NoiseBuilder, ABC):  # type: ignore[misc]  # galsim has no types
    """Noise of a survey's band, of images in the survey's unit whose sky is subtracted."""

    optional: dict[str, type] = {}  # noqa: RUF012  # GalSim reads plain dicts

    @abstractmethod
    def observed(self, clean: Plane, survey: Survey, values: Config, seed: int, number: int) -> dict[str, Plane]:
        """Planes `image`, `variance` and perhaps `mask` (y, x) of an expected image."""

    def addNoise(
        self, config: Config, base: Config, im: Any, rng: Any, current_var: float, draw_method: str, logger: Any
    ) -> float:
        values, survey = self._parsed(config, base)
        survey = _less(survey, current_var)
        clean = np.asarray(im.array, dtype=np.float64)
        if not np.isfinite(clean).all():
            raise galsim.GalSimConfigError(f"{config['type']}: the image holds pixels that are not finite")
        counted = draw_method == "phot"  # its photons are noisy already
        number = int(base.get("obj_num" if base.get("do_noise_in_stamps") else "image_num", 0))
        seed = seed_from(rng, config)
        planes = self.observed(np.zeros_like(clean) if counted else clean, survey, values, seed, number)
        image = planes.pop("image") + (clean if counted else 0.0)
        im.array[:] = np.rint(image) if im.array.dtype.kind in "iu" else image
        base[OBSERVED] = planes
        return float(self.getNoiseVariance(config, base))

    def getNoiseVariance(self, config: Config, base: Config, full: bool = False) -> float:
        return self._parsed(config, base)[1].bands[0].background_sigma ** 2

    def addNoiseVariance(self, config: Config, base: Config, im: Any, include_obj_var: bool, logger: Any) -> None:
        _, survey = self._parsed(config, base)
        light = np.asarray(base["current_noise_image"].array, dtype=np.float32)
        im.array[:] += variance_map(light[None, None] * include_obj_var, survey.bands)[0, 0]

    def _parsed(self, config: Config, base: Config) -> tuple[Config, Survey]:
        for name in ("sky_level", "sky_level_pixel"):
            if name in base["image"]:
                raise galsim.GalSimConfigError(
                    f"{config['type']}: the survey's noise has the photons of its sky, which is subtracted: leave out "
                    f"image.{name}"
                )
        required: dict[str, type] = {"survey": str, "band": str}
        values, _ = parameters(config, base, required, self.optional, noise_ignore)
        return values, band_of(values)


class NoiseType(_SurveyNoise):
    """AstroGANNoise: photons of sources and sky, and the survey's background with its autocorrelation."""

    def observed(self, clean: Plane, survey: Survey, values: Config, seed: int, number: int) -> dict[str, Plane]:
        """See `_SurveyNoise.observed`."""
        image, variance = add_noise(clean[None, None], survey.bands, seed, [number])
        return {"image": image[0, 0], "variance": variance[0, 0]}


class SensorType(_SurveyNoise):
    """AstroGANSensor: the same by way of a camera, `sensor` (by default the survey's), calibrated again."""

    optional = {"sensor": str}  # noqa: RUF012

    def observed(self, clean: Plane, survey: Survey, values: Config, seed: int, number: int) -> dict[str, Plane]:
        """See `_SurveyNoise.observed`."""
        rows, columns = clean.shape
        sensor = sensor_for(values.get("sensor", values["survey"]), survey, (rows, columns))
        image, variance, mask = observe(clean[None, None], survey, sensor, seed, np.array([number]))
        return {"image": image[0, 0], "variance": variance[0, 0], "mask": mask[0, 0]}


def _less(survey: Survey, variance: float) -> Survey:
    """The survey without a part of its background that the image has already, of white noise (from whitening)."""
    if not variance:
        return survey
    band = survey.bands[0]
    rest = band.background_sigma**2 - variance
    if rest <= 0:
        raise galsim.GalSimConfigError(
            f"whitening left a variance of {variance:g}, more than the background of band {band.name!r} has, "
            f"{band.background_sigma**2:g}"
        )
    covariance = band.background_sigma**2 * band.acf
    covariance[len(covariance) // 2, len(covariance) // 2] -= variance
    acf = tuple(map(tuple, np.clip(covariance / rest, -1.0, 1.0).tolist()))
    sky = min(band.sky, rest * band.electrons_per_unit)
    less = dataclasses.replace(band, background_sigma=math.sqrt(rest), sky=sky, autocorrelation=acf)
    return dataclasses.replace(survey, bands=(less,))
