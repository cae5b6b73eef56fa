"""Memory and open files of a long run, and of reading it back: ``python benchmarks/soak.py [STAMPS] [--out FOLDER]``.

Runs a job of so many stamps of 32 x 32 (simulate, observe, store) on one Dask worker, then verifies the store, and
looks at every process once a second. Puts the figures into docs/reliability.md; readings and a picture go into FOLDER.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _pages import ROOT, machine, put

JOB = "simulate: {{simulator: WeakLens, survey: lsst, bands: [i], size: 32, samples: {}, seed: 7}}\nobserve: {{}}\n"
SETTLED = 0.1  # part of a run that may grow: imports, compilation, the first shards
COLUMNS = "| process | minutes | MB at the end | MB at most | slope, MB/min | open files |\n|---|---|---|---|---|---|"


@dataclass
class Process:
    """What one process took, reading by reading."""

    name: str
    minutes: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def settled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Minutes, megabytes and open files of all but the beginning."""
        kept = np.array(self.minutes) >= self.minutes[0] + SETTLED * (self.minutes[-1] - self.minutes[0])
        return np.array(self.minutes)[kept], np.array(self.megabytes)[kept], np.array(self.files)[kept]

    def row(self) -> str:
        """Its line of the table; the error of the slope is that of ten means in a row, which hardly correlate."""
        minutes, megabytes, files = self.settled()
        line = np.polyfit(minutes, megabytes, 1)
        rest = [part.mean() for part in np.array_split(megabytes - np.polyval(line, minutes), 10)]
        error = np.std(rest) / np.sqrt(len(rest)) / np.std(minutes)
        slope = f"{line[0]:+.2f} ± {error:.2f}"
        most, long = max(self.megabytes), self.minutes[-1] - self.minutes[0]
        return (
            f"| {self.name} | {long:.1f} | {megabytes[-1]:.0f} | {most:.0f} | {slope} | {files.min()} … {files.max()} |"
        )


def family(parent: int) -> list[int]:
    """A process and all below it."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        below.setdefault(above, []).append(int(folder.name))
    found = [parent]
    for one in found:
        found += below.get(one, [])
    return found


def look(pid: int) -> tuple[float, int, str] | None:
    """Resident megabytes, open files and command line of a process; None if it is gone."""
    folder = Path("/proc") / str(pid)
    try:
        pages = int((folder / "statm").read_text().split()[1])
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir(folder / "fd")), words
    except OSError:
        return None


def watch(arguments: list[str], names: tuple[str, str], seconds: float) -> list[Process]:
    """Run a command to its end; what its processes took: itself and, by `names`, its worker."""
    code = "from astrogan.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found: dict[int, Process] = {}
    with subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment) as main:
        begun = time.monotonic()
        while main.poll() is None:
            for pid in family(main.pid):
                seen = look(pid)
                if seen is None or (pid != main.pid and "spawn_main" not in seen[2]):
                    continue
                process = found.setdefault(pid, Process(names[pid != main.pid]))
                process.minutes.append((time.monotonic() - begun) / 60)
                process.megabytes.append(seen[0])
                process.files.append(seen[1])
            time.sleep(seconds)
    if main.returncode:
        raise SystemExit(f"astrogan {' '.join(arguments)}: exit code {main.returncode}")
    return list(found.values())


def draw(processes: list[Process], path: Path) -> None:
    """Resident memory by time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot(xlabel="minutes", ylabel="resident memory [MB]", ylim=(0, None))
    for process in processes:
        axes.plot(process.minutes, process.megabytes, label=process.name, linewidth=0.8)
    axes.set_ylim(0, 1.15 * max(max(process.megabytes) for process in processes))
    axes.legend(loc="lower right", frameon=False, fontsize="small")
    figure.savefig(path, dpi=100)


def main() -> None:
    """Run, watch, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stamps", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="for soak.json and soak.png")
    parser.add_argument("--seconds", type=float, default=1.0, help="between readings")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        job, store = Path(name) / "job.yaml", Path(name) / "store"
        job.write_text(JOB.format(asked.stamps))
        begun = time.monotonic()
        run = ["run", str(job), "--out", str(store), "--workers", "1"]
        processes = watch(run, ("run: main process", "run: worker"), asked.seconds)
        rate = asked.stamps / (time.monotonic() - begun)
        size = sum(path.stat().st_size for path in (store / "shards").iterdir()) / 1e9
        processes += watch(["verify", str(store)], ("verify", "verify: worker"), asked.seconds)
    table = "\n".join([COLUMNS, *(process.row() for process in processes)])
    words = f"{asked.stamps:,} stamps of 32 × 32, {rate:,.0f}/s beside other work, {size:.1f} GB. {machine()}."
    (asked.out / "soak.json").write_text(json.dumps([vars(process) for process in processes]))
    draw(processes, asked.out / "soak.png")
    put("reliability.md", "soak", f"{table}\n\n{words}")


if __name__ == "__main__":
    main()
