"""Conditional inpainting: what a survey did not observe, as mean, standard deviation and draws from the posterior.

Two heads around a Gaussian process, whose mean is the linear estimator (LMMSE): mean and variance (Gaussian likelihood;
Nix & Weigend 1994), and a sampler trained as rcGAN (Bendel, Ahmad & Schniter 2023), both U-Nets with Fourier units
(Suvorov et al. 2022). What was observed is returned bit for bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrogan.dataset.schema import PLANES
from astrogan.models.frames import as_sample
from astrogan.models.holes import Holes, as_holes, white_noise
from astrogan.models.inpainting_networks import MeanNetwork, SamplerNetwork, Windows
from astrogan.networks import MultiScaleCritic
from astrogan.networks.files import load_model, save_model
from astrogan.networks.gaussian import WindowProcess
from astrogan.networks.windows import Blend
from astrogan.training import cpu_threads, pick_device
from catalogs.checks import within

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Filled", "Inpainter", "InpainterConfig", "windows_of"]

Array = NDArray[np.float32]
CHUNK = 64  # windows that are filled together


@dataclasses.dataclass(frozen=True)
class InpainterConfig:
    """Size of an inpainter.

    Parameters
    ----------
    bands : int
        Bands in and out.
    size : int
        Side of the windows that the networks see [pixel]; larger images are filled in overlapping windows.
    width, levels : int
        Channels at full resolution, and resolutions, of both U-Nets.
    fourier : bool
        Put a Fourier unit on every level.
    rank : int
        Axes of the Gaussian process.
    critic_width : int
        Channels of the local critics, kept with the model so that training can go on.
    seed : int
        Of the initial weights.
    """

    bands: int
    size: int = 32
    width: int = 24
    levels: int = 3
    fourier: bool = True
    rank: int = 512
    critic_width: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {"bands": (1, 64), "size": (24, 64), "width": (4, 512), "levels": (1, 4), "rank": (8, 4096)}
        for name, (low, high) in {**limits, "critic_width": (4, 512)}.items():
            within(f"inpainter {name}", getattr(self, name), low, high)


@dataclasses.dataclass(frozen=True)
class Filled:
    """Mean and std (N, C, H, W) in background sigmas, and draws (N, D, C, H, W), good in holes alone."""

    mean: Array
    std: Array
    draws: Array


class Inpainter:
    """Fills holes of calibrated images.

    Parameters
    ----------
    config : InpainterConfig
    card : mapping, optional
        What the model is and was trained on; saved beside the weights.
    """

    def __init__(self, config: InpainterConfig, card: dict[str, Any] | None = None) -> None:
        self.config = config
        self.card: dict[str, Any] = dict(card or {})
        size: dict[str, Any] = {"width": config.width, "levels": config.levels, "fourier": config.fourier}
        self.process = WindowProcess(config.bands, config.size, config.rank)
        self.mean = MeanNetwork(config.bands, seed=config.seed, **size)
        self.sampler = SamplerNetwork(config.bands, seed=config.seed + 1, **size)
        critic = MultiScaleCritic(2 * config.bands, width=config.critic_width, seed=config.seed)
        parts = {"process": self.process, "mean": self.mean, "sampler": self.sampler, "critic": critic}
        self.networks = nn.ModuleDict(parts)

    def apply(
        self,
        samples: xr.Dataset,
        n: int = 0,
        *,
        seed: int = 0,
        flags: Iterable[str] | None = None,
        device: str = "auto",
    ) -> xr.Dataset:
        """Fill the holes of every stamp, or of a frame; whatever was observed stays as it is, bit for bit.

        The result has the posterior mean in holes of `image`, its standard deviation as `image_std` (0 where observed)
        and, for n > 0, draws of the whole image as `image_draws` (sample, draw, band, y, x): pixels as they would have
        been observed, noise included. Draw k is a function of (seed, sample id, k). Where no band of a stamp was
        observed, mean and draws are those of the training set.

        Parameters
        ----------
        samples : Dataset
            With `image` and, where there are, `variance`, `mask` and `psf`; of any size. Holes are pixels that are
            flagged in `mask`, not finite, or without a finite variance above zero.
        n : int
            Draws.
        flags : names, optional
            Flags of `mask` that make a hole; all by default.

        Raises
        ------
        ValueError
            For another number of bands than the model's, a model that was not trained, and as of
            `astrogan.dataset.masks.hole_pixels`.
        """
        within("draws", n, 0, 4096)
        if samples.sizes["band"] != self.config.bands:
            raise ValueError(f"the inpainter has {self.config.bands} bands, the samples have {samples.sizes['band']}")
        frame = "sample" not in samples.dims
        planes = as_sample(samples) if frame else samples
        holes = as_holes(planes, flags)
        filled = self.fill(holes, n, seed=seed, device=device)
        made = _with_filled(planes, holes, filled)
        parts = {name: made[name].isel(sample=0) if frame else made[name] for name in _names(n)}
        return samples.assign(parts).assign_attrs(self.provenance(seed))

    __call__ = apply

    def provenance(self, seed: int) -> dict[str, Any]:
        """Attributes that say what filled the holes."""
        about = {"inpainted_by": str(self.card.get("name", "inpainter")), "inpainted_seed": seed}
        weights = self.card.get("weights_sha256")
        return {**about, "inpainter_sha256": weights} if weights else about

    def fill(self, holes: Holes, n: int = 0, *, seed: int = 0, device: str = "auto") -> Filled:
        """Fill stamps in background sigmas, window by window."""
        if not self.process.power.any():
            raise ValueError("this inpainter has not been trained: its Gaussian process knows no covariance")
        side, (height, width) = self.config.size, holes.image.shape[-2:]
        padded = _padded(holes, (max(height, side), max(width, side)))
        blend = Blend((max(height, side), max(width, side)), side)
        count, bands = padded.image.shape[:2]
        mean, std = np.zeros((2, count, bands, *blend.shape), np.float32)
        draws = np.zeros((count, n, bands, *blend.shape), np.float32)
        first, second = blend.weights()
        where = pick_device(device)
        with cpu_threads(), torch.no_grad():
            for head in (self.mean, self.sampler):
                head.to(where).eval()
            for number, (y, x) in enumerate(blend.places):
                at = slice(y, y + side), slice(x, x + side)
                touched = torch.nonzero(~padded.known[..., at[0], at[1]].flatten(1).all(1))[:, 0]
                for start in range(0, len(touched), CHUNK):
                    index = touched[start : start + CHUNK]
                    found = self._window(_cut(padded[index], at), n, f"inpaint.{number}", seed, where)
                    for total, part in zip((mean, std), found[:2], strict=True):
                        total[index.numpy(), :, at[0], at[1]] += blend.bump / first[at] * part
                    draws[index.numpy(), :, :, at[0], at[1]] += blend.bump / second[at] * found[2]
        draws += mean[:, None]
        inner = (..., slice(None, height), slice(None, width))
        return Filled(mean[inner], std[inner], draws[inner])

    def _window(self, part: Holes, n: int, effect: str, seed: int, where: torch.device) -> tuple[Array, Array, Array]:
        """Mean, std and departures of draws of one window of each stamp."""
        shape = (n, *part.image.shape[1:])
        noise = {name: white_noise(part.ids, shape, seed, f"{effect}.{name}") for name in ("e", "z")}
        planes = windows_of(self.process, part, noise["e"])
        windows = {name: one.to(where) for name, one in planes.items()}
        mean, std = self.mean(windows)
        departures = torch.zeros(len(part.image), *shape)
        for k in range(n):
            z = noise["z"][:, k].to(where)
            drawn = self.sampler(windows, mean, std, windows["departures"][:, k], z)
            departures[:, k] = (drawn - mean).cpu()
        return mean.cpu().numpy(), std.cpu().numpy(), departures.numpy()

    def save(self, path: str | Path) -> None:
        """Write ``<path>`` (safetensors) and its JSON card beside it."""
        save_model(path, self.networks, {**self.card, "model": "inpainter", "config": dataclasses.asdict(self.config)})

    @classmethod
    def load(cls, path: str | Path) -> Inpainter:
        """Read an inpainter; refuses files that are damaged, pickled, of another model or version, or not finite."""
        card, state = load_model(path, "inpainter")
        try:
            inpainter = cls(InpainterConfig(**card["config"]), card)
            inpainter.networks.load_state_dict(state)
        except (RuntimeError, TypeError, KeyError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"{path}: the model does not fit its card: {reason}") from None
        return inpainter


def windows_of(process: WindowProcess, part: Holes, white: Tensor) -> Windows:
    """What the networks see of windows: with mean, spread and departures (one for each draw) of the Gaussian process.

    A band that was not observed at all is guessed from the others, at the typical ratio of their amplitudes.

    Parameters
    ----------
    white : Tensor (N, D, C, S, S)
        White noise of D draws.
    """
    base, spread, departures = process(part.image, part.known, white)
    seen = part.known.flatten(2).any(2)
    if not bool(seen.all()):
        level = process.amplitude[:, None, None]
        weight = seen.to(base.dtype)[..., None, None]
        guess = (base / level * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1.0) * level
        base = torch.where(seen[..., None, None], base, guess)
    planes = {"image": part.image, "sigma": part.sigma, "known": part.known, "psf": part.psf}
    return {**planes, "base": base, "spread": spread, "departures": departures}


def _cut(part: Holes, at: tuple[slice, slice]) -> Holes:
    image, sigma, known = (one[..., at[0], at[1]] for one in (part.image, part.sigma, part.known))
    return Holes(image, sigma, known, part.psf, part.ids, part.unit)


def _padded(holes: Holes, shape: tuple[int, int]) -> Holes:
    """Stamps smaller than a window, with pixels that nobody observed behind their ends."""
    height, width = holes.image.shape[-2:]
    if shape == (height, width):
        return holes
    rim = (0, shape[1] - width, 0, shape[0] - height)
    image, known = (nn.functional.pad(one, rim) for one in (holes.image, holes.known))
    sigma = nn.functional.pad(holes.sigma, rim, mode="replicate")
    return Holes(image, sigma, known, holes.psf, holes.ids, holes.unit)


def _names(n: int) -> tuple[str, ...]:
    return ("image", "image_std", "image_draws") if n else ("image", "image_std")


def _with_filled(samples: xr.Dataset, holes: Holes, filled: Filled) -> xr.Dataset:
    """Samples with their holes filled, in their own unit."""
    unit, known = holes.unit.numpy()[:, None, None], holes.known.numpy()
    before = samples["image"]
    image = np.where(known, before.values, filled.mean * unit).astype(np.float32)
    std = np.where(known, 0.0, filled.std * unit).astype(np.float32)
    units = {"units": before.attrs["units"]} if "units" in before.attrs else {}
    about = {**units, "long_name": PLANES["image_std"].long_name}
    made = samples.assign(image=before.copy(data=image), image_std=(before.dims, std, about))
    if not filled.draws.shape[1]:
        return made
    draws = np.where(known[:, None], before.values[:, None], filled.draws * unit).astype(np.float32)
    dims = (before.dims[0], "draw", *before.dims[1:])
    return made.assign(image_draws=(dims, draws, {**units, "long_name": PLANES["image_draws"].long_name}))
