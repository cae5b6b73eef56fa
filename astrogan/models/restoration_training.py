"""Training a restorer: settings, the lesson drawn from real frames, one step, and the function that runs the engine."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from astrogan.dataset.fingerprints import stamp_digests
from astrogan.models.defects import KINDS, add_defects, windows_of_frames
from astrogan.models.restoration import Restorer, RestorerConfig
from astrogan.models.scaling import compress
from astrogan.networks.frozen import FrozenFeatures
from astrogan.training import (
    R3GAN,
    Batch,
    Batches,
    Budget,
    Monitor,
    Recipe,
    SimGAN,
    Trainer,
    cosine,
    minimise,
    set_learning_rate,
)
from astrogan.training.engine import OnProgress
from catalogs.checks import one_of, within

__all__ = ["RestorerRecipe", "RestorerTraining", "lesson_of", "train_restorer"]

LOSSES = ("r3", "simgan")
LAZY = 4  # steps between those that ask critic and features, whose losses then count as much more
FEWEST = 64  # windows
UNHARMED = 0.05  # weight of a pixel without a defect in the image's loss: should one be replaced, it is not spoilt


@dataclasses.dataclass(frozen=True)
class RestorerTraining:
    """How to train a restorer.

    Parameters
    ----------
    budget : Budget
    windows, size : int
        Windows of size x size pixels with defects that are made before training; all are also turned and flipped.
    kinds : tuple of str
        Defects (`astrogan.models.defects.KINDS`).
    rays : float
        Particles in a window of 64 x 64 pixels, in the mean.
    batch_size : int
        Of all processes together.
    learning_rate, final_rate : float
        Of Adam at the start and, along a cosine, at the end.
    loss : {"r3", "simgan"}
        The game with the critic: R3GAN's, or the cross-entropy that ID-CGAN has (its eq. 2).
    gamma : float
        Weight of R1 and R2 in units of the variance of the critic's input; ``r3`` only.
    image, adversarial, perceptual : float
        Weights beside the cross-entropy of the classes; those of ID-CGAN (its eq. 5) are 1, 6.6e-3 and 1.
    half_life : float
        Of the averaged weights, in images.
    seed : int
    """

    budget: Budget
    windows: int = 1600
    size: int = 112
    kinds: tuple[str, ...] = KINDS
    rays: float = 8.0
    batch_size: int = 4
    learning_rate: float = 3e-3
    final_rate: float = 3e-5
    loss: str = "r3"
    gamma: float = 0.1
    image: float = 1.0
    adversarial: float = 6.6e-3
    perceptual: float = 0.1
    half_life: float = 300.0
    seed: int = 0

    def __post_init__(self) -> None:
        within("windows", self.windows, FEWEST, 1e6)
        within("size", self.size, 32, 512, "pixels")
        within("batch_size", self.batch_size, 2, 4096)
        within("learning_rate", self.learning_rate, 0.0, 1.0, open_low=True)
        for name in ("gamma", "image", "adversarial", "perceptual"):
            within(name, getattr(self, name), 0.0, 1e6)
        one_of("loss", self.loss, LOSSES)
        for kind in self.kinds:
            one_of("kind of defect", kind, KINDS)


class RestorerRecipe(Recipe):
    """One critic step and one restorer step (Zhang et al. 2017, section 3.1 and eqs. 2-7).

    Parameters
    ----------
    restorer : Restorer
        Left as it is.
    settings : RestorerTraining
    variance : float
        Of a pixel of the critic's input: the unit of `settings.gamma`.
    data : str
        Name of what is trained on; a checkpoint of other data is refused.
    """

    averaged = ("restorer",)

    def __init__(self, restorer: Restorer, settings: RestorerTraining, variance: float, *, data: str = "") -> None:
        self.settings, self.data, self.steps = settings, data, 0
        self.loss = R3GAN(gamma=settings.gamma * variance) if settings.loss == "r3" else SimGAN()
        self.networks = copy.deepcopy(restorer.networks)
        betas = {"restorer": (0.9, 0.99), "critic": (0.0, 0.99)}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), settings.learning_rate, betas=betas[name])
            for name, network in self.networks.items()
        }
        self.features = FrozenFeatures()

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """Restore, let the critic compare with clean windows, then let the restorer learn from all losses."""
        for optimizer in self.optimizers.values():
            rate = cosine(progress, self.settings.learning_rate, self.settings.final_rate, warm_up=0.03)
            set_learning_rate(optimizer, rate)
        lesson, how = batch["lesson"], self.settings
        real, label = compress(lesson["clean"]), lesson["label"][:, 0].long()
        y, logits = self.networks["restorer"](lesson["image"])
        fake = torch.where(label[:, None] > 0, compress(y), real)
        told = nn.functional.cross_entropy(logits, label)
        image = _image_loss(compress(y), real, label[:, None] > 0)
        total, scalars = told + how.image * image, {"told": told.item(), "image": image.item()}
        if self.steps % LAZY == 0:
            looks, more = self._looks(real, fake)
            total, scalars = total + LAZY * looks, scalars | more
        self.steps += 1
        minimise(total, self.optimizers["restorer"])
        return scalars

    def _looks(self, real: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, float]]:
        """What critic and features say of restored windows, and a step of the critic."""
        total, how = fake.new_zeros(()), self.settings
        scalars: dict[str, float] = {}
        if how.adversarial:
            other = real.roll(1, 0)  # a pair must not differ in the restored pixels alone
            loss, scalars = self.loss.critic(self.networks["critic"], other, fake, 0)
            minimise(loss, self.optimizers["critic"])
            adversarial = self.loss.generator(self.networks["critic"], other, fake)
            total = total + how.adversarial * adversarial
            scalars.pop("sign")
            scalars |= {"critic": loss.item(), "adversarial": adversarial.item()}
        if how.perceptual:
            kept = self.features.to(fake.device).distance(fake, real)
            total, scalars["perceptual"] = total + how.perceptual * kept, kept.item()
        return total, scalars

    def state_dict(self) -> dict[str, Any]:
        """Step count, and the name of the data."""
        return {"steps": self.steps, "data": self.data}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state.

        Raises
        ------
        ValueError
            If it was saved while training on other windows.
        """
        if state["data"] != self.data:
            raise ValueError("it was trained on other windows (the digest of them differs)")
        self.steps = state["steps"]


