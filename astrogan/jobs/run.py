"""Runs of a job: planned, started, resumed, counted, logged."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astrogan.dataset.folder import StoreFolder, locked, make_folder
from astrogan.dataset.manifest import MANIFEST, Header, Shard
from astrogan.dataset.shard_writer import ShardWriter
from astrogan.dataset.verification import file_sha256
from astrogan.jobs.engines import Result, dask_engine, in_process
from astrogan.jobs.judging import check_real, judge
from astrogan.jobs.resume import keep_job, whole_shards
from astrogan.jobs.schema import Job, job_from
from astrogan.jobs.shards import Task, export_shard, plan
from astrogan.jobs.stages import Batches, check_job, simulator_of_job, weights_of
from astrogan.jobs.strict_yaml import MAX_SIZE, parse_yaml

__all__ = ["Estimate", "Summary", "Workers", "estimate", "load_job", "run_job"]

SMALL = 2000  # samples up to which workers would only cost time
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Attributes
    ----------
    count
        Processes on this machine; 0 is this process alone, None chooses.
    scheduler
        Address or scheduler file of a Dask cluster.
    array
        (k, n): this is job k (from 0) of an array of n, each of which makes every n-th shard.
    timeout
        Seconds that a shard may take on a Dask worker.
    """

    count: int | None = None
    scheduler: str | None = None
    array: tuple[int, int] | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.count is not None and not 0 <= self.count <= 1024:
            raise ValueError(f"workers = {self.count} is outside 0 … 1024")
        if self.array is not None and not 0 <= self.array[0] < self.array[1] <= 100_000:
            raise ValueError(f"job = {self.array[0]} is outside 0 … {self.array[1] - 1} (njobs - 1)")
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"timeout = {self.timeout} is not above 0 s")

    def processes(self, samples: int) -> int:
        """Processes to start here for so many samples."""
        if self.count is not None:
            return self.count
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return 0 if samples <= SMALL or cores == 1 else cores


@dataclass
class Summary:
    """How a run ended."""

    planned: int
    kept: int = 0
    made: int = 0
    samples: int = 0
    bytes: int = 0
    flagged: int = 0
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    complete: bool = False
    missing: int = 0  # planned samples that are in no shard, now or from an earlier run
    judged: list[dict[str, Any]] = field(default_factory=list)  # scores of the stage validate

    def count(self, shard: Shard) -> None:
        """Take in a shard."""
        self.samples += shard.samples
        self.bytes += shard.bytes
        self.flagged += shard.flagged


@dataclass(frozen=True)
class Estimate:
    """What a job will take, from samples made and thrown away."""

    samples: int
    shards: int
    bytes: float
    seconds: float


def load_job(path: Path, settings: Sequence[str] = ()) -> Job:
    """The job of a file, with ``a.b=c`` put in, and all that it names looked up.

    Raises
    ------
    ValueError, OSError
        One line that says what is wrong.
    """
    if path.stat().st_size > MAX_SIZE:
        raise ValueError(f"{path}: {path.stat().st_size} bytes; at most {MAX_SIZE} are read")
    content = parse_yaml(path.read_bytes(), str(path))
    for setting in settings:
        keys, sign, value = setting.partition("=")
        if not sign or not all(keys.split(".")):
            raise ValueError(f"--set {setting}: write it as key.key=value")
        _put(content, keys.split("."), parse_yaml(value, f"--set {setting}"), setting)
    job = job_from(content, str(path))
    if job.refine is not None and job.refine.sha256 is None:
        known = {"sha256": file_sha256(weights_of(job.refine.model))}
        job = job.model_copy(update={"refine": job.refine.model_copy(update=known)})
    check_job(job)
    check_real(job, simulator_of_job(job))
    return job


def _put(content: Any, keys: list[str], value: Any, setting: str) -> None:
    for key in keys[:-1]:
        if not isinstance(content, dict):
            break
        content = content.setdefault(key, {})
        content = {} if content is None else content
    if not isinstance(content, dict):
        raise ValueError(f"--set {setting}: {'.'.join(keys[:-1])} holds no keys")
    content[keys[-1]] = value


