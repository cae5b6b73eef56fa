"""Samples as networks see them: pixels in units of each band's background rms, with what keeps their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrogan.networks.label_safe import constraint_basis, moment_templates
from catalogs import Survey
from simulators import adaptive_moments, streams
from simulators.moments import object_moments

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Stamps", "as_stamps", "background", "compress", "good_pixels", "psf_sizes"]

FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))  # of a Gaussian, in sigmas


def compress(x: Tensor) -> Tensor:
    """asinh: linear in the noise, logarithmic in sources; invertible by sinh."""
    return torch.asinh(x)


def background(samples: xr.Dataset) -> Tensor:
    """Background rms of each band (C,) [image unit], from the survey that the samples carry.

    Raises
    ------
    ValueError
        Where the survey has none, so that pixels cannot be scaled by it.
    """
    survey = Survey.from_json(samples.attrs["survey"])
    unit = torch.tensor([band.background_sigma for band in survey.bands], dtype=torch.float32)
    if not (unit > 0).all():
        raise ValueError("the survey of these samples has no background noise: pixels cannot be scaled by it")
    return unit


def psf_sizes(samples: xr.Dataset) -> Tensor:
    """FWHM [pixel] of the PSF of each sample and band, (N, C).

    Of the plane `psf`, where there is one: that of the Gaussian with its adaptive moments. Otherwise the survey's.
    """
    survey = Survey.from_json(samples.attrs["survey"])
    count = samples.sizes["sample"]
    given = np.array([band.psf_fwhm / survey.pixel_scale for band in survey.bands])
    sizes = np.tile(given, (count, 1))
    if "psf" in samples.variables and "psf_x" in samples["psf"].dims:
        measured = FWHM * adaptive_moments(samples["psf"].values, start_sigma=2.0).sigma
        sizes = np.where(np.isfinite(measured), measured, sizes)
    return torch.from_numpy(sizes.astype(np.float32))


@dataclass(frozen=True)
class Stamps:
    """Stamps in background sigmas.

    Attributes
    ----------
    image, sigma : (N, C, H, W)
        Pixels and their noise; 0 and 1 where they are not `good`.
    good : (N, C, H, W) bool
        Pixels that may change: finite, not flagged in `mask`, of a finite variance above zero.
    psf : (N, C)
        FWHM of the PSF [pixel].
    moments : (N, C, 5)
        Adaptive moments x, y, mxx, mxy, myy [pixel] of the object in the middle; NaN where they do not converge.
    tangents : (N, K, C, H, W)
        Derivatives by the labels; K = 0 where none were given.
    ids : (N,)
        Sample ids.
    low, high : (N, C)
        Black and white of each stamp, infinite where the survey cuts nothing: the stamp's own lowest pixel, and the
        survey's ceiling or the stamp's highest pixel.
    unit : (C,)
        Background rms of each band in the image's unit.
    """

    image: Tensor
    sigma: Tensor
    good: Tensor
    psf: Tensor
    moments: Tensor
    tangents: Tensor
    ids: Tensor
    low: Tensor
    high: Tensor
    unit: Tensor

    def __getitem__(self, at: slice) -> Stamps:
        """The stamps of a slice."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return Stamps(**{name: part if name == "unit" else part[at] for name, part in parts.items()})

    @property
    def rows(self) -> int:
        """Constraints on each stamp: six templates per band and the tangents."""
        return 6 * self.image.shape[1] + self.tangents.shape[1]

    def basis(self) -> Tensor:
        """Orthonormal basis of all changes that would move a label: tangents, and moment templates in each band."""
        templates = moment_templates(self.moments, (self.sigma.shape[-2], self.sigma.shape[-1]))
        tangents = self.tangents if self.tangents.shape[1] else None
        return constraint_basis(tangents, templates, self.sigma, self.good)

    def noise(self, channels: int, seed: int) -> Tensor:
        """White noise (N, channels, H, W), a function of (seed, sample id)."""
        shape = (channels, *self.image.shape[-2:])
        return torch.from_numpy(streams.normal(seed, self.ids.numpy(), "refiner.z", shape).astype(np.float32))


def as_stamps(samples: xr.Dataset, tangents: xr.DataArray | None = None) -> Stamps:
    """Bring samples (and the tangents of the same samples) to background sigmas.

    Raises
    ------
    ValueError
        Where `image` or `variance` is missing, the survey has no noise, no pixel may change, or the tangents belong to
        other samples.
    """
    for name in ("image", "variance"):
        if name not in samples:
            raise ValueError(f"samples have no variable {name!r}; a refiner needs image and variance")
    unit = background(samples)
    per_band = unit.numpy()[:, None, None]
    raw, variance = samples["image"].values, samples["variance"].values
    good = good_pixels(samples)
    if not good.any():
        raise ValueError("no pixel of these samples is unmasked, finite and of a finite variance above zero")
    image = torch.from_numpy(np.where(good, raw, 0.0).astype(np.float32) / per_band)
    sigma = torch.from_numpy(np.sqrt(np.where(good, variance, per_band**2)).astype(np.float32) / per_band)
    moments = torch.from_numpy(object_moments((np.nan_to_num(raw) / per_band).astype(np.float32)).weight)
    ids = samples["sample_id"].values
    planes = torch.zeros(len(image), 0, *image.shape[1:])
    if tangents is not None:
        if not np.array_equal(tangents["sample_id"].values, ids):
            raise ValueError("the tangents belong to other samples: their sample_id differs")
        planes = torch.from_numpy(tangents.values / per_band)
    about = (torch.from_numpy(good), psf_sizes(samples), moments, planes, torch.from_numpy(ids))
    return Stamps(image, sigma, *about, *_limits(image, samples, unit), unit)


def good_pixels(samples: xr.Dataset) -> NDArray[np.bool_]:
    """Pixels of `image` that are finite, not flagged in `mask`, and of a finite `variance` above zero.

    Raises
    ------
    ValueError
        Where mask or variance are of another shape than the image; a mask may lack its bands.
    """
    image = samples["image"].values
    good = np.isfinite(image)
    for name in ("variance", "mask"):
        if name not in samples.variables:
            continue
        plane = samples[name].values
        plane = np.expand_dims(plane, -3) if name == "mask" and plane.ndim == image.ndim - 1 else plane
        if plane.ndim != image.ndim or any(a not in (b, 1) for a, b in zip(plane.shape, image.shape, strict=True)):
            raise ValueError(f"{name} of shape {samples[name].shape} does not belong to an image of {image.shape}")
        good &= (plane == 0) if name == "mask" else np.isfinite(plane) & (plane > 0)
    return np.asarray(good)


def _limits(image: Tensor, samples: xr.Dataset, unit: Tensor) -> tuple[Tensor, Tensor]:
    """Black and white of each stamp, (N, C) each."""
    bands = Survey.from_json(samples.attrs["survey"]).bands
    floor, ceiling = (torch.tensor([getattr(band, name) for band in bands]) / unit for name in ("floor", "ceiling"))
    low = torch.where(floor.isfinite(), image.amin((-2, -1)), floor)
    return low, torch.where(ceiling.isfinite(), torch.maximum(ceiling, image.amax((-2, -1))), ceiling)
