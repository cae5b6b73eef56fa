"""The counts of docs/reliability.md: ``python benchmarks/reliability.py [SCALE | REPORT.xml ...]``.

Puts in every fault, and counts; or counts what earlier runs of pytest, which may be of parts, told in their reports
(``-o junit_family=xunit1 --junitxml=REPORT.xml``).

SCALE 1 is what `make test` does, 30 (the default) what `make fault` does. The tables go into the page unless a test
failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from _pages import ROOT, machine, put
from _pages import rows as table


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


def run(scale: str, report: Path) -> None:
    """Run all tests of faults, in two processes."""
    options = ["-q", "-m", "fault", "-n", "2", "--dist", "loadfile", "-o", "junit_family=xunit1"]
    line = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", str(ROOT / "tests")]
    environment = {**os.environ, "ASTROGAN_FAULT_SCALE": scale, "OMP_NUM_THREADS": "1"}
    subprocess.run(line, cwd=ROOT, env=environment, check=False)


def rows_of(reports: list[Path]) -> tuple[dict[str, Row], float]:
    """Name of the test -> what it did in the last report that tells of it, and minutes of all together."""
    rows, minutes = dict[str, Row](), dict[str, float]()
    for report in reports:
        new, spent = defaultdict[str, Row](Row), defaultdict[str, float](float)
        for case in ElementTree.parse(report).iter("testcase"):
            name = case.get("name", "").partition("[")[0].removeprefix("test_").replace("_", " ")
            new[name].add(case)
            spent[name] += float(case.get("time", "0")) / 60
        rows, minutes = rows | new, minutes | spent
    return rows, sum(minutes.values())


def tables(rows: dict[str, Row], minutes: float) -> dict[str, str]:
    """The blocks of the page."""
    body = [(name, f"{row.faults:,}", row.passed, row.failed, row.skipped) for name, row in rows.items()]
    counts = table(("test", "faults", "passed", "failed", "skipped"), body)
    total = sum(row.faults for row in rows.values())
    told = [(name, kind, count) for name, row in rows.items() for kind, count in sorted(row.kinds.items())]
    return {
        "faults": f"{counts}\n\n{total:,} faults in {minutes:.0f} minutes of tests. {machine()}.",
        "kinds": table(("test", "what, or where it died", "times"), told),
    }


def main(asked: list[str]) -> None:
    """Run, print, and put into the page."""
    with tempfile.TemporaryDirectory() as folder:
        reports = [Path(name) for name in asked if name.endswith(".xml")]
        if not reports:
            reports = [Path(folder) / "report.xml"]
            run(asked[0] if asked else "30", reports[0])
        rows, minutes = rows_of(reports)
    blocks = tables(rows, minutes)
    if any(row.failed for row in rows.values()):
        print("\n\n".join(blocks.values()))
        raise SystemExit("there were failures; the page stays as it is")
    for name, block in blocks.items():
        put("reliability.md", name, block)


if __name__ == "__main__":
    main(sys.argv[1:])
