"""Compile times of all kernels in one process: without a cache, filling one, and from it.

python benchmarks/compile.py  # puts its table into docs/decisions/0002-numba-cache.md

Families of kernels are called one after the other, so that each adds what those before it have not compiled. Seconds
are of one thread's processor time, of the first call less the second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _pages import ROOT, machine, put, rows

TIMEOUT = 1800  # seconds, of one process


def first_calls() -> dict[str, float]:
    """Seconds that the first call of each family takes longer than the second, in this process."""
    from _families import FAMILIES

    from simulators._kernels._jit import set_threads

    added = {}
    with set_threads(1):
        for name, work in FAMILIES.items():
            times = [time.process_time()]
            for _ in range(2):
                work()
                times.append(time.process_time())
            added[name] = (times[1] - times[0]) - (times[2] - times[1])
    return added


def in_a_process(folder: str) -> dict[str, float]:
    """`first_calls` of a fresh process, kernels cached in `folder` ("" for none)."""
    environment = {**os.environ, "ASTROGAN_KERNEL_CACHE": folder, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, "one"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        columns = [in_a_process(where) for where in ("", folder, folder)]
        stored = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    body = [(name, *(f"{column[name]:.1f}" for column in columns)) for name in columns[0]]
    body.append(("**all in one process**", *(f"**{sum(column.values()):.1f}**" for column in columns)))
    table = rows(("first call of", "cold [s]", "cold, filling a cache [s]", "cached [s]"), body)
    put("decisions/0002-numba-cache.md", "compile", f"{table}\n\nThe cache holds {stored / 1e6:.1f} MB. {machine()}.")


if __name__ == "__main__":
    if sys.argv[1:] == ["one"]:
        print(json.dumps(first_calls()))
    else:
        main()
