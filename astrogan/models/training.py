"""Training a refiner: the recipe that the engine runs, and the function that sets it up."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from astrogan.models.refiner import CHUNK, Refiner
from astrogan.models.scaling import Stamps, compress
from astrogan.networks.label_safe import project_within
from astrogan.training import (
    R3GAN,
    AdversarialLoss,
    Batch,
    Batches,
    Budget,
    History,
    Recipe,
    Trainer,
    cosine,
    cpu_threads,
    minimise,
    self_regularisation,
    set_learning_rate,
)
from astrogan.training.engine import OnProgress
from catalogs.checks import within

__all__ = ["RefinerRecipe", "RefinerTraining", "train_refiner"]


@dataclasses.dataclass(frozen=True)
class RefinerTraining:
    """How to train a refiner.

    Parameters
    ----------
    budget : Budget
    batch_size : int
    learning_rate, final_rate : float
        Of Adam at the start and, along a cosine, at the end.
    gamma : float
        Weight of R1 and R2, in units of the variance of the critic's input.
    regularisation : float
        Weight of the mean absolute change in noise sigmas (Shrivastava et al. 2017, eq. 4).
    history : int
        Capacity of the history buffer, in images.
    half_life : float
        Of the averaged weights, in images.
    seed : int
    """

    budget: Budget
    batch_size: int = 16
    learning_rate: float = 2e-3
    final_rate: float = 2e-4
    gamma: float = 0.05
    regularisation: float = 0.07
    history: int = 2048
    half_life: float = 5000.0
    seed: int = 0

    def __post_init__(self) -> None:
        within("batch_size", self.batch_size, 2, 4096)
        within("learning_rate", self.learning_rate, 0.0, 1.0, open_low=True)
        within("regularisation", self.regularisation, 0.0, 1e3)


class RefinerRecipe(Recipe):
    """One critic step and one refiner step (Shrivastava et al. 2017, algorithm 1, with K_d = K_g = 1)."""

    averaged = ("refiner",)

    def __init__(self, refiner: Refiner, settings: RefinerTraining, loss: AdversarialLoss) -> None:
        self.settings, self.loss, self.noise = settings, loss, refiner.config.noise
        self.networks = copy.deepcopy(refiner.networks)
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), settings.learning_rate, betas=(0.0, 0.99))
            for name, network in self.networks.items()
        }
        self.history = History(settings.history, seed=settings.seed)
        self.rng = torch.Generator().manual_seed(settings.seed)
        self.steps = 0

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """Refine, let the critic learn from fresh and past fakes, then let the refiner learn from the critic."""
        for optimizer in self.optimizers.values():
            rate = cosine(progress, self.settings.learning_rate, self.settings.final_rate, warm_up=0.02)
            set_learning_rate(optimizer, rate)
        sim, real = batch["sim"], compress(batch["real"]["image"])
        residual = self._residual(sim)
        fake = compress(sim["image"] + residual)
        critic_loss, scalars = self.loss.critic(self.networks["critic"], real, self.history.mix(fake), self.steps)
        minimise(critic_loss, self.optimizers["critic"])
        adversarial = self.loss.generator(self.networks["critic"], real, fake)
        change = self_regularisation(sim["image"] + residual, sim["image"], sim["sigma"])
        minimise(adversarial + self.settings.regularisation * change, self.optimizers["refiner"])
        self.steps += 1
        losses = {"critic": critic_loss.item(), "refiner": adversarial.item(), "change": change.item()}
        return {**losses, **scalars}

    def _residual(self, sim: dict[str, Tensor]) -> Tensor:
        """The projected residual of a batch."""
        image, sigma = sim["image"], sim["sigma"]
        z = torch.randn(len(image), self.noise, *image.shape[-2:], generator=self.rng).to(image.device)
        residual = self.networks["refiner"](image, sigma, z)
        return project_within(residual, sim["basis"], sigma, image, sim["low"], sim["high"], rounds=1)

    def state_dict(self) -> dict[str, Any]:
        """History, generator and step count."""
        return {"history": self.history.state_dict(), "rng": self.rng.get_state(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.history.load_state_dict(state["history"])
        self.rng.set_state(state["rng"])
        self.steps = state["steps"]


def train_refiner(
    refiner: Refiner,
    simulated: Stamps,
    real: Tensor,
    settings: RefinerTraining,
    *,
    loss: AdversarialLoss | None = None,
    folder: str | Path | None = None,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> tuple[Refiner, dict[str, Any]]:
    """Train a refiner from its present weights.

    Parameters
    ----------
    refiner : Refiner
        Left as it is.
    simulated : Stamps
        What to refine, with tangents where labels are to be kept.
    real : Tensor (M, C, H, W)
        Real stamps in background sigmas; turned and flipped at random.
    loss : AdversarialLoss, optional
        R3GAN by default, with penalties at every fourth step.
    folder : path, optional
        For the log and the checkpoint.

    Returns
    -------
    (Refiner, dict)
        The averaged refiner and the engine's summary.
    """
    if real.ndim != 4 or real.shape[1] != refiner.config.bands:
        raise ValueError(f"real stamps of shape {tuple(real.shape)} are not (N, {refiner.config.bands}, H, W)")
    recipe = RefinerRecipe(refiner, settings, loss or R3GAN(gamma=settings.gamma, every=4))
    starts = range(0, len(simulated.image), CHUNK)
    with cpu_threads():
        parts = [simulated[slice(start, start + CHUNK)].basis().float() for start in starts]
    frame = {"image": simulated.image, "sigma": simulated.sigma, "low": simulated.low, "high": simulated.high}
    sim = {**frame, "basis": torch.cat(parts)}
    groups = {"sim": sim, "real": {"image": real}}
    batches = Batches(groups, settings.batch_size, seed=settings.seed, augment=["real"])
    trainer = Trainer(
        recipe, batches, settings.budget, folder, ema_half_life=settings.half_life, log_every=10, device=device
    )
    summary = trainer.fit(on_progress)
    trained = Refiner(dataclasses.replace(refiner.config, strength=1.0), refiner.card)
    trained.networks["refiner"].load_state_dict(trainer.ema.networks["refiner"].state_dict())
    trained.networks["critic"].load_state_dict(recipe.networks["critic"].state_dict())
    return trained, summary
