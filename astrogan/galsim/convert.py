"""GalSim objects of samples, and what surveys and light take from GalSim's objects."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import galsim
import numpy as np
import xarray as xr

from catalogs import Band, Survey
from catalogs.checks import one_of, within
from simulators.light import GalaxyImage

__all__ = ["galaxy_image", "to_galsim", "with_noise"]

NEGLIGIBLE = 1e-3  # autocorrelation, at the lags that are left out


def to_galsim(
    samples: xr.Dataset, sample: int, band: str | None = None, *, rng: galsim.BaseDeviate | None = None
) -> galsim.InterpolatedImage:
    """A stamp, such as a refined one, as a GalSim object with its noise.

    The PSF and the pixels are in it: draw it with ``method="no_pixel"``. Its attribute `noise` is the correlated noise
    of the survey's background with the stamp's mean variance, which ``image.whitenNoise(object.noise)`` and the
    config's ``whiten`` take; without variances it is None.

    Parameters
    ----------
    sample
        Its place along ``sample``.
    band
        Its name; may be left out where there is one only.
    rng
        For the noise.

    Raises
    ------
    ValueError
        For a sample or band that is not there, or pixels that are not finite.
    """
    names = samples["band"].values.tolist()
    at = names.index(one_of("band", names[0] if band is None and len(names) == 1 else str(band), names))
    count = samples.sizes["sample"]
    within("sample", sample, -count, count - 1)
    pixels = np.array(samples["image"].variable[sample, at].values, dtype=np.float64)
    within("pixels of the stamp", pixels, -math.inf, math.inf)
    scale = float(samples.attrs["pixel_scale"])
    made = galsim.InterpolatedImage(galsim.Image(pixels, scale=scale))
    if "variance" in samples.variables:
        variance = float(samples["variance"].variable[sample, at].values.mean(dtype=np.float64))
        acf = Survey.from_json(samples.attrs["survey"]).bands[at].acf
        if variance > 0.0:
            made.noise = _noise(variance * acf, scale, rng)
    return made


def _noise(covariance: Any, scale: float, rng: galsim.BaseDeviate | None) -> Any:
    """GalSim's noise of an autocovariance (2L+1, 2L+1) at whole lags."""
    if covariance.size == 1:
        return galsim.UncorrelatedNoise(float(covariance[0, 0]), rng=rng, scale=scale)
    padded = galsim.Image(np.pad(covariance, 1), scale=scale)
    settings: dict[str, Any] = {"calculate_stepk": False, "calculate_maxk": False, "x_interpolant": "linear"}
    profile = galsim.InterpolatedImage(padded, normalization="sb", **settings)
    return galsim.correlatednoise.BaseCorrelatedNoise(rng, profile, galsim.PixelScale(scale))


def with_noise(band: Band, noise: Any, pixel_scale: float, most: int = 10) -> Band:
    """A survey's band with the Gaussian background that a GalSim correlated noise describes.

    Parameters
    ----------
    noise : galsim.CorrelatedNoise or galsim.UncorrelatedNoise
        In the unit of the band's images; such as a `RealGalaxy`'s, or one measured on an image.
    pixel_scale
        Of the survey [arcsec].
    most
        Largest lag that is kept [pixel]; lags at the rim whose autocorrelation is below 1e-3 are left out.

    Raises
    ------
    ValueError
        For something that is no such noise, or whose variance is below that of the band's photons.
    """
    if not isinstance(noise, galsim.correlatednoise.BaseCorrelatedNoise):
        raise ValueError(f"noise = {noise!r} is no correlated noise of GalSim")
    most = int(within("most", most, 0, 100, "pixels"))
    side = 2 * most + 1
    covariance = noise.drawImage(galsim.Image(side, side, dtype=float), scale=pixel_scale).array
    variance = float(within("variance of the noise", covariance[most, most], 0.0, 1e30, open_low=True))
    acf = np.clip(0.5 * (covariance + covariance[::-1, ::-1]) / variance, -1.0, 1.0)
    lags = np.maximum(*np.abs(np.indices(acf.shape) - most))
    cut = most - int(lags[np.abs(acf) >= NEGLIGIBLE].max())
    acf = acf[cut : side - cut, cut : side - cut]
    rows = tuple(map(tuple, acf.tolist()))
    return dataclasses.replace(band, background_sigma=math.sqrt(variance), autocorrelation=rows)


def galaxy_image(real: Any) -> GalaxyImage:
    """The image of a `galsim.RealGalaxy` and the PSF in it, for `simulators.light.ImageSource`.

    Raises
    ------
    ValueError
        For another object.
    """
    if not isinstance(real, galsim.RealGalaxy):
        raise ValueError(f"{real!r} is no galsim.RealGalaxy")
    psf = real.psf_image
    return GalaxyImage(real.gal_image.array, real.pixel_scale, psf.array, psf.scale or real.pixel_scale)
