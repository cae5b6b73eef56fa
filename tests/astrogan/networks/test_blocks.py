from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from astrogan.networks import MultiScaleCritic, PatchCritic, ResidualTrunk, StampClassifier
from astrogan.networks.blocks import GAIN, ResidualBlock, activation, conv, generator, wrap
from astrogan.networks.critics import halve


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    rng = generator(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=rng))
    return network


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=generator(seed))


def test_wrap_is_circular_padding_with_exact_derivatives():
    x = noise(2, 3, 5, 4).double().requires_grad_()
    for layout in (torch.contiguous_format, torch.channels_last):
        assert torch.equal(wrap(x.contiguous(memory_format=layout)), nn.functional.pad(x, (1, 1, 1, 1), "circular"))
    assert torch.autograd.gradcheck(wrap, x)
    assert torch.autograd.gradgradcheck(wrap, x)


@pytest.mark.parametrize(("bands", "size"), [(1, (24, 24)), (3, (24, 41)), (5, (33, 32))])
def test_trunk_starts_at_zero_for_any_bands_and_size_and_can_leave_it(bands, size):
    trunk = ResidualTrunk(2 * bands, bands, width=8, blocks=2)
    out = trunk(noise(2, 2 * bands, *size))
    assert out.shape == (2, bands, *size)
    assert not out.any()
    torch.autograd.backward((out - 1.0).square().sum())
    assert trunk.exit.weight.grad.abs().sum() > 0


def test_trunk_commutes_with_translations_so_no_pixel_is_a_border():
    trunk = randomised(ResidualTrunk(3, 2, width=6, blocks=2))
    x = noise(1, 3, 24, 30)
    moved = trunk(x.roll((5, -11), (-2, -1)))
    torch.testing.assert_close(moved, trunk(x).roll((5, -11), (-2, -1)), rtol=1e-4, atol=1e-4)


def test_trunk_sees_its_halo_and_not_one_pixel_more():
    trunk = randomised(ResidualTrunk(1, 1, width=6, blocks=3))
    x = noise(1, 1, 40, 40).requires_grad_()
    (seen,) = torch.autograd.grad(trunk(x)[0, 0, 20, 20], x)
    rows = seen[0, 0].abs().amax(1).nonzero()
    assert (rows.min(), rows.max()) == (20 - trunk.halo, 20 + trunk.halo)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_critic_patch_has_the_stated_field_and_stride(depth):
    critic = randomised(PatchCritic(1, width=4, depth=depth))
    size = critic.field + 2 * critic.stride + 1
    x = noise(1, 1, size, size).requires_grad_()
    logits = critic(x)
    assert logits.shape == (1, 1, 3, 3)
    (seen,) = torch.autograd.grad(logits[0, 0, 1, 1], x)
    rows = seen[0, 0].abs().amax(1).nonzero()
    assert (rows.min(), rows.max()) == (critic.stride, critic.stride + critic.field - 1)


def test_critic_cannot_tell_where_a_patch_lies():
    critic = randomised(PatchCritic(2, width=6, depth=2))
    x = noise(1, 2, 48, 48)
    whole, part = critic(x), critic(x[..., 8:40, 4:36])
    torch.testing.assert_close(whole[..., 2 : 2 + part.shape[-2], 1 : 1 + part.shape[-1]], part, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", [PatchCritic(2), ResidualTrunk(2, 1), StampClassifier(2)], ids=type)
def test_batch_mates_do_not_matter(network):
    network = randomised(network)
    x = noise(4, 2, 26, 26)
    mates = torch.cat([x[:1], 100.0 * x[1:]])
    torch.testing.assert_close(network(x)[:1], network(mates)[:1], rtol=1e-4, atol=1e-5)


def test_logits_of_white_noise_have_a_useful_size_at_every_depth():
    spread = [PatchCritic(3, depth=depth, seed=2)(noise(8, 3, 64, 64)).std().item() for depth in (1, 2, 3)]
    assert all(0.3 < value < 3.0 for value in spread)


def test_residual_block_starts_as_the_identity_and_its_first_layer_shrinks_with_depth():
    x = noise(1, 8, 9, 9)
    assert torch.equal(ResidualBlock(generator(0), 8, total=4, torus=True)(x), x)
    assert torch.equal(ResidualBlock(generator(0), 8, total=4, torus=False)(x), x[..., 1:-1, 1:-1])
    one, four = (ResidualBlock(generator(0), 8, total=total, torus=True).first.weight for total in (1, 4))
    torch.testing.assert_close(one, 2.0 * four)


def test_gain_keeps_the_variance():
    layer = conv(generator(3), 64, 64, 3, gain=GAIN)
    x = noise(4, 64, 40, 40)
    assert layer(activation(x)).square().mean().item() == pytest.approx(1.0, rel=0.05)


def test_multi_scale_gives_one_map_per_scale_and_halving_keeps_the_mean_and_kills_the_checkerboard():
    maps = MultiScaleCritic(2, width=8)(noise(3, 2, 32, 32))
    assert [tuple(m.shape) for m in maps] == [(3, 1, 12, 12), (3, 1, 3, 3)]
    y, x = torch.meshgrid(torch.arange(11), torch.arange(11), indexing="ij")
    board = (1.0 - 2.0 * ((x + y) % 2)).expand(1, 2, 11, 11)
    torch.testing.assert_close(halve(3.0 + board), torch.full((1, 2, 5, 5), 3.0))


def test_seed_fixes_the_weights_and_building_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    nets = [MultiScaleCritic(1, seed=seed) for seed in (5, 5, 6)]
    assert torch.equal(torch.get_rng_state(), before)
    first, same, other = (nn.utils.parameters_to_vector(net.parameters()) for net in nets)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    fine, coarse = (nn.utils.parameters_to_vector(scale.parameters()) for scale in nets[0].scales)
    assert not torch.equal(fine, coarse)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ResidualTrunk(1, 1)(noise(1, 1, 23, 40)), r"image size = 23 .*\[24"),
        (lambda: PatchCritic(1, depth=2)(noise(1, 1, 32, 23)), r"image size = 23 .*\[24"),
        (lambda: MultiScaleCritic(1)(noise(1, 1, 20, 20)), r"image size = 9 .*\[10"),
        (lambda: StampClassifier(1)(noise(1, 1, 21, 21)), r"image size = 21 .*\[22"),
        (lambda: PatchCritic(0), "channels = 0"),
        (lambda: ResidualTrunk(1, 1, blocks=0), "blocks = 0"),
    ],
)
def test_impossible_sizes_are_refused(build, said):
    with pytest.raises(ValueError, match=said):
        build()
