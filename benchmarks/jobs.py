"""Tables and trace of docs/jobs.md: ``python benchmarks/jobs.py [digests] [memory] [rate] [start]``.

Runs jobs as users do, on this machine alone, and writes what it finds into the page.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from _pages import ROOT, put

PAGE = "jobs.md"
PICTURE = ROOT / "docs" / "images" / "job-trace.png"
SMALL = "simulate: {simulator: StrongLens, bands: [g, r, i], size: 32, samples: 360, seed: 7}\nobserve: {}\n"
SMALL += "store: {shard_size: 40}\n"
LARGE = "simulate: {simulator: WeakLens, bands: [g, r, i, z, y], size: 64, samples: 8192, seed: 1}\nobserve: {}\n"
W1 = "simulate: {simulator: WeakLens, bands: [g, r, i], size: 64, samples: 8192, seed: 1}\nobserve: {}\n"
W1 += "store: {shard_size: 2048, planes: [image]}\n"
COLOURS = {"make": "#3b6fb6", "store": "#e08a2e", "write": "#b03a48"}


def start(folder: Path, *arguments: object, module: str = "astrogan.cli", **more: str) -> subprocess.Popen[str]:
    """A command of astrogan, or of another module, as a process of its own."""
    code = f"from {module} import main; main()" if module == "astrogan.cli" else None
    line = [sys.executable, *(["-c", code] if code else ["-m", module]), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", **more}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(line, cwd=folder, env=environment, **pipes)


def finish(process: subprocess.Popen[str]) -> None:
    text = process.communicate(timeout=1200)[0]
    if process.returncode:
        raise SystemExit(f"{process.args[-6:]} failed:\n{text[-2000:]}")


def run(folder: Path, *arguments: object, **more: str) -> None:
    finish(start(folder, "run", "job.yaml", *arguments, **more))


def log_of(store: Path) -> list[dict]:
    """The lines about shards of a run."""
    lines = [json.loads(line) for line in (store / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "shard"]


def wait_for(store: Path, shards: int) -> None:
    """Until a run has listed so many shards."""
    ends = time.time() + 600
    while time.time() < ends:
        with suppress(FileNotFoundError):
            if len(log_of(store)) >= shards:
                return
        time.sleep(0.05)
    raise SystemExit(f"{store}: no {shards} shards in 600 s")


@contextmanager
def cluster(folder: Path):
    """A Dask scheduler and two workers as processes on the loopback."""
    file = folder / "scheduler.json"
    usual = ("--host", "127.0.0.1", "--no-dashboard")
    begun = [start(folder, "scheduler", *usual, "--port", 0, "--scheduler-file", file, module="dask")]
    while not file.exists():
        time.sleep(0.1)
    begun += [start_worker(folder, file) for _ in range(2)]
    try:
        yield file, begun
    finally:
        for process in begun:
            process.kill()
            process.communicate()


def start_worker(folder: Path, file: Path) -> subprocess.Popen[str]:
    usual = ("--host", "127.0.0.1", "--nthreads", 1, "--no-nanny", "--no-dashboard")
    return start(folder, "worker", "--scheduler-file", file, *usual, module="dask")


def killed_cluster(folder: Path) -> None:
    """A run on a cluster of which a worker is killed, and another one comes."""
    with cluster(folder) as (file, begun):
        process = start(folder, "run", "job.yaml", "--out", "cluster", "--scheduler", file)
        wait_for(folder / "cluster", 2)
        begun[1].send_signal(signal.SIGKILL)
        begun.append(start_worker(folder, file))
        finish(process)


def killed_and_resumed(folder: Path) -> None:
    """A run that is killed, and one that goes on."""
    process = start(folder, "run", "job.yaml", "--out", "resumed", "--workers", 0)
    wait_for(folder / "resumed", 3)
    process.kill()
    process.communicate()
    run(folder, "--out", "resumed", "--workers", 0, "--resume")


def digests(folder: Path) -> None:
    """The table of the same job, made in many ways."""
    from astrogan.dataset import digest
    from astrogan.dataset.backend import open_samples
    from astrogan.dataset.verification import verify_store

    (folder / "job.yaml").write_text(SMALL)
    for count in (0, 1, 2, 3):
        run(folder, "--out", f"{count}", "--workers", count)
    for k in (2, 0, 1):
        run(folder, "--out", "array", "--workers", 0, "--njobs", 3, "--job", k)
    killed_cluster(folder)
    killed_and_resumed(folder)
    run(folder, "--out", "large", "--workers", 0, "--set", "store.shard_size=150")
    how = {"0": "one process", "1": "1 worker", "2": "2 workers", "3": "3 workers",
           "array": "array of 3 jobs, the last first", "cluster": "scheduler and 2 workers apart, one killed",
           "resumed": "killed after 3 shards, then resumed", "large": "one process, shards of 150"}  # fmt: skip
    rows = ["| made by | shards made in order | digest of all samples | shards and manifest |", "|---|---|---|---|"]
    for name, text in how.items():
        faults = verify_store(folder / name)
        if faults:
            raise SystemExit(f"{name}: {faults[0]}")
        order = " ".join(str(line["shard"]["shard"]) for line in log_of(folder / name))
        equal = "–" if name == "large" else "same bytes" if tree(folder / name) == tree(folder / "0") else "differ"
        rows.append(f"| {text} | {order} | `{digest(open_samples(folder / name).load())[:16]}…` | {equal} |")
    put(PAGE, "digests", "\n".join(rows))


def tree(store: Path) -> dict[str, bytes]:
    """What a run promises to make again."""
    names = [*sorted((store / "shards").iterdir()), store / "manifest.jsonl", store / "job.yaml"]
    return {path.name: path.read_bytes() for path in names}


def memory(folder: Path) -> None:
    """Most memory of each worker with shards of 4,096 samples of 5 x 64 x 64."""
    (folder / "job.yaml").write_text(LARGE)
    run(folder, "--out", "memory", "--workers", 2)
    peaks = {}
    for line in log_of(folder / "memory"):
        peaks[line["worker"]] = max(line["peak_mib"], peaks.get(line["worker"], 0))
    sizes = [line["shard"]["bytes"] / 2**20 for line in log_of(folder / "memory")]
    found = ", ".join(str(peak) for peak in sorted(peaks.values()))
    text = (
        f"Workers that made shards of 4,096 samples of 5 × 64 × 64 (`image`, `variance`, `mask`; {max(sizes):.0f} MiB"
    )
    put(PAGE, "memory", f"{text} stored) held {found} MiB at most.")


def rate(folder: Path) -> None:
    """A weak-lensing job in one process beside its simulator alone, compilation left out, and its trace."""
    from astrogan.dataset.verification import verify_store

    (folder / "job.yaml").write_text(W1)
    run(folder, "--out", "rate", "--workers", 0)
    assert not verify_store(folder / "rate")
    lines = log_of(folder / "rate")[1:]
    made = sum(end - begin for line in lines for stage, begin, end in line["trace"] if stage == "make")
    whole = sum(line["seconds"] for line in lines)
    text = "Weakly lensed galaxies of 3 × 64 × 64 are simulated, observed and stored in one process"
    put(PAGE, "rate", f"{text} at {100 * made / whole:.0f} % of the rate of the simulator alone.")
    draw(lines[:2])


def draw(lines: list[dict]) -> None:
    """When each batch of two shards was made, stored and written."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.8), layout="constrained")
    axes = figure.add_subplot()
    before = 0.0
    for line in lines:
        for stage, begin, end in line["trace"]:
            place = list(COLOURS).index(stage)
            axes.barh(place, end - begin, left=before + begin, height=0.8, color=COLOURS[stage], edgecolor="white")
        before += line["seconds"]
        axes.axvline(before, color="0.6", linewidth=0.8)
    axes.set_yticks(range(len(COLOURS)), list(COLOURS))
    axes.invert_yaxis()
    axes.set_xlabel("seconds; a line ends each shard")
    figure.savefig(PICTURE, dpi=110)


def starting(folder: Path) -> None:
    """Processor time of a small job on two workers, with no kernels on disk and with them."""
    small = SMALL.replace("360", "80").replace("StrongLens", "WeakLens")
    (folder / "job.yaml").write_text(small)
    rows = ["| job of 80 samples on 2 workers | processor time [s] | by the clock [s] |", "|---|---|---|"]
    stores = {"no kernels kept": "", "the first time, kept": str(folder / "k"), "afterwards": str(folder / "k")}
    for number, (text, kernels) in enumerate(stores.items()):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        run(folder, "--out", f"start-{number}", "--workers", 2, ASTROGAN_KERNEL_CACHE=kernels)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        rows.append(f"| {text} | {used:.1f} | {wall:.1f} |")
    put(PAGE, "start", "\n".join(rows))


def main() -> None:
    """Make what was asked for; everything by default."""
    jobs = {"digests": digests, "memory": memory, "rate": rate, "start": starting}
    wanted = sys.argv[1:] or list(jobs)
    unknown = set(wanted) - set(jobs)
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; valid: {', '.join(jobs)}")
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            jobs[name](Path(folder))


if __name__ == "__main__":
    main()
