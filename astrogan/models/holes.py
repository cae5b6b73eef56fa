"""Samples with holes as inpainters see them: pixels in background sigmas, and which of them were observed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrogan.dataset.masks import hole_pixels
from astrogan.models.scaling import background, psf_sizes
from catalogs.checks import within
from simulators import streams

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

__all__ = ["Holes", "as_holes", "white_noise"]


@dataclass(frozen=True)
class Holes:
    """Stamps of which some pixels were not observed.

    Attributes
    ----------
    image, sigma : Tensor (N, C, H, W)
        Pixels and their noise in background sigmas; 0 and the typical noise of the band where they are not `known`.
    known : Tensor (N, C, H, W) bool
    psf : Tensor (N, C)
        FWHM of the PSF [pixel].
    ids : Tensor (N,)
        Sample ids.
    unit : Tensor (C,)
        Background rms of each band in the image's unit.
    """

    image: Tensor
    sigma: Tensor
    known: Tensor
    psf: Tensor
    ids: Tensor
    unit: Tensor

    def __getitem__(self, at: slice | Tensor) -> Holes:
        """Some of the stamps."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return Holes(**{name: part if name == "unit" else part[at] for name, part in parts.items()})


def as_holes(samples: xr.Dataset, flags: Iterable[str] | None = None) -> Holes:
    """Bring samples to background sigmas; a hole is what `astrogan.dataset.masks.hole_pixels` says.

    Without `variance` the noise is the survey's background.

    Raises
    ------
    ValueError
        Where there is no `image`, the survey has no noise, and as of `hole_pixels`.
    """
    if "image" not in samples.variables or samples["image"].dims != ("sample", "band", "y", "x"):
        raise ValueError("inpainting needs samples with a variable 'image' (sample, band, y, x)")
    unit = background(samples)
    known = ~hole_pixels(samples, flags)
    per_band = unit.numpy()[:, None, None]
    image = np.where(known, samples["image"].values, 0.0).astype(np.float32) / per_band
    sigma = np.ones_like(image)
    if "variance" in samples.variables:
        sigma = np.sqrt(np.where(known, samples["variance"].values, per_band**2)).astype(np.float32) / per_band
        sigma = np.where(known, sigma, _typical(sigma, known))
    ids = torch.from_numpy(samples["sample_id"].values)
    tensors = [torch.from_numpy(np.ascontiguousarray(one)) for one in (image, sigma, known)]
    return Holes(tensors[0], tensors[1], tensors[2], psf_sizes(samples), ids, unit)


def _typical(sigma: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Rms noise of the known pixels of each stamp and band, 1 where there are none."""
    count = known.sum((-1, -2), keepdims=True)
    square = np.where(known, sigma**2, 0.0).sum((-1, -2), keepdims=True)
    typical = np.sqrt(np.where(count > 0, square / np.maximum(count, 1), 1.0))
    return np.asarray(typical, dtype=np.float32)


def white_noise(ids: Tensor, shape: tuple[int, ...], seed: int, effect: str) -> Tensor:
    """White noise (N, *shape), a function of (seed, effect, sample id)."""
    within("seed", seed, 0, 2**62)
    return torch.from_numpy(streams.normal(seed, ids.numpy(), effect, shape).astype(np.float32))
