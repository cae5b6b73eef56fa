"""A U-Net on a torus, with a Fourier unit on every level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from astrogan.networks.blocks import GAIN, ResidualBlock, activation, check_sides, conv, doubled, generator, wrap
from astrogan.networks.fourier import FourierUnit
from catalogs.checks import within

__all__ = ["UNet"]


class UNet(nn.Module):
    """Residual blocks at full, half, quarter, … resolution on the way down and up (Ronneberger et al. 2015, figure 1).

    As the other networks here it has no norms, is padded circularly and starts as the zero function. Halving takes the
    mean of a learnt mix, doubling repeats pixels; skips are added.

    Parameters
    ----------
    inputs, outputs
        Channels in and out.
    width, levels
        Channels at full resolution, growing by as many on each further level; number of resolutions.
    blocks
        Residual blocks on each level, each way.
    fourier
        Put a Fourier unit on every level. Without it an output pixel sees `reach` pixels to each side.
    seed
        Of the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 24,
        levels: int = 3,
        blocks: int = 1,
        fourier: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value, most in (("inputs", inputs, 4096), ("outputs", outputs, 4096), ("blocks", blocks, 16)):
            within(name, value, 1, most)
        within("width", width, 2, 4096)
        within("levels", levels, 1, 6)
        rng, widths = generator(seed), [width * (1 + level) for level in range(levels)]
        total = 2 * levels * blocks
        self.entry = conv(rng, inputs, width, 3)
        self.down = nn.ModuleList(_chain(rng, w, blocks, total) for w in widths)
        self.global_ = nn.ModuleList(FourierUnit(rng, w, total=total) for w in widths if fourier)
        self.narrow = nn.ModuleList(conv(rng, a, b, 2, gain=GAIN, stride=2) for a, b in pairwise(widths))
        self.widen = nn.ModuleList(conv(rng, b, a, 1, gain=GAIN) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_chain(rng, w, blocks, total) for w in widths)
        self.exit = conv(rng, width, outputs, 3, gain=0.0)
        self.factor = 2 ** (levels - 1)
        """Sides of images are multiples of it."""
        self.reach = 2 + sum(4 * blocks * 2**level for level in range(levels)) + self.factor - 1

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W), all zeros before training.

        Raises
        ------
        ValueError
            If H or W is no multiple of `factor`.
        """
        check_sides(x, self.factor)
        x, skips = self.entry(wrap(x)), []
        for level, chain in enumerate(self.down):
            x = chain(x)
            if self.global_:
                x = self.global_[level](x)
            skips.append(x)
            if level < len(self.narrow):
                x = self.narrow[level](activation(x))
        return self._rise(skips)

    def _rise(self, skips: Sequence[Tensor]) -> Tensor:
        x = self.up[-1](skips[-1])
        for level in reversed(range(len(skips) - 1)):
            wider = doubled(self.widen[level](activation(x)))
            x = self.up[level](skips[level] + wider)
        out: Tensor = self.exit(wrap(activation(x)))
        return out


def _chain(rng: torch.Generator, width: int, blocks: int, total: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(rng, width, total=total, torus=True) for _ in range(blocks)))
