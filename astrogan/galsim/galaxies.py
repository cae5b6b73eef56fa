"""Object types of config['gal'] and config['psf']: AstroGANGalaxy, AstroGANLens, AstroGANPSF."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import galsim
import numpy as np
import xarray as xr
from galsim.config import ParseValue
from numpy.typing import NDArray

from astrogan.dataset.schema import label_names
from astrogan.galsim._parameters import TRUTH, Config, band_of, parameters, seed_of, survey_of
from astrogan.galsim.objects import light_object, psf_object
from catalogs.checks import one_of, within
from simulators import Gaussian, StrongLens, WeakLens
from simulators.light import BulgeDisk, ImageSource, Knots, Sersic
from simulators.light import Gaussian as GaussianLight

__all__ = ["build_galaxy", "build_lens", "build_psf"]

Built = tuple[galsim.GSObject, bool]
_LIGHTS: dict[str, Any] = {"sersic": Sersic, "gaussian": GaussianLight, "bulge-disk": BulgeDisk, "knots": Knots}
_IMAGE_LABELS = ("flux", "image_index", "zoom", "angle", "x", "y")
_MOST_PIXELS = 2048


def build_galaxy(config: Config, base: Config, ignore: list[str], gsparams: Config, logger: Any) -> Built:
    """An intrinsic galaxy; labels that are not given are drawn from a population, except the place, which is 0."""
    light = ParseValue(config, "light", base, str)[0] if "light" in config else "sersic"
    labels = _IMAGE_LABELS if one_of("light", light, [*_LIGHTS, "images"]) == "images" else tuple(_LIGHTS[light].ranges)
    options: dict[str, type] = dict.fromkeys(("light", "survey", "band", "population", "catalog"), str)
    options |= {"deconvolve": bool} if light == "images" else {}
    values, safe = parameters(config, base, {}, options | dict.fromkeys(labels, float), ignore)
    if ("catalog" in values) != (light == "images"):
        raise galsim.GalSimConfigError("AstroGANGalaxy: catalog = a RealGalaxyCatalog's file goes with light: images")
    given = {"x": 0.0, "y": 0.0} | {name: values[name] for name in labels if name in values}
    missing = [name for name in labels if name not in given]
    truth: dict[str, Any] = {name: ((), np.float64(value)) for name, value in given.items()}
    if missing:
        _needs_survey(config, values, missing)
        choice = (values["survey"], values["band"], light, values.get("catalog"), values.get("population"))
        drawn = _drawn(_weak_lens(*choice), given, seed_of(config, base, logger), base)
        truth, safe = {name: drawn[name] for name in labels}, False
    truth["flux"] = ("band",), np.full(1, np.ravel(truth["flux"][1])[0])
    profile: Any = _images(values["catalog"]) if light == "images" else _LIGHTS[light]
    config[TRUTH] = truth
    galaxy = profile(**{name: np.ravel(truth[name][1]) for name in labels})
    return light_object(galaxy, _params(gsparams), deconvolve=values.get("deconvolve", True)), safe


def build_lens(config: Config, base: Config, ignore: list[str], gsparams: Config, logger: Any) -> Built:
    """A lens: its own light as GalSim's profiles, and its arcs as an image by `StrongLens`."""
    labels = tuple(name for name in StrongLens(survey="lsst", bands="r").layout.labels)
    optional: dict[str, type] = {"population": str, "width": float, "fine_scale": float, "deconvolve": bool}
    optional |= dict.fromkeys(labels, float)
    values, _ = parameters(config, base, {"survey": str, "band": str}, optional, ignore)
    scale = survey_of(values["survey"]).pixel_scale
    width = float(within("AstroGANLens width", values.get("width", 64 * scale), scale, 600.0, "arcsec"))
    fine = float(within("AstroGANLens fine_scale", values.get("fine_scale", scale / 4), 1e-4, scale, "arcsec"))
    size = int(within("AstroGANLens width / fine_scale", np.ceil(width / fine), 16, _MOST_PIXELS, "pixels"))
    simulator = _strong_lens(values["survey"], values["band"], size, fine, values.get("population"))
    given = {name: values[name] for name in labels if name in values}
    truth = _drawn(simulator, given, seed_of(config, base, logger), base)
    config[TRUTH] = truth
    params = _params(gsparams)
    own = {name: np.ravel(truth[f"light_{name}"][1]) for name in Sersic.ranges}
    arcs = _arcs(simulator, truth, values.get("deconvolve", True), params)
    return galsim.Add([light_object(Sersic(**own), params), arcs], gsparams=params), False


