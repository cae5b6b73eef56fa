from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from astrogan.training import (
    R3GAN,
    AdversarialLoss,
    Batches,
    Budget,
    Recipe,
    SimGAN,
    Trainer,
    cosine,
    minimise,
    set_learning_rate,
)
from astrogan.training.batches import Batch


def perceptron(inputs: int, outputs: int, width: int, rng: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    sizes = [inputs, width, width, width, outputs]
    for a, b in pairwise(sizes):
        linear = nn.Linear(a, b)
        nn.init.normal_(linear.weight, 0.0, math.sqrt(1.9 / a), generator=rng)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1], nn.Unflatten(1, (outputs, 1, 1)))


class Toy(Recipe):
    """A generator of points in the plane, (N, 2, 1, 1)."""

    averaged = ("generator",)

    def __init__(self, loss: AdversarialLoss, width: int) -> None:
        self.loss, self.rng, self.count = loss, torch.Generator().manual_seed(4), 0
        nets = {"generator": perceptron(4, 2, width, self.rng), "critic": perceptron(2, 1, width, self.rng)}
        self.networks = nn.ModuleDict(nets)
        self.optimizers = {k: torch.optim.Adam(net.parameters(), 1e-3, betas=(0.0, 0.99)) for k, net in nets.items()}

    def draw(self, count: int) -> Tensor:
        return torch.randn(count, 4, generator=self.rng)

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        for optimizer in self.optimizers.values():
            set_learning_rate(optimizer, cosine(progress, 5e-3, 2e-4))
        real, critic = batch["real"]["x"], self.networks["critic"]
        fake = self.networks["generator"](self.draw(len(real)))
        minimise(self.loss.critic(critic, real, fake, self.count)[0], self.optimizers["critic"])
        minimise(self.loss.generator(critic, real, fake), self.optimizers["generator"])
        self.count += 1
        return {}


def ring() -> Tensor:
    angle = torch.arange(8) * math.pi / 4
    return 2.0 * torch.stack([angle.cos(), angle.sin()], 1)


def grid() -> Tensor:
    return torch.cartesian_prod(torch.arange(5.0) - 2.0, torch.arange(5.0) - 2.0)


def coverage(modes: Tensor, spread: float, loss: AdversarialLoss, width: int, steps: int) -> tuple[int, float]:
    """Modes that get a quarter of their share or more, and the part of all points within four sigmas of a mode."""
    rng = torch.Generator().manual_seed(1)
    points = modes[torch.randint(len(modes), (20_000,), generator=rng)] + spread * torch.randn(20_000, 2, generator=rng)
    batches = Batches({"real": {"x": points.view(-1, 2, 1, 1)}}, 128, seed=0)
    recipe = Toy(loss, width)
    trainer = Trainer(recipe, batches, Budget(images=128 * steps), ema_half_life=2560.0, device="cpu")
    trainer.fit()
    with torch.no_grad():
        made = trainer.ema.networks["generator"](recipe.draw(4000)).flatten(1)
    distance, nearest = torch.cdist(made, modes).min(1)
    near = distance < 4.0 * spread
    counts = torch.bincount(nearest[near], minlength=len(modes))
    return int((counts > 1000 / len(modes)).sum()), near.float().mean().item()


@pytest.mark.parametrize("loss", [R3GAN(0.2), R3GAN(0.2, every=4), SimGAN()], ids=str)
def test_eight_gaussians_are_all_found(loss):
    found, near = coverage(ring(), 0.15, loss, 32, 700)
    assert found == 8
    assert near > 0.6


def test_an_untrained_generator_fails_that_test():
    found, near = coverage(ring(), 0.15, R3GAN(0.2), 32, 1)
    assert found < 8
    assert near < 0.4


def test_twenty_five_gaussians_are_nearly_all_found():
    found, near = coverage(grid(), 0.1, R3GAN(0.1, every=4), 48, 1200)
    assert found >= 22
    assert near > 0.5
