"""Write the tables of README.md from the reports of demo runs.

    python benchmarks/write_tables.py astrogan-demo/report.json [more/report.json ...]

Each report becomes one column pair; the block between the markers in README.md is replaced.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- demo table -->\n).*?(<!-- end of demo table -->)", re.DOTALL)


def cell(row: dict | None) -> str:
    return "–" if row is None else f"{row['accuracy']:.3f} ± {row['error']:.3f}"


def small(value: float | None) -> str:
    return "–" if value is None else f"{value:.1g}"


def lines_of(report: dict) -> list[str]:
    lines = [f"| **{report['title'].removeprefix('astrogan demo on ')}** | | | |"]
    for row in report["two_sample"]:
        cells = (cell(row[key]) for key in ("before", "after", "floor"))
        lines.append(f"| told from held-out real, {row['classifier']} judge | {' | '.join(cells)} |")
    worst = max(row["worst_sigma"] or 0.0 for row in report["label_drift"])
    control = max(row["control_median_sigma"] or 0.0 for row in report["label_drift"])
    lines.append(f"| label drift, worst of all labels and stamps [σ] | 0 | {small(worst)} | median {small(control)} |")
    for row in report["moment_drift"]:
        unit = f" [{row['unit']}]" if row["unit"] else ""
        lines.append(
            f"| {row['quantity']}{unit}, median drift | 0 | {small(row['median'])} | {small(row['control_median'])} |"
        )
    return lines


def main(paths: list[str]) -> None:
    head = ["| | simulated | refined | control |", "|---|---|---|---|"]
    body = [line for path in paths for line in lines_of(json.loads(Path(path).read_text()))]
    table = "\n".join(head + body) + "\n"
    text = README.read_text()
    if not BLOCK.search(text):
        sys.exit("README.md has no demo table to replace")
    README.write_text(BLOCK.sub(lambda match: match.group(1) + table + match.group(2), text))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
