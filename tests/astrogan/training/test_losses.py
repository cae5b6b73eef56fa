from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from astrogan.networks import MultiScaleCritic, PatchCritic
from astrogan.training import R3GAN, SimGAN, self_regularisation
from astrogan.training.losses import frozen, gradient_penalty


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Linear(nn.Module):
    """Logit w·x of every disjoint k x k patch."""

    def __init__(self, channels: int, patch: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels, 1, patch, stride=patch, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(noise(*self.layer.weight.shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Constant(nn.Module):
    """Logits equal to the image's first channel: what the loss makes of given logits."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1]


@pytest.mark.parametrize("size", [6, 12, 18])
def test_penalty_of_a_linear_critic_is_its_squared_weight_whatever_the_image_size(size):
    critic = Linear(2, 6)
    logits, squares = gradient_penalty(critic, noise(3, 2, size, size))
    assert logits.shape == (3, 1, size // 6, size // 6)
    torch.testing.assert_close(squares, critic.layer.weight.square().sum().expand(3))


def test_penalty_gradient_of_a_quadratic_critic_has_its_closed_form():
    class Quadratic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(1.5))

        def forward(self, x: Tensor) -> Tensor:
            return 0.5 * self.scale * x.square().sum((1, 2, 3)).view(-1, 1, 1, 1)

    critic, x = Quadratic(), noise(4, 1, 3, 3)
    squares = gradient_penalty(critic, x)[1]
    torch.testing.assert_close(squares, 1.5**2 * x.square().sum((1, 2, 3)))
    torch.autograd.backward(squares.mean())
    torch.testing.assert_close(critic.scale.grad, 2 * 1.5 * x.square().sum((1, 2, 3)).mean())


def test_penalty_counts_every_scale_of_a_critic_equally():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fine, self.coarse = Linear(1, 2), Linear(1, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.fine(x[..., :8]), self.coarse(x[..., 8:])

    critic = Twice()
    fine, coarse = (net.layer.weight.square().sum() for net in (critic.fine, critic.coarse))
    torch.testing.assert_close(gradient_penalty(critic, noise(2, 1, 8, 16))[1], ((fine + coarse) / 2).expand(2))


def test_r3gan_is_the_relativistic_softplus_plus_half_gamma_r1_r2():
    critic, real, fake = Linear(2, 6), noise(4, 2, 6, 6, seed=1), noise(4, 2, 6, 6, seed=2)
    weight = critic.layer.weight.square().sum()
    gap = (critic(real) - critic(fake)).flatten()
    loss, scalars = R3GAN(gamma=0.3).critic(critic, real, fake, 0)
    torch.testing.assert_close(loss, torch.log1p(torch.exp(-gap)).mean() + 0.3 * weight)
    assert scalars["r1"] == scalars["r2"] == pytest.approx(weight.item())
    assert scalars["margin"] == pytest.approx(gap.mean().item())
    assert scalars["sign"] == pytest.approx(gap.sign().mean().item())
    exact = R3GAN(mixed=False).generator(critic, real, fake)
    torch.testing.assert_close(exact, torch.log1p(torch.exp(gap)).mean())


def test_lazy_penalties_come_every_so_many_steps_and_average_to_the_same():
    critic, real, fake = PatchCritic(1, width=4), noise(2, 1, 16, 16, seed=1), noise(2, 1, 16, 16, seed=2)
    eager, lazy, none = R3GAN(0.7), R3GAN(0.7, every=4), R3GAN(0.0)
    each = eager.critic(critic, real, fake, 0)[0]
    taken = [lazy.critic(critic, real, fake, step) for step in range(8)]
    assert ["r1" in scalars for _, scalars in taken] == [True, False, False, False] * 2
    torch.testing.assert_close(torch.stack([loss for loss, _ in taken]).mean(), each)
    torch.testing.assert_close(taken[1][0], none.critic(critic, real, fake, 0)[0])


def test_penalties_are_float32_inside_and_outside_mixed_precision():
    critic, x = MultiScaleCritic(1, width=8), noise(2, 1, 24, 24)
    plain = gradient_penalty(critic, x)[1]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = gradient_penalty(critic, x.bfloat16().float())[1]
        assert critic(x)[0].dtype == torch.bfloat16
    assert mixed.dtype == torch.float32
    assert torch.equal(gradient_penalty(critic, x.bfloat16().float())[1], mixed)
    torch.testing.assert_close(plain, mixed, rtol=0.05, atol=1e-4)
    loss, _ = R3GAN(mixed=True).critic(critic, x, -x, 0)
    assert loss.dtype == torch.float32


@pytest.mark.parametrize("loss", [R3GAN(), R3GAN(every=2, mixed=True), SimGAN(), SimGAN(mixed=True)])
def test_each_side_trains_its_own_network_only(loss):
    critic, fake = MultiScaleCritic(1, width=4), noise(2, 1, 24, 24).requires_grad_()
    torch.autograd.backward(loss.critic(critic, noise(2, 1, 24, 24, seed=1), fake, 1)[0])
    assert fake.grad is None
    assert all(p.grad is not None for p in critic.parameters())
    critic.zero_grad(set_to_none=True)
    torch.autograd.backward(loss.generator(critic, noise(2, 1, 24, 24, seed=1), fake))
    assert fake.grad.abs().sum() > 0
    assert all(p.grad is None and p.requires_grad for p in critic.parameters())


def test_simgan_is_the_two_way_softmax_of_the_paper():
    real, fake = noise(3, 1, 4, 4, seed=1), noise(3, 1, 4, 4, seed=2)
    two_way = nn.functional.cross_entropy(
        torch.stack([torch.cat([real, fake]).flatten(), torch.zeros(96)], 1), torch.arange(96) // 48, reduction="sum"
    )
    torch.testing.assert_close(SimGAN().critic(Constant(), real, fake, 0)[0], two_way / 48)
    torch.testing.assert_close(SimGAN().generator(Constant(), real, fake), -torch.sigmoid(fake).log().mean())
    assert SimGAN().critic(Constant(), real * 0, fake * 0, 0)[0].item() == pytest.approx(2 * math.log(2))


def test_logits_of_any_size_give_finite_losses():
    huge = torch.full((2, 1, 4, 4), 1e4)
    for loss in (R3GAN(0.0), SimGAN()):
        assert loss.critic(Constant(), -huge, huge, 0)[0].isfinite()
        assert loss.generator(Constant(), huge, -huge).isfinite()


def test_self_regularisation_is_the_mean_change_in_sigmas_or_in_features():
    raw = noise(2, 3, 5, 5)
    sigma = torch.full_like(raw, 2.0)
    assert self_regularisation(raw + 1.0, raw, sigma).item() == pytest.approx(0.5)
    assert self_regularisation(raw + 1.0, raw, features=lambda x: x.diff(dim=-1)).item() == pytest.approx(0.0, abs=1e-6)


def test_frozen_gives_back_what_it_took_even_after_an_error():
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)

    def fail() -> None:
        with frozen(layer):
            assert not layer.weight.requires_grad
            raise RuntimeError("halt")

    with pytest.raises(RuntimeError, match="halt"):
        fail()
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad


def test_bad_weights_are_refused():
    with pytest.raises(ValueError, match="gamma = -1"):
        R3GAN(gamma=-1.0)
    with pytest.raises(ValueError, match="every = 0"):
        R3GAN(every=0)
