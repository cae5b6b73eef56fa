"""One step downhill, and how fast."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim import Optimizer

from astrogan.training.distributed import average_gradients

__all__ = ["cosine", "minimise", "set_learning_rate"]


def minimise(loss: Tensor, optimizer: Optimizer) -> None:
    """Clear the gradients, take those of `loss` (averaged over all ranks), and let the optimiser step."""
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    average_gradients(parameter for group in optimizer.param_groups for parameter in group["params"])
    optimizer.step()


def cosine(progress: float, start: float, end: float, *, warm_up: float = 0.0) -> float:
    """From `start` at progress 0 to `end` at 1 along half a cosine, after a linear rise over the first `warm_up`."""
    value = end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
    return value * min(1.0, 0.01 + progress / warm_up) if warm_up > 0 else value


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate
