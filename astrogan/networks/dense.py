"""A U-Net of dense blocks: every layer sees the output of all before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from astrogan.networks.blocks import GAIN, activation, check_sides, conv, doubled, generator, wrap
from catalogs.checks import within

__all__ = ["DenseUNet"]


class _DenseBlock(nn.Module):
    """Each 3x3 layer takes all channels so far and adds `growth` more (Huang et al. 2017, eq. 2)."""

    def __init__(self, rng: torch.Generator, width: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(conv(rng, width + k * growth, growth, 3, gain=GAIN) for k in range(layers))
        self.outputs = width + layers * growth

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(wrap(activation(x)))], dim=1)
        return x


class DenseUNet(nn.Module):
    """Dense blocks at full, half, quarter, … resolution on the way down and up, with skips between them.

    The generator of ID-CGAN (Zhang et al. 2017, section 3.2) with fewer and narrower blocks. As the other networks here
    it has no norms, is padded circularly and starts as the zero function.

    Parameters
    ----------
    inputs, outputs
        Channels in and out.
    width
        Channels that enter the first block and that each of its layers adds; 1 + l/2 times as many at level l.
    levels
        Number of resolutions.
    layers
        Of a block on the way down; one less on the way up, but at least one.
    seed
        Of the initial weights.
    """

    def __init__(
        self, inputs: int, outputs: int, *, width: int = 12, levels: int = 3, layers: int = 2, seed: int = 0
    ) -> None:
        super().__init__()
        for name, value in (("inputs", inputs), ("outputs", outputs)):
            within(name, value, 1, 4096)
        within("width", width, 2, 512)
        within("levels", levels, 1, 6)
        within("layers", layers, 1, 16)
        rng, rising = generator(seed), max(layers - 1, 1)
        widths = [width + level * width // 2 for level in range(levels)]
        down = [_DenseBlock(rng, w, w, layers) for w in widths]
        up = [_DenseBlock(rng, w, w, rising) for w in widths[:-1]]
        wide = [one.outputs for one in (*up, down[-1])]
        self.entry = conv(rng, inputs, width, 3)
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.narrow = nn.ModuleList(
            conv(rng, one.outputs, w, 2, gain=GAIN, stride=2) for one, w in zip(down[:-1], widths[1:], strict=True)
        )
        self.widen = nn.ModuleList(conv(rng, wide[k + 1], widths[k], 1, gain=GAIN) for k in range(levels - 1))
        self.join = nn.ModuleList(
            conv(rng, down[k].outputs + widths[k], widths[k], 1, gain=GAIN) for k in range(levels - 1)
        )
        self.exit = conv(rng, wide[0], outputs, 3, gain=0.0)
        self.factor = 2 ** (levels - 1)
        """Sides of images are multiples of it."""
        self.halo = 2 + sum((layers + rising * (k < levels - 1)) * 2**k for k in range(levels)) + self.factor - 1
        """Pixels that an output pixel sees to each side, at most."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W), all zeros before training.

        Raises
        ------
        ValueError
            If H or W is no multiple of `factor`.
        """
        check_sides(x, self.factor)
        x, skips = self.entry(wrap(x)), []
        for level, block in enumerate(self.down):
            x = block(x)
            if level < len(self.narrow):
                skips.append(x)
                x = self.narrow[level](activation(x))
        for level in reversed(range(len(skips))):
            wider = doubled(self.widen[level](activation(x)))
            x = self.up[level](self.join[level](activation(torch.cat([skips[level], wider], dim=1))))
        out: Tensor = self.exit(wrap(activation(x)))
        return out
