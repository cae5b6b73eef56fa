"""Samples as networks see them: pixels in units of each band's background rms, with what keeps their labels."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from astrogan.networks.label_safe import constraint_basis, moment_templates
from catalogs import Survey
from simulators import adaptive_moments, streams

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Stamps", "as_stamps", "background", "compress"]


def compress(x: Tensor) -> Tensor:
    """asinh: linear in the noise, logarithmic in sources; invertible by sinh."""
    return torch.asinh(x)


def background(samples: xr.Dataset) -> Tensor:
    """Background rms of each band (C,) [image unit], from the survey that the samples carry."""
    survey = Survey.from_json(samples.attrs["survey"])
    return torch.tensor([band.background_sigma for band in survey.bands], dtype=torch.float32)


@dataclass(frozen=True)
class Stamps:
    """Stamps in background sigmas.

    Attributes
    ----------
    image, sigma : (N, C, H, W)
        Pixels and their noise.
    moments : (N, C, 5)
        Adaptive moments x, y, mxx, mxy, myy [pixel]; NaN where they do not converge.
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

    def basis(self) -> Tensor:
        """Orthonormal basis of all changes that would move a label: tangents, and moment templates in each band."""
        templates = moment_templates(self.moments, (self.sigma.shape[-2], self.sigma.shape[-1]))
        return constraint_basis(self.tangents if self.tangents.shape[1] else None, templates, self.sigma)

    def noise(self, channels: int, seed: int) -> Tensor:
        """White noise (N, channels, H, W), a function of (seed, sample id)."""
        shape = (channels, *self.image.shape[-2:])
        return torch.from_numpy(streams.normal(seed, self.ids.numpy(), "refiner.z", shape).astype(np.float32))


def as_stamps(samples: xr.Dataset, tangents: xr.DataArray | None = None) -> Stamps:
    """Bring samples (and the tangents of the same samples) to background sigmas.

    Raises
    ------
    ValueError
        Where `image` or `variance` is missing, the survey has no noise, or the tangents belong to other samples.
    """
    for name in ("image", "variance"):
        if name not in samples:
            raise ValueError(f"samples have no variable {name!r}; a refiner needs image and variance")
    unit = background(samples)
    if not (unit > 0).all():
        raise ValueError("the survey of these samples has no background noise: pixels cannot be scaled by it")
    per_band = unit[:, None, None]
    image = torch.from_numpy(samples["image"].values) / per_band
    sigma = torch.from_numpy(np.sqrt(samples["variance"].values)) / per_band
    moments = torch.from_numpy(adaptive_moments(image.numpy()).weight)
    ids = samples["sample_id"].values
    planes = torch.zeros(len(image), 0, *image.shape[1:])
    if tangents is not None:
        if not np.array_equal(tangents["sample_id"].values, ids):
            raise ValueError("the tangents belong to other samples: their sample_id differs")
        planes = torch.from_numpy(tangents.values) / per_band
    return Stamps(image, sigma, moments, planes, torch.from_numpy(ids), *_limits(image, samples, unit), unit)


def _limits(image: Tensor, samples: xr.Dataset, unit: Tensor) -> tuple[Tensor, Tensor]:
    """Black and white of each stamp, (N, C) each."""
    bands = Survey.from_json(samples.attrs["survey"]).bands
    floor, ceiling = (torch.tensor([getattr(band, name) for band in bands]) / unit for name in ("floor", "ceiling"))
    low = torch.where(floor.isfinite(), image.amin((-2, -1)), floor)
    return low, torch.where(ceiling.isfinite(), torch.maximum(ceiling, image.amax((-2, -1))), ceiling)
