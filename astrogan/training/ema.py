"""Averages of weights over training, the networks that are kept."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import nn

from catalogs.checks import one_of, within

__all__ = ["Ema"]


class Ema:
    """Exponential moving average with a half-life in images (Karras et al. 2022, table 1; 2020 code).

    Early on the half-life is at most `ramp` times the images seen, so that the initial weights are soon forgotten.

    Attributes
    ----------
    networks
        The averages, in evaluation mode and without gradients.
    """

    def __init__(self, networks: nn.ModuleDict, names: Iterable[str], *, half_life: float, ramp: float = 0.05) -> None:
        self.half_life = float(within("ema_half_life", half_life, 0.0, 1e12, "images"))
        self.ramp = float(within("ramp", ramp, 0.0, 1e12, open_low=True))
        chosen = {one_of("network", name, networks): deepcopy(networks[name]) for name in names}
        self.networks = nn.ModuleDict(chosen).eval().requires_grad_(False)

    def decay(self, added: int, seen: float) -> float:
        """Weight of the old average after a step of `added` images when `seen` came before it."""
        life = min(self.half_life, self.ramp * seen)
        return 0.5 ** (added / life) if life > 0 else 0.0

    @torch.no_grad()
    def update(self, networks: nn.ModuleDict, *, added: int, seen: float) -> None:
        """Move the averages towards the networks; buffers are copied."""
        new = 1.0 - self.decay(added, seen)
        for name, average in self.networks.items():
            for weight, parameter in zip(average.parameters(), networks[name].parameters(), strict=True):
                weight.lerp_(parameter, new)
            for old, buffer in zip(average.buffers(), networks[name].buffers(), strict=True):
                old.copy_(buffer)
