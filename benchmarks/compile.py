"""Compile times of the kernels, cold and from a cache, each workload in fresh processes, and of all in one.

python benchmarks/compile.py

Prints seconds of processor time from the first call to its end, less those of a second call, and writes
build/compile.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETUP = """
import time
import numpy as np
from catalogs import get_survey
from simulators import StrongLens, WeakLens, add_noise, streams
from simulators._kernels._jit import set_threads
weak, strong = WeakLens(survey="lsst", bands="r", size=64), StrongLens(survey="lsst", bands="r", size=64)
band = get_survey("lsst").band("r")
blank = np.zeros((4, 1, 64, 64), np.float32)
def seconds(job):
    start = time.process_time()
    job()
    return time.process_time() - start
"""
WORK = {
    "labels: uniform, normal, counts": (
        "(streams.uniform(1, [0], 'a'), streams.normal(1, [0], 'a'), streams.poisson(1, [0], 'a', 3.0))"
    ),
    "noise": "add_noise(blank, [band], 1, np.arange(4))",
    "weak lensing, one thread": "weak.simulate(4, seed=1)",
    "strong lensing, one thread": "strong.simulate(4, seed=1)",
    "tangents of both": (
        "(weak.tangent(weak.draw(2, seed=1), ['g1']), strong.tangent(strong.draw(2, seed=1), ['theta_E']))"
    ),
}


TIMEOUT = 600  # seconds, of one process


def first_calls(jobs: list[str], folder: str) -> float:
    """Seconds that the first calls of `jobs` take longer than the second, in a fresh process with one thread and
    kernels cached in `folder` ("" for none).
    """
    calls = "; ".join(f"total += seconds(lambda: {job}) - seconds(lambda: {job})" for job in jobs)
    source = f"{SETUP}\ntotal = 0.0\nwith set_threads(1):\n    {calls}\nprint(total)"
    environment = {**os.environ, "ASTROGAN_KERNEL_CACHE": folder}
    command = [sys.executable, "-c", source]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=TIMEOUT
    )
    return float(done.stdout.split()[-1])


def row(jobs: list[str]) -> dict[str, float]:
    """Seconds without a cache, with an empty one and with the one that this has filled."""
    with tempfile.TemporaryDirectory() as folder:
        times = {
            name: first_calls(jobs, where) for name, where in (("cold", ""), ("filling", folder), ("cached", folder))
        }
        stored = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return {**times, "MB": stored / 1e6}


def main() -> None:
    rows = {}
    print("| first call of | cold [s] | cold, filling a cache [s] | cached [s] | cache [MB] |\n|---|---|---|---|---|")
    for name, jobs in {
        **{name: [job] for name, job in WORK.items()},
        "all in one process": list(WORK.values()),
    }.items():
        rows[name] = one = row(jobs)
        print(
            f"| {name} | {one['cold']:.1f} | {one['filling']:.1f} | {one['cached']:.2f} | {one['MB']:.1f} |", flush=True
        )
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "compile.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
