"""The restorer: ID-CGAN (Zhang et al. 2017) for defects that nobody masked.

In background sigmas, with u = asinh(x), m₃ and m₅ medians of the 3 x 3 pixels around and of 3 x 3 pixels two apart:

    (f, q) = G(u, asinh(x - m₃), asinh(x - m₅))     one dense network with skips, two heads
    y = sinh(asinh(m₅) + f)                         the clean image
    p = softmax(q)                                  of nothing, and of each kind of defect

What is returned is x, bit for bit, wherever the probability of a defect 1 - p₀ is below the threshold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrogan.models.defects import KINDS
from astrogan.models.scaling import background, compress, good_pixels
from astrogan.networks import DenseUNet, MultiScaleCritic
from astrogan.networks.files import load_model, save_model
from astrogan.networks.medians import median_of_nine
from astrogan.networks.tiling import in_tiles
from astrogan.training import cpu_threads, mixed_precision, pick_device
from catalogs.checks import one_of, within
from simulators.sensor import FLAGS, flag_attributes

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Restored", "Restorer", "RestorerConfig", "RestorerNetwork"]

Array = NDArray[np.float32]
MARGIN = 8  # pixels around an image, mirrored: the network's torus would join opposite sides
LIMIT = 1e6  # sigmas beyond which pixels are all alike
SMALLEST = 24
CHUNK = 64  # stamps that are restored together


@dataclasses.dataclass(frozen=True)
class RestorerConfig:
    """Size of a restorer. Every band is restored by itself, so it takes any number of them.

    Parameters
    ----------
    width, levels, layers : int
        Of the dense network.
    critic_width : int
        Channels of the local critics, kept with the model so that training can go on.
    seed : int
        Of the initial weights.
    """

    width: int = 16
    levels: int = 4
    layers: int = 1
    critic_width: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {"width": (2, 512), "levels": (1, 6), "layers": (1, 16), "critic_width": (4, 512)}
        for name, (low, high) in limits.items():
            within(f"restorer {name}", getattr(self, name), low, high)


class RestorerNetwork(nn.Module):
    """Clean images and classes of defects."""

    tile = 256  # pixels; larger images are made of such tiles, which saves memory and changes nothing

    def __init__(self, config: RestorerConfig) -> None:
        super().__init__()
        size = {"width": config.width, "levels": config.levels, "layers": config.layers}
        self.trunk = DenseUNet(3, 2 + len(KINDS), seed=config.seed, **size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Restore images.

        Parameters
        ----------
        x : Tensor (N, 1, H, W)
            Pixels in background sigmas, sides of 24 or more.

        Returns
        -------
        (Tensor (N, 1, H, W), Tensor (N, 1 + kinds, H, W))
            y, and the logits q.
        """
        height, width = x.shape[-2:]
        bottom, right = (MARGIN + -(side + 2 * MARGIN) % self.trunk.factor for side in (height, width))
        x = nn.functional.pad(x.clamp(-LIMIT, LIMIT), (MARGIN, right, MARGIN, bottom), mode="reflect")
        base = median_of_nine(x, 2)
        planes = torch.cat([compress(x), compress(x - median_of_nine(x)), compress(x - base)], dim=1)
        with mixed_precision(x.device):
            out = in_tiles(self.trunk, planes, self.trunk.halo, self.tile, self.trunk.factor)
        inner = (..., slice(MARGIN, MARGIN + height), slice(MARGIN, MARGIN + width))
        out, base = out.float()[inner], base[inner]
        return torch.sinh((compress(base) + out[:, :1]).clamp(-15.0, 15.0)), out[:, 1:]


