"""The feature net that ships with astrogan: it learnt labels of simulated galaxies, and no real image."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from astrogan.networks.blocks import activation
from astrogan.networks.classifier import FeatureNet
from astrogan.networks.files import load_model

__all__ = ["FrozenFeatures", "frozen_network"]

WEIGHTS = Path(__file__).parent / "weights" / "features.safetensors"


@cache
def frozen_network() -> FeatureNet:
    """The net, whose features are those of asinh of pixels in sky sigmas (``astrogan train features``)."""
    card, state = load_model(WEIGHTS, "features")
    net = FeatureNet(**card["config"])
    net.load_state_dict(state)
    return net.eval().requires_grad_(False)


class FrozenFeatures(nn.Module):
    """Responses of the net's layers at every place, for perceptual losses (Johnson et al. 2016, section 3.2)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = frozen_network().stem

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 1, H, W) to the responses (N, c, h, w) of each layer."""
        found: list[Tensor] = []
        for layer in self.stem.layers:
            x = layer(activation(x) if found else x)
            found.append(x)
        return found

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """Mean squared difference of the responses, summed over the layers."""
        pairs = zip(self(one), self(other), strict=True)
        return torch.stack([(a - b).square().mean() for a, b in pairs]).sum()
