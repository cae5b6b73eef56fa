"""Speed and error of images of galaxies behind lenses, of StrongLens's renderer and of lenstronomy's INTERPOL.

python benchmarks/lensed_images.py

Galaxies of the Hubble deep field that scikit-image carries, behind power laws with shear. Each code is held against
itself at its finest, for the two interpolate pixels differently. One thread, all codes in turn, in processor time.
Prints a table and writes build/lensed_images.json.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from _timing import prepare, rates, scaling

if __name__ == "__main__":
    prepare()

import json

import numpy as np
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF as TheirPSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from scipy.ndimage import maximum_filter
from skimage.data import hubble_deep_field

from simulators import EPL, ExternalShear, Gaussian, PixelGrid
from simulators.deflectors import Sum
from simulators.light import GalaxyImage, ImageSource
from simulators.raytracing import draw_lensed

ROOT = Path(__file__).resolve().parents[1]
SETS = {"ground, 64 x 64 of 0.2 arcsec": (64, 0.2, 0.7), "space, 100 x 100 of 0.05 arcsec": (100, 0.05, 0.1)}
LENSES, THEIRS, FEW, ROUNDS = 64, 4, 12, 3  # of ours and of theirs in a repetition; whose errors are measured
HALF, SCALE = 24, 0.03  # of a galaxy's image: half a side [pixel], a pixel [arcsec]
RAYS, FINEST = 4, 12  # of theirs per pixel and axis
ACCURACIES = ("fast", "default", "high")


def galaxies() -> list[np.ndarray]:
    """Cut-outs around the brightest places of the deep field."""
    field = hubble_deep_field()[..., 0].astype(float)
    peaks = np.argwhere((maximum_filter(field, 2 * HALF - 7) == field) & (field > 150.0))
    peaks = peaks[((peaks > HALF) & (peaks < np.array(field.shape) - HALF)).all(axis=1)][:LENSES]
    cut_outs = [field[y - HALF : y + HALF + 1, x - HALF : x + HALF + 1] for y, x in peaks]
    return [np.clip(image - np.median(field), 0.0, None) for image in cut_outs]


def systems(count: int) -> dict[str, np.ndarray]:
    """Lenses (N,) and the places of their sources."""
    rng = np.random.Generator(np.random.PCG64(1))
    names = {"theta_E": (0.6, 1.6), "gamma": (1.8, 2.2), "e1": (-0.2, 0.2), "e2": (-0.2, 0.2), "g1": (-0.05, 0.05)}
    names |= {"g2": (-0.05, 0.05), "x": (-0.3, 0.3), "y": (-0.3, 0.3)}
    return {name: rng.uniform(*ends, LENSES)[:count] for name, ends in names.items()}


def ours(images: list[np.ndarray], size: int, scale: float, fwhm: float, accuracy: str, count: int = LENSES):
    """A function that draws the first systems."""
    s, grid = systems(count), PixelGrid(size, scale)
    lens = Sum([EPL(*(s[name] for name in ("theta_E", "gamma", "e1", "e2"))), ExternalShear(s["g1"], s["g2"])])
    library = [GalaxyImage(image, SCALE) for image in images]
    source = ImageSource(library, np.ones(count), np.arange(count) % len(library), x=s["x"], y=s["y"])

    def draw() -> np.ndarray:
        out = np.zeros((count, 1, size, size), np.float32)
        draw_lensed(lens, [source], np.ones((count, 1, 1)), grid, (Gaussian(fwhm),), accuracy, out)
        return out[:, 0]

    return draw


def theirs(images: list[np.ndarray], size: int, scale: float, fwhm: float, rays: int):
    """A function that draws the first systems as lenstronomy does, convolved at the scale of its rays."""
    s = systems(FEW)
    corner = -(size - 1) / 2 * scale
    data = ImageData(
        np.zeros((size, size)), 1.0, 1.0, ra_at_xy_0=corner, dec_at_xy_0=corner, transform_pix2angle=np.eye(2) * scale
    )
    psf = TheirPSF("GAUSSIAN", fwhm=fwhm, pixel_size=scale / rays, truncation=5)
    model = ImageModel(
        data, psf, LensModel(["EPL_NUMBA", "SHEAR"]), LightModel(["INTERPOL"]),
        kwargs_numerics={"supersampling_factor": rays, "supersampling_convolution": True},
    )  # fmt: skip

    def draw(count: int) -> np.ndarray:
        made = []
        for i in range(count):
            lens = {"theta_E": s["theta_E"][i], "gamma": s["gamma"][i], "e1": s["e1"][i], "e2": s["e2"][i]}
            shear = {"gamma1": s["g1"][i], "gamma2": s["g2"][i]}
            image = images[i % len(images)]
            light = {"image": image / image.sum(), "scale": SCALE, "amp": 1.0, "phi_G": 0.0}
            light |= {"center_x": s["x"][i], "center_y": s["y"][i]}
            made.append(model.image([{**lens, "center_x": 0.0, "center_y": 0.0}, shear], [light]))
        return np.array(made)

    return draw


def errors(images: np.ndarray, finest: np.ndarray) -> dict[str, float]:
    worst = np.abs(images - finest).max(axis=(1, 2)) / finest.max(axis=(1, 2))
    return {"median": float(np.median(worst)), "worst": float(worst.max())}


def rows_of(name: str, images: list[np.ndarray]) -> list[dict]:
    size, scale, fwhm = SETS[name]
    drawn = {accuracy: ours(images, size, scale, fwhm, accuracy) for accuracy in ACCURACIES}
    peer = theirs(images, size, scale, fwhm, RAYS)
    jobs = {"lenstronomy": (lambda: peer(THEIRS), THEIRS)} | {key: (job, LENSES) for key, job in drawn.items()}
    for job, _ in jobs.values():
        job()
    measured = rates(jobs, ROUNDS)
    finest = ours(images, 4 * size, scale / 4, fwhm, "high", FEW)()
    finest = finest.reshape(FEW, size, 4, size, 4).sum(axis=(2, 4))
    found = {key: errors(job()[:FEW], finest) for key, job in drawn.items()}
    found["lenstronomy"] = errors(peer(FEW), theirs(images, size, scale, fwhm, FINEST)(FEW))
    base = np.asarray(measured["lenstronomy"])
    return [
        {
            "set": name,
            "code": key,
            "images_per_s": float(np.median(values)),
            "ratio": float(np.median(values / base)),
            "two_threads": scaling(drawn[key], ROUNDS) if key in drawn else None,
            **found[key],
        }
        for key, values in measured.items()
    ]


def main() -> None:
    images, rows = galaxies(), []
    print("| set | code | images/s | times lenstronomy | error/peak, median | worst | two threads |")
    print("|---|---|---|---|---|---|---|")
    for name in SETS:
        for row in rows_of(name, images):
            threads = f"{row['two_threads']:.2f}" if row["two_threads"] else "–"
            speed = f"{row['images_per_s']:.0f} | {row['ratio']:.1f} | {row['median']:.1e} | {row['worst']:.1e}"
            print(f"| {name} | {row['code']} | {speed} | {threads} |", flush=True)
            rows.append(row)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "lensed_images.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
