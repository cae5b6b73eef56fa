"""Small networks that look at stamps: the judge of two-sample tests, and features learnt from labels."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from astrogan.networks.blocks import GAIN, ResidualBlock, activation, conv, generator
from catalogs.checks import within

__all__ = ["FeatureNet", "StampClassifier"]


class StampClassifier(nn.Module):
    """Strided convolutions, pooled after every layer, a linear exit; any bands, any size of 22 pixels or more.

    Pooled are the mean and log-variance of each layer's linear response (its filters' power, by which differences of
    noise correlation and texture show long before deeper layers learn them), and the last features' mean and peak.

    Parameters
    ----------
    channels, width
        Bands in, channels of the first two layers (twice in the third).
    outputs
        Numbers out.
    seed
        Of the initial weights.
    """

    def __init__(self, channels: int, *, width: int = 16, outputs: int = 1, seed: int = 0) -> None:
        super().__init__()
        within("channels", channels, 1, 4096)
        within("width", width, 1, 4096)
        rng = generator(seed)
        widths = [width, width, 2 * width]
        first = conv(rng, channels, width, 5)
        rest = (conv(rng, a, b, 4, gain=GAIN, stride=2) for a, b in pairwise(widths))
        self.layers = nn.ModuleList([first, *rest])
        self.block = ResidualBlock(rng, widths[-1], total=1, torus=False)
        self.exit = nn.Linear(2 * sum(widths) + 2 * widths[-1], outputs, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            self.exit.weight.normal_(0.0, self.exit.in_features**-0.5, generator=rng)
            self.exit.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, outputs), or for one output to logits (N,) of belonging to class 1.

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
        out: Tensor = self.exit(torch.cat([*pooled, _mean(x), x.float().amax((-2, -1))], dim=1))
        return out.flatten() if out.shape[1] == 1 else out


class FeatureNet(nn.Module):
    """Features of stamps, and labels as linear functions of them.

    Parameters
    ----------
    labels
        Labels that the features must tell.
    channels, width
        Bands in, channels of the first two layers.
    features
        Length of the feature vector.
    seed
        Of the initial weights.
    """

    def __init__(self, labels: int, *, channels: int = 1, width: int = 24, features: int = 64, seed: int = 0) -> None:
        super().__init__()
        within("labels", labels, 1, 4096)
        self.stem = StampClassifier(channels, width=width, outputs=features, seed=seed)
        self.head = nn.Linear(features, labels, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            self.head.weight.normal_(0.0, features**-0.5, generator=generator(seed + 1))
            self.head.bias.zero_()

    def features(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, features)."""
        return activation(self.stem(x).float())

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, labels)."""
        labels: Tensor = self.head(self.features(x))
        return labels


def _mean(x: Tensor) -> Tensor:
    return x.float().mean((-2, -1))
