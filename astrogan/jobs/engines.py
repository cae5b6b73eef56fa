"""Who makes the shards: this process, or the workers of a Dask cluster, which may be on this machine.

Workers write their shards themselves; what travels is the job and a line for the manifest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from astrogan.jobs.killers import find_killers
from astrogan.jobs.shards import Task, given_up, make_shard

__all__ = ["TRIES", "DaskEngine", "LostSchedulerError", "Result", "dask_engine", "in_process"]

TRIES = 3  # deaths of workers on one shard before its samples are searched for the cause
FOREVER = "1000 days"
Result = dict[str, Any]
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


class LostSchedulerError(OSError):
    """The connection to the scheduler broke; shards that were written are safe."""


def in_process(content: str, folder: Path, tasks: Iterable[Task]) -> Iterator[Result]:
    """Make shards one after another, with all threads of this process."""
    for task in tasks:
        yield make_shard(content, str(folder), task)


@dataclass(frozen=True)
class DaskEngine:
    """Makes shards on the workers of a cluster.

    Attributes
    ----------
    client
        A `dask.distributed.Client`.
    window
        Shards that are asked for at a time.
    timeout
        Seconds that a shard may take.
    """

    client: Any
    window: int
    timeout: float | None = None

    def run(self, content: str, folder: Path, tasks: Iterable[Task]) -> Iterator[Result]:
        """Make shards in any order.

        A shard on which `TRIES` workers die is searched for the samples that kill them, and made without them; if that
        kills as many, it is given up.

        Raises
        ------
        LostSchedulerError
            If the scheduler is gone.
        """
        from dask.distributed import KilledWorker, as_completed

        waiting = iter(tasks)
        pending = {self._submit(content, folder, task): task for task in islice(waiting, self.window)}
        done = as_completed(list(pending))
        while pending:
            with _connected():
                future = next(done)
            task = pending.pop(future)
            try:
                with _connected():
                    result = future.result()
            except KilledWorker:
                result = self._search(content, folder, task)
            future.release()
            yield result
            for more in islice(waiting, 1):
                future = self._submit(content, folder, more)
                pending[future] = more
                done.add(future)

    def _submit(self, content: str, folder: Path, task: Task) -> Any:
        return self.client.submit(make_shard, content, str(folder), task, self.timeout, pure=False)

    def _search(self, content: str, folder: Path, task: Task) -> Result:
        """The result of a shard on which `TRIES` workers died: made without the samples that kill, or given up."""
        from dask.distributed import KilledWorker

        try:
            with _connected():
                skip = self.client.submit(find_killers, content, task, self.timeout, pure=False).result()
                return dict(self._submit(content, folder, replace(task, skip=tuple(skip))).result())
        except KilledWorker:
            return given_up(content, task)


@contextmanager
def _connected() -> Iterator[None]:
    from asyncio import CancelledError
    from concurrent.futures import CancelledError as Cancelled

    try:
        yield
    except (CancelledError, Cancelled, TimeoutError, ConnectionError) as error:
        raise LostSchedulerError(f"the scheduler is gone ({error}); resume when there is one again") from None
    except OSError as error:
        if error.errno is not None:  # a worker's: the disk is full, a model cannot be read
            raise
        raise LostSchedulerError(f"the scheduler is gone ({error}); resume when there is one again") from None


@contextmanager
def dask_engine(workers: int, scheduler: str | None, timeout: float | None) -> Iterator[DaskEngine]:
    """Workers to run on: those of `scheduler` (an address, or the path of a scheduler file), or new ones here.

    New ones listen on this machine's loopback alone; nannies start others for those that die.

    Raises
    ------
    LostSchedulerError
        If there is no scheduler at the address, or no worker can be started.
    ImportError
        Without the package dask.
    """
    import dask
    from dask.distributed import Client

    settings = {
        "distributed.scheduler.allowed-failures": TRIES - 1,
        "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
        "distributed.admin.tick.limit": "1h",
        "distributed.worker.profile.enabled": False,  # it keeps 70 kB for every second
        "distributed.comm.timeouts.connect": "10s",
        "distributed.deploy.lost-worker-timeout": FOREVER,  # else a worker that dies twice in 15 s may never come back
    }
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        if scheduler is None:
            client = stack.enter_context(Client(stack.enter_context(_local_cluster(workers))))
        else:
            where = {"scheduler_file": scheduler} if os.path.exists(scheduler) else {"address": scheduler}
            with _connected():
                client = stack.enter_context(Client(**where, timeout="10s"))
            workers = max(1, sum(client.nthreads().values()))
        yield DaskEngine(client, 2 * workers, timeout)


def _local_cluster(workers: int) -> Any:
    """A cluster of this machine; another where a worker dies before all are there."""
    from dask.distributed import LocalCluster

    options: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": None, "memory_limit": 0, "silence_logs": 50}
    options["scheduler_kwargs"] = {"dashboard_address": "127.0.0.1:0"}  # it is off, but its port is asked for
    reason = RuntimeError()
    for _ in range(TRIES):
        try:
            return LocalCluster(n_workers=workers, threads_per_worker=1, **options)
        except RuntimeError as error:
            reason = error
    raise LostSchedulerError(f"no worker could be started ({reason})")
