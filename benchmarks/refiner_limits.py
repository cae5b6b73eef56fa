"""What limits a refiner's residual: realism on real sky, and what becomes of a smooth bright stamp like none it knows.

python benchmarks/refiner_limits.py [IMAGES]  # trains three refiners on the Hubble field, writes their table
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from scipy.ndimage import gaussian_filter

from astrogan.cli.progress import Steps
from astrogan.cli.sky import read_sky, weak_simulator
from astrogan.cli.work import Simulated, simulate
from astrogan.models import Refiner, RefinerConfig, RefinerTraining, as_stamps, train_refiner
from astrogan.training import Budget
from astrogan.validation import two_sample
from simulators import WeakLens

PAGE = Path(__file__).resolve().parents[1] / "docs" / "refiner.md"
BLOCK = re.compile(r"(<!-- limits -->\n).*?(<!-- end of limits -->)", re.DOTALL)
IMAGES, SIZE, LESSON, JUDGED = 24_000, 32, 1000, 500
KINDS = {
    '`residual="asinh"`, no PSF': {"residual": "asinh", "psf": False},
    '`residual="noise"`, φ = 0.1': {"fraction": 0.1},
    '`residual="noise"`, φ = 0.2': {"fraction": 0.2},
}
BLUR = 1.5  # pixels: blotches are of this size or larger


def smooth_bright(survey, count: int = 40) -> Simulated:
    """Exponential galaxies of ten pixels' radius that fill their stamps, with peaks of up to 150 sigma."""
    sim, rng, scale = WeakLens(survey=survey, size=SIZE), np.random.default_rng(3), survey.pixel_scale
    sigma = np.array([band.background_sigma for band in survey.bands])
    flux = sigma * rng.uniform(15_000, 40_000, (count, 1))
    shape = dict(zip(("e1", "e2"), rng.uniform(-0.2, 0.2, (2, count)), strict=True))
    place = dict(zip("xy", rng.uniform(-6, 6, (2, count)) * scale, strict=True))
    rest = {"radius": 10 * scale, "n": 1.0, "g1": 0.0, "g2": 0.0, "kappa": 0.0}
    samples = sim.observe(sim.render({"flux": flux, **shape, **place, **rest}), seed=4)
    return Simulated(sim, samples, sim.tangent(samples))


def blotches(refiner: Refiner, bright: Simulated, *, safe: bool) -> float:
    """Rms of the blurred change, in sigmas of the pixel."""
    refined = refiner.apply(bright.samples, bright.tangents if safe else None, seed=1, label_safe=safe)
    change = (refined["image"] - bright.samples["image"]).values
    blurred = gaussian_filter(change, (0, 0, BLUR, BLUR))
    return float(np.sqrt(np.mean(blurred**2 / bright.samples["variance"].values)))


def main(images: int) -> None:
    steps = Steps(Console())
    sky = read_sky("hubble", SIZE)
    lesson = simulate(weak_simulator(sky, SIZE), LESSON + JUDGED, 0, steps)
    bright, judged = smooth_bright(sky.survey), lesson.part(slice(LESSON, None))
    stamps, real = as_stamps(lesson.samples, lesson.tangents)[slice(0, LESSON)], torch.from_numpy(sky.training)
    sigma = np.array([band.background_sigma for band in sky.survey.bands], dtype=np.float32)[:, None, None]

    def told(image) -> str:
        score = two_sample(sky.held_out, image / sigma, seed=0, classifiers=("features",))[0]
        return f"{score.auc:.3f} ± {score.auc_error:.3f}"

    rows = [f"| not refined | 0 | 0 | {told(judged.image)} |"]
    for name, config in KINDS.items():
        with steps.step(name):
            new = Refiner(RefinerConfig(bands=len(sky.survey.bands), **config))
            refiner, _ = train_refiner(new, stamps, real, RefinerTraining(Budget(images=images)), tell=steps.say)
            numbers = [f"{blotches(refiner, bright, safe=safe):.2f}" for safe in (True, False)]
            refined = refiner.apply(judged.samples, judged.tangents, seed=1)["image"].values
            rows.append(f"| {name} | {' | '.join(numbers)} | {told(refined)} |")
    shown = f"{images:,}".replace(",", " ")
    columns = ("change of a smooth bright stamp, blurred [σ]", "the same without the projection [σ]")
    judge = "told from held-out real, AUC of features"
    head = f"| after {shown} images on the Hubble field | {' | '.join(columns)} | {judge} |"
    table = "\n".join([head, "|---|---|---|---|", *rows])
    if images == IMAGES:
        PAGE.write_text(BLOCK.sub(lambda found: f"{found[1]}{table}\n{found[2]}", PAGE.read_text()))
    print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
