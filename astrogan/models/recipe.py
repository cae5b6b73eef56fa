"""One step of training a refiner."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from astrogan.models.scaling import compress
from astrogan.networks.label_safe import constraint_basis, moment_templates, project_within
from astrogan.training import (
    FEATURES,
    R3GAN,
    AdaptiveAugmentation,
    AdversarialLoss,
    Batch,
    History,
    Recipe,
    SimGAN,
    cosine,
    minimise,
    self_regularisation,
    set_learning_rate,
)
from astrogan.training.distributed import gathered, share, world

if TYPE_CHECKING:
    from astrogan.models.refiner import Refiner
    from astrogan.models.training import RefinerTraining

__all__ = ["Features", "RefinerRecipe", "adversarial_loss", "constraints_of"]

Features = Callable[[Tensor], Tensor]
LAZY = 4  # steps between penalties


def adversarial_loss(settings: RefinerTraining, variance: float) -> AdversarialLoss:
    """The loss that the settings name, for critic inputs of this pixel variance."""
    if settings.loss == "simgan":
        return SimGAN()
    return R3GAN(gamma=settings.gamma * variance, every=LAZY)


class RefinerRecipe(Recipe):
    """One critic step and one refiner step (Shrivastava et al. 2017, algorithm 1, with K_d = K_g = 1).

    Parameters
    ----------
    refiner : Refiner
        Left as it is.
    settings : RefinerTraining
    variance : float
        Of a pixel of the critic's input, asinh of real stamps in background sigmas: the unit of `settings.gamma`.
    augment : bool
        Whether critics see augmented images.
    features : function, optional
        ψ of the self-regularisation, in place of the one that the settings name.
    data : str
        Name of what is trained on; a checkpoint of other data is refused.
    """

    averaged = ("refiner",)

    def __init__(
        self,
        refiner: Refiner,
        settings: RefinerTraining,
        variance: float,
        *,
        augment: bool = False,
        features: Features | None = None,
        data: str = "",
    ) -> None:
        self.settings, self.noise, self.data = settings, refiner.config.noise, data
        self.loss = adversarial_loss(settings, variance)
        self.features = features or FEATURES[settings.features]
        self.networks = copy.deepcopy(refiner.networks)
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), settings.learning_rate, betas=(0.0, 0.99))
            for name, network in self.networks.items()
        }
        self.history = History(settings.history, seed=settings.seed)
        self.augment = AdaptiveAugmentation(settings.seed, on=augment)
        self.rng = torch.Generator().manual_seed(settings.seed)
        self.steps = 0
        if settings.compile:
            self.networks["refiner"].get_submodule("trunk").compile()

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """Refine, let the critic learn from fresh and past fakes, then let the refiner learn from the critic."""
        for optimizer in self.optimizers.values():
            rate = cosine(progress, self.settings.learning_rate, self.settings.final_rate, warm_up=0.02)
            set_learning_rate(optimizer, rate)
        sim, real = batch["sim"], compress(batch["real"]["image"])
        residual = self._residual(sim)
        refined = sim["image"] + residual
        fake, critic = compress(refined), self.networks["critic"]
        past = share(self.history.mix(gathered(fake)))
        critic_loss, scalars = self.loss.critic(critic, self.augment(real), self.augment(past), self.steps)
        minimise(critic_loss, self.optimizers["critic"])
        adversarial = self.loss.generator(critic, self.augment(real), self.augment(fake))
        kept = self_regularisation(refined, sim["image"], sim["sigma"], self.features)
        minimise(adversarial + self.settings.regularisation * kept, self.optimizers["refiner"])
        self.augment.update(scalars.pop("sign"), len(real))
        self.steps += 1
        losses = {"critic": critic_loss.item(), "refiner": adversarial.item(), "kept": kept.item()}
        gamma = {"gamma": self.loss.gamma} if isinstance(self.loss, R3GAN) else {}
        return {**losses, **scalars, **gamma, **self.augment.scalars(), **_vital(sim, residual.detach(), fake, real)}

    def _residual(self, sim: dict[str, Tensor]) -> Tensor:
        """The projected residual of a batch."""
        image, sigma = sim["image"], sim["sigma"]
        count = len(image) * world()
        z = share(torch.randn(count, self.noise, *image.shape[-2:], generator=self.rng)).to(image.device)
        residual = self.networks["refiner"](image, sigma, sim["psf"], z) * sim["good"]
        return project_within(residual, constraints_of(sim), sigma, image, sim["low"], sim["high"], rounds=1)

    def state_dict(self) -> dict[str, Any]:
        """History, augmentation, generator, step count, and the name of the data."""
        parts = {"history": self.history.state_dict(), "augment": self.augment.state_dict()}
        return {**parts, "rng": self.rng.get_state(), "steps": self.steps, "data": self.data}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state.

        Raises
        ------
        ValueError
            If it was saved while training on other stamps.
        """
        if state["data"] != self.data:
            raise ValueError("it was trained on other stamps (the digest of simulated and real ones differs)")
        self.history.load_state_dict(state["history"])
        self.augment.load_state_dict(state["augment"])
        self.rng.set_state(state["rng"])
        self.steps = state["steps"]


def constraints_of(sim: dict[str, Tensor]) -> Tensor:
    """The basis that a batch brings, or the one that its moments and tangents give."""
    if "basis" in sim:
        return sim["basis"]
    templates = moment_templates(sim["moments"], (sim["sigma"].shape[-2], sim["sigma"].shape[-1]))
    return constraint_basis(sim.get("tangents"), templates, sim["sigma"], sim["good"]).float()


@torch.no_grad()
def _vital(sim: dict[str, Tensor], residual: Tensor, fake: Tensor, real: Tensor) -> dict[str, float]:
    """What `health.Monitor` watches.

    `change` is the mean [σ]; `flux` the light added over the light that is there, or over 1 σ in every pixel where
    there is less; `variety` the spread from stamp to stamp over the lesser one of simulated and real stamps.
    """
    image = sim["image"]
    variety = [stack.detach().std(dim=0).mean() for stack in (fake, compress(image), real)]
    return {
        "change": float((residual / sim["sigma"]).abs().mean()),
        "flux": float(residual.sum() / image.sum().abs().clamp(min=image.numel())),
        "variety": float(variety[0] / torch.minimum(variety[1], variety[2]).clamp(min=1e-6)),
    }
