"""DECam frames and the pipeline's own flags: the second table and the picture of docs/restoration.md.

python benchmarks/restoration/decam.py [SEED ...]  # needs ../shared/data; trains what is not trained yet
"""

from __future__ import annotations

import sys

import matplotlib as mpl
import numpy as np
from _common import ROOT, SEEDS, lacosmic, put, rows, scaled, trained
from scipy.ndimage import binary_dilation
from sensor_real import BAD, BLEED, COSMIC, GROWN, MARGIN, SATURATED, Frame, frames

from astrogan.models import Restored, Restorer
from simulators.sensor import FLAGS

mpl.use("agg")
import matplotlib.pyplot as plt

CODES = {"bad": BAD, "saturated": SATURATED, "bleed trail": BLEED, "cosmic ray": COSMIC}
THRESHOLD = 0.5
COLOURS = {BAD: "#F0C24B", SATURATED: "#E58CC0", BLEED: "#6BBBEA", COSMIC: "#9BE28A"}


def grown(mask: np.ndarray, reach: int) -> np.ndarray:
    return binary_dilation(mask, np.ones((2 * reach + 1,) * 2))


def as_pipeline(found: Restored) -> np.ndarray:
    """A finding with the margins that the pipeline puts around its own: 3 pixels about saturation, 1 about the rest."""
    flags = found.flags[0]
    full = (flags & (FLAGS["saturated"] | FLAGS["bleed"])) > 0
    return grown(full, MARGIN) | grown((flags > 0) & ~full, GROWN)


def restored(restorer: Restorer, frame: Frame) -> tuple[np.ndarray, Restored]:
    """A frame in background sigmas, and what is found in it."""
    sky = scaled(frame.image)
    return sky, restorer.clean(sky[None], threshold=THRESHOLD, device="cpu")


def classical(frame: Frame) -> np.ndarray:
    """LA-Cosmic's mask with the pipeline's margin about rays, told the gain; the sky's photons are the noise."""
    electrons = float(np.median(frame.image) * frame.gain) ** 0.5
    return grown(lacosmic(np.nan_to_num(scaled(frame.image)), electrons)[0], GROWN)


def counts(masks: list[np.ndarray], real: list[Frame]) -> list[float]:
    """Found shares of each code's pixels and of all of them, and of what was found the share with any flag."""
    flags = np.concatenate([frame.flags.ravel() for frame in real])
    mask = np.concatenate([mask.ravel() for mask in masks])
    shares = [float(mask[flags == code].mean()) for code in CODES.values()]
    return [*shares, float(mask[flags > 0].mean()), float((flags[mask] > 0).mean()), float(mask[flags == 0].mean())]


def table(real: list[Frame], restorers: list[Restorer]) -> str:
    each = [counts([as_pipeline(restored(one, frame)[1]) for frame in real], real) for one in restorers]
    theirs = counts([classical(frame) for frame in real], real)
    pixels = [sum(int((frame.flags == code).sum()) for frame in real) for code in CODES.values()]
    names = [f"recall, {name} ({n} pixels)" for name, n in zip(CODES, pixels, strict=True)]
    names += ["recall, any flag", "precision, any flag", "unflagged pixels found"]
    lines = []
    for k, name in enumerate(names):
        values = [one[k] for one in each]
        worst = max(values) if name.startswith("unflagged") else min(values)
        lines.append([name, f"{worst:.3g}", ", ".join(f"{value:.3g}" for value in values), f"{theirs[k]:.3g}"])
    about = (
        f"Seven stamps of single exposures, {sum(frame.flags.size for frame in real) / 1e6:.2f} Mpx, none of which any "
        f"training saw; a probability above {THRESHOLD:g} counts, with the pipeline's own margins put around."
    )
    return f"{about}\n\n{rows(('figure', 'worst seed', 'each', 'astroscrappy'), lines)}"


def picture(real: list[Frame], restorer: Restorer) -> None:
    """Every stamp before and after, the probability, the pipeline's flags, and where the two disagree."""
    figure, axes = plt.subplots(len(real), 5, figsize=(11, 2.3 * len(real)), squeeze=False)
    for line, frame in zip(axes, real, strict=True):
        sky, found = restored(restorer, frame)
        after = np.where(found.replaced[0], found.clean[0], sky)
        for axis, plane in zip(line, (sky, after), strict=False):
            axis.imshow(np.arcsinh(plane), cmap="gray", origin="lower", vmin=-2, vmax=6)
        line[2].imshow(found.probability[0], cmap="magma", origin="lower", vmin=0, vmax=1)
        shown, apart = np.zeros((2, *sky.shape, 3))
        for code, colour in COLOURS.items():
            shown[frame.flags == code] = mpl.colors.to_rgb(colour)
        mask, flagged = as_pipeline(found), frame.flags > 0
        apart[mask & ~flagged], apart[flagged & ~mask], apart[mask & flagged] = (1, 0.6, 0), (0.2, 0.6, 1), (0.3,) * 3
        line[3].imshow(shown, origin="lower")
        line[4].imshow(apart, origin="lower")
        line[0].set_ylabel(f"{frame.name} {frame.header['FILTER'][:1]}", fontsize=8)
    titles = ("before", "after", "probability", "flags of the pipeline", "ours alone (orange), theirs alone (blue)")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=8)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "images" / "restored-decam.png", dpi=80)


def main() -> None:
    real = frames()
    if not real:
        print("nothing to compare with: there are no DECam frames")
        return
    restorers = [trained(seed) for seed in map(int, sys.argv[1:] or map(str, SEEDS))]
    put("restoration.md", "decam", table(real, restorers))
    picture(real, restorers[0])


if __name__ == "__main__":
    main()