def _image_loss(y: Tensor, clean: Tensor, defect: Tensor) -> Tensor:
    """Smooth absolute error of asinh pixels (ID-CGAN's eq. 6 has its square), where defects are above all."""
    weight = torch.where(defect, 1.0, UNHARMED)
    each = nn.functional.smooth_l1_loss(y, clean, reduction="none", beta=1.0)
    return (weight * each).sum() / weight.sum()


def train_restorer(
    frames: Sequence[NDArray[np.float32]],
    settings: RestorerTraining,
    config: RestorerConfig | None = None,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    on_progress: OnProgress | None = None,
    tell: Callable[[str], object] | None = None,
) -> tuple[Restorer, dict[str, Any]]:
    """Train a new restorer.

    Parameters
    ----------
    frames : sequence of (H, W) arrays
        Real sky in background sigmas, the sky at 0, as free of defects as can be had; NaN is missing.
    settings : RestorerTraining
    folder : path, optional
        For the log and the checkpoint.
    resume : bool
        Go on from the checkpoint in `folder`.
    tell : function, optional
        Called with warnings of the health monitor; by default they are a `HealthWarning`.

    Returns
    -------
    (Restorer, dict)
        The averaged restorer, whose card says what it was trained on, and the engine's summary.

    Raises
    ------
    ValueError
        Before any training, as of `windows_of_frames`.
    TrainingStopped
        Naming the reason, where training cannot succeed.
    """
    restorer = Restorer(config)
    lesson = lesson_of(frames, settings)
    digests = [stamp_digests(np.nan_to_num(frame)[None, None])[0] for frame in frames]
    about = repr((settings, restorer.config)).replace(repr(settings.budget), "")
    data = hashlib.sha256("".join([*digests, about]).encode()).hexdigest()
    variance = float(compress(lesson["clean"]).var())
    recipe = RestorerRecipe(restorer, settings, variance, data=data)
    batches = Batches({"lesson": lesson}, settings.batch_size, seed=settings.seed, augment=["lesson"])
    how: dict[str, Any] = {"ema_half_life": settings.half_life, "watch": Monitor(tell=tell), "log_every": 10}
    trainer = Trainer(recipe, batches, settings.budget, folder, device=device, **how)
    if resume:
        trainer.resume()
    summary = trainer.fit(on_progress)
    restorer.networks["restorer"].load_state_dict(trainer.ema.networks["restorer"].state_dict())
    restorer.networks["critic"].load_state_dict(recipe.networks["critic"].state_dict())
    restorer.card |= {
        "scaling": "pixels in background sigmas",
        "training": dataclasses.asdict(settings) | {name: summary[name] for name in ("images", "seconds", "steps")},
        "metrics": {name: round(value, 6) for name, value in summary["scalars"].items()},
        "training_digests": {"real": digests},
    }
    return restorer, summary


def lesson_of(frames: Sequence[NDArray[np.float32]], settings: RestorerTraining) -> dict[str, Tensor]:
    """Windows with defects, without, and their classes, (N, 1, size, size) each."""
    real = windows_of_frames(frames, settings.windows, settings.size, seed=settings.seed)
    made = add_defects(real, seed=settings.seed, kinds=settings.kinds, rays=settings.rays)
    return {name: torch.from_numpy(getattr(made, name)[:, None]) for name in ("image", "clean", "label")}
