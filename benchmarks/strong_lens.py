"""Speed and error of StrongLens, of lenstronomy and of caustics on the systems of ../shared/bench.

python benchmarks/strong_lens.py [FOLDER]  # FOLDER holds common.py and the converged w2_ref_*_seed2.npy

One thread on one core, all codes in turn, in processor time; and how much faster two threads make ours. Prints a table
and writes build/strong_lens.json. caustics is no dependency: its rows are left out where it is not installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from _timing import prepare, rates, scaling

if __name__ == "__main__":
    prepare()

import importlib.util
import json
import os
import warnings

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
SYSTEMS, ROUNDS, THEIRS = 128, 5, 4  # systems drawn, repetitions, images of a peer's in each
BATCH = 4 * SYSTEMS  # images of ours
LENSTRONOMY = "lenstronomy, 4 rays per pixel and axis"
CAUSTICS = "caustics, 4 rays per pixel and axis"


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


def lenstronomy_images(folder: Path, name: str):
    """A function of (first, last) that draws systems as lenstronomy does best: EPL_NUMBA, 4 rays per pixel and axis,
    convolved at that scale, without noise."""
    sys.path.insert(0, str(folder))
    peer, systems = load(folder, "w2_lenstronomy"), load(folder, "common").w2_params(SYSTEMS)
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


def caustics_images(folder: Path, name: str):
    """A function of (first, last) that draws systems with caustics: float32, one batch, 4 rays per pixel and axis."""
    import torch

    sys.path.insert(0, str(folder))
    # the workload pins and starts its threads when it is loaded, for the number that its command line names
    arguments, sys.argv = sys.argv, ["w2_caustics", "1"]
    cores = os.sched_getaffinity(0)
    peer = load(folder, "w2_caustics")
    sys.argv = arguments
    os.sched_setaffinity(0, cores)
    cfg, kind = (peer.W2H if name.startswith("hst") else peer.W2G), name.split("_")[1]
    simulator, modules = peer.build(cfg, 4, kind)
    rows = peer.params_for(simulator, modules, load(folder, "common").w2_params(SYSTEMS), SYSTEMS)
    batch = torch.vmap(simulator)

    def draw(first: int, last: int) -> np.ndarray:
        with torch.no_grad():
            return batch(rows[first:last]).numpy()

    return draw


def peers(folder: Path, name: str) -> dict:
    made = {LENSTRONOMY: lenstronomy_images(folder, name)}
    if importlib.util.find_spec("caustics") is None:
        print("caustics is not installed: left out", file=sys.stderr)
    else:
        made[CAUSTICS] = caustics_images(folder, name)
    return made


def same_unit(images: np.ndarray, reference: np.ndarray, scale: float) -> np.ndarray:
    """Codes and versions differ in whether pixels hold flux or brightness."""
    return images if 0.5 < images.sum() / reference.sum() < 2.0 else images * scale**2


def measure(folder: Path, name: str) -> list[dict]:
    """One row for each code and accuracy."""
    reference = np.load(folder / f"w2_ref_{name}_seed2.npy")
    labels, count = labels_of(load(folder, "common").w2_params(SYSTEMS), SYSTEMS), len(reference)
    labels = {name: np.concatenate([values] * (BATCH // SYSTEMS)) for name, values in labels.items()}
    jobs, images, threads = {}, {}, {}
    for code, draw in peers(folder, name).items():
        jobs[code] = (lambda draw=draw: draw(0, THEIRS), THEIRS)
        parts = [draw(i, min(i + 10, count)) for i in range(0, count, 10)]
        images[code] = same_unit(np.concatenate(parts), reference, SETS[name][1])
    for accuracy in ACCURACIES:
        simulator = simulator_of(name, accuracy)
        jobs[accuracy] = (lambda simulator=simulator: simulator.render(labels)["image"].values[:, 0], BATCH)
        images[accuracy] = jobs[accuracy][0]()
        threads[accuracy] = scaling(jobs[accuracy][0], 5 * ROUNDS)
    measured = rates(jobs, ROUNDS)
    rows = []
    for job, values in measured.items():
        row = {"set": name, "code": job, "images_per_s": float(np.median(values))}
        for peer in (LENSTRONOMY, CAUSTICS):
            times = float(np.median(np.divide(values, measured[peer]))) if peer in measured else None
            row[f"times_{peer.split(',')[0]}"] = times
        median, worst = errors(images[job][:count], reference)
        rows.append(row | {"error_median": median, "error_worst": worst, "two_threads": threads.get(job)})
    return rows


def main(folder: Path) -> None:
    if not folder.is_dir():
        print(f"no converged references in {folder}: nothing to compare with")
        return
    warnings.simplefilter("ignore")
    rows = []
    print("| set | code | images/s | times lenstronomy | times caustics | error/peak, median | worst | two threads |")
    print("|---|---|---|---|---|---|---|---|")
    for name in SETS:
        for row in measure(folder, name):
            rows.append(row)
            times = (
                "–" if value is None else f"{value:.1f}" for value in (row["times_lenstronomy"], row["times_caustics"])
            )
            speed = f"{row['images_per_s']:.0f} | {' | '.join(times)}"
            threads = f"{row['two_threads']:.2f}" if row["two_threads"] else "–"
            error = f"{row['error_median']:.1e} | {row['error_worst']:.1e}"
            print(f"| {name} | {row['code']} | {speed} | {error} | {threads} |", flush=True)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "strong_lens.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else BENCH)
