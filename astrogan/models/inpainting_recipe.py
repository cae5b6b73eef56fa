"""One step of training an inpainter: first the mean and its variance, then the sampler around them."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from astrogan.models.inpainting_networks import Windows, scale_of
from astrogan.models.scaling import compress
from astrogan.training import R3GAN, Batch, Recipe, SimGAN, cosine, minimise, set_learning_rate
from astrogan.training.distributed import share, world

if TYPE_CHECKING:
    from astrogan.models.inpainting import Inpainter
    from astrogan.models.inpainting_training import InpainterTraining

__all__ = ["InpainterRecipe", "negative_log_likelihood", "regularised"]

LAZY = 4  # steps between penalties
DRAWS = 2  # P of rcGAN in training


def negative_log_likelihood(x: Tensor, mean: Tensor, std: Tensor, hole: Tensor) -> Tensor:
    """Mean over the pixels of holes of (x - μ)² / 2 v² + ln v (Nix & Weigend 1994, eq. 3)."""
    each = 0.5 * ((x - mean) / std).square() + torch.log(std)
    return (each * hole).sum() / hole.sum().clamp(min=1.0)


def regularised(x: Tensor, draws: Tensor, hole: Tensor, scale: Tensor) -> Tensor:
    """|x - x̄|₁ - β Σ_i |x_i - x̄|₁, x̄ the mean of the P draws (Bendel et al. 2023, eqs. 8-10), of pixels and of sums.

    β = √(2 / (π P (P + 1))) is the weight for which, with Gaussian draws, the spread comes out as the posterior's
    (their proposition 3.1). It is asked of pixels, of their sums over 4 x 4 pixels, and of the light of the whole hole,
    because errors are correlated: a spread right in each pixel may be wrong for a sum.

    Parameters
    ----------
    x, hole, scale : Tensor (N, C, S, S)
    draws : Tensor (N, P, C, S, S)
    """
    count = draws.shape[1]
    beta = math.sqrt(2.0 / (math.pi * count * (count + 1)))
    off = torch.cat([x[:, None] - draws.mean(1, keepdim=True), draws - draws.mean(1, keepdim=True)], 1)
    off = off * (hole / scale)[:, None]
    total = off.new_zeros(())
    for side in (1, 4, x.shape[-1]):
        pooled = _sums(off, side)
        weight = _sums((hole > 0).to(off.dtype)[:, None], side).sqrt()  # the spread of a sum of white noise
        norm = (pooled.abs() / weight.clamp(min=1.0)).sum((0, 2, 3, 4)) / weight.count_nonzero().clamp(min=1)
        total = total + (norm[0] - beta * norm[1:].sum())
    return total / 3.0


def _sums(x: Tensor, side: int) -> Tensor:
    """Sums (N, P, C, h, w) over squares of `side` pixels."""
    flat = nn.functional.avg_pool2d(x.flatten(0, 1), side, ceil_mode=True, divisor_override=1)
    return flat.view(*x.shape[:2], *flat.shape[1:])


class InpainterRecipe(Recipe):
    """The mean head for the first part of the budget, sampler and critic for the rest.

    Parameters
    ----------
    inpainter : Inpainter
        Left as it is.
    settings : InpainterTraining
    variance : float
        Of a pixel of the critic's input: the unit of `settings.gamma`.
    data : str
        Name of what is trained on; a checkpoint of other data is refused.
    """

    averaged = ("mean", "sampler")

    def __init__(self, inpainter: Inpainter, settings: InpainterTraining, variance: float, *, data: str = "") -> None:
        self.settings, self.data, self.steps = settings, data, 0
        r3 = R3GAN(gamma=settings.gamma * variance, every=LAZY)
        self.loss = r3 if settings.loss == "r3" else SimGAN()
        self.networks = nn.ModuleDict(
            {name: copy.deepcopy(inpainter.networks[name]) for name in ("mean", "sampler", "critic")}
        )
        betas = {"mean": (0.9, 0.99), "sampler": (0.0, 0.99), "critic": (0.0, 0.99)}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), settings.learning_rate, betas=betas[name])
            for name, network in self.networks.items()
        }
        self.rng = torch.Generator().manual_seed(settings.seed)

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """One step of the head whose turn it is."""
        windows, first = batch["lesson"], self.settings.mean_share
        self.steps += 1
        if progress < first:
            rate = cosine(progress / first, self.settings.learning_rate, self.settings.final_rate, warm_up=0.05)
            return self._mean_step(windows, rate)
        progress = (progress - first) / (1.0 - first)
        rate = cosine(progress, self.settings.learning_rate, self.settings.final_rate, warm_up=0.05)
        return self._sampler_step(windows, rate)

    def _mean_step(self, windows: Windows, rate: float) -> dict[str, float]:
        set_learning_rate(self.optimizers["mean"], rate)
        hole = _holes(windows)
        mean, std = self.networks["mean"](windows)
        loss = negative_log_likelihood(windows["image"], mean, std, hole)
        minimise(loss, self.optimizers["mean"])
        off = (windows["image"] - mean.detach()) / std.detach()
        chi2 = (off.square() * hole).sum() / hole.sum().clamp(min=1.0)
        return {"likelihood": loss.item(), "chi2": chi2.item()}

    def _sampler_step(self, windows: Windows, rate: float) -> dict[str, float]:
        for name in ("sampler", "critic"):
            set_learning_rate(self.optimizers[name], rate)
        x, hole = windows["image"], _holes(windows)
        with torch.no_grad():
            mean, std = self.networks["mean"](windows)
        draws = self._draws(windows, mean, std)
        known = 1.0 - hole
        real = torch.cat([compress(x), known], dim=1)
        fake = torch.cat([compress(torch.where(windows["known"], x, draws[:, 0])), known], dim=1)
        critic_loss, scalars = self.loss.critic(self.networks["critic"], real, fake, self.steps)
        minimise(critic_loss, self.optimizers["critic"])
        adversarial = self.loss.generator(self.networks["critic"], real, fake)
        kept = regularised(x, draws, hole, scale_of(windows))
        minimise(kept + self.settings.adversarial * adversarial, self.optimizers["sampler"])
        scalars.pop("sign")
        return {
            "critic": critic_loss.item(),
            "adversarial": adversarial.item(),
            "regularised": kept.item(),
            **scalars,
            **_vital(windows, mean, std, draws.detach(), hole),
        }

    def _draws(self, windows: Windows, mean: Tensor, std: Tensor) -> Tensor:
        """P draws (N, P, C, S, S)."""
        shape = (len(mean) * world(), DRAWS, *mean.shape[1:])
        white = share(torch.randn(shape, generator=self.rng)).to(mean.device)
        one = (windows["departures"][:, k] for k in range(DRAWS))
        return torch.stack(
            [self.networks["sampler"](windows, mean, std, e, white[:, k]) for k, e in enumerate(one)], dim=1
        )

    def state_dict(self) -> dict[str, Any]:
        """Generator, step count, and the name of the data."""
        return {"rng": self.rng.get_state(), "steps": self.steps, "data": self.data}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state.

        Raises
        ------
        ValueError
            If it was saved while training on other windows.
        """
        if state["data"] != self.data:
            raise ValueError("it was trained on other windows (the digest of them differs)")
        self.rng.set_state(state["rng"])
        self.steps = state["steps"]


def _holes(windows: Windows) -> Tensor:
    """1 in the hole where its truth is known, (N, C, S, S)."""
    return (~windows["known"] & windows["truth"]).to(windows["image"].dtype)


@torch.no_grad()
def _vital(windows: Windows, mean: Tensor, std: Tensor, draws: Tensor, hole: Tensor) -> dict[str, float]:
    """What `health.Monitor` watches: `variety` is the spread of two draws over that of the first head."""
    spread = ((draws[:, 0] - draws[:, 1]).square() * hole).sum() / 2.0
    change = (draws[:, 0] - mean).abs() / std
    return {
        "variety": float((spread / (std.square() * hole).sum().clamp(min=1e-12)).sqrt()),
        "change": float((change * hole).sum() / hole.sum().clamp(min=1.0)),
    }
