"""Tables of the experiments in docs/results.md: the worst of all seeds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _pages import put, rows

__all__ = ["SETS", "Gate", "put", "rows", "table", "worst"]

SETS = {"classical": "classical", "raw": "raw", "refined": "refined", "unprojected": "not projected"}
Gate = tuple[str, str, float, float]  # name of the figure, unit, factor to the unit, limit in the unit
TOLD: tuple[Gate, ...] = (
    ("accuracy, features", "", 1, 0.62),
    ("accuracy, cnn", "", 1, 0.62),
    ("AUC, features", "", 1, 0.68),
    ("AUC, cnn", "", 1, 0.68),
)
KEPT: tuple[Gate, ...] = (
    ("flux, adaptive moments", "%", 100, 0.1),
    ("size, adaptive moments", "%", 100, 0.1),
    ("m, adaptive", "1e-3", 1000, 1),
    ("m, fixed", "1e-3", 1000, 1),
    ("c, adaptive", "1e-4", 10_000, 1),
    ("c, fixed", "1e-4", 10_000, 1),
    ("colours", "%", 100, 0.2),
    ("label drift", "σ", 1, 0),
    ("new objects", "%", 100, 2),
    ("new objects, at its share", "%", 100, 2),
)


def worst(seeds: Sequence[dict[str, Any]], kind: str, name: str) -> tuple[float, float] | None:
    """Value and error, of the seed where the value is largest."""
    found = [seed["figures"][kind][name] for seed in seeds if name in seed["figures"].get(kind, {})]
    return tuple(max(found, key=lambda one: abs(one[0]))) if found else None


def table(seeds: Sequence[dict[str, Any]], kept: Sequence[Gate] = KEPT) -> str:
    """All figures of all sets, the limit, and whether the worst refined seed keeps it (`m` within its error too)."""
    if not seeds:
        return "Not run yet."
    lines = [_line(seeds, gate) for gate in TOLD]
    base = worst(seeds, "classical", "W1")
    lines.append(_line(seeds, ("W1", "of the classical", 1 / base[0], 0.5)))
    lines += [_line(seeds, gate) for gate in kept if worst(seeds, "refined", gate[0]) is not None]
    head = ["", *SETS.values(), "limit", "kept by refined"]
    return f"{_about(seeds)}\n\n{rows(head, lines)}"


def _about(seeds: Sequence[dict[str, Any]]) -> str:
    """What was run."""
    first = seeds[0]
    numbers, strengths = (", ".join(f"{one[key]:g}" for one in seeds) for key in ("seed", "strength"))
    train, both = (max(one["seconds"][part] for one in seeds) / 60 for part in ("train", "all"))
    return (
        f"Worst of {len(seeds)} seed{'s' if len(seeds) > 1 else ''} ({numbers}); {first['images'] // 1000} thousand "
        f"images shown, {first['real']} real stamps for training and {first['held_out']} held out; share of its change "
        f"that the refiner adds: {strengths}; {train:.1f} min of processor time to read and train, {both:.1f} with "
        "judging."
    )


def _line(seeds: Sequence[dict[str, Any]], gate: Gate) -> list[str]:
    name, unit, factor, limit = gate
    cells = []
    for kind in SETS:
        found = worst(seeds, kind, name)
        cells.append("–" if found is None else f"{_short(found[0] * factor)} ± {_short(abs(found[1] * factor))}")
    refined = worst(seeds, "refined", name)
    kept = "–"
    if refined is not None and limit:
        slack = abs(refined[1]) if name.startswith("m,") else 0.0
        kept = "yes" if factor * (abs(refined[0]) - slack) <= limit else "**no**"
    return [f"{name} [{unit}]" if unit else name, *cells, f"{limit:g}" if limit else "–", kept]


def _short(value: float) -> str:
    return f"{value:.3f}" if 0.001 <= abs(value) < 100 or value == 0 else f"{value:.2g}"
