"""Training a refiner: settings, and the function that sets up the recipe and runs the engine."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from astrogan.dataset.fingerprints import fingerprints, stamp_digests
from astrogan.models.real import RealStamps, check_real
from astrogan.models.recipe import Features, RefinerRecipe
from astrogan.models.refiner import Refiner, chunk_size
from astrogan.models.scaling import Stamps, compress
from astrogan.training import FEATURES, Batches, Budget, Monitor, Trainer, cpu_threads, few_real
from astrogan.training.engine import OnProgress
from catalogs.checks import one_of, within

__all__ = ["RefinerTraining", "refiner_trainer", "train_refiner"]

LOSSES = ("r3", "simgan")
AUGMENT = ("auto", "adaptive", "off")
BASIS_BYTES = 2**30  # of the constraints of all simulated stamps; more are made anew in every step


@dataclasses.dataclass(frozen=True)
class RefinerTraining:
    """How to train a refiner.

    Parameters
    ----------
    budget : Budget
    batch_size : int
        Of all processes together.
    learning_rate, final_rate : float
        Of Adam at the start and, along a cosine, at the end.
    loss : {"r3", "simgan"}
        R3GAN (Huang et al. 2024), or the local cross-entropy of the paper (Shrivastava et al. 2017).
    gamma : float
        Weight of R1 and R2 in units of the variance of the critic's input; ``r3`` only.
    regularisation : float
        Weight of the mean absolute change of `features` (Shrivastava et al. 2017, eq. 4) of pixels in noise sigmas.
    features : {"identity", "blurred", "bands"}
        What may not change: pixels, pixels without their noise, or the mean of all bands.
    history : int
        Capacity of the history buffer, in images.
    half_life : float
        Of the averaged weights, in images.
    augment : {"auto", "adaptive", "off"}
        Augment critic inputs as strongly as the critic overfits; ``auto``: below 5000 real stamps.
    compile : bool
        Compile the network (`torch.compile`); needs a C++ compiler.
    seed : int
    """

    budget: Budget
    batch_size: int = 16
    learning_rate: float = 2e-3
    final_rate: float = 2e-4
    loss: str = "r3"
    gamma: float = 0.033
    regularisation: float = 0.07
    features: str = "identity"
    history: int = 2048
    half_life: float = 5000.0
    augment: str = "auto"
    compile: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        within("batch_size", self.batch_size, 2, 4096)
        within("learning_rate", self.learning_rate, 0.0, 1.0, open_low=True)
        within("gamma", self.gamma, 0.0, 1e6)
        within("regularisation", self.regularisation, 0.0, 1e3)
        one_of("loss", self.loss, LOSSES)
        one_of("features", self.features, FEATURES)
        one_of("augment", self.augment, AUGMENT)
        if self.compile and not any(map(shutil.which, ("c++", "g++", "clang++"))):
            raise ValueError("compile = True needs a C++ compiler, and none of c++, g++, clang++ is on the path")


def train_refiner(
    refiner: Refiner,
    simulated: Stamps,
    real: Tensor | RealStamps,
    settings: RefinerTraining,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    features: Features | None = None,
    device: str = "auto",
    on_progress: OnProgress | None = None,
    tell: Callable[[str], object] | None = None,
) -> tuple[Refiner, dict[str, Any]]:
    """Train a refiner from its present weights.

    Under ``torchrun`` (see `astrogan.training.distributed`) all processes train as one.

    Parameters
    ----------
    refiner : Refiner
        Left as it is.
    simulated : Stamps
        What to refine, with tangents where labels are to be kept.
    real : Tensor (M, C, H, W) or RealStamps
        Real stamps in background sigmas; turned and flipped at random.
    folder : path, optional
        For the log and the checkpoint.
    resume : bool
        Go on from the checkpoint in `folder`.
    features : function, optional
        What may not change, in place of `settings.features`: a frozen network, say, from pixels in noise sigmas
        (N, C, H, W) to features of any shape.
    tell : function, optional
        Called with warnings of the health monitor; by default they are a `HealthWarning`.

    Returns
    -------
    (Refiner, dict)
        The averaged refiner, whose card says what it was trained on, and the engine's summary.

    Raises
    ------
    ValueError
        Before any training: real stamps that are too few, constant, saturated, not finite or of another shape than the
        simulated ones.
    TrainingStopped
        Naming the reason, where training cannot succeed.
    """
    given: dict[str, Any] = {"folder": folder, "features": features, "device": device, "tell": tell}
    trainer, card = refiner_trainer(refiner, simulated, real, settings, **given)
    if resume:
        trainer.resume()
    summary = trainer.fit(on_progress)
    card["training"] |= {name: summary[name] for name in ("images", "seconds", "steps")}
    card["metrics"] = {name: round(value, 6) for name, value in summary["scalars"].items()}
    trained = Refiner(dataclasses.replace(refiner.config, strength=1.0), card)
    trained.networks["refiner"].load_state_dict(trainer.ema.networks["refiner"].state_dict())
    trained.networks["critic"].load_state_dict(trainer.recipe.networks["critic"].state_dict())
    return trained, summary


def refiner_trainer(
    refiner: Refiner,
    simulated: Stamps,
    real: Tensor | RealStamps,
    settings: RefinerTraining,
    *,
    folder: str | Path | None = None,
    features: Features | None = None,
    device: str = "auto",
    tell: Callable[[str], object] | None = None,
) -> tuple[Trainer, dict[str, Any]]:
    """The trainer that `train_refiner` runs, and the card of what it will make; parameters and errors as there."""
    image, digests = _checked(refiner, simulated, real)
    simulation = _digest_of(simulated)
    data = hashlib.sha256("".join([*digests, simulation]).encode()).hexdigest()
    variance = float(compress(image).var())
    augment = settings.augment == "adaptive" or (settings.augment == "auto" and few_real(len(image)))
    recipe = RefinerRecipe(refiner, settings, variance, augment=augment, features=features, data=data)
    groups = {"sim": _simulated(simulated), "real": {"image": image}}
    batches = Batches(groups, settings.batch_size, seed=settings.seed, augment=["real"])
    trainer = Trainer(
        recipe,
        batches,
        settings.budget,
        folder,
        ema_half_life=settings.half_life,
        watch=Monitor(tell=tell),
        log_every=10,
        device=device,
    )
    how = {**dataclasses.asdict(settings), "pixel_variance": round(variance, 6), "augmented": augment}
    about = {
        "scaling": "asinh of pixels in background sigmas of each band",
        "training": how,
        "training_digests": {
            "real": digests,
            "fingerprints": fingerprints(image.numpy()).ravel().tolist(),
            "sim": simulation,
        },
    }
    return trainer, {**refiner.card, **about}


def _checked(refiner: Refiner, simulated: Stamps, real: Tensor | RealStamps) -> tuple[Tensor, list[str]]:
    """Real stamps and their digests."""
    image = real.image if isinstance(real, RealStamps) else real
    if image.ndim != 4 or image.shape[1] != refiner.config.bands:
        raise ValueError(f"real stamps of shape {tuple(image.shape)} are not (N, {refiner.config.bands}, H, W)")
    if image.shape[1:] != simulated.image.shape[1:]:
        raise ValueError(
            f"real stamps of (band, y, x) = {tuple(image.shape[1:])} beside simulated ones of "
            f"{tuple(simulated.image.shape[1:])}: they must be alike"
        )
    check_real(image.numpy())
    return image, real.digests if isinstance(real, RealStamps) else stamp_digests(image.numpy())


def _digest_of(simulated: Stamps) -> str:
    digest = hashlib.sha256()
    for part in (simulated.ids, simulated.image):
        digest.update(part.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _simulated(stamps: Stamps) -> dict[str, Tensor]:
    """What each batch brings of the simulated stamps: with their constraints, or with what these are made of."""
    names = ("image", "sigma", "good", "psf", "low", "high")
    group = {name: getattr(stamps, name) for name in names}
    if 4 * stamps.rows * stamps.image.numel() > BASIS_BYTES:
        return group | {"moments": stamps.moments, "tangents": stamps.tangents}
    size = chunk_size(stamps)
    with cpu_threads():
        starts = range(0, len(stamps.image), size)
        parts = [stamps[slice(start, start + size)].basis().float() for start in starts]
    return group | {"basis": torch.cat(parts)}
