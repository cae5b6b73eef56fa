"""Puts what benchmarks measure into pages, between ``<!-- name -->`` and ``<!-- end of name -->``."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def put(page: Path, name: str, text: str) -> None:
    """Replace the block `name` of a page, and show it."""
    old = page.read_text(encoding="utf-8")
    block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not block.search(old):
        raise SystemExit(f"{page} has no block {name}")
    page.write_text(block.sub(lambda found: f"{found[1]}{text}\n{found[2]}", old), encoding="utf-8")
    print(text, flush=True)
