"""What a model must bring to be trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import nn
from torch.optim import Optimizer

from astrogan.training.batches import Batch

__all__ = ["Recipe"]


class Recipe(ABC):
    """Networks, optimisers, and one step of training; the engine does everything else.

    Attributes
    ----------
    networks
        All networks by name. The engine moves them to the device before the first step.
    optimizers
        All optimisers by name, made from parameters of `networks`.
    averaged
        Names of the networks to average over training.
    """

    networks: nn.ModuleDict
    optimizers: dict[str, Optimizer]
    averaged: tuple[str, ...] = ()

    @abstractmethod
    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """Update the networks with one batch; return scalars to log (names may differ from step to step).

        `progress` is the part of the budget spent before this step, in [0, 1). Random numbers come from generators that
        the recipe owns and saves, or from torch's global one, which the engine saves.
        """

    def state_dict(self) -> dict[str, Any]:
        """Whatever else must survive a restart: history, generators, counters. Tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        if state:
            raise ValueError(f"{type(self).__name__} has no use for the saved {', '.join(state)}")
