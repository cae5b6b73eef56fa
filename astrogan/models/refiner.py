"""The refiner: SimGAN (Shrivastava et al. 2017) with R3GAN's losses and a layer that keeps every label.

In units of each band's background rms, with σ the noise of a pixel and f the network's answer to asinh(x), log σ, the
PSF's size and white noise z:

    r  = s L tanh(f / L), s² = σ² + (φ x)²       what the network would change: some σ, or some tenths of the light
    x' = x + P t r                               what the label-safe projection P (and black and white) lets it change,
                                                 at strength t
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from astrogan.models.scaling import Stamps, as_stamps, compress
from astrogan.networks import MultiScaleCritic, ResidualTrunk
from astrogan.networks.files import load_model, save_model
from astrogan.networks.label_safe import project_within
from astrogan.networks.tiling import in_tiles
from astrogan.training import cpu_threads, mixed_precision, pick_device
from catalogs.checks import one_of, within

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Refiner", "RefinerConfig", "chunk_size", "shipped_weights"]

ASINH_LIMIT = 1.5  # of "asinh": a pixel can grow or shrink at most about 4.5 times
CHUNK = 128  # stamps that are refined together, at most
BASIS_BYTES = 2**28  # of their constraints, at most
RESIDUALS = ("noise", "asinh")


@dataclasses.dataclass(frozen=True)
class RefinerConfig:
    """Size and limits of a refiner.

    Parameters
    ----------
    bands : int
        Bands in and out.
    width, blocks : int
        Channels and residual blocks of the trunk.
    noise : int
        Channels of white noise z: a refiner without them could not add anything random.
    critic_width : int
        Channels of the local critics, kept with the refiner so that training can go on.
    seed : int
        Of the initial weights.
    strength : float
        Share of the residual that `apply` adds, 0 to 1; training is always at 1.
    psf : bool
        Tell the network the size of the PSF in each band.
    residual : {"noise", "asinh"}
        What limits a change: ``noise`` the pixel's own noise and light, ``asinh`` its brightness alone, as before
        version 2 of the model card (where a bright smooth neighbour is, that paints blotches of many σ).
    reach : float
        L: the largest change of a faint pixel [σ].
    fraction : float
        φ: a bright pixel changes by at most reach x fraction of its light.
    """

    bands: int
    width: int = 16
    blocks: int = 3
    noise: int = 2
    critic_width: int = 24
    seed: int = 0
    strength: float = 1.0
    psf: bool = True
    residual: str = "noise"
    reach: float = 3.0
    fraction: float = 0.1

    def __post_init__(self) -> None:
        limits = {"bands": (1, 64), "width": (4, 512), "blocks": (1, 32), "noise": (0, 16), "critic_width": (4, 512)}
        for name, (low, high) in {**limits, "strength": (0, 1), "reach": (0.1, 100), "fraction": (0, 1)}.items():
            within(f"refiner {name}", getattr(self, name), low, high)
        one_of("refiner residual", self.residual, RESIDUALS)


class RefinerNetwork(nn.Module):
    """The residual r of a stamp before the projection."""

    tile = 256  # pixels; larger images are made of such tiles, which saves memory and changes nothing

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.config = config
        inputs = (3 if config.psf else 2) * config.bands + config.noise
        self.trunk = ResidualTrunk(inputs, config.bands, width=config.width, blocks=config.blocks, seed=config.seed)

    def forward(self, x: Tensor, sigma: Tensor, psf: Tensor, z: Tensor) -> Tensor:
        """What would be added to stamps.

        Parameters
        ----------
        x, sigma : Tensor (N, C, H, W)
            Pixels and their noise in background sigmas.
        psf : Tensor (N, C)
            FWHM of the PSF [pixel].
        z : Tensor (N, noise, H, W)

        Returns
        -------
        Tensor (N, C, H, W)
            r, in background sigmas.
        """
        u = compress(x)
        planes = [u, torch.log(sigma), z]
        if self.config.psf:
            planes.append(torch.log(psf)[..., None, None].expand_as(x))
        with mixed_precision(x.device):
            change = in_tiles(self.trunk, torch.cat(planes, dim=1), self.trunk.halo, self.tile)
        return self._limited(x, u, sigma, change.float())

    def _limited(self, x: Tensor, u: Tensor, sigma: Tensor, change: Tensor) -> Tensor:
        if self.config.residual == "asinh":
            return torch.sinh(u + ASINH_LIMIT * torch.tanh(change / ASINH_LIMIT)) - torch.sinh(u)
        scale = torch.sqrt(sigma.square() + (self.config.fraction * x).square())
        return scale * self.config.reach * torch.tanh(change / self.config.reach)


class Refiner:
    """Moves simulated stamps onto the look of real ones without moving their labels.

    Parameters
    ----------
    config : RefinerConfig
    card : mapping, optional
        What the model is and was trained on; saved beside the weights.
    """

    def __init__(self, config: RefinerConfig, card: dict[str, Any] | None = None) -> None:
        self.config = config
        self.card: dict[str, Any] = dict(card or {})
        critic = MultiScaleCritic(config.bands, width=config.critic_width, seed=config.seed)
        self.networks = nn.ModuleDict({"refiner": RefinerNetwork(config), "critic": critic})

    def apply(
        self,
        samples: xr.Dataset,
        tangents: xr.DataArray | None = None,
        *,
        seed: int = 0,
        label_safe: bool = True,
        device: str = "auto",
    ) -> xr.Dataset:
        """Refine every stamp; labels, variance and the rest are returned as they came.

        A refined stamp depends on (seed, sample id) and its own pixels alone. Pixels that are flagged in `mask`, not
        finite, or without a finite variance above zero stay as they are.

        Parameters
        ----------
        samples : Dataset
            With `image` and `variance`, as from a simulator; of any size from 24 pixels. A frame of `simulators.Field`
            is refined as `astrogan.models.frames.refine_frame` says.
        tangents : DataArray (sample, label, band, y, x), optional
            From the simulator's `tangent`. Least-squares labels are kept to first order with them; adaptive moments
            (flux, centroid, size, shape in each band) are kept exactly with or without.
        seed : int
            Key of the noise that the network takes in.
        label_safe : bool
            False leaves the projection out: a control, not for use.

        Raises
        ------
        ValueError
            For another number of bands than the model's, or tangents of other samples.
        """
        if samples.sizes["band"] != self.config.bands:
            raise ValueError(f"the refiner has {self.config.bands} bands, the samples have {samples.sizes['band']}")
        if "sample" not in samples.dims:
            from astrogan.models.frames import refine_frame

            return refine_frame(self, samples, seed=seed, label_safe=label_safe, device=device)
        stamps = as_stamps(samples, tangents if label_safe else None)
        size, count = chunk_size(stamps), len(stamps.image)
        with cpu_threads(), self.ready(device) as where:
            parts = [self._refine(stamps[slice(k, k + size)], seed, label_safe, where) for k in range(0, count, size)]
        change = np.concatenate(parts) * stamps.unit[:, None, None].numpy()
        safe = "off" if not label_safe else "moments, tangents" if stamps.tangents.shape[1] else "moments"
        image = (samples["image"].values + change).astype(np.float32)
        return samples.assign(image=samples["image"].copy(data=image)).assign_attrs(self.provenance(safe, seed))

    def provenance(self, label_safe: str, seed: int) -> dict[str, Any]:
        """Attributes that say what refined the samples, and what of them is kept."""
        about = {"model": str(self.card.get("name", "refiner")), "label_safe": label_safe, "refined_seed": seed}
        weights = self.card.get("weights_sha256")
        return {**about, "model_sha256": weights} if weights else about

    @contextmanager
    def ready(self, device: str) -> Iterator[torch.device]:
        """The network on a device, for use without training."""
        where = pick_device(device)
        self.networks["refiner"].to(where).eval()
        with torch.no_grad():
            yield where

    def residual(self, part: Stamps, seed: int, where: torch.device) -> Tensor:
        """Residual (N, C, H, W) of stamps at the model's strength before the projection, zero where they are not good.

        Call it within `ready`.
        """
        z = part.noise(self.config.noise, seed)
        inputs = (one.to(where) for one in (part.image, part.sigma, part.psf, z))
        raw: Tensor = self.networks["refiner"](*inputs)
        return self.config.strength * raw * part.good.to(where)

    def _refine(
        self, part: Stamps, seed: int, label_safe: bool, where: torch.device
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        residual = self.residual(part, seed, where)
        if label_safe:
            basis, sigma, image, low, high = (
                one.to(where) for one in (part.basis(), part.sigma, part.image, part.low, part.high)
            )
            residual = project_within(residual, basis, sigma, image, low, high)
        return np.asarray(residual.cpu().numpy(), dtype=np.float32)

    def with_strength(self, strength: float) -> Refiner:
        """The same networks, of which `apply` adds another share."""
        other = Refiner(dataclasses.replace(self.config, strength=strength), self.card)
        other.networks.load_state_dict(self.networks.state_dict())
        return other

    def save(self, path: str | Path) -> None:
        """Write ``<path>`` (safetensors) and its JSON card beside it."""
        save_model(path, self.networks, {**self.card, "model": "refiner", "config": dataclasses.asdict(self.config)})

    @classmethod
    def load(cls, path: str | Path) -> Refiner:
        """Read a refiner; refuses files that are damaged, pickled, of another model or version, or not finite."""
        card, state = load_model(path, "refiner")
        try:
            refiner = cls(RefinerConfig(**card["config"]), card)
            refiner.networks.load_state_dict(state)
        except (RuntimeError, TypeError, KeyError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"{path}: the model does not fit its card: {reason}") from None
        return refiner


def chunk_size(stamps: Stamps) -> int:
    """How many stamps to refine together, so that their constraints stay within 256 MiB."""
    each = 8 * stamps.rows * stamps.image.shape[1:].numel()
    return max(1, min(CHUNK, BASIS_BYTES // each))


def shipped_weights(name: str = "refiner-hubble") -> Path:
    """Path of a refiner shipped in the package; an unknown name raises ValueError with the nearest valid one."""
    folder = Path(__file__).parent / "weights"
    names = sorted(file.stem for file in folder.glob("*.safetensors"))
    return folder / f"{one_of('shipped model', name, names)}.safetensors"
