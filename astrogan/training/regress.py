"""Labels from stamps by regression on the one engine: the frozen features of validation, and its downstream test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from astrogan.networks import FeatureNet
from astrogan.training.batches import Batch, Batches
from astrogan.training.budget import Budget
from astrogan.training.device import cpu_threads, mixed_precision
from astrogan.training.engine import OnProgress, Trainer
from astrogan.training.optimisation import cosine, minimise, set_learning_rate
from astrogan.training.recipe import Recipe
from catalogs.checks import within

__all__ = ["Regressor", "fit_regressor", "train_features"]

FloatArray = NDArray[np.float64]


class Regressor(Recipe):
    """Smooth absolute error of standardised labels; batches are ``{"train": {"image", "label"}}``, NaN is unknown."""

    averaged = ("regressor",)

    def __init__(self, network: FeatureNet, *, learning_rate: float = 4e-3, weight_decay: float = 0.02) -> None:
        self.learning_rate = learning_rate
        self.networks = nn.ModuleDict({"regressor": network})
        self.optimizers = {
            "regressor": torch.optim.AdamW(
                network.parameters(), learning_rate, betas=(0.9, 0.99), weight_decay=weight_decay
            )
        }

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """One step of gradient descent."""
        optimizer = self.optimizers["regressor"]
        set_learning_rate(optimizer, cosine(progress, self.learning_rate, 0.0, warm_up=0.05))
        image, label = batch["train"]["image"], batch["train"]["label"]
        with mixed_precision(image.device):
            found = self.networks["regressor"](image)
        known = label.isfinite()
        loss = nn.functional.smooth_l1_loss(found.float()[known], label[known], beta=0.5)
        minimise(loss, optimizer)
        return {"error": loss.item()}


def train_features(
    images: ArrayLike,
    labels: ArrayLike,
    *,
    budget: Budget,
    seed: int,
    width: int = 24,
    features: int = 64,
    on_progress: OnProgress | None = None,
) -> FeatureNet:
    """Train features on stamps (N, C, H, W) of any scale and standardised labels (N, K), NaN where unknown."""
    x, y = _pairs(images, labels)
    network = FeatureNet(y.shape[1], channels=x.shape[1], width=width, features=features, seed=seed)
    batches = Batches({"train": {"image": x, "label": y}}, 32, seed=seed)
    trainer = Trainer(Regressor(network), batches, budget, ema_half_life=640.0)
    trainer.fit(on_progress)
    trained = trainer.ema.networks["regressor"].cpu().eval()
    assert isinstance(trained, FeatureNet)
    return trained


def fit_regressor(
    x_train: ArrayLike, y_train: ArrayLike, *, seed: int, budget: Budget, width: int = 16
) -> Callable[[ArrayLike], FloatArray]:
    """Train a network that tells labels from stamps.

    Parameters
    ----------
    x_train
        Stamps (N, C, H, W) in units of the sky's rms, H and W 22 or more; the network sees asinh of them.
    y_train
        Labels (N, K), NaN where unknown.
    seed
        Of the initial weights and the order of the stamps.

    Returns
    -------
    callable
        Stamps (M, C, H, W) to labels (M, K), float64.
    """
    labels = np.asarray(y_train, dtype=np.float64)
    centre, scale = np.nanmean(labels, axis=0), np.maximum(np.nanstd(labels, axis=0), 1e-12)
    network = train_features(
        np.arcsinh(np.asarray(x_train, dtype=np.float32)),
        (labels - centre) / scale,
        budget=budget,
        seed=seed,
        width=width,
    )

    @torch.no_grad()
    def predict(stamps: ArrayLike) -> FloatArray:
        x = torch.from_numpy(np.arcsinh(np.asarray(stamps, dtype=np.float32)))
        with cpu_threads():
            found = torch.cat([network(part) for part in torch.split(x, 256)]).double().numpy()
        return np.asarray(centre + scale * found)

    return predict


def _pairs(images: ArrayLike, labels: ArrayLike) -> tuple[Tensor, Tensor]:
    x, y = np.ascontiguousarray(images, dtype=np.float32), np.asarray(labels, dtype=np.float32)
    if x.ndim != 4 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"stamps {x.shape} and labels {y.shape} are not (N, C, H, W) and (N, K)")
    within("stamps", x, -3e38, 3e38)
    return torch.from_numpy(x), torch.from_numpy(y)
