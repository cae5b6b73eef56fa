"""The table of docs/reliability.md: ``python benchmarks/reliability.py [SCALE]`` puts in every fault, and counts."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Print one row for each test: faults put in, and how many of its runs passed."""
    scale = sys.argv[1] if len(sys.argv) > 1 else "1"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        line = [sys.executable, "-m", "pytest", "-q", "-m", "fault", f"--junitxml={report}", str(ROOT / "tests")]
        subprocess.run(line, cwd=ROOT, env={**os.environ, "ASTROGAN_FAULT_SCALE": scale}, check=False)
        cases = list(ElementTree.parse(report).iter("testcase"))
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for case in cases:
        row = rows[case.get("name", "").partition("[")[0].removeprefix("test_").replace("_", " ")]
        counted = [int(entry.get("value", "0")) for entry in case.iter("property") if entry.get("name") == "faults"]
        skipped = case.find("skipped") is not None
        failed = case.find("failure") is not None or case.find("error") is not None
        row[0] += 0 if skipped else sum(counted) or 1
        row[1] += not skipped and not failed
        row[2] += failed
        row[3] += skipped
    print("| what happens | faults | tests passed | failed | skipped |\n|---|---|---|---|---|")
    for name, numbers in rows.items():
        print(f"| {name} | {' | '.join(map(str, numbers))} |")


if __name__ == "__main__":
    main()
