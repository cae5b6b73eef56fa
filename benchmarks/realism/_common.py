"""What the experiments share: simulate and train for one seed, judge, keep the figures; then write the worst of all.

Every seed leaves build/realism/NAME-SEED.figures.json; the page shows the worst of those that are there.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from astrogan.cli.progress import Steps
from astrogan.cli.sky import Sky, weak_simulator
from astrogan.cli.work import RealSky, Refined, Simulated, measure_out, refine, simulate, train
from astrogan.models import Refiner, RefinerConfig, RefinerTraining
from astrogan.training import Budget
from astrogan.validation import label_drift, moment_change, new_objects, property_distances, shear_bias, two_sample
from astrogan.validation.leakage import refuse_leaks
from simulators import WeakLens

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
BUILD = ROOT / "build" / "realism"
SEEDS = (1, 2, 3)
LESSON, JUDGED = 2000, 600  # simulated stamps that train, and that are judged
REPEATS = {"features": 8, "cnn": 1}  # folds and stamps are drawn anew; what is shown is the mean
CNN_IMAGES = 16_000
RINGS, DRIFT = 60, 300
Figures = dict[str, tuple[float, float]]


def nothing(_: Sky) -> tuple[()]:
    """What the classical set knows of a sky's galaxies, for which it has the catalogue."""
    return ()


@dataclass(frozen=True)
class Experiment:
    """A sky to learn from, and how; `bands`, `size` and so on belong to `sky`.

    `sky` reads the real images; `few` real ones train, all by default. `simulator` draws what is refined; the classical
    set has its PSF and noise, single galaxies, and of their population what `known` gives.
    """

    name: str
    sky: Callable[[], Sky]
    size: int
    images: int = 24_000
    few: int | None = None
    lesson: int = LESSON
    regularisation: float = 0.01
    simulator: Callable[[Sky, int], WeakLens] = weak_simulator
    known: Callable[[Sky], Any] = nothing


def told(real: np.ndarray, images: np.ndarray, seed: int, judges: tuple[str, ...]) -> Figures:
    """Accuracy and AUC of judges: means over `REPEATS`, with the error of one test, as all share the real ones."""
    found: Figures = {}
    for judge in judges:
        repeats = REPEATS[judge]
        tests = [
            two_sample(real, images, seed=1000 * seed + k, classifiers=(judge,), images=CNN_IMAGES)[0]
            for k in range(repeats)
        ]
        for name, value, error in (("accuracy", "accuracy", "error"), ("AUC", "auc", "auc_error")):
            means = (float(np.mean([getattr(test, part) for test in tests])) for part in (value, error))
            found[f"{name}, {judge}"] = tuple(means)
    return found


def realism(real: np.ndarray, images: np.ndarray, seed: int, judges: tuple[str, ...] = tuple(REPEATS)) -> Figures:
    """What judges tell, and the Wasserstein-1 distance of properties in units of the real scatter, mean of eight."""
    rows = property_distances(real, images, seed=seed)
    units = [row.scatter for row in rows]
    distance = np.mean([row.distance.value / unit for row, unit in zip(rows, units, strict=True)])
    error = np.sqrt(np.sum([(row.distance.error / u) ** 2 for row, u in zip(rows, units, strict=True)])) / len(rows)
    return told(real, images, seed, judges) | {"W1": (float(distance), float(error))}


def labels(made: Refined, refiner: Refiner, sigma: np.ndarray, seed: int, *, safe: bool) -> Figures:
    """What refinement moved: moments, fitted labels, shear, and objects that were not there."""
    raw, after = made.raw.image, made.image if safe else made.control
    found: Figures = {}
    for name, change in moment_change(raw, after).items():
        if name in ("flux", "size"):
            found[f"{name}, adaptive moments"] = (change.value, change.error)
    part = slice(0, DRIFT)
    one = made.raw.part(part)
    simulator: WeakLens = made.raw.simulator
    worst = 0.0
    for fit in simulator.fits:
        these = one.tangents.sel(label=_columns(one, fit))
        names = [str(name) for name in these["label"].values]
        rows = label_drift(one.image, after[part], these.values, one.samples["variance"].values, names)
        worst = max([worst, *(row.median_sigma for row in rows)])
    found["label drift"] = (worst, 0.0)

    seen: dict[bytes, Any] = {}

    def apply(samples: Any) -> Any:
        key = samples["image"].values.tobytes()  # both estimators see the same samples
        if key not in seen:
            tangents = simulator.tangent(samples) if safe else None
            seen[key] = refiner.apply(samples, tangents, seed=seed, label_safe=safe)
        return seen[key]

    for estimator in ("adaptive", "fixed"):
        bias = shear_bias(apply, simulator, rings=RINGS, seed=seed, estimator=estimator)
        for letter in "mc":
            both = [getattr(bias, f"{letter}{k}") for k in (1, 2)]
            largest = max(both, key=lambda one: abs(one.value))
            found[f"{letter}, {estimator}"] = (largest.value, largest.error)
    found |= colours(raw, after)
    objects = new_objects(raw / sigma, after / sigma)
    return found | {"new objects": (objects.value, objects.error)}


