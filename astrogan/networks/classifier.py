"""A small classifier of stamps: the judge of two-sample tests."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from astrogan.networks.blocks import GAIN, ResidualBlock, activation, conv, generator
from catalogs.checks import within

__all__ = ["StampClassifier"]


class StampClassifier(nn.Module):
    """Strided convolutions, pooled after every layer, one logit; any number of bands, any size of 22 pixels or more.

    Pooled are the mean and log-variance of each layer's linear response (its filters' power, by which differences of
    noise correlation and texture show long before deeper layers learn them), and the last features' mean and peak.

    Parameters
    ----------
    channels, width
        Bands in, channels of the first two layers (twice in the third).
    seed
        Of the initial weights.
    """

    def __init__(self, channels: int, *, width: int = 16, seed: int = 0) -> None:
        super().__init__()
        within("channels", channels, 1, 4096)
        within("width", width, 1, 4096)
        rng = generator(seed)
        widths = [width, width, 2 * width]
        first = conv(rng, channels, width, 5)
        rest = (conv(rng, a, b, 4, gain=GAIN, stride=2) for a, b in pairwise(widths))
        self.layers = nn.ModuleList([first, *rest])
        self.block = ResidualBlock(rng, widths[-1], total=1, torus=False)
        self.exit = nn.Linear(2 * sum(widths) + 2 * widths[-1], 1, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            self.exit.weight.normal_(0.0, self.exit.in_features**-0.5, generator=rng)
            self.exit.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to logits (N,) of belonging to class 1.

        Raises
        ------
        ValueError
            If H or W is below 22 pixels.
        """
        within("image size", x.shape[-2:], 22, 1e6, "pixel")
        pooled: list[Tensor] = []
        for layer in self.layers:
            response = layer(x)
            pooled += [_mean(response), torch.log(response.float().var((-2, -1)) + 1e-3)]
            x = activation(response)
        x = activation(self.block(x))
        logits: Tensor = self.exit(torch.cat([*pooled, _mean(x), x.float().amax((-2, -1))], dim=1))
        return logits.flatten()


def _mean(x: Tensor) -> Tensor:
    return x.float().mean((-2, -1))
