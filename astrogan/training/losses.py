"""Adversarial losses. Logits are high for real; a critic gives one logit map, or a tuple of maps (one per scale).

Every map counts equally, whatever its number of patches. Both losses log `margin`, by how much the critic puts real
images above fake ones, and `sign`, the mean sign of its verdict on real images (on pairs, where it is relativistic).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from astrogan.training.device import mixed_precision
from catalogs.checks import within

__all__ = [
    "FEATURES",
    "R3GAN",
    "AdversarialLoss",
    "Logits",
    "SimGAN",
    "frozen",
    "gradient_penalty",
    "self_regularisation",
]

Logits = Tensor | tuple[Tensor, ...]


class AdversarialLoss(ABC):
    """The two sides of one game. Both take image batches (N, C, H, W), real and fake, of equal length."""

    @abstractmethod
    def critic(self, critic: nn.Module, real: Tensor, fake: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """The critic's loss (the fake is detached here) and the scalars worth logging."""

    @abstractmethod
    def generator(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """The generator's loss; the critic's weights get no gradient from it."""


@dataclass(frozen=True)
class R3GAN(AdversarialLoss):
    """Relativistic pairing with R1 and R2: softplus(±(D(fake) - D(real))) + γ/2 (R1 + R2) (Huang et al. 2024, sec. 2).

    Attributes
    ----------
    gamma
        Penalty weight. The penalties have the unit of 1 / pixel², so a weight that suits all data is proportional to
        the variance of the critic's input.
    every
        Take the penalties at every so many steps, `every` times as strong (lazy: Karras et al. 2020, section 3.1).
    mixed
        bfloat16 for whatever is not a penalty; None: where the hardware is fast at it.
    """

    gamma: float = 1.0
    every: int = 1
    mixed: bool | None = None

    def __post_init__(self) -> None:
        within("gamma", self.gamma, 0.0, 1e9)
        within("every", self.every, 1, 1024, "steps")

    def critic(self, critic: nn.Module, real: Tensor, fake: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """softplus(D(fake) - D(real)), with penalties in float32 at steps divisible by `every`."""
        if self.gamma == 0.0 or step % self.every:
            real_logits, fake_logits = _logits(critic, real, fake.detach(), self.mixed)
            return _mean(softplus, _minus(fake_logits, real_logits)), _verdict(real_logits, fake_logits, paired=True)
        logits, squares = gradient_penalty(critic, torch.cat([real, fake.detach()]))
        real_logits, fake_logits = _split(logits, len(real))
        r1, r2 = squares[: len(real)].mean(), squares[len(real) :].mean()
        loss = _mean(softplus, _minus(fake_logits, real_logits)) + 0.5 * self.gamma * self.every * (r1 + r2)
        return loss, {"r1": r1.item(), "r2": r2.item(), **_verdict(real_logits, fake_logits, paired=True)}

    def generator(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """softplus(D(real) - D(fake))."""
        with frozen(critic):
            real_logits, fake_logits = _logits(critic, real, fake, self.mixed)
        return _mean(softplus, _minus(real_logits, fake_logits))


@dataclass(frozen=True)
class SimGAN(AdversarialLoss):
    """Local cross-entropy (Shrivastava et al. 2017, eqs. 2-4); its two-way softmax is the sigmoid of one logit.

    The paper sums over patches; here it is the mean, so that weights do not depend on the image's size.
    """

    mixed: bool | None = None

    def critic(self, critic: nn.Module, real: Tensor, fake: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """-log P(real | real) - log P(fake | fake), eq. 2."""
        real_logits, fake_logits = _logits(critic, real, fake.detach(), self.mixed)
        loss = _mean(lambda x: softplus(-x), real_logits) + _mean(softplus, fake_logits)
        return loss, _verdict(real_logits, fake_logits, paired=False)

    def generator(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """-log P(real | fake), first term of eq. 4."""
        with frozen(critic), mixed_precision(fake.device, self.mixed):
            logits = critic(fake)
        return _mean(lambda x: softplus(-x), logits)


def gradient_penalty(critic: nn.Module, images: Tensor) -> tuple[Logits, Tensor]:
    """Logits of images (N, C, H, W), and the squared gradient norm per patch (N,), both differentiable, in float32.

    The gradient is that of Σ logits / √patches, so a critic of independent patches pays the same whatever the image's
    size, and a critic with one logit pays exactly |∇D|² (Mescheder et al. 2018, eqs. 9-10).
    """
    images = images.detach().float().requires_grad_(True)
    with torch.autocast(images.device.type, enabled=False):
        logits: Logits = critic(images)
        maps = _maps(logits)
        score = torch.stack([m.sum() * (len(m) / m.numel()) ** 0.5 for m in maps]).sum()
        (slope,) = torch.autograd.grad(score, images, create_graph=True)
    return logits, slope.square().sum((1, 2, 3)) / len(maps)


def _blurred(x: Tensor) -> Tensor:
    """Binomially blurred over 5 pixels, unpadded: noise may change, light may not."""
    tap = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=x.dtype, device=x.device) / 16.0
    return nn.functional.conv2d(x, (tap[:, None] * tap).expand(x.shape[1], 1, 5, 5), groups=x.shape[1])


FEATURES: dict[str, Callable[[Tensor], Tensor] | None] = {
    "identity": None,
    "blurred": _blurred,
    "bands": lambda x: x.mean(1, keepdim=True),
}
"""ψ of `self_regularisation` by name: pixels, pixels without their noise, the mean of all bands."""


def self_regularisation(
    refined: Tensor, raw: Tensor, sigma: Tensor | float = 1.0, features: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Mean |ψ(refined / σ) - ψ(raw / σ)| (Shrivastava et al. 2017, eq. 3), ψ = `features`, by default the identity."""
    if features is None:
        return ((refined - raw) / sigma).abs().mean()
    return (features(refined / sigma) - features(raw / sigma)).abs().mean()


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients through a module but not into its weights."""
    trained = [p for p in module.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def _maps(logits: Logits) -> tuple[Tensor, ...]:
    return logits if isinstance(logits, tuple) else (logits,)


def _logits(critic: nn.Module, real: Tensor, fake: Tensor, mixed: bool | None) -> tuple[Logits, Logits]:
    with mixed_precision(real.device, mixed):
        if fake.requires_grad:
            with torch.no_grad():
                real_logits = critic(real)
            return real_logits, critic(fake)
        return _split(critic(torch.cat([real, fake])), len(real))


def _split(logits: Logits, count: int) -> tuple[Logits, Logits]:
    maps = _maps(logits)
    return tuple(m[:count] for m in maps), tuple(m[count:] for m in maps)


def _minus(a: Logits, b: Logits) -> Logits:
    return tuple(x.float() - y.float() for x, y in zip(_maps(a), _maps(b), strict=True))


def _verdict(real: Logits, fake: Logits, *, paired: bool) -> dict[str, float]:
    real_each, fake_each = _each(real), _each(fake)
    told = real_each - fake_each if paired else real_each
    return {"margin": (real_each - fake_each).mean().item(), "sign": told.sign().mean().item()}


def _each(logits: Logits) -> Tensor:
    """Mean logit of each image (N,)."""
    return torch.stack([m.detach().float().flatten(1).mean(1) for m in _maps(logits)]).mean(0)


def _mean(function: Callable[[Tensor], Tensor], logits: Logits) -> Tensor:
    return torch.stack([function(m.float()).mean() for m in _maps(logits)]).mean()
