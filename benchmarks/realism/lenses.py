"""R5: lensed quasars refined towards those that Hubble saw, in tiles to learn from and whole to measure.

python benchmarks/realism/lenses.py [SEED...]
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from _common import BUILD, Experiment, Figures, command, realism, start
from _lenses import LICENCE, SIZE, TILE, Lens, corners, real_tiles, simulator, split, tiles
from _tables import Gate, put, table

from astrogan.cli.progress import Steps
from astrogan.cli.work import RealSky, Refined, Simulated, measure_out, refine, train
from astrogan.dataset.fingerprints import stamp_digests
from astrogan.models import Refiner, RefinerConfig, RefinerTraining
from astrogan.training import Budget
from astrogan.validation import label_drift, new_objects, refit, two_sample
from astrogan.validation.leakage import refuse_leaks
from astrogan.validation.tables import mean_of
from simulators import StrongLens

CHUNK, TAUGHT, JUDGED, FITTED = 8, 16, 8, 6  # lenses: at a time, to learn from, to judge, to fit anew
LESSON = 1500  # tiles
FRACTION = 0.03  # of a bright pixel's light that may change: PSFs are known to some per cent
APERTURE, STEPS = 3.0, 4  # pixel; of the fits
KEPT: tuple[Gate, ...] = (
    ("theta_E, mean", "%", 100, 0.2),
    ("theta_E, median size of change", "%", 100, 0.2),
    ("image flux, rms", "%", 100, 0),
    ("image place, rms", "pixel", 1, 0),
    ("label drift", "σ", 1, 0),
    ("new objects", "%", 100, 2),
)


def whole_lenses(like: StrongLens, count: int, seed: int, first: int, steps: Steps) -> Simulated:
    """Whole simulated lenses and their tangents."""
    samples, tangents = [], []
    with steps.step(f"Simulate and differentiate {count} lenses") as step:
        for k in range(0, count, CHUNK):
            samples.append(like.simulate(min(CHUNK, count - k), seed, first + k))
            tangents.append(like.tangent(samples[-1]))
            step.advance(k / count)
    return Simulated(like, xr.concat(samples, "sample", data_vars="minimal"), xr.concat(tangents, "sample"))


def unit_of(like: StrongLens) -> float:
    return float(like.survey.bands[0].background_sigma)


def places_of(whole: Simulated) -> list[list[tuple[int, int]]]:
    """Where each lens is cut into tiles, by its simulated pixels."""
    return [corners(image[0] / unit_of(whole.simulator)) for image in whole.image]


def cut(images: np.ndarray, places: list[list[tuple[int, int]]]) -> np.ndarray:
    """Tiles (N, 1, TILE, TILE) of images (lens, 1, y, x)."""
    return np.concatenate([tiles(image[0], at) for image, at in zip(images, places, strict=True)])


def lesson(whole: Simulated, seed: int) -> Simulated:
    """Tiles of whole lenses, with what the labels move in each, in random order."""
    places = places_of(whole)
    where = [(lens, y, x) for lens, at in enumerate(places) for y, x in at]
    order = np.random.default_rng(seed).permutation(len(where))[:LESSON]
    window = [(lens, ..., slice(y, y + TILE), slice(x, x + TILE)) for lens, y, x in (where[k] for k in order)]
    ids = ("sample", np.arange(len(window)))
    dims = ("sample", "band", "y", "x")
    planes = {
        name: (dims, np.stack([whole.samples[name].values[one] for one in window])) for name in ("image", "variance")
    }
    samples = xr.Dataset({**planes, "sample_id": ids}, attrs=whole.samples.attrs)
    moved = np.stack([whole.tangents.values[one] for one in window])
    coords = {"sample_id": ids, "label": whole.tangents["label"].values}
    return Simulated(whole.simulator, samples, xr.DataArray(moved, coords, ("sample", "label", *dims[1:])))


def learn(chosen: list[Lens], like: StrongLens, experiment: Experiment, seed: int, steps: Steps) -> Refiner:
    """A refiner that has seen tiles of the lenses given."""
    stamps = real_tiles(chosen)
    real = RealSky(stamps, stamp_digests(stamps), like.survey, "HST F814W quads", LICENCE)
    taught = lesson(whole_lenses(like, TAUGHT, seed, 0, steps), seed)
    settings = RefinerTraining(Budget(images=experiment.images), regularisation=experiment.regularisation, seed=seed)
    new = Refiner(RefinerConfig(bands=1, fraction=FRACTION, seed=seed))
    return measure_out(train(real, taught, new, settings, steps, None), taught, real, seed, steps)


def images_moved(raw: Simulated, after: np.ndarray) -> Figures:
    """Rms change of the flux and of the place of a quasar's images, in apertures of 3 pixels."""
    truth, before = raw.samples, raw.image[:, 0].astype(float)
    change = after[:, 0] - before
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    fluxes, shifts = [], []
    for lens, image in zip(*np.nonzero(np.abs(truth["image_magnification"].values) > 1.0), strict=True):
        at = [truth[f"image_{axis}"].values[lens, image] / raw.simulator.survey.pixel_scale for axis in "xy"]
        near = np.hypot(x - at[0], y - at[1]) <= APERTURE
        flux = before[lens][near].sum()
        fluxes.append(change[lens][near].sum() / flux)
        shifts += [(change[lens] * (axis - place))[near].sum() / flux for axis, place in zip((x, y), at, strict=True)]
    rms = {"image flux, rms": np.square(fluxes), "image place, rms": np.square(shifts)}
    return {
        name: (float(np.sqrt(one.mean())), float(mean_of(one).error / (2 * np.sqrt(one.mean()) + 1e-30)))
        for name, one in rms.items()
    }


