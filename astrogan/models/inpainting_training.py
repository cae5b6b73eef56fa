"""Training an inpainter: settings, the lesson drawn from real stamps, and the function that runs the engine."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from astrogan.dataset.fingerprints import stamp_digests
from astrogan.dataset.masks import KINDS, draw_masks
from astrogan.models.holes import Holes, white_noise
from astrogan.models.inpainting import Inpainter, InpainterConfig, windows_of
from astrogan.models.inpainting_networks import MeanNetwork, Windows
from astrogan.models.inpainting_recipe import DRAWS, InpainterRecipe
from astrogan.models.scaling import compress
from astrogan.training import Batches, Budget, Monitor, Trainer, cpu_threads
from astrogan.training.engine import OnProgress
from catalogs.checks import one_of, within
from simulators.streams import uniform

__all__ = ["InpainterTraining", "lesson_of", "train_inpainter"]

FEWEST = 50  # stamps
LOSSES = ("r3", "simgan")
CHUNK = 500  # windows that are conditioned together
TRUST = (1.0, 0.75, 0.5, 0.25, 0.0)
HELD_BACK = 0.1  # part of the stamps, on which mean and standard deviation are measured out


@dataclasses.dataclass(frozen=True)
class InpainterTraining:
    """How to train an inpainter.

    Parameters
    ----------
    budget : Budget
    windows : int
        Windows with holes that are drawn from the real stamps before training; all are also turned and flipped.
    masks : tuple of str
        Kinds of holes (`astrogan.dataset.masks.KINDS`); of one band's images without `band`.
    every_band : float
        Chance that a hole goes through all bands.
    batch_size : int
        Of all processes together.
    learning_rate, final_rate : float
        Of Adam at the start and, along a cosine, at the end of each head's part.
    mean_share : float
        Part of the budget in which mean and variance are trained; the sampler has the rest.
    loss : {"r3", "simgan"}
    gamma : float
        Weight of R1 and R2 in units of the variance of the critic's input; ``r3`` only.
    adversarial : float
        Weight of the critic's verdict beside rcGAN's regularisation, in noise sigmas.
    half_life : float
        Of the averaged weights, in images.
    seed : int
    """

    budget: Budget
    windows: int = 8000
    masks: tuple[str, ...] = tuple(KINDS)
    every_band: float = 0.5
    batch_size: int = 16
    learning_rate: float = 1e-3
    final_rate: float = 5e-5
    mean_share: float = 0.6
    loss: str = "r3"
    gamma: float = 0.1
    adversarial: float = 0.05
    half_life: float = 4000.0
    seed: int = 0

    def __post_init__(self) -> None:
        within("windows", self.windows, 64, 1e6)
        within("every_band", self.every_band, 0.0, 1.0)
        within("batch_size", self.batch_size, 2, 4096)
        within("learning_rate", self.learning_rate, 0.0, 1.0, open_low=True)
        within("mean_share", self.mean_share, 0.05, 0.95)
        within("gamma", self.gamma, 0.0, 1e6)
        within("adversarial", self.adversarial, 0.0, 1e3)
        one_of("loss", self.loss, LOSSES)
        for kind in self.masks:
            one_of("mask kind", kind, KINDS)


def train_inpainter(
    config: InpainterConfig,
    real: Holes,
    settings: InpainterTraining,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    on_progress: OnProgress | None = None,
    tell: Callable[[str], object] | None = None,
) -> tuple[Inpainter, dict[str, Any]]:
    """Train a new inpainter.

    Parameters
    ----------
    config : InpainterConfig
    real : Holes
        Observed stamps, at least as large as the windows; their own holes are never asked for.
    settings : InpainterTraining
    folder : path, optional
        For the log and the checkpoint.
    resume : bool
        Go on from the checkpoint in `folder`.
    tell : function, optional
        Called with warnings of the health monitor; by default they are a `HealthWarning`.

    Returns
    -------
    (Inpainter, dict)
        The averaged inpainter, whose card says what it was trained on, and the engine's summary.

    Raises
    ------
    ValueError
        Before any training: stamps that are too few, smaller than a window, or of other bands than the model's.
    TrainingStopped
        Naming the reason, where training cannot succeed.
    """
    _check(config, real)
    inpainter = Inpainter(config)
    order = torch.randperm(len(real.image), generator=torch.Generator().manual_seed(settings.seed))
    held = max(1, round(HELD_BACK * len(order)))
    few = dataclasses.replace(settings, windows=min(512, settings.windows))
    with cpu_threads():
        lesson = lesson_of(inpainter, real[order[held:]], settings)
        check = lesson_of(inpainter, real[order[:held]], few, fitted=True)
    digests = stamp_digests(real.image.numpy())
    data = hashlib.sha256("".join([*digests, repr(dataclasses.replace(settings, budget=Budget(images=1)))]).encode())
    variance = float(compress(lesson["image"]).var())
    recipe = InpainterRecipe(inpainter, settings, variance, data=data.hexdigest())
    batches = Batches({"lesson": lesson}, settings.batch_size, seed=settings.seed, augment=["lesson"])
    watch = Monitor(tell=tell)
    how: dict[str, Any] = {"ema_half_life": settings.half_life, "watch": watch, "log_every": 10, "device": device}
    trainer = Trainer(recipe, batches, settings.budget, folder, **how)
    if resume:
        trainer.resume()
    summary = trainer.fit(on_progress)
    for name in ("mean", "sampler", "critic"):
        source = trainer.ema.networks if name in recipe.averaged else recipe.networks
        inpainter.networks[name].load_state_dict(source[name].state_dict())
    inpainter.networks.cpu()
    measured = _temper(inpainter.mean, check)
    inpainter.card |= _card(settings, summary, digests, variance) | measured
    return inpainter, summary


def lesson_of(inpainter: Inpainter, real: Holes, settings: InpainterTraining, *, fitted: bool = False) -> Windows:
    """Windows cut from real stamps at random, holes drawn into them, and what the Gaussian process says of these.

    The process is fitted to the windows first, unless it `fitted` already.
    """
    size, count = inpainter.config.size, settings.windows
    bands = inpainter.config.bands
    ids = torch.arange(count)
    u = uniform(settings.seed, ids.numpy(), "inpainter.windows", (3,))
    which = torch.from_numpy((u[:, 0] * len(real.image)).astype("int64"))
    spare = [side - size + 1 for side in real.image.shape[-2:]]
    corner = [torch.from_numpy((u[:, 1 + k] * spare[k]).astype("int64")) for k in (0, 1)]
    planes = [_windows(one, which, corner, size) for one in (real.image, real.sigma, real.known)]
    kinds = [kind for kind in settings.masks if bands > 1 or kind != "band"]
    drawn = draw_masks(kinds, ids.numpy(), (bands, size, size), seed=settings.seed, share=settings.every_band)
    part = Holes(planes[0], planes[1], planes[2] & ~torch.from_numpy(drawn), real.psf[which], ids, real.unit)
    process = inpainter.process
    if not fitted:
        whole = planes[2].flatten(1).all(1)
        process.fit(planes[0][whole if int(whole.sum()) >= FEWEST else slice(None)])
    shape = (DRAWS, bands, size, size)
    made = []
    for start in range(0, count, CHUNK):
        chunk = part[slice(start, start + CHUNK)]
        made.append(windows_of(process, chunk, white_noise(chunk.ids, shape, settings.seed, "inpainter.departures")))
    lesson = {name: torch.cat([one[name] for one in made]) for name in made[0]}
    return {**lesson, "truth": planes[2]}


def _windows(planes: Tensor, which: Tensor, corner: list[Tensor], size: int) -> Tensor:
    steps = torch.arange(size)
    y, x = (one[:, None] + steps for one in corner)
    return planes.movedim(1, -1)[which[:, None, None], y[:, :, None], x[:, None, :]].movedim(-1, 1).contiguous()


@torch.no_grad()
def _temper(network: MeanNetwork, check: Windows) -> dict[str, float]:
    """Measure λ and τ on windows held back: the λ of least error, each window alike, and the τ of χ² = 1."""
    hole = (~check["known"] & check["truth"]).double()
    count = hole.sum((1, 2, 3)).clamp(min=1.0)
    errors = {}
    for trust in TRUST:
        network.trust.fill_(trust)
        mean, std = network.eval()(check)
        square = (check["image"] - mean).double().square() * hole
        errors[trust] = float((square.sum((1, 2, 3)) / count).clamp(min=1e-12).log().mean())
    network.trust.fill_(min(errors, key=lambda trust: errors[trust]))
    mean, std = network(check)
    square = ((check["image"] - mean).double() / std).square().clamp(max=25.0) * hole  # but for what no Gaussian makes
    each = hole.sum((0, 2, 3)).clamp(min=1.0)
    network.temper += 0.5 * (square.sum((0, 2, 3)) / each).clamp(0.1, 10.0).log().float()
    return {"trust": float(network.trust), "chi2_held_back": round(float(square.sum() / each.sum()), 4)}


def _check(config: InpainterConfig, real: Holes) -> None:
    count, bands, *sides = real.image.shape
    if bands != config.bands:
        raise ValueError(f"real stamps of {bands} bands for an inpainter of {config.bands}")
    if count < FEWEST:
        raise ValueError(f"{count} real stamps are too few; at least {FEWEST} are needed")
    if min(sides) < config.size:
        raise ValueError(f"real stamps of {tuple(sides)} pixels are smaller than the windows of {config.size}")


def _card(settings: InpainterTraining, summary: dict[str, Any], digests: list[str], variance: float) -> dict[str, Any]:
    """What the model's card says of its training."""
    how = {**dataclasses.asdict(settings), "pixel_variance": round(variance, 6)}
    return {
        "scaling": "pixels in background sigmas of each band",
        "training": how | {name: summary[name] for name in ("images", "seconds", "steps")},
        "metrics": {name: round(value, 6) for name, value in summary["scalars"].items()},
        "training_digests": {"real": digests},
    }
