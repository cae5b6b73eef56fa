"""The counts of docs/reliability.md: ``python benchmarks/reliability.py [SCALE]`` puts in every fault, and counts.

SCALE 1 is what `make test` does, 30 (the default) what `make fault` does. The tables go into the page unless a test
failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from _pages import ROOT, machine, put

PAGE = ROOT / "docs" / "reliability.md"


@dataclass
class Row:
    """What one test, with all its parameters, did."""

    faults: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, case: ElementTree.Element) -> None:
        """Take in one run of the test; one that counts no faults puts in one."""
        if case.find("skipped") is not None:
            self.skipped += 1
            return
        told = {str(entry.get("name")): str(entry.get("value")) for entry in case.iter("property")}
        good = case.find("failure") is None and case.find("error") is None
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        self.faults += int(told.get("faults", 1))
        self.kinds.update(json.loads(told.get("kinds", "{}")))


def run(scale: str) -> dict[str, Row]:
    """Run all tests of faults, in two processes; name of the test -> what it did."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-q", "-m", "fault", "-n", "2", "--dist", "loadfile", "-o", "junit_family=xunit1"]
        line = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", str(ROOT / "tests")]
        environment = {**os.environ, "ASTROGAN_FAULT_SCALE": scale, "OMP_NUM_THREADS": "1"}
        subprocess.run(line, cwd=ROOT, env=environment, check=False)
        rows: dict[str, Row] = {}
        for case in ElementTree.parse(report).iter("testcase"):
            name = case.get("name", "").partition("[")[0].removeprefix("test_").replace("_", " ")
            rows.setdefault(name, Row()).add(case)
    return rows


def tables(rows: dict[str, Row], scale: str, minutes: float) -> dict[str, str]:
    """The blocks of the page."""
    lines = ["| test | faults | passed | failed | skipped |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {row.faults:,} | {row.passed} | {row.failed} | {row.skipped} |" for name, row in rows.items()
    ]
    total = sum(row.faults for row in rows.values())
    lines += ["", f"{total:,} faults at scale {scale}, {minutes:.0f} minutes. {machine()}."]
    kinds = ["| test | what, or where it died | times |", "|---|---|---|"]
    kinds += [f"| {name} | {kind} | {n} |" for name, row in rows.items() for kind, n in sorted(row.kinds.items())]
    return {"faults": "\n".join(lines), "kinds": "\n".join(kinds)}


def main() -> None:
    """Run, print, and put into the page."""
    scale, begun = sys.argv[1] if len(sys.argv) > 1 else "30", time.monotonic()
    rows = run(scale)
    blocks = tables(rows, scale, (time.monotonic() - begun) / 60)
    print("\n\n".join(blocks.values()))
    if any(row.failed for row in rows.values()):
        raise SystemExit("there were failures; the page stays as it is")
    put(PAGE, blocks)


if __name__ == "__main__":
    main()
