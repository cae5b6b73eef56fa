"""Several processes that train as one (``torchrun``): every rank draws the same global batch and takes its share.

Random numbers, history and adaptive strength act on the global batch, and gradients are averaged, so the weights are
those of one process with the same global batch, to rounding. Without `torch.distributed` there is one rank, and nothing
here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["agree", "average_gradients", "everywhere", "gathered", "process_group", "rank", "share", "world"]


def world() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if world() > 1 else 0


@contextmanager
def process_group(backend: str | None = None) -> Iterator[int]:
    """Join the group that ``torchrun`` announces in the environment, and leave it at the end; gives this rank.

    Parameters
    ----------
    backend : str, optional
        ``gloo`` on CPUs, ``nccl`` on CUDA by default.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or not dist.is_available() or dist.is_initialized():
        yield rank()
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group(backend or ("nccl" if cuda else "gloo"))
    try:
        yield rank()
    finally:
        dist.destroy_process_group()


def share(batch: Tensor) -> Tensor:
    """The part of a global batch that is this rank's.

    Raises
    ------
    ValueError
        If the batch cannot be cut into equal parts.
    """
    count = world()
    if count == 1:
        return batch
    if len(batch) % count:
        raise ValueError(f"a batch of {len(batch)} cannot be shared by {count} processes: take a multiple of {count}")
    part = len(batch) // count
    return batch[rank() * part : (rank() + 1) * part]


def gathered(part: Tensor) -> Tensor:
    """The global batch from every rank's part, without gradients."""
    count = world()
    if count == 1:
        return part
    parts = [torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(count)]
    dist.all_gather(parts, part.detach().contiguous())
    return torch.cat(parts)


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Mean of the gradients over all ranks, in one message."""
    if world() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


def agree(scalars: dict[str, float]) -> dict[str, float]:
    """Means of scalars over all ranks, which all must name alike."""
    if world() == 1:
        return scalars
    values = torch.tensor(list(scalars.values()), dtype=torch.float64)
    values = values.to(_device())
    dist.all_reduce(values)
    return dict(zip(scalars, (values / world()).tolist(), strict=True))


def everywhere(value: float) -> float:
    """The value of the first rank, such as a time that all must see alike."""
    if world() == 1:
        return value
    one = torch.tensor([value], dtype=torch.float64, device=_device())
    dist.broadcast(one, 0)
    return float(one)


def _device() -> torch.device:
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
