"""One shard of a job, start to end: the unit of work, of resuming and of failing."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from astrogan.dataset.attributes import SchemaError
from astrogan.dataset.manifest import Header, Shard
from astrogan.dataset.sharding import write_shard
from astrogan.jobs.kernels import keep_kernels
from astrogan.jobs.schema import Job, job_sha256
from astrogan.jobs.stages import Batches

__all__ = ["Task", "Trace", "export_shard", "given_up", "make_shard", "plan", "time_limit"]


class Trace:
    """(stage, begin, end) of every batch, in seconds since the first."""

    def __init__(self) -> None:
        self.begun = time.time()
        self.spans: list[tuple[str, float, float]] = []

    @contextmanager
    def span(self, stage: str) -> Iterator[None]:
        """Note when the block begins and ends."""
        start = time.time() - self.begun
        yield
        self.spans.append((stage, round(start, 4), round(time.time() - self.begun, 4)))

    def timed(self, stage: str, items: Iterator[xr.Dataset]) -> Iterator[xr.Dataset]:
        """`items`, and when each was made."""
        while True:
            with self.span(stage):
                item = next(items, None)
            if item is None:
                self.spans.pop()
                return
            yield item


@dataclass(frozen=True)
class Task:
    """Shard `number`: samples start … start+count-1, of which `skip` are left out."""

    number: int
    start: int
    count: int
    skip: tuple[int, ...] = ()


def plan(job: Job) -> list[Task]:
    """The shards of a job."""
    what, size = job.simulate, job.store.shard_size
    starts = range(0, what.samples, size)
    return [Task(k, what.start + at, min(size, what.samples - at)) for k, at in enumerate(starts)]


def make_shard(content: str, folder: str, task: Task, timeout: float | None = None) -> dict[str, Any]:
    """Make one shard and write it; what the manifest and the log say about it, as JSON.

    Parameters
    ----------
    content
        The job, as JSON.
    folder
        Of the store.
    task
        What to make.
    timeout
        Seconds after which the process ends, for the scheduler to start another.
    """
    keep_kernels()
    job, begun, cpu = Job.model_validate_json(content), time.time(), time.process_time()
    trace, quarantined = Trace(), [_killer(job, number) for number in task.skip]
    with time_limit(timeout):
        shard, header = _make(job, Path(folder), task, quarantined, trace)
        if job.export is not None and shard is not None:
            with trace.span("export"):
                (Path(folder) / "fits" / f"shard-{shard.shard:05d}.fits").unlink(missing_ok=True)
                export_shard(Path(folder), shard)
    result = _result(shard, header, quarantined, begun)
    spent = {"cpu_seconds": round(time.process_time() - cpu, 3), "peak_mib": _peak_memory()}
    return result | spent | {"trace": trace.spans}


def given_up(content: str, task: Task) -> dict[str, Any]:
    """What `make_shard` would say about a shard that kills its workers though none of its samples does alone."""
    job = Job.model_validate_json(content)
    every = [_killer(job, number) for number in range(task.start, task.start + task.count)]
    return _result(None, None, every, time.time())


def _result(
    shard: Shard | None, header: Header | None, quarantined: list[dict[str, Any]], begun: float
) -> dict[str, Any]:
    return {
        "shard": None if shard is None else asdict(shard),
        "header": None if header is None else asdict(header),
        "quarantined": quarantined,
        "seconds": round(time.time() - begun, 3),
        "worker": f"{socket.gethostname()}:{os.getpid()}",
    }


def _peak_memory() -> int:
    """Most memory [MiB] that this process has held so far.

    `getrusage` also counts what the process that started this one held then; Linux says in /proc what this one did.
    """
    import resource

    if (status := Path("/proc/self/status")).exists():
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(held.split()[1]) // 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)


def _make(
    job: Job, folder: Path, task: Task, quarantined: list[dict[str, Any]], trace: Trace
) -> tuple[Shard | None, Header | None]:
    """Make and write a shard; once more without the samples that failed, if any did, which go into `quarantined`."""
    made, stop = job_sha256(job), task.start + task.count
    while True:
        skip = {one["sample_id"] for one in quarantined}
        if len(skip) == task.count:
            return None, None
        batches = Batches(job)
        source = trace.timed("make", batches.between(task.start, stop, skip))
        try:
            count, total = task.count - len(skip), job.simulate.samples
            return write_shard(source, folder, task.number, count, job.store.codec, made, trace.span, total)
        except SchemaError:
            if not batches.quarantined:
                raise
            quarantined += batches.quarantined


def _killer(job: Job, number: int) -> dict[str, Any]:
    return {"sample_id": number, "seed": job.simulate.seed, "error": "its worker crashed, hung or ran out of memory"}


def export_shard(folder: Path, shard: Shard) -> None:
    """Write the FITS file of a shard, unless it is there."""
    from astrogan.dataset.backend import open_samples
    from astrogan.export import to_fits

    (folder / "fits").mkdir(exist_ok=True)
    target = folder / "fits" / f"shard-{shard.shard:05d}.fits"
    if not target.exists():
        to_fits(open_samples(folder / shard.file).load(), target)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """End the process (by SIGALRM) when the block takes longer: nothing else stops a kernel that hangs.

    The system's timer needs no lock of Python's, which such a kernel may hold.
    """
    if seconds is None:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
