"""A picture to look at: real, raw and refined stamps, and what refinement changed.

python benchmarks/realism/look.py NAME-SEED FILE.png  # after the experiment NAME
"""

from __future__ import annotations

import sys

import matplotlib as mpl
import numpy as np
from _common import BUILD

mpl.use("agg")
import matplotlib.pyplot as plt

ROWS, COLUMNS = 6, 16


def sheet(stamps: np.ndarray) -> np.ndarray:
    """Stamps (N, band, y, x) side by side, mean of the bands."""
    rows = min(ROWS, len(stamps) // COLUMNS)
    white = stamps[: rows * COLUMNS].mean(axis=1)
    ny, nx = white.shape[1:]
    return white.reshape(rows, COLUMNS, ny, nx).swapaxes(1, 2).reshape(rows * ny, COLUMNS * nx)


def main(name: str, path: str) -> None:
    sets = np.load(BUILD / f"{name}.npz")
    panels = {kind: np.arcsinh(sheet(sets[kind]) / 1.5) for kind in ("real", "raw", "refined")}
    panels["refined − raw [−2σ, 2σ]"] = sheet(sets["refined"]) - sheet(sets["raw"])
    figure, axes = plt.subplots(2, 2, figsize=(20, 9), layout="constrained")
    for axis, (kind, panel) in zip(axes.ravel(), panels.items(), strict=True):
        low, high = (-2.0, 2.0) if "−" in kind else (-2.0, 4.0)
        axis.imshow(panel, vmin=low, vmax=high, cmap="RdBu" if "−" in kind else "gray")
        axis.set_title(kind)
        axis.axis("off")
    figure.savefig(path, dpi=70)


if __name__ == "__main__":
    main(*sys.argv[1:])