@dataclasses.dataclass(frozen=True)
class Restored:
    """What a restorer makes of planes (N, H, W).

    Attributes
    ----------
    clean : (N, H, W) float32
        The network's clean image, at every pixel.
    probability : (N, H, W) float32
        Of a defect of any kind that was looked for.
    kinds : (N, kinds, H, W) float32
        Of each of `astrogan.models.defects.KINDS`, 0 for those that were not.
    flags : (N, H, W) uint8
        The bit of the likeliest kind where the probability reaches the threshold.
    """

    clean: Array
    probability: Array
    kinds: Array
    flags: NDArray[np.uint8]

    @property
    def replaced(self) -> NDArray[np.bool_]:
        """Pixels whose clean value is to be taken: those with a defect, but for saturated ones."""
        return np.asarray((self.flags > 0) & (self.flags != FLAGS["saturated"]))


class Restorer:
    """Finds and removes cosmic rays, trails, bleeding and hot pixels.

    Parameters
    ----------
    config : RestorerConfig
    card : mapping, optional
        What the model is and was trained on; saved beside the weights.
    """

    def __init__(self, config: RestorerConfig | None = None, card: dict[str, Any] | None = None) -> None:
        self.config = config or RestorerConfig()
        self.card: dict[str, Any] = dict(card or {})
        critic = MultiScaleCritic(1, width=self.config.critic_width, seed=self.config.seed)
        self.networks = nn.ModuleDict({"restorer": RestorerNetwork(self.config), "critic": critic})

    def apply(
        self, samples: xr.Dataset, *, threshold: float = 0.5, kinds: Sequence[str] = KINDS, device: str = "auto"
    ) -> xr.Dataset:
        """Clean every stamp, or a frame; pixels where nothing is found stay as they are, bit for bit.

        The result has the clean `image`, in `mask` the bits of what was found added to those that were there, and
        `defect_probability`. Pixels that are flagged already, not finite, or without a finite variance above zero stay
        as they are too, with probability 0: they are known. Saturated pixels are flagged and keep their value, for
        nothing better is known.

        Parameters
        ----------
        samples : Dataset
            With `image` (sample, band, y, x), or (band, y, x) of a frame, sky-subtracted, sides of 24 pixels or more;
            `variance` and `mask`, where there are, say which pixels are bad.
        threshold : float
            Probability from which on a pixel is replaced.
        kinds : names
            Of `astrogan.models.defects.KINDS`, what to look for; by default all.

        Raises
        ------
        ValueError
            For unknown kinds; where there is no such image, no pixel is good, the survey has no noise or other bands,
            or variance or mask are of another shape.
        """
        image, unit = _image_of(samples), background(samples).numpy()[:, None, None]
        if image.shape[-3] != len(unit):
            raise ValueError(f"the samples have {image.shape[-3]} bands, their survey has {len(unit)}")
        good = good_pixels(samples)
        shape = (-1, *image.shape[-2:])
        how: dict[str, Any] = {"threshold": threshold, "kinds": kinds, "device": device}
        found = self.clean((image / unit).reshape(shape), good.reshape(shape), **how)
        replaced = found.replaced.reshape(image.shape)
        restored = np.where(replaced, found.clean.reshape(image.shape) * unit, image).astype(np.float32)
        dims = samples["image"].dims
        about = {"units": "", "long_name": "probability of a defect"}
        flags = found.flags.reshape(image.shape) | _flags_of(samples, image.shape)
        return samples.assign(
            image=samples["image"].copy(data=restored),
            mask=(dims, flags, {"units": "", "long_name": "pixel flags, 0 = good", **flag_attributes()}),
            defect_probability=(dims, found.probability.reshape(image.shape), about),
        ).assign_attrs(self.provenance(threshold))

    __call__ = apply

    def provenance(self, threshold: float) -> dict[str, Any]:
        """Attributes that say what restored the samples."""
        about = {"restored_by": str(self.card.get("name", "restorer")), "restored_threshold": threshold}
        weights = self.card.get("weights_sha256")
        return {**about, "restorer_sha256": weights} if weights else about

    def clean(
        self,
        planes: Array,
        good: NDArray[np.bool_] | None = None,
        *,
        threshold: float = 0.5,
        kinds: Sequence[str] = KINDS,
        device: str = "auto",
    ) -> Restored:
        """Clean planes (N, H, W) in background sigmas, the sky at 0.

        Parameters
        ----------
        good : bool array (N, H, W), optional
            Pixels that may be judged; by default those that are finite.

        Raises
        ------
        ValueError
            For other shapes, or where no pixel is good.
        """
        if planes.ndim != 3 or (good is not None and good.shape != planes.shape):
            raise ValueError(f"planes {planes.shape} and good {getattr(good, 'shape', None)} are not one (N, H, W)")
        within("threshold", threshold, 0.0, 1.0, open_low=True)
        wanted = np.isin(KINDS, [one_of("kind of defect", kind, KINDS) for kind in kinds])
        within("image size", planes.shape[-2:], SMALLEST, 1e6, "pixel")
        usable = np.isfinite(planes) if good is None else good & np.isfinite(planes)
        if not usable.any():
            raise ValueError("no pixel of these images is unmasked, finite and of a finite variance above zero")
        filled = torch.from_numpy(_filled(planes, usable))
        where, network = pick_device(device), self.networks["restorer"]
        with cpu_threads(), torch.no_grad():
            network.to(where).eval()
            parts = [_judged(network, part[:, None].to(where)) for part in torch.split(filled, CHUNK)]
        restored, each = (np.concatenate(column) for column in zip(*parts, strict=True))
        each *= usable[:, None] & wanted[:, None, None]
        probability = np.minimum(each.sum(axis=1), np.float32(1.0))
        bits = np.array([FLAGS[name] for name in KINDS], np.uint8)[each.argmax(axis=1)]
        return Restored(restored, probability, each, np.where(probability >= threshold, bits, np.uint8(0)))

    def save(self, path: str | Path) -> None:
        """Write ``<path>`` (safetensors) and its JSON card beside it."""
        save_model(path, self.networks, {**self.card, "model": "restorer", "config": dataclasses.asdict(self.config)})

    @classmethod
    def load(cls, path: str | Path) -> Restorer:
        """Read a restorer; refuses files that are damaged, pickled, of another model or version, or not finite."""
        card, state = load_model(path, "restorer")
        try:
            restorer = cls(RestorerConfig(**card["config"]), card)
            restorer.networks.load_state_dict(state)
        except (RuntimeError, TypeError, KeyError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"{path}: the model does not fit its card: {reason}") from None
        return restorer


