"""The dense U-Net: its shape, how far it sees, and that tiles of it join."""

import pytest
import torch

from astrogan.networks import DenseUNet
from astrogan.networks.tiling import in_tiles


def awake(**size):
    """A network whose exit is not zero, in float64."""
    net = DenseUNet(2, 3, **size)
    torch.nn.init.normal_(net.exit.weight, generator=torch.Generator().manual_seed(1))
    return net.requires_grad_(False).double()


def noise(*shape):
    return torch.randn(1, 2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_it_starts_as_zero_and_its_seed_is_all_that_differs():
    x = torch.randn(2, 2, 24, 32)
    assert torch.equal(DenseUNet(2, 3)(x), torch.zeros(2, 3, 24, 32))
    one, same, other = (DenseUNet(2, 3, seed=seed).entry.weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("size", [{"width": 4, "levels": 2}, {"width": 4, "levels": 3, "layers": 1}])
def test_it_sees_as_far_as_it_says(size):
    net = awake(**size)
    x = noise(128, 128)
    poked = x.clone()
    poked[..., 64, 64] += 10.0
    moved = (net(poked) - net(x)).abs().amax((0, 1)) > 1e-12
    reach = max(abs(int(k) - 64) for k in moved.nonzero().ravel())
    assert net.halo - net.factor < reach <= net.halo


def test_moved_by_its_factor_an_image_gives_the_same_moved():
    net = awake(width=4, levels=3)
    x = noise(48, 48)
    moved = net(x.roll((4, 8), (-2, -1)))
    assert torch.allclose(moved, net(x).roll((4, 8), (-2, -1)), atol=1e-12)


@pytest.mark.parametrize(("shape", "tile"), [((96, 128), 40), ((72, 144), 33), ((24, 200), 64)])
def test_tiled_is_whole_to_rounding(shape, tile):
    net = awake(width=4, levels=3, layers=1)
    whole, tiled = net(noise(*shape)), in_tiles(net, noise(*shape), net.halo, tile, net.factor)
    assert (tiled - whole).abs().max() < 1e-12 * whole.abs().max()


def test_too_small_a_margin_shows():
    net = awake(width=4, levels=3, layers=1)
    whole, tiled = net(noise(96, 96)), in_tiles(net, noise(96, 96), net.halo - 8, 32, net.factor)
    assert (tiled - whole).abs().max() > 1e-6 * whole.abs().max()


def test_other_sides_are_refused():
    net = DenseUNet(2, 3, levels=3)
    with pytest.raises(ValueError, match="multiples of 4"):
        net(torch.zeros(1, 2, 24, 26))
    with pytest.raises(ValueError, match="multiples of 4"):
        in_tiles(net, torch.zeros(1, 2, 64, 66), net.halo, 32, net.factor)
    with pytest.raises(ValueError, match="levels = 0"):
        DenseUNet(2, 3, levels=0)
