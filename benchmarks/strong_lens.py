"""Speed and error of StrongLens and of lenstronomy on the systems of ../shared/bench, interleaved, one thread.

python benchmarks/strong_lens.py [FOLDER]  # FOLDER holds common.py and the converged w2_ref_*_seed2.npy

Prints a table and writes build/strong_lens.json.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # before numpy and numba start their threads
    for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(_pool, "1")

import importlib.util
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from catalogs import Band, Survey
from simulators import Gaussian, Moffat, StrongLens

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT.parent / "shared" / "bench"
SETS = {
    "ground64_gauss": (64, 0.2, Gaussian(0.7)),
    "ground64_moffat": (64, 0.2, Moffat(0.7, 3.5)),
    "hst100_gauss": (100, 0.05, Gaussian(0.1)),
}
ACCURACIES = ("fast", "default", "high")
SYSTEMS, ROUNDS, THEIRS = 128, 5, 4  # systems drawn, repetitions, images of lenstronomy's in each


def load(folder: Path, name: str):
    """A module of the folder of peers' workloads."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def light_labels(light: dict, owner: str) -> dict:
    e = (1 - light["q"]) / (1 + light["q"])
    shape = {"radius": light["re"], "n": light["n"], "x": light["cx"], "y": light["cy"], "flux": light["flux"]}
    shape |= {"e1": e * np.cos(2 * light["phi"]), "e2": e * np.sin(2 * light["phi"])}
    return {f"{owner}_{name}": value for name, value in shape.items()}


def labels_of(systems: dict, count: int) -> dict:
    """The first `count` systems that the workloads draw, as labels of StrongLens."""
    e = (1 - systems["q"]) / (1 + systems["q"])
    labels = {
        "theta_E": systems["theta_E"],
        "gamma": systems["gamma"],
        "lens_x": systems["cx"],
        "lens_y": systems["cy"],
    }
    labels |= {"lens_e1": e * np.cos(2 * systems["phi"]), "lens_e2": e * np.sin(2 * systems["phi"])}
    labels |= {"shear_g1": systems["gamma1"], "shear_g2": systems["gamma2"], **light_labels(systems["lens"], "light")}
    parts = [light_labels(systems[name], "source") for name in ("s1", "s2")]
    labels |= {name: np.stack([part[name] for part in parts], axis=1) for name in parts[0]}
    labels = {name: value[:count] for name, value in labels.items()}
    return labels | {name: labels[name][..., None] for name in ("light_flux", "source_flux")}


def simulator_of(name: str, accuracy: str) -> StrongLens:
    size, scale, psf = SETS[name]
    survey = Survey("bench", scale, (Band("r", psf_fwhm=0.7, background_sigma=1.0),))
    return StrongLens(survey=survey, size=size, psf=psf, accuracy=accuracy)


def errors(images: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Largest error of an image in units of its peak: median and worst of all systems."""
    worst = np.abs(images - reference).max(axis=(1, 2)) / reference.max(axis=(1, 2))
    return float(np.median(worst)), float(worst.max())


def lenstronomy_images(folder: Path, name: str, systems: dict):
    """A function of (first, last) that draws systems as lenstronomy does best: EPL_NUMBA, 4 rays per pixel and axis,
    convolved at that scale, without noise."""
    sys.path.insert(0, str(folder))
    peer = load(folder, "w2_lenstronomy")
    cfg, kind = (peer.W2H if name.startswith("hst") else peer.W2G), name.split("_")[1]
    model = peer.image_model(cfg, "EPL_NUMBA", 4, True, kind)

    def draw(first: int, last: int) -> np.ndarray:
        return np.array([
            model.image(
                peer.kw_lens(systems, i, "EPL_NUMBA"),
                [peer.kw_light(systems[source], i) for source in ("s1", "s2")],
                [peer.kw_light(systems["lens"], i)],
            )
            for i in range(first, last)
        ])  # fmt: skip

    return draw


def rate(function, images: int) -> float:
    start = time.perf_counter()
    function()
    return images / (time.perf_counter() - start)


def measure(folder: Path, name: str) -> list[dict]:
    """One row for each code and accuracy."""
    systems = load(folder, "common").w2_params(SYSTEMS)
    reference = np.load(folder / f"w2_ref_{name}_seed2.npy")
    labels, count = labels_of(systems, SYSTEMS), len(reference)
    theirs = lenstronomy_images(folder, name, systems)
    jobs = {"lenstronomy": (lambda: theirs(0, THEIRS), THEIRS)}
    for accuracy in ACCURACIES:
        simulator = simulator_of(name, accuracy)
        jobs[accuracy] = (lambda simulator=simulator: simulator.render(labels)["image"].values[:, 0], SYSTEMS)
    images = {job: theirs(0, count) if job == "lenstronomy" else function() for job, (function, _) in jobs.items()}
    if not 0.5 < images["lenstronomy"].sum() / reference.sum() < 2.0:
        images["lenstronomy"] = images["lenstronomy"] * SETS[name][1] ** 2  # versions differ in their unit
    rates = {job: [] for job in jobs}
    for _ in range(ROUNDS):
        for job, (function, done) in jobs.items():
            rates[job].append(rate(function, done))
    rows = []
    for job, values in rates.items():
        ratio = np.median(np.asarray(values) / np.asarray(rates["lenstronomy"]))
        median, worst = errors(images[job][:count], reference)
        row = {"set": name, "code": job, "images_per_s": float(np.median(values)), "ratio": float(ratio)}
        rows.append(row | {"error_median": median, "error_worst": worst})
    return rows


def main(folder: Path) -> None:
    if not folder.is_dir():
        print(f"no converged references in {folder}: nothing to compare with")
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    rows = []
    print("| set | code | images/s | times lenstronomy | error/peak, median | worst |\n|---|---|---|---|---|---|")
    for name in SETS:
        for row in measure(folder, name):
            rows.append(row)
            speed = f"{row['images_per_s']:.0f} | {row['ratio']:.1f}"
            print(
                f"| {name} | {row['code']} | {speed} | {row['error_median']:.1e} | {row['error_worst']:.1e} |",
                flush=True,
            )
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "strong_lens.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else BENCH)