def einstein_radii(raw: Simulated, images: dict[str, np.ndarray]) -> dict[str, Figures]:
    """Relative change of theta_E, fitted with all labels at once, of every set."""
    one = raw.part(slice(0, FITTED)).samples
    before = refit(raw.simulator, one, iterations=STEPS)["theta_E"]
    found = {}
    for name, image in images.items():
        other = one.assign(image=one["image"].copy(data=image[:FITTED]))
        after = refit(raw.simulator, other, iterations=STEPS)["theta_E"]
        change = after / before - 1.0
        mean = mean_of(change)
        middle = np.median(np.abs(change)), mean.error
        found[name] = {"theta_E, mean": (mean.value, mean.error), "theta_E, median size of change": middle}
    return found


def labels(made: Refined) -> dict[str, Figures]:
    """What refinement moved in whole lenses, with and without the projection."""
    raw = made.raw
    sets = {"refined": made.image, "unprojected": made.control}
    found = einstein_radii(raw, sets)
    part, unit = slice(0, FITTED), unit_of(raw.simulator)
    names = [str(name) for name in raw.tangents["label"].values]
    for name, image in sets.items():
        tangents, variance = raw.tangents.values[part], raw.samples["variance"].values[part]
        rows = label_drift(raw.image[part], image[part], tangents, variance, names)
        objects = new_objects(raw.image / unit, image / unit, fwhm=2.0)
        found[name] |= images_moved(raw, image) | {
            "label drift": (max(row.median_sigma for row in rows), 0.0),
            "new objects": (objects.value, objects.error),
        }
    return found


def keep(path: Path, whole: Refined) -> None:
    """Whole lenses and their labels, for pictures and for fits with other codes."""
    truth = {f"truth_{name}": whole.raw.samples[name].values for name in (*whole.raw.simulator.labels, "psf_index")}
    variance = whole.raw.samples["variance"].values
    np.savez_compressed(
        path, raw=whole.raw.image, refined=whole.image, control=whole.control, variance=variance, **truth
    )


def run_seed(experiment: Experiment, seed: int) -> Path:
    """Train on six lenses, judge by the other three; returns the file of figures."""
    begun, steps = start()
    chosen, others = split(seed)
    like = simulator(chosen)
    refiner = learn(chosen, like, experiment, seed, steps)
    trained = time.process_time() - begun
    held_out, unit = real_tiles(others), np.float32(unit_of(like))
    refuse_leaks(held_out, refiner.card)
    BUILD.mkdir(parents=True, exist_ok=True)
    refiner.save(BUILD / f"{experiment.name}-{seed}.safetensors")
    raw = whole_lenses(like, JUDGED, seed, 10_000, steps)
    made, whole = refine(refiner, raw, seed), refine(refiner.with_strength(1.0), raw, seed)
    keep(BUILD / f"{experiment.name}-{seed}-whole.npz", whole)
    plain = dataclasses.replace(like, population=(), psf=None).simulate(JUDGED, seed)
    sets = {"raw": raw.image, "refined": made.image, "unprojected": made.control}
    at = places_of(raw)
    cuts = {name: cut(images, at) / unit for name, images in sets.items()}
    cuts["classical"] = cut(plain["image"].values, places_of(Simulated(like, plain, raw.tangents))) / unit
    np.savez_compressed(BUILD / f"{experiment.name}-{seed}.npz", real=held_out, **cuts)
    judges = {name: ("features", "cnn") if name != "unprojected" else ("features",) for name in cuts}
    figures = {name: realism(held_out, images, seed, judges[name]) for name, images in cuts.items()}
    for name, kept in labels(whole).items():
        figures[name] |= kept
    floor = two_sample(held_out, real_tiles(chosen), seed=seed, classifiers=("features",))[0]
    about = {
        "seed": seed, "images": experiment.images, "real": len(refiner.card["training_digests"]["real"]),
        "held_out": len(held_out), "strength": refiner.config.strength, "floor": (floor.auc, floor.auc_error),
        "seconds": {"train": trained, "all": time.process_time() - begun},
    }  # fmt: skip
    path = BUILD / f"{experiment.name}-{seed}.figures.json"
    path.write_text(json.dumps({**about, "figures": figures}, indent=1))
    return path


def write(seeds: list[dict[str, Any]]) -> None:
    floor = ", ".join(f"{one['floor'][0]:.3f}" for one in seeds)
    told = f"The features' judge tells tiles of the held-out lenses from those of the training ones with AUC {floor}."
    put("results.md", "lenses", f"{table(seeds, KEPT)}\n\n{told}")


if __name__ == "__main__":
    command(Experiment("lenses", split, TILE, images=8000), write, run_seed)
