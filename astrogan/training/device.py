"""Where to compute, and in which number format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch

from catalogs.checks import one_of

__all__ = ["cpu_threads", "has_fast_bfloat16", "mixed_precision", "pick_device"]


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises
    ------
    ValueError
        If the name is not one of auto, cpu, cuda, cuda:N, mps, or this machine lacks that device.
    """
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, present in here.items() if present))
    kind, _, index = name.partition(":")
    one_of("device", kind, ["auto", *here])
    if not here[kind]:
        raise ValueError(f"device {name!r} is not available on this machine; 'auto' would take {pick_device()}")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if index:
        one_of("device", name, [f"{kind}:{k}" for k in range(count)])
    return torch.device(name)


@cache
def has_fast_bfloat16(kind: str) -> bool:
    """Whether a kind of device ("cpu", "cuda", ...) convolves faster in bfloat16 than in float32.

    A CPU does with AMX, or with AVX512-BF16 on AMD; Intel's AVX512-BF16 alone has half the rate of float32 (measured).
    """
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    able = torch.cpu.get_capabilities()
    amd = "AMD" in str(able.get("cpu_name", ""))
    return bool(able.get("amx_bf16", False) or (amd and able.get("avx512_bf16", False)))


def mixed_precision(device: torch.device, enabled: bool | None = None) -> AbstractContextManager[object]:
    """Context in which convolutions run in bfloat16; by default only where the hardware is fast at it.

    Wrap forward passes only. Losses, gradient penalties and projections stay outside, in float32.
    """
    if has_fast_bfloat16(device.type) if enabled is None else enabled:
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


@contextmanager
def cpu_threads(count: int = 1) -> Iterator[None]:
    """Let torch use `count` CPU threads within the block.

    Networks of stamps are small: a second thread saves a third at best, and where another process wants its core,
    waiting at every layer's barrier costs up to thirty times the work (docs/decisions/0006-one-cpu-thread.md).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
