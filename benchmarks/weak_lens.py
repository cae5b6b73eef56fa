"""Speed and error of WeakLens and of GalSim on the stamps of ../shared/bench.

python benchmarks/weak_lens.py [FOLDER]  # FOLDER holds common.py and the converged w1_ref.npy

One thread on one core, all codes in turn, in processor time; and how much faster two threads make ours. Prints a table
and writes build/weak_lens.json.
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

import galsim
import numpy as np

from catalogs import Band, Survey
from simulators import Moffat, WeakLens

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT.parent / "shared" / "bench"
SIZE, SCALE, FWHM, BETA, SKY, READ = 64, 0.2, 0.7, 3.5, 800.0, 9.0
STAMPS, FRESH, ROUNDS = 4096, 16, 3  # of ours in a repetition; of GalSim's with a new index each; repetitions
NOISE = Band("r", FWHM, background_sigma=(SKY + READ**2) ** 0.5, electrons_per_unit=1.0, psf_beta=BETA, sky=SKY)
ACCURACIES = ("fast", "default", "high")


def parameters(folder: Path, count: int, **options):
    spec = importlib.util.spec_from_file_location("bench_common", folder / "common.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.w1_params(count, **options)


def ours(accuracy: str, drawn: dict):
    """A function that renders all stamps, and one that observes them too."""
    simulator = WeakLens(survey=Survey("bench", SCALE, (NOISE,)), size=SIZE, psf=Moffat(FWHM, BETA), accuracy=accuracy)
    names = {"n": "n", "radius": "re", "e1": "e1", "e2": "e2", "g1": "g1", "g2": "g2", "x": "dx", "y": "dy"}
    labels = {name: drawn[key] for name, key in names.items()} | {"flux": drawn["flux"][:, None], "kappa": 0.0}
    # GalSim is asked for lens(g1, g2, mu = 1): the magnification of this convergence
    labels["kappa"] = 1.0 - 1.0 / np.sqrt(1.0 - drawn["g1"] ** 2 - drawn["g2"] ** 2)
    return lambda: simulator.render(labels), lambda: simulator.observe(simulator.render(labels), seed=1)


def theirs(drawn: dict, noise: bool):
    """A function of (first, last) that draws stamps with GalSim as the workload does."""
    psf = galsim.Moffat(beta=BETA, fwhm=FWHM)
    added = galsim.CCDNoise(galsim.BaseDeviate(7), sky_level=SKY, gain=1.0, read_noise=READ)

    def draw(first: int, last: int) -> np.ndarray:
        images = np.empty((last - first, SIZE, SIZE), np.float32)
        for i in range(first, last):
            light = galsim.Sersic(drawn["n"][i], half_light_radius=drawn["re"][i], flux=drawn["flux"][i])
            light = light.shear(g1=drawn["e1"][i], g2=drawn["e2"][i]).lens(drawn["g1"][i], drawn["g2"][i], 1.0)
            light = light.shift(drawn["dx"][i], drawn["dy"][i])
            image = galsim.Convolve(light, psf).drawImage(galsim.ImageF(SIZE, SIZE, scale=SCALE))
            if noise:
                image.addNoise(added)
            images[i - first] = image.array
        return images

    return draw


def stamps(folder: Path) -> list[dict]:
    """Rates with noise, errors without, of GalSim with n on a grid of 0.1 (tables cached) and of ours."""
    grid = parameters(folder, STAMPS, quantise_n=0.1)
    reference = np.load(folder / "w1_ref.npy")
    exact = {name: values[: len(reference)] for name, values in parameters(folder, 256, quantise_n=0.1).items()}
    images = {"GalSim, n on a grid of 0.1": theirs(exact, noise=False)(0, len(reference))}
    gridded = theirs(grid, noise=True)
    gridded(0, STAMPS)
    jobs = {"GalSim, n on a grid of 0.1": (lambda: gridded(0, STAMPS), STAMPS)}
    threads, fresh = {}, iter(range(10**6))
    jobs["GalSim, continuous n"] = (
        lambda: theirs(parameters(folder, FRESH, seed=1000 + next(fresh)), noise=True)(0, FRESH),
        FRESH,
    )
    for accuracy in ACCURACIES:
        jobs[accuracy] = (ours(accuracy, grid)[1], STAMPS)
        images[accuracy] = ours(accuracy, exact)[0]()["image"].values[:, 0]
        threads[accuracy] = scaling(jobs[accuracy][0], 5 * ROUNDS)
    measured = rates(jobs, ROUNDS)
    base, slow = (np.asarray(measured[name]) for name in ("GalSim, n on a grid of 0.1", "GalSim, continuous n"))
    rows = []
    for job, values in measured.items():
        row = {"code": job, "stamps_per_s": float(np.median(values)), "two_threads": threads.get(job)}
        row |= {"ratio": float(np.median(values / base)), "ratio_continuous": float(np.median(values / slow))}
        if job in images:
            error = np.abs(images[job] - reference).max((1, 2)) / reference.max((1, 2))
            row |= {"error_median": float(np.median(error)), "error_worst": float(error.max())}
        rows.append(row)
    return rows


def main(folder: Path) -> None:
    result = {}
    if folder.is_dir():
        result["stamps"] = stamps(folder)
    else:
        print(f"no converged references in {folder}: stamps are left out")
    print(
        "| stamps of 64 x 64, Moffat, noise | stamps/s | ratio | to continuous n | error/peak | worst | two threads |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in result.get("stamps", []):
        errors = " | ".join(f"{row[key]:.1e}" if key in row else "as above" for key in ("error_median", "error_worst"))
        speed = f"{row['stamps_per_s']:.0f} | {row['ratio']:.2f} | {row['ratio_continuous']:.1f}"
        threads = f"{row['two_threads']:.2f}" if row["two_threads"] else "–"
        print(f"| {row['code']} | {speed} | {errors} | {threads} |")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "weak_lens.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else BENCH)
