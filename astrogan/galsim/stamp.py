"""Stamp type AstroGANStamp: GalSim's Basic, and then a refiner."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import galsim
import numpy as np
import xarray as xr
from galsim.config import AddNoiseVariance, StampBuilder
from galsim.config.noise import GetSky
from galsim.config.stamp import stamp_ignore

from astrogan.galsim._parameters import Config, band_of, parameters, seed_of
from astrogan.galsim.noise import OBSERVED

if TYPE_CHECKING:
    from astrogan.models.refiner import Refiner

__all__ = ["StampType"]

_REQUIRED = {"refiner": str, "survey": str, "band": str}


class StampType(StampBuilder):  # type: ignore[misc]  # galsim has no types
    """AstroGANStamp: what Basic draws, refined after its noise is added, adaptive moments kept.

    `refiner` is a model file of one band, `survey` and `band` say which background pixels are scaled by.
    """

    def setup(self, config: Config, base: Config, xsize: int, ysize: int, ignore: list[str], logger: Any) -> Any:
        """See `galsim.config.StampBuilder`."""
        values, _ = parameters(config, base, _REQUIRED, {}, ignore)
        band_of(values)
        _loaded(values["refiner"])
        return super().setup(config, base, xsize, ysize, [*ignore, *_REQUIRED], logger)

    def whiten(self, prof: Any, image: Any, config: Config, base: Config, logger: Any) -> float:
        """See `galsim.config.StampBuilder`."""
        if not base["do_noise_in_stamps"]:
            raise galsim.GalSimConfigError(
                f"AstroGANStamp refines stamps with their noise, but image.type = {base['image']['type']!r} adds it to "
                "the whole image: use Single, or Tiled without a negative border"
            )
        return float(super().whiten(prof, image, config, base, logger))

    def addNoise(self, config: Config, base: Config, image: Any, current_var: float, logger: Any) -> tuple[Any, float]:
        """See `galsim.config.StampBuilder`."""
        if "noise" not in base["image"]:
            raise galsim.GalSimConfigError("AstroGANStamp refines stamps with their noise: give image.noise")
        values, _ = parameters(config, base, _REQUIRED, {}, stamp_ignore)
        variance = galsim.ImageF(image.bounds, init_value=0.0)
        base["current_noise_image"] = image.copy()
        AddNoiseVariance(base, variance, True, logger)
        base.pop(OBSERVED, None)
        image, current_var = super().addNoise(config, base, image, current_var, logger)
        planes = {"variance": variance.array} | base.get(OBSERVED, {})
        sky = GetSky(base["image"], base, full=True)
        level = sky.array if isinstance(sky, galsim.Image) else sky
        samples = _samples(image.array - level, planes, band_of(values), base)
        refined = _loaded(values["refiner"]).apply(samples, seed=seed_of(config, base, logger), device="cpu")
        image.array[:] = refined["image"].values[0, 0] + level
        about = {name: refined.attrs[name] for name in ("model", "model_sha256", "label_safe") if name in refined.attrs}
        base[OBSERVED] = {**base.get(OBSERVED, {}), "attrs": about}
        return image, current_var


def _samples(image: Any, planes: Config, survey: Any, base: Config) -> xr.Dataset:
    """The stamp as one sample."""
    dims = ("sample", "band", "y", "x")
    variables: Config = {
        "image": (dims, np.asarray(image, np.float32)[None, None]),
        "variance": (dims, np.asarray(planes["variance"], np.float32)[None, None]),
        "sample_id": ("sample", np.array([base.get("obj_num", 0)], np.int64)),
        "qc_flag": ("sample", np.zeros(1, np.int8)),
    }
    if "mask" in planes:
        variables["mask"] = dims, planes["mask"][None, None]
    coords = {"band": ("band", list(survey.band_names))}
    return xr.Dataset(variables, coords, {"pixel_scale": survey.pixel_scale, "survey": survey.to_json()})


@lru_cache(maxsize=4)
def _loaded(path: str) -> Refiner:
    from astrogan.models.refiner import Refiner

    if not Path(path).is_file():
        raise galsim.GalSimConfigError(f"AstroGANStamp refiner = {path!r} is not a file")
    refiner = Refiner.load(path)
    if refiner.config.bands != 1:
        raise galsim.GalSimConfigError(
            f"AstroGANStamp refiner = {path!r} has {refiner.config.bands} bands; GalSim's images have one"
        )
    return refiner
