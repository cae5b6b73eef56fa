"""How kernels are compiled: the one module that imports numba, and the one place for its options.

Compiled code is never cached on disk: numba's cache misses changes in other files and then serves stale kernels.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np

__all__ = [
    "JIT_ENABLED",
    "fast_inline_kernel",
    "fast_kernel",
    "inline_kernel",
    "kernel",
    "run",
    "set_threads",
    "step_kernel",
    "threads",
]

JIT_ENABLED = not numba.config.DISABLE_JIT
PARTS = 4  # for each thread, so that none waits long for the others
_threads: list[int] = [numba.config.NUMBA_NUM_THREADS]

_STRICT = {"error_model": "numpy", "nogil": True, "cache": False}
# What is left out of fastmath (nnan, ninf) would let the compiler delete tests for NaN and infinity.
_FAST = {**_STRICT, "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"}}
_forked: list[bool] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _forked.append(True))


def _compile(function: Callable, options: dict[str, Any]) -> Callable:
    """Compile, or under NUMBA_DISABLE_JIT interpret with the silence of compiled arithmetic (wrapping, 1/0 = inf)."""
    return numba.njit(**options)(function) if JIT_ENABLED else np.errstate(all="ignore")(function)


def kernel(function: Callable) -> Callable:
    """Compile with strict IEEE arithmetic; 1/0 is inf, as for numpy arrays."""
    return _compile(function, _STRICT)


def inline_kernel(function: Callable) -> Callable:
    """Compile a scalar formula as `kernel`, always inlined: loops over it vectorise however long it is."""
    return _compile(function, {**_STRICT, "forceinline": True})


def fast_kernel(function: Callable) -> Callable:
    """Compile with sums reordered and contracted for speed; NaN and infinity keep their meaning."""
    return _compile(function, _FAST)


def fast_inline_kernel(function: Callable) -> Callable:
    """Compile a scalar formula as `fast_kernel`, always inlined."""
    return _compile(function, {**_FAST, "forceinline": True})


def step_kernel(function: Callable) -> Callable:
    """Compile as `fast_kernel`, but within each caller: for steps that only call other kernels, which would else be
    optimised once more.
    """
    return _compile(function, {**_FAST, "inline": "always"})


def run(loop: Callable, count: int, *args: Any, share: int = 1) -> None:
    """Call ``loop(first, last, *args)`` for 0 .. `count`: in parts of at least `share`, by threads where that is safe.

    In one part in forked processes (which may not start threads), outside the main thread (whoever started it shares
    the machine already) and where `set_threads(1)` is in force.
    """
    parts = min(PARTS * threads(), count // share)
    alone = _forked or threads() == 1 or threading.current_thread() is not threading.main_thread()
    if alone or parts < 2 or not JIT_ENABLED:
        loop(0, count, *args)
        return
    bounds = [count * part // parts for part in range(parts + 1)]
    jobs = [_pool(threads()).submit(loop, *ends, *args) for ends in itertools.pairwise(bounds)]
    for job in jobs:
        job.result()


def threads() -> int:
    """How many threads `run` uses."""
    return _threads[-1]


@functools.cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Threads that call kernels, which run side by side since kernels let go of Python's lock."""
    return ThreadPoolExecutor(count, thread_name_prefix="kernel")


@contextmanager
def set_threads(count: int) -> Iterator[None]:
    """Let `run` use `count` threads within the block.

    Raises
    ------
    ValueError
        `count` is below 1 or above the number of threads that numba would use, ``NUMBA_NUM_THREADS``.
    """
    if not 1 <= count <= _threads[0]:
        raise ValueError(f"count = {count} is outside [1, {_threads[0]}] threads")
    _threads.append(count)
    try:
        yield
    finally:
        _threads.pop()
