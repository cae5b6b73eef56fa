"""What the benchmarks share: threads and cores set before numpy and numba start, and rates measured in turn."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def prepare() -> None:
    """One thread for every pool but numba's, which gets two where there are two cores; before numpy is loaded."""
    for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[pool] = "1"
    cores = _cores()[-2:]
    os.environ["NUMBA_NUM_THREADS"] = str(len(cores))
    _pin(cores)


def _cores() -> list[int]:
    """The cores this process may use; two where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0, 1]


def _pin(cores: list[int]) -> None:
    """Pin the thread that calls; those it starts later inherit it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def rate(function: Callable[[], object], count: int, clock: Callable[[], float] = time.process_time) -> float:
    start = clock()
    function()
    return count / (clock() - start)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of numba's on one core."""
    from simulators._kernels._jit import set_threads

    cores = _cores()
    _pin(cores[-1:])
    try:
        with set_threads(1):
            yield
    finally:
        _pin(cores)


def rates(jobs: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, list[float]]:
    """Items per second of processor time by one thread, every job in every round, once unmeasured before: what the job
    before it left of caches and memory is not its own.
    """
    found = {job: [] for job in jobs}
    with one_thread():
        for _ in range(rounds):
            for job, (function, count) in jobs.items():
                function()
                found[job].append(rate(function, count))
    return found


def scaling(function: Callable[[], object], rounds: int) -> float | None:
    """How many times faster two threads on two cores are than one, by the clock on the wall; None with one core."""
    from simulators._kernels._jit import set_threads

    if len(_cores()) < 2:
        return None
    best = {}
    for count in (2, 1) * rounds:
        with set_threads(count):
            best[count] = max(best.get(count, 0.0), rate(function, 1, time.perf_counter))
    return best[2] / best[1]
