"""The picture of docs/inpainting.md: a gap of six columns through real KiDS r pixels, filled, beside the truth.

python benchmarks/inpainting/picture.py [SEED], after benchmarks/inpainting/kids_r.py
"""

from __future__ import annotations

import sys

import matplotlib
import numpy as np
from _sky import EDGE, ROOT, holes_of, kids_frame

from astrogan.models import Inpainter

matplotlib.use("Agg")
SIDE, GAP, DRAWS = 96, 6, 4
CORNER = (573, EDGE + 211)  # first row and column of a piece of sky whose gap goes through a galaxy
LIMIT = 30.0  # white, in background sigmas


def main(seed: int) -> None:
    from matplotlib import pyplot as plt

    y, x = CORNER
    truth = kids_frame(("r",))[None, :, y : y + SIDE, x : x + SIDE]
    known = np.ones(truth.shape, bool)
    middle = slice(SIDE // 2 - GAP // 2, SIDE // 2 + GAP // 2)
    known[..., middle] = False
    inpainter = Inpainter.load(ROOT / "build" / "inpainting" / f"kids-r-{seed}.safetensors")
    filled = inpainter.fill(holes_of(truth, 2.0, known), DRAWS, seed=1)
    mean = np.where(known, truth, filled.mean)
    draws = np.where(known[:, None], truth[:, None], filled.draws)[0, :, 0]
    std = np.where(known, 0.0, filled.std)
    off = np.where(known, 0.0, (mean - truth) / np.where(known, 1.0, filled.std))
    sky = {"cmap": "gray", "vmin": np.arcsinh(-2.0), "vmax": np.arcsinh(LIMIT)}
    panels = [
        ("observed", np.arcsinh(np.where(known, truth, np.nan)[0, 0]), sky),
        ("truth", np.arcsinh(truth[0, 0]), sky),
        ("mean", np.arcsinh(mean[0, 0]), sky),
        ("standard deviation [σ of the sky]", std[0, 0], {"cmap": "viridis", "vmin": 0, "vmax": 4}),
        ("(mean - truth) / std", off[0, 0], {"cmap": "RdBu_r", "vmin": -4, "vmax": 4}),
        *((f"draw {k + 1}", np.arcsinh(draw), sky) for k, draw in enumerate(draws)),
    ]
    figure, axes = plt.subplots(2, 5, figsize=(13, 5.6), layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, image, how) in zip(axes.flat, panels, strict=False):
        shown = axis.imshow(image, origin="lower", interpolation="nearest", **how)
        axis.set_title(title, fontsize=10)
        if how is not sky:
            figure.colorbar(shown, ax=axis, shrink=0.7)
    figure.savefig(ROOT / "docs" / "images" / "inpainting-kids.png", dpi=90)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
