"""How far images, shears, tangents and deflections are from the reference codes: GalSim, lenstronomy, converged images.

python benchmarks/accuracy.py [FOLDER]  # FOLDER holds common.py and the converged w2_ref_*_seed2.npy

Measures what the tests of tests/reference hold, on their samples; prints the tables, and writes them into
docs/accuracy.md and build/accuracy.json.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "accuracy.md"
BENCH = ROOT.parent / "shared" / "bench"
HEADS = {
    "stamps": "| PSF | galaxies | drawn by | error/peak, median | worst | flux, worst | ellipticity, worst |",
    "shear": "| PSF | m | c |",
    "lenses": "| systems | drawn by | error/peak, median | worst |",
    "tangents": "| tangents | median | worst | of |",
    "deflectors": "| deflector | deflection [arcsec] | potential [arcsec²] | convergence |",
}


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reference(name: str):
    """The module of tests that compares with a reference code."""
    return load(ROOT / "tests" / "reference" / f"{name}.py")


def stamps() -> list[list]:
    """Random galaxies under every PSF; GalSim at its default settings as well."""
    test, rows = reference("test_accuracy_galsim"), []
    for seed, (name, (psf, theirs)) in enumerate(test.PSFS.items()):
        labels = test.galaxies(test.MANY, seed)
        exact = test.theirs(labels, theirs, test.FINE)
        shapes = test.shapes(exact)
        drawn = {accuracy: test.ours(labels, psf, accuracy) for accuracy in ("fast", "default", "high")}
        drawn["GalSim, default settings"] = test.theirs(labels, theirs)
        for how, images in drawn.items():
            wrong = test.error(images, exact)
            flux = np.abs(images.sum(axis=(1, 2)) / exact.sum(axis=(1, 2)) - 1).max()
            shape = np.abs(test.shapes(images) - shapes).max()
            rows.append([name, len(exact), how, np.median(wrong), wrong.max(), flux, shape])
    return rows


def shear() -> list[list]:
    """Response of rings to shear, ours over GalSim's less one, and the difference at no shear: the larger component."""
    test, rows = reference("test_accuracy_galsim"), []
    for name, (psf, theirs) in test.PSFS.items():
        slope, offset = test.ring_response(lambda labels, psf=psf: test.ours(labels, psf))
        expected, zero = test.ring_response(lambda labels, theirs=theirs: test.theirs(labels, theirs, test.FINE))
        rows.append([name, np.abs(slope / expected - 1).max(), np.abs((offset - zero) / expected).max()])
    return rows


def lenses(folder: Path) -> list[list]:
    """The 50 systems of each set, against images that converged."""
    bench, rows = load(ROOT / "benchmarks" / "strong_lens.py"), []
    if not folder.is_dir():
        print(f"no converged references in {folder}: lenses are left out")
        return rows
    systems = bench.load(folder, "common").w2_params(bench.SYSTEMS)
    for name in bench.SETS:
        exact = np.load(folder / f"w2_ref_{name}_seed2.npy")
        labels = bench.labels_of(systems, len(exact))
        for accuracy in bench.ACCURACIES:
            images = bench.simulator_of(name, accuracy).render(labels)["image"].values[:, 0]
            rows.append([name, accuracy, *bench.errors(images, exact)])
        rows.append(
            [name, bench.LENSTRONOMY, *bench.errors(bench.lenstronomy_images(folder, name)(0, len(exact)), exact)]
        )
    return rows


def tangents() -> list[list]:
    test, rows = reference("test_tangents"), []
    sets = {f"WeakLens, {type(psf).__name__}": test.weak_errors(psf, theirs) for psf, theirs in test.PSFS}
    sets |= {f"StrongLens, {part}": test.strong_errors(part) for part in ("light", "source")}
    for name, errors in sets.items():
        wrong = dict(errors)
        rows.append([name, np.median(list(wrong.values())), max(wrong.values()), max(wrong, key=wrong.get)])
    return rows


def deflectors() -> list[list]:
    """The worst of every case, by class."""
    from lenstronomy.LensModel.lens_model import LensModel

    test, worst = reference("test_deflectors_lenstronomy"), {}
    x, y = test.X, test.Y
    for name, (ours, models, theirs) in test.CASES.items():
        if "their" in name:  # with lenstronomy's small core
            continue
        model = LensModel(models)
        bend = np.abs(np.stack(ours.deflection(x, y))[:, 0] - model.alpha(x, y, theirs)).max()
        potential = np.ptp(ours.potential(x, y)[0] - model.potential(x, y, theirs))
        kappa = np.abs(ours.convergence(x, y)[0] - model.kappa(x, y, theirs)).max()
        errors = np.array([bend, potential, kappa])
        worst[type(ours).__name__] = np.maximum(worst.get(type(ours).__name__, 0.0), errors)
    stack, model, theirs = test.stacks()
    bend = np.abs(np.stack(stack.source(x, y))[:, 0] - model.ray_shooting(x, y, theirs)).max()
    return [*([name, *errors] for name, errors in worst.items()), ["MultiPlane", bend, "–", "–"]]


def cell(value) -> str:
    return f"{value:.0e}" if isinstance(value, float) else str(value)


def table(name: str, rows: list[list]) -> str:
    head = HEADS[name]
    lines = [head, "|---" * (head.count("|") - 1) + "|", *(f"| {' | '.join(map(cell, row))} |" for row in rows)]
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    made = {"stamps": stamps(), "shear": shear(), "lenses": lenses(folder), "tangents": tangents()}
    made["deflectors"] = deflectors()
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in made.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not block.search(text):
            sys.exit(f"{PAGE.name} has no table of {name} to replace")
        made_table = table(name, rows)
        print(f"{name}\n{made_table}", flush=True)
        if rows:
            text = block.sub(rf"\g<1>{made_table}\g<2>", text)
    PAGE.write_text(text, encoding="utf-8")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "accuracy.json").write_text(json.dumps(made, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else BENCH)
