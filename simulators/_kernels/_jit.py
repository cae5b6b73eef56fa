"""How kernels are compiled: the one module that imports numba, and the one place for its options.

Compiled code is never cached on disk: numba's cache misses changes in other files and then serves stale kernels.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np
from numba import prange

__all__ = [
    "JIT_ENABLED",
    "compile_pair",
    "fast_inline_kernel",
    "fast_kernel",
    "inline_kernel",
    "kernel",
    "prange",
    "run",
    "set_threads",
    "step_kernel",
]

JIT_ENABLED = not numba.config.DISABLE_JIT

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


def compile_pair(function: Callable, *, fast: bool = False) -> tuple[Callable, Callable]:
    """Compile one loop body twice: (serial, parallel). Its outer loop is written with `prange`."""
    options = _FAST if fast else _STRICT
    return _compile(function, options), _compile(function, {**options, "parallel": True})


def run(pair: tuple[Callable, Callable], jobs: int, *args: Any) -> Any:
    """Call the parallel half of `pair` where there are jobs to share and threads are safe, else the serial half.

    Serial in forked processes (OpenMP aborts there), outside the main thread (numba's own thread pool is not
    re-entrant) and where `set_threads(1)` is in force.
    """
    safe = not _forked and threading.current_thread() is threading.main_thread()
    serial, parallel = pair
    return (parallel if safe and jobs > 1 and numba.get_num_threads() > 1 else serial)(*args)


@contextmanager
def set_threads(count: int) -> Iterator[None]:
    """Let parallel kernels use `count` threads within the block.

    Raises
    ------
    ValueError
        `count` is below 1 or above the number of threads that numba started with.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(count)
    try:
        yield
    finally:
        numba.set_num_threads(before)