def build_psf(config: Config, base: Config, ignore: list[str], gsparams: Config, logger: Any) -> Built:
    """The PSF that a survey records."""
    values, safe = parameters(config, base, {"survey": str, "band": str}, {}, ignore)
    return psf_object(band_of(values).bands[0], _params(gsparams)), safe


def _arcs(simulator: StrongLens, truth: Mapping[str, Any], sharp: bool, params: Any) -> galsim.GSObject:
    """The lensed light of the sources; `sharp` takes out again the PSF and the pixels that rays were seen with."""
    labels = {name: values[None] for name, (_, values) in truth.items() if name in simulator.layout.labels}
    image = simulator.render({**labels, "light_flux": 0.0})["image"].values[0, 0].astype(np.float64)
    scale = simulator.grid.scale
    if not image.any():
        return galsim.Gaussian(fwhm=scale, flux=0.0, gsparams=params)
    pixels = galsim.Image(image, scale=scale)
    if not sharp:  # GalSim shoots sums wrongly where interpolation makes a part negative
        return galsim.InterpolatedImage(pixels, x_interpolant="linear", gsparams=params)
    seen = galsim.InterpolatedImage(pixels, gsparams=params)
    kernel = galsim.Convolve(galsim.Gaussian(fwhm=2.0 * scale), galsim.Pixel(scale))
    return galsim.Convolve(seen, galsim.Deconvolve(kernel), gsparams=params)


def _drawn(simulator: Any, given: Mapping[str, float], seed: int, base: Config) -> dict[str, Any]:
    """Label -> (dims, values) of one object, those `given` over what the population gives."""

    def config(seed: int, ids: NDArray[np.int64], survey: Any) -> dict[str, Any]:
        return {name: np.full(len(ids), value) for name, value in given.items()}

    one = dataclasses.replace(simulator, population=(*simulator.population, config)) if given else simulator
    truth: xr.Dataset = one.draw(1, seed, start=int(base.get("obj_num", 0)))
    return {name: (truth[name].dims[1:], truth[name].variable[0].values) for name in label_names(truth)}


def _needs_survey(config: Config, values: Config, missing: list[str]) -> None:
    lacking = [name for name in ("survey", "band") if name not in values]
    if lacking:
        raise galsim.GalSimConfigError(
            f"{config['type']}: {', '.join(missing)} are drawn as of a survey's galaxies where they are not given: "
            f"{' and '.join(lacking)} must say which"
        )


def _params(gsparams: Config) -> galsim.GSParams | None:
    return galsim.GSParams(**gsparams) if gsparams else None


def _layers(population: str | None) -> tuple[str, ...]:
    return (population,) if population else ()


@lru_cache(maxsize=16)
def _images(catalog: str) -> Any:
    from astrogan.dataset.real_galaxies import read_real_galaxies

    galaxies = tuple(read_real_galaxies(catalog))
    return lambda **labels: ImageSource(galaxies, **labels)


@lru_cache(maxsize=16)
def _weak_lens(survey: str, band: str, light: str, catalog: str | None, population: str | None) -> WeakLens:
    chosen: Any = light if catalog is None else _images(catalog)().galaxies
    return WeakLens(survey=survey_of(survey), bands=[band], light=chosen, population=_layers(population))


@lru_cache(maxsize=16)
def _strong_lens(survey: str, band: str, size: int, scale: float, population: str | None) -> StrongLens:
    psf = Gaussian(2.0 * scale)
    layers = _layers(population)
    return StrongLens(survey=survey_of(survey), bands=[band], size=size, pixel_scale=scale, psf=psf, population=layers)