def estimate(job: Job) -> Estimate:
    """Time and bytes of a whole job, measured on its first samples in this process."""
    tasks = plan(job)
    batches = Batches(job)
    count = min(batches.size, tasks[0].count)
    batches.make(tasks[0].start, count)  # compiles
    begun = time.perf_counter()
    with ShardWriter(count, job.store.codec) as writer:
        writer.add(batches.make(tasks[0].start, count))
        size = len(writer.close()[0])
    share = job.simulate.samples / count
    return Estimate(job.simulate.samples, len(tasks), share * size, share * (time.perf_counter() - begun))


def run_job(
    job: Job, out: Path, workers: Workers, *, resume: bool = False, on_progress: Progress | None = None
) -> Summary:
    """Make all shards of a job that are not there yet.

    Raises
    ------
    ValueError
        If the folder holds another job, or every sample fails.
    OSError
        If the folder is not empty (without `resume`), another run writes to it, the disk is full, or the scheduler is
        lost. What was written stays, for the next run to resume from.
    """
    folder = make_folder(out, resume=resume or workers.array is not None)
    with locked(folder, workers.array):
        keep_job(folder, job)
        name = MANIFEST if workers.array is None else f"manifest-{workers.array[0]}-of-{workers.array[1]}.jsonl"
        k, n = workers.array or (0, 1)
        tasks = plan(job)[k::n]
        store, log = StoreFolder(folder, name), _Log(folder / "log.jsonl")
        store.take_over(*whole_shards(folder, job, tasks))
        summary = Summary(len(tasks), kept=len(store.shards))
        for shard in store.shards.values():
            summary.count(shard)
            if job.export is not None:
                export_shard(folder, shard)
        missing = [task for task in tasks if task.number not in store.shards]
        log.write("start", planned=len(tasks), kept=summary.kept, samples=job.simulate.samples)
        try:
            _make_all(job, folder, missing, workers, store, summary, log, on_progress)
        except BaseException as error:
            log.write("stop", reason=f"{type(error).__name__}: {error}", made=summary.made)
            raise
        if workers.array is None:
            store.finish()
            summary.complete = True
        summary.missing = sum(task.count for task in tasks) - summary.samples
        log.write("end", made=summary.made, quarantined=len(summary.quarantined), flagged=summary.flagged)
    if workers.array is not None:
        summary.complete = store.finish_array(len(plan(job)))
    if summary.complete:
        summary.judged = judge(job, folder)
        for score in summary.judged:
            log.write("validate", **score)
    return summary


def _make_all(
    job: Job,
    folder: Path,
    tasks: Sequence[Task],
    workers: Workers,
    store: StoreFolder,
    summary: Summary,
    log: _Log,
    on_progress: Progress | None,
) -> None:
    begun, before = time.perf_counter(), summary.samples
    with _results(job, folder, tasks, workers) as results:
        for result in results:
            if result["shard"] is not None:
                shard = Shard(**result["shard"])
                store.add(shard, Header(**result["header"]))
                summary.count(shard)
            summary.quarantined += result["quarantined"]
            summary.made += 1
            summary.seconds = time.perf_counter() - begun
            log.write("shard", **{key: value for key, value in result.items() if key != "header"})
            if on_progress is not None:
                done, rate = summary.made / len(tasks), (summary.samples - before) / summary.seconds
                left = summary.seconds * (1 - done) / done
                on_progress(done, f"{rate:,.0f} samples/s, {left:,.0f} s to go, {summary.made} of {len(tasks)} shards")


@contextmanager
def _results(job: Job, folder: Path, tasks: Sequence[Task], workers: Workers) -> Iterator[Iterator[Result]]:
    content = job.model_dump_json(by_alias=True)
    processes = workers.processes(sum(task.count for task in tasks))
    if not tasks or (processes == 0 and workers.scheduler is None):
        yield in_process(content, folder, tasks)
        return
    with dask_engine(processes, workers.scheduler, workers.timeout) as engine:
        yield engine.run(content, folder.absolute(), tasks)


class _Log:
    """One JSON object on each line: what happened, when."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.read_bytes().endswith(b"\n"):  # a run was killed while it wrote
            with open(path, "a", encoding="utf-8") as file:
                file.write("\n")

    def write(self, event: str, **content: Any) -> None:
        line: Mapping[str, Any] = {"time": round(time.time(), 3), "event": event, **content}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
