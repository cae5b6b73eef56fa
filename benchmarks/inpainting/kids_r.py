"""Holes in KiDS r windows of a part of the sky that nothing was fitted to: mean, variance and draws against baselines.

python benchmarks/inpainting/kids_r.py [SEED...]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from _baselines import baselines
from _figures import of_draws, of_mean, of_variance, power_off, told
from _sky import ROOT, SIZE, STAMP, Sky, kids
from _tables import write

from astrogan.dataset.masks import draw_masks
from astrogan.models.holes import Holes
from astrogan.models.inpainting import Inpainter, InpainterConfig, windows_of
from astrogan.models.inpainting_training import InpainterTraining, train_inpainter
from astrogan.training import Budget, cpu_threads
from astrogan.validation.lmmse import Lmmse

BUILD = ROOT / "build" / "inpainting"
KINDS = ("block", "three columns", "trail", "scatter")
SEEDS = (1, 2, 3)
IMAGES, WIDTH, WINDOWS = 12_000, 16, 3_000
DRAWS = 16


def learn(sky: Sky, seed: int) -> tuple[Inpainter, float]:
    """The inpainter of one seed, and its processor time [s]."""
    begun = time.process_time()
    config = InpainterConfig(bands=len(sky.bands), width=WIDTH, size=SIZE, seed=seed)
    settings = InpainterTraining(Budget(images=IMAGES), windows=WINDOWS, seed=seed)
    return train_inpainter(config, sky.training, settings)[0], time.process_time() - begun


def with_holes(judged: Holes, kind: str, seed: int) -> tuple[Holes, np.ndarray]:
    """Windows with holes of one kind, and these."""
    holes = draw_masks([kind], judged.ids.numpy(), tuple(judged.image.shape[1:]), seed=seed)
    known = torch.from_numpy(~holes)
    return Holes(judged.image * known, judged.sigma, known, judged.psf, judged.ids, judged.unit), holes


def training_windows(sky: Sky, seed: int) -> np.ndarray:
    """Windows for the linear baseline: eight from each training stamp, at random."""
    rng, stamps = np.random.default_rng(seed), sky.training.image[:, 0].numpy()
    spare = STAMP - SIZE
    places = rng.integers(0, spare + 1, (8, len(stamps), 2))
    return np.stack([x[b : b + SIZE, a : a + SIZE] for one in places for x, (b, a) in zip(stamps, one, strict=True)])


def judge(sky: Sky, inpainter: Inpainter, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Figures of every method, kind by kind."""
    truth, found = sky.judged.image.numpy(), {}
    linear = Lmmse(training_windows(sky, seed))
    fills = {**baselines(), "LMMSE": linear.fill}
    for kind in KINDS:
        part, holes = with_holes(sky.judged, kind, 100 + seed)
        found[kind] = {}
        for name, fill in fills.items():
            filled = fill(part.image[:, 0].numpy(), holes[:, 0])[:, None]
            found[kind][name] = of_mean(truth, filled, holes)
        none = torch.zeros(len(truth), 0, 1, SIZE, SIZE)
        with cpu_threads():
            windows = windows_of(inpainter.networks["process"], part, none)
        base, spread = windows["base"].numpy(), windows["spread"].numpy()
        found[kind]["process"] = of_mean(truth, base, holes) | of_variance(truth, base, spread, holes)
        filled = inpainter.fill(part, DRAWS, seed=seed)
        mean = np.where(holes, filled.mean, truth)
        draws = np.where(holes[:, None], filled.draws, truth[:, None])
        found[kind]["inpainter"] = of_mean(truth, mean, holes) | of_variance(truth, mean, filled.std, holes)
        found[kind]["inpainter"] |= of_draws(truth, mean, draws, holes)
        if kind == "block":
            found[kind]["inpainter"] |= looks(truth, mean, draws, holes, seed)
    return found


def looks(truth: np.ndarray, mean: np.ndarray, draws: np.ndarray, holes: np.ndarray, seed: int) -> dict[str, float]:
    """How the blocks look: power spectra in them, and whether crops around them are told from true ones."""
    crops = {}
    for name, images in (("truth", truth), ("mean", mean), ("draws", draws[:, 0])):
        crops[name] = np.stack([_around(one, hole) for one, hole in zip(images, holes, strict=True)])
    inner = slice(4, -4), slice(4, -4)
    return {
        "power, mean": power_off(crops["truth"], crops["mean"], inner),
        "power, draws": power_off(crops["truth"], crops["draws"], inner),
        "told, mean": told(crops["truth"], crops["mean"], seed),
        "told, draws": told(crops["truth"], crops["draws"], seed),
    }


def _around(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The block with four pixels on every side, (C, 16, 16)."""
    y, x = (np.flatnonzero(hole.any(axis=(0, axis)))[0] - 4 for axis in (2, 1))
    return image[:, y : y + 16, x : x + 16]


def run(seed: int) -> Path:
    """Train and judge one seed; its figures go to a file."""
    sky = kids(("r",), seed)
    BUILD.mkdir(parents=True, exist_ok=True)
    inpainter, seconds = learn(sky, seed)
    inpainter.save(BUILD / f"kids-r-{seed}.safetensors")
    begun = time.process_time()
    found = judge(sky, inpainter, seed)
    about = {"seed": seed, "images": IMAGES, "stamps": len(sky.training.image), "judged": len(sky.judged.image)}
    times = {"train": seconds, "judge": time.process_time() - begun}
    path = BUILD / f"kids-r-{seed}.figures.json"
    path.write_text(json.dumps({**about, "seconds": times, "trust": inpainter.card["trust"], "kinds": found}, indent=1))
    return path


if __name__ == "__main__":
    for number in [int(one) for one in sys.argv[1:]] or SEEDS:
        print(run(number), flush=True)
    write("kids-r", [json.loads(path.read_text()) for path in sorted(BUILD.glob("kids-r-[0-9]*.figures.json"))])
