"""Tables of docs/inpainting.md: the worst of all seeds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _pages import put, rows

PAGE = "inpainting.md"
METHODS = {
    "biharmonic": "biharmonic",
    "interpolation": "interpolation",
    "maskfill": "maskfill",
    "LMMSE": "LMMSE",
    "process": "Gaussian process",
    "inpainter": "inpainter",
}
Seed = dict[str, Any]
SHOWN: tuple[tuple[str, Callable[[Sequence[float]], float], str], ...] = (
    ("PSNR of draws", min, "> mean - 3.5"),
    ("chi2", max, "0.8 … 1.25"),
    ("median chi2", max, "–"),
    ("68 %", lambda all_: max(all_, key=lambda one: abs(one - 68)), "68 ± 4"),
    ("95 %", lambda all_: max(all_, key=lambda one: abs(one - 95)), "95 ± 3"),
    ("spread over error", lambda all_: max(all_, key=lambda one: abs(one - 1)), "1"),
    ("power, mean", max, "–"),
    ("power, draws", max, "< 15"),
    ("told, mean", min, "> 0.85"),
    ("told, draws", max, "≤ 0.65"),
)


def write(name: str, seeds: Sequence[Seed]) -> None:
    """Put the tables of an experiment into the page."""
    put(PAGE, name, "\n\n".join([_about(seeds), _means(seeds), _posterior(seeds)]))


def _about(seeds: Sequence[Seed]) -> str:
    first, numbers = seeds[0], ", ".join(str(one["seed"]) for one in seeds)
    train, judge = (max(one["seconds"][part] for one in seeds) / 60 for part in ("train", "judge"))
    return (
        f"Worst of {len(seeds)} seed{'s' if len(seeds) > 1 else ''} ({numbers}); {first['images'] // 1000} thousand "
        f"windows shown, cut from {first['stamps']} real stamps; {first['judged']} windows judged; {train:.1f} min of "
        f"processor time to train, {judge:.1f} to judge, each seed."
    )


def _each(seeds: Sequence[Seed], kind: str, method: str, figure: str) -> list[float]:
    return [one["kinds"][kind][method][figure] for one in seeds if figure in one["kinds"][kind].get(method, {})]


def _means(seeds: Sequence[Seed]) -> str:
    """PSNR and errors of the light in the hole, of all methods, and the gain over LMMSE in the worst seed."""
    body = []
    for kind in seeds[0]["kinds"]:
        for figure, unit, worst in (("PSNR", "dB", min), ("flux", "%", max), ("bias", "%", lambda x: max(x, key=abs))):
            found = [_each(seeds, kind, method, figure) for method in METHODS]
            body.append([f"{kind}, {figure} [{unit}]", *(f"{worst(one):.2f}" if one else "–" for one in found)])
        pairs = zip(_each(seeds, kind, "inpainter", "PSNR"), _each(seeds, kind, "LMMSE", "PSNR"), strict=True)
        gain = min(ours - linear for ours, linear in pairs)
        body.append([f"{kind}, gain over LMMSE [dB]", *[""] * (len(METHODS) - 1), f"{gain:+.2f}"])
    return rows(["", *METHODS.values()], body)


def _posterior(seeds: Sequence[Seed]) -> str:
    """What variance and draws are worth, kind by kind."""
    kinds, body = list(seeds[0]["kinds"]), []
    for figure, worst, limit in SHOWN:
        found = [_each(seeds, kind, "inpainter", figure) for kind in kinds]
        body.append([figure, *(f"{worst(one):.2f}" if one else "–" for one in found), limit])
    return rows(["inpainter", *kinds, "limit"], body)
