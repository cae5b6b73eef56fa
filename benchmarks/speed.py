"""The tables of docs/speed.md: runs other benchmarks and puts what they print into the page.

python benchmarks/speed.py [NAME ...]  # of benchmarks that the page names; all by default
"""

from __future__ import annotations

import re
import subprocess
import sys

from _pages import ROOT, machine, put

PAGE = "speed.md"


def tables_of(name: str) -> str:
    """The tables that a benchmark prints, an empty line between them."""
    done = subprocess.run([sys.executable, f"benchmarks/{name}.py"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"benchmarks/{name}.py failed:\n{done.stderr[-2000:]}")
    lines = [line if line.startswith("|") else "" for line in done.stdout.splitlines()]
    tables = [table.strip() for table in re.split(r"\n{2,}", "\n".join(lines)) if table.strip()]
    if not tables:
        raise SystemExit(f"benchmarks/{name}.py printed no table:\n{done.stdout[-2000:]}")
    return "\n\n".join(tables)


def main(wanted: list[str]) -> None:
    text = (ROOT / "docs" / PAGE).read_text(encoding="utf-8")
    known = [name for name in re.findall(r"<!-- end of (\w+) -->", text) if name != "machine"]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise SystemExit(f"the page has no table of {', '.join(unknown)}; it has {', '.join(known)}")
    made = {name: tables_of(name) for name in wanted or known}
    for name, table in {**made, "machine": f"Measured on: {machine()}."}.items():
        put(PAGE, name, table)


if __name__ == "__main__":
    main(sys.argv[1:])
