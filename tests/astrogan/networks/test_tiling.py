"""Tiles join without a seam, and only because of their margins."""

import pytest
import torch

from astrogan.networks import ResidualTrunk
from astrogan.networks.tiling import in_tiles


@pytest.fixture(scope="module")
def trunk():
    trunk = ResidualTrunk(2, 1, width=6, blocks=2)
    torch.nn.init.normal_(trunk.exit.weight, generator=torch.Generator().manual_seed(1))
    for block in trunk.blocks:
        torch.nn.init.normal_(block.second.weight, 0.0, 0.1, generator=torch.Generator().manual_seed(2))
    return trunk.requires_grad_(False).double()


@pytest.mark.parametrize(
    ("shape", "tile"), [((96, 96), 32), ((70, 101), 33), ((24, 130), 50), ((130, 40), 60), ((65, 64), 64)]
)
def test_tiled_is_whole_to_rounding(trunk, shape, tile):
    image = torch.randn(2, 2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole, tiled = trunk(image), in_tiles(trunk, image, trunk.halo, tile)
    assert tiled.shape == whole.shape
    assert (tiled - whole).abs().max() < 1e-12 * whole.abs().max()


def test_one_pixel_less_of_margin_shows(trunk):
    image = torch.randn(1, 2, 96, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole, tiled = trunk(image), in_tiles(trunk, image, trunk.halo - 1, 32)
    assert (tiled - whole).abs().max() > 1e-4 * whole.abs().max()


def test_small_images_are_not_cut(trunk):
    image = torch.randn(1, 2, 40, 40, dtype=torch.float64)
    assert torch.equal(in_tiles(trunk, image, trunk.halo, 40), trunk(image))
    with pytest.raises(ValueError, match="tile = 20"):
        in_tiles(trunk, image, trunk.halo, 20)
