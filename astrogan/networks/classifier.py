"""A small classifier of stamps: the judge of two-sample tests."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from astrogan.networks.blocks import GAIN, ResidualBlock, activation, conv, generator
from catalogs.checks import within

__all__ = ["StampClassifier"]


class StampClassifier(nn.Module):
    """Strided convolutions, mean and peak over all positions, one logit; any number of bands, any size of 18 or more.

    Parameters
    ----------
    channels, width
        Bands in, channels of the first stage (doubled in the second).
    seed
        Of the initial weights.
    """

    def __init__(self, channels: int, *, width: int = 24, seed: int = 0) -> None:
        super().__init__()
        within("channels", channels, 1, 4096)
        within("width", width, 1, 4096)
        rng = generator(seed)
        self.features = nn.ModuleList(
            [
                conv(rng, channels, width, 3),
                conv(rng, width, width, 4, gain=GAIN, stride=2),
                conv(rng, width, 2 * width, 4, gain=GAIN, stride=2),
            ]
        )
        self.block = ResidualBlock(rng, 2 * width, total=1, torus=False)
        self.exit = conv(rng, 4 * width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to logits (N,) of belonging to class 1.

        Raises
        ------
        ValueError
            If H or W is below 18 pixels.
        """
        within("image size", x.shape[-2:], 18, 1e6, "pixel")
        for layer in self.features:
            x = activation(layer(x))
        x = activation(self.block(x))
        pooled = torch.cat([x.mean((-2, -1), keepdim=True), x.amax((-2, -1), keepdim=True)], dim=1)
        logits: Tensor = self.exit(pooled).flatten()
        return logits
