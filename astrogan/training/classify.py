"""A classifier of stamps on the one engine: the judge of two-sample tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from astrogan.networks import StampClassifier
from astrogan.training.batches import Batch, Batches
from astrogan.training.budget import Budget
from astrogan.training.device import cpu_threads, mixed_precision
from astrogan.training.engine import OnProgress, Trainer
from astrogan.training.optimisation import cosine, minimise, set_learning_rate
from astrogan.training.recipe import Recipe
from catalogs.checks import within

__all__ = ["Classifier", "fit_classifier"]

FloatArray = NDArray[np.float64]


class Classifier(Recipe):
    """Binary cross-entropy with AdamW and a cosine schedule; batches are ``{"train": {"image", "label"}}``."""

    averaged = ("classifier",)

    def __init__(
        self, channels: int, *, seed: int, width: int = 16, learning_rate: float = 8e-3, weight_decay: float = 0.05
    ) -> None:
        self.learning_rate = learning_rate
        self.networks = nn.ModuleDict({"classifier": StampClassifier(channels, width=width, seed=seed)})
        optimizer = torch.optim.AdamW(
            self.networks.parameters(), learning_rate, betas=(0.9, 0.99), weight_decay=weight_decay
        )
        self.optimizers = {"classifier": optimizer}

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """One step of gradient descent on the cross-entropy."""
        optimizer = self.optimizers["classifier"]
        set_learning_rate(optimizer, cosine(progress, self.learning_rate, 0.0, warm_up=0.05))
        image, label = batch["train"]["image"], batch["train"]["label"]
        with mixed_precision(image.device):
            logits = self.networks["classifier"](image)
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), label)
        minimise(loss, optimizer)
        return {"cross_entropy": loss.item()}


@dataclass(frozen=True)
class _Scaling:
    """asinh of the distance from the median in robust sigmas, per band: sources and noise both stay visible."""

    centre: Tensor
    sigma: Tensor

    @classmethod
    def of(cls, images: Tensor) -> _Scaling:
        flat = images.transpose(0, 1).flatten(1)
        centre = flat.median(1, keepdim=True).values
        sigma = 1.4826 * (flat - centre).abs().median(1, keepdim=True).values
        sigma = torch.where(sigma > 0, sigma, flat.std(1, keepdim=True))
        return cls(centre[..., None], torch.where(sigma > 0, sigma, 1.0)[..., None])

    def __call__(self, images: Tensor) -> Tensor:
        return torch.asinh((images - self.centre) / self.sigma)


def fit_classifier(
    x_train: ArrayLike,
    y_train: ArrayLike,
    *,
    seed: int,
    budget: Budget,
    width: int = 16,
    batch_size: int = 32,
    learning_rate: float = 8e-3,
    weight_decay: float = 0.05,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> Callable[[ArrayLike], FloatArray]:
    """Train a classifier of stamps, turning and flipping them at random.

    Parameters
    ----------
    x_train
        Stamps (N, C, H, W), H and W 22 or more.
    y_train
        Classes (N,), 0 or 1, both present.
    seed
        Of the initial weights and the order of the stamps.

    Returns
    -------
    callable
        Stamps (M, C, H, W) to probabilities of class 1 (M,), float64.

    Raises
    ------
    ValueError
        If shapes disagree, a pixel is not finite, or a class is missing.
    """
    images, labels = _training_set(x_train, y_train)
    scaling = _Scaling.of(images)
    group = {"image": scaling(images), "label": labels}
    recipe = Classifier(images.shape[1], seed=seed, width=width, learning_rate=learning_rate, weight_decay=weight_decay)
    batches = Batches({"train": group}, batch_size, seed=seed, augment=["train"])
    trainer = Trainer(recipe, batches, budget, ema_half_life=20.0 * batch_size, device=device)
    trainer.fit(on_progress)
    network = trainer.ema.networks["classifier"]
    return lambda x: _probabilities(network, scaling, _stamps(x, images.shape[1]), trainer.device)


def _training_set(x: ArrayLike, y: ArrayLike) -> tuple[Tensor, Tensor]:
    images, labels = _stamps(x), np.asarray(y)
    if labels.shape != (len(images),) or set(np.unique(labels).tolist()) != {0, 1}:
        raise ValueError(f"y_train {labels.shape} must give each of {len(images)} stamps a class, 0 or 1, and use both")
    return images, torch.from_numpy(labels.astype(np.float32))


def _stamps(x: ArrayLike, channels: int | None = None) -> Tensor:
    array = np.asarray(x, dtype=np.float32)
    if array.ndim != 4 or array.shape[1] != (channels or array.shape[1]):
        raise ValueError(f"stamps of shape {array.shape} are not (N, {channels or 'C'}, H, W)")
    within("stamps", array, -3e38, 3e38)
    return torch.from_numpy(np.ascontiguousarray(array))


@torch.no_grad()
def _probabilities(network: nn.Module, scaling: _Scaling, images: Tensor, device: torch.device) -> FloatArray:
    with cpu_threads():
        parts = [torch.sigmoid(network(scaling(part).to(device))).double().cpu() for part in torch.split(images, 256)]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float64)
