"""The refiner: SimGAN (Shrivastava et al. 2017) with R3GAN's losses and a layer that keeps every label.

In units of each band's background rms, with u = asinh(x):

    r  = sinh(u + f(u, noise map, z)) - x        what the network f would change
    x' = x + P s r                               what the label-safe projection P (and black and white) lets it change,
                                                 at strength s
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from astrogan.models.scaling import Stamps, as_stamps, compress
from astrogan.networks import MultiScaleCritic, ResidualTrunk
from astrogan.networks.files import load_model, save_model
from astrogan.networks.label_safe import project_within
from astrogan.training import cpu_threads, mixed_precision, pick_device
from catalogs.checks import one_of, within

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Refiner", "RefinerConfig", "shipped_weights"]

LIMIT = 1.5  # largest change of u: a pixel can grow or shrink at most about 4.5 times
CHUNK = 128


@dataclasses.dataclass(frozen=True)
class RefinerConfig:
    """Size of a refiner.

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
    """

    bands: int
    width: int = 16
    blocks: int = 3
    noise: int = 2
    critic_width: int = 24
    seed: int = 0
    strength: float = 1.0

    def __post_init__(self) -> None:
        limits = {"bands": (1, 64), "width": (4, 512), "blocks": (1, 32), "noise": (0, 16), "critic_width": (4, 512)}
        limits["strength"] = (0, 1)
        for name, (low, high) in limits.items():
            within(f"refiner {name}", getattr(self, name), low, high)


class RefinerNetwork(nn.Module):
    """The residual r of a stamp before the projection."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        inputs = 2 * config.bands + config.noise
        self.trunk = ResidualTrunk(inputs, config.bands, width=config.width, blocks=config.blocks, seed=config.seed)

    def forward(self, x: Tensor, sigma: Tensor, z: Tensor) -> Tensor:
        """Stamps and noise maps (N, C, H, W) in background sigmas, and z (N, noise, H, W), to r (N, C, H, W)."""
        u = compress(x)
        with mixed_precision(x.device):
            change = self.trunk(torch.cat([u, torch.log(sigma), z], dim=1))
        limited = LIMIT * torch.tanh(change.float() / LIMIT)
        return torch.sinh(u + limited) - torch.sinh(u)


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

        A refined stamp depends on (seed, sample id) and its own pixels alone.

        Parameters
        ----------
        samples : Dataset
            With `image` and `variance`, as from a simulator.
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
        stamps = as_stamps(samples, tangents if label_safe else None)
        where = pick_device(device)
        network = self.networks["refiner"].to(where).eval()
        starts = range(0, len(stamps.image), CHUNK)
        with cpu_threads():
            parts = [self._refine(network, stamps, slice(k, k + CHUNK), seed, label_safe, where) for k in starts]
        change = np.concatenate(parts) * stamps.unit[:, None, None].numpy()
        safe = "off" if not label_safe else "moments" if tangents is None else "moments, tangents"
        image = (samples["image"].values + change).astype(np.float32)
        out = samples.assign(image=samples["image"].copy(data=image))
        return out.assign_attrs(model=self.card.get("name", "refiner"), label_safe=safe, refined_seed=seed)

    @torch.no_grad()
    def _refine(
        self, network: nn.Module, stamps: Stamps, at: slice, seed: int, label_safe: bool, where: torch.device
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        part = stamps[at]
        z = part.noise(self.config.noise, seed)
        residual = self.config.strength * network(part.image.to(where), part.sigma.to(where), z.to(where))
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
        """Read a refiner; refuses files that are damaged, of another model, or not finite."""
        card, state = load_model(path, "refiner")
        refiner = cls(RefinerConfig(**card["config"]), card)
        try:
            refiner.networks.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(f"{path} does not fit its card: {str(error).splitlines()[-1].strip()}") from None
        return refiner


def shipped_weights(name: str = "refiner-hubble") -> Path:
    """Path of a refiner shipped in the package; an unknown name raises ValueError with the nearest valid one."""
    folder = Path(__file__).parent / "weights"
    names = sorted(file.stem for file in folder.glob("*.safetensors"))
    return folder / f"{one_of('shipped model', name, names)}.safetensors"
