"""Cold compile times of the kernels, each workload in a fresh process, and of all in one.

python benchmarks/compile.py

Prints seconds of processor time from the first call to its end, less those of a second call, and writes
build/compile.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
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


def cold(jobs: list[str]) -> float:
    """Seconds that the first calls of `jobs` take longer than the second, in a fresh process with one thread."""
    calls = "; ".join(f"total += seconds(lambda: {job}) - seconds(lambda: {job})" for job in jobs)
    source = f"{SETUP}\ntotal = 0.0\nwith set_threads(1):\n    {calls}\nprint(total)"
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    rows = {name: cold([job]) for name, job in WORK.items()}
    rows["all in one process"] = cold(list(WORK.values()))
    print("| first call of | cold compile [s] |\n|---|---|")
    for name, taken in rows.items():
        print(f"| {name} | {taken:.1f} |")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "compile.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
