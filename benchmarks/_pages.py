"""Tables put into pages: what stands between ``<!-- name -->`` and ``<!-- end of name -->`` is replaced."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def rows(header: Iterable[object], body: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    lines = [tuple(map(str, line)) for line in (header, *body)]
    shown = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([shown[0], "|" + "---|" * len(lines[0]), *shown[1:]])


def put(page: str, name: str, text: str) -> None:
    """Replace the block `name` of a page under docs, and print it.

    Raises
    ------
    SystemExit
        The page has no such block.
    """
    path = ROOT / "docs" / page
    block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    whole, count = block.subn(lambda m: f"{m[1]}{text}\n{m[2]}", path.read_text(encoding="utf-8"))
    if count != 1:
        raise SystemExit(f"docs/{page} has {count} blocks {name}; it must have one")
    path.write_text(whole, encoding="utf-8")
    print(f"{text}\n")


def machine() -> str:
    """The processor's name, as far as the system tells it, and how many there are to use."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.is_file() else [platform.processor()]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
