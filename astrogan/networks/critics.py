"""Local critics: maps of logits, one per patch, that never see a padded pixel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from astrogan.networks.blocks import GAIN, ResidualBlock, activation, conv, generator
from catalogs.checks import within

__all__ = ["MultiScaleCritic", "PatchCritic", "halve"]


def halve(x: Tensor) -> Tensor:
    """(N, C, H, W) blurred with [1, 2, 1]/4 along both axes and sampled at every second pixel, unpadded."""
    tap = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = (tap[:, None] * tap).expand(x.shape[1], 1, 3, 3)
    return nn.functional.conv2d(x, kernel, stride=2, groups=x.shape[1])


class PatchCritic(nn.Module):
    """One logit per patch (Shrivastava et al. 2017, section 2.2), norm-free and residual as in R3GAN.

    A 3x3 convolution to width/2 channels, `depth` stages of a 4x4 convolution with stride 2 and a residual block (width
    channels in the first, doubled in each further one), a 1x1 convolution. Nothing is padded: no logit can tell where
    in the image its patch lies.

    Parameters
    ----------
    channels, width, depth
        Bands in, channels of the first stage, number of stages.
    seed
        Of the initial weights.
    """

    def __init__(self, channels: int, *, width: int = 32, depth: int = 1, seed: int = 0) -> None:
        super().__init__()
        within("channels", channels, 1, 4096)
        within("width", width, 1, 4096)
        within("depth", depth, 1, 6)
        rng = generator(seed)
        widths = [max(width // 2, 1), *(width * 2**stage for stage in range(depth))]
        self.entry = conv(rng, channels, widths[0], 3)
        self.down = nn.ModuleList(conv(rng, a, b, 4, gain=GAIN, stride=2) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(ResidualBlock(rng, w, total=depth, torus=False) for w in widths[1:])
        self.exit = conv(rng, widths[-1], 1, 1, gain=GAIN)
        self.stride = 2**depth
        self.field = 7 * 2**depth - 4
        """Side of a patch in pixels: 10, 24, 52, ... for depth 1, 2, 3, ..."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to logits (N, 1, h, w), with h = 1 + (H - field) // stride; higher is more real.

        Raises
        ------
        ValueError
            If the image is smaller than one patch.
        """
        within("image size", x.shape[-2:], self.field, 1e6, "pixel")
        x = self.entry(x)
        for down, block in zip(self.down, self.blocks, strict=True):
            x = block(down(activation(x)))
        logits: Tensor = self.exit(activation(x))
        return logits


class MultiScaleCritic(nn.Module):
    """Independent patch critics on the image and on its halvings (Wang et al. 2018, section 3.2).

    With the default depths (1, 1) the patches are 10 pixels at full and 21 at half resolution; images need 21 or more.

    Parameters
    ----------
    channels, width
        As in `PatchCritic`.
    depths
        Stages of the critic at full resolution, at half, at a quarter, ...
    seed
        Of the initial weights.
    """

    def __init__(self, channels: int, *, width: int = 32, depths: Sequence[int] = (1, 1), seed: int = 0) -> None:
        super().__init__()
        scales = (PatchCritic(channels, width=width, depth=d, seed=seed + k) for k, d in enumerate(depths))
        self.scales = nn.ModuleList(scales)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, channels, H, W) to one logit map per scale, finest first."""
        maps: list[Tensor] = []
        for index, critic in enumerate(self.scales):
            x = halve(x) if index else x
            maps.append(critic(x))
        return tuple(maps)