def _judged(network: nn.Module, x: Tensor) -> tuple[Array, Array]:
    """Clean planes (N, H, W), and probabilities (N, kinds, H, W) of each kind of defect."""
    y, logits = network(x)
    return y[:, 0].cpu().numpy(), torch.softmax(logits, dim=1)[:, 1:].cpu().numpy()


def _filled(planes: Array, good: NDArray[np.bool_]) -> Array:
    """Planes whose bad pixels are means of the good ones within 4 pixels, or 0, the sky, where there are none."""
    from scipy.ndimage import gaussian_filter

    if good.all():
        return np.ascontiguousarray(planes, dtype=np.float32)
    width, whole = (0.0, 1.5, 1.5), np.where(good, planes, 0.0).astype(np.float32)
    weight = gaussian_filter(good.astype(np.float32), width, truncate=3.0)
    mean = gaussian_filter(whole, width, truncate=3.0) / np.maximum(weight, 1e-3)
    return np.where(good, whole, mean).astype(np.float32)


def _image_of(samples: xr.Dataset) -> Array:
    dims = ("sample", "band", "y", "x")
    if "image" not in samples.variables or samples["image"].dims not in (dims, dims[1:]):
        raise ValueError("a restorer needs a variable 'image' (sample, band, y, x), or (band, y, x) of a frame")
    return np.asarray(samples["image"].values, dtype=np.float32)


def _flags_of(samples: xr.Dataset, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Bits of the samples' mask at every pixel."""
    if "mask" not in samples.variables:
        return np.zeros(shape, np.uint8)
    mask = samples["mask"].values
    return np.broadcast_to(mask if mask.ndim == len(shape) else np.expand_dims(mask, -3), shape).astype(np.uint8)