def colours(raw: np.ndarray, after: np.ndarray) -> Figures:
    """The largest change of a flux ratio of neighbouring bands, by adaptive moments; nothing for one band."""
    change = [moment_change(raw[:, [band]], after[:, [band]])["flux"] for band in range(raw.shape[1])]
    pairs = [(two.value - one.value, float(np.hypot(one.error, two.error))) for one, two in itertools.pairwise(change)]
    return {"colours": max(pairs, key=lambda pair: abs(pair[0]))} if pairs else {}


def _columns(one: Simulated, fit: tuple[str, ...]) -> list[str]:
    """Labels of the tangents that belong to a fit: each band's flux is one."""
    every = [str(name) for name in one.tangents["label"].values]
    return [name for name in every if name in fit or ("flux" in fit and name.startswith("flux_"))]


def learn(experiment: Experiment, sky: Sky, seed: int, steps: Steps) -> tuple[Refiner, Simulated]:
    """The refiner of one seed, and simulated stamps that it has not seen."""
    stamps = simulate(experiment.simulator(sky, experiment.size), experiment.lesson + JUDGED, seed, steps)
    lesson, judged = (stamps.part(slice(*ends)) for ends in ((0, experiment.lesson), (experiment.lesson, None)))
    real = RealSky.of(sky)
    if experiment.few is not None:
        order = np.random.default_rng(seed).permutation(len(real.image))[: experiment.few]
        digests = [real.digests[k] for k in order]
        real = RealSky(real.image[order], digests, real.survey, real.source, real.licence)
    settings = RefinerTraining(Budget(images=experiment.images), regularisation=experiment.regularisation, seed=seed)
    new = Refiner(RefinerConfig(bands=len(sky.survey.bands), seed=seed))
    refiner = train(real, lesson, new, settings, steps, None)
    return measure_out(refiner, lesson, real, seed, steps), judged


def classical(experiment: Experiment, sky: Sky, seed: int) -> np.ndarray:
    """Single galaxies of the catalogue's population under the real PSF and noise: nothing else is measured."""
    like = experiment.simulator(sky, experiment.size)
    plain = dataclasses.replace(like, population=experiment.known(sky), neighbours=0.0)
    return np.asarray(plain.simulate(JUDGED, seed)["image"].values)


def start() -> tuple[float, Steps]:
    """Processor time so far, and steps that are told on the terminal."""
    return time.process_time(), Steps(Console(stderr=True))


def run_seed(experiment: Experiment, seed: int) -> Path:
    """Train and judge; returns the file of figures."""
    begun, steps = start()
    sky = experiment.sky()
    refiner, judged = learn(experiment, sky, seed, steps)
    BUILD.mkdir(parents=True, exist_ok=True)
    refiner.save(BUILD / f"{experiment.name}-{seed}.safetensors")
    return judged_by(experiment, sky, refiner, judged, seed, begun)


def judged_by(experiment: Experiment, sky: Sky, refiner: Refiner, judged: Simulated, seed: int, begun: float) -> Path:
    """Write what held-out real stamps say of a refiner's work on simulated ones."""
    trained = time.process_time() - begun
    sigma = np.array([band.background_sigma for band in sky.survey.bands], dtype=np.float32)[:, None, None]
    refuse_leaks(sky.held_out, refiner.card)
    made = refine(refiner, judged, seed)
    sets = {
        "classical": classical(experiment, sky, seed),
        "raw": judged.image,
        "refined": made.image,
        "unprojected": made.control,
    }
    judges = {name: tuple(REPEATS) if name != "unprojected" else ("features",) for name in sets}
    figures = {name: realism(sky.held_out, images / sigma, seed, judges[name]) for name, images in sets.items()}
    full = refiner.with_strength(1.0)  # of a change that was scaled down, labels would be kept more easily
    whole = refine(full, judged, seed)
    for name, safe in (("refined", True), ("unprojected", False)):
        figures[name] |= labels(whole, full, sigma, seed, safe=safe)
    objects = new_objects(judged.image / sigma, made.image / sigma)
    figures["refined"]["new objects, at its share"] = (objects.value, objects.error)
    np.savez_compressed(
        BUILD / f"{experiment.name}-{seed}.npz",
        real=sky.held_out, **{name: images[:200] / sigma for name, images in sets.items()},
    )  # fmt: skip
    about = {
        "seed": seed, "images": experiment.images, "real": len(refiner.card["training_digests"]["real"]),
        "held_out": len(sky.held_out), "strength": refiner.config.strength,
        "seconds": {"train": trained, "all": time.process_time() - begun},
    }  # fmt: skip
    path = BUILD / f"{experiment.name}-{seed}.figures.json"
    path.write_text(json.dumps({**about, "figures": figures}, indent=1))
    return path


def command(
    experiment: Experiment,
    write: Callable[[list[dict[str, Any]]], None],
    one: Callable[[Experiment, int], Path] = run_seed,
) -> None:
    """Run the seeds of the command line, all by default, one process each; then `write` what all seeds left."""
    seeds = [int(seed) for seed in sys.argv[1:]] or list(SEEDS)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(len(seeds), os.cpu_count() or 1), mp_context=context) as pool:
        for path in pool.map(one, [experiment] * len(seeds), seeds):
            print(path, flush=True)
    write(results(experiment))


def results(experiment: Experiment) -> list[dict[str, Any]]:
    """What the seeds left that were run with these settings."""
    files = sorted(BUILD.glob(f"{experiment.name}-[0-9]*.figures.json"))
    found = [json.loads(file.read_text()) for file in files]
    return [one for one in found if one["images"] == experiment.images]
