"""Pictures of docs/field.md and docs/injection.md: simulations beside and on a KiDS frame.

python docs/galleries/kids.py [FOLDER]  # FOLDER holds frame_x0000-2079/{g,r,i}.fits and detections_r.fits
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from _plate import save
from astropy.io import fits

from simulators import Field, StrongLens, adaptive_moments, calibrate, detect, inject, inject_shear

ROOT = Path(__file__).resolve().parents[2]
FRAMES = ROOT.parent / "shared" / "data" / "kids_viking"
WINDOW, STAMP = 413, 48  # pixels: 2.3 arcmin and 16 arcsec
REDDER, BRIGHT, FAINT = 1.15, 18.3, 20.0  # galaxies to put lenses around: g - r, and r magnitudes


def average_window(frames: np.ndarray, sigma: float) -> np.ndarray:
    """The window of frames (bands, y, x) whose shares of pixels above 3 and 10 sigma in r are nearest to a frame's."""
    best, frame = None, frames[min(1, len(frames) - 1)]
    for row in range(0, frame.shape[0] - WINDOW, 100):
        for column in range(0, frame.shape[1] - WINDOW, 100):
            part = frame[row : row + WINDOW, column : column + WINDOW]
            apart = sum(abs((part > k * sigma).mean() - (frame > k * sigma).mean()) for k in (3, 10))
            if best is None or apart < best[0]:
                best = (apart, frames[:, row : row + WINDOW, column : column + WINDOW])
    return best[1]


def field(survey, frames: np.ndarray) -> None:
    sigmas = np.array([band.background_sigma for band in survey.bands])
    simulated = Field(survey=survey, size=WINDOW).simulate(seed=5)["image"].values
    real = average_window(frames - np.median(frames, axis=(1, 2), keepdims=True), sigmas[1])
    figure, axes = plt.subplots(1, 2, figsize=(12, 6.3), layout="constrained")
    for axis, images, title in zip(axes, (simulated, real), ("simulated", "KiDS"), strict=True):
        axis.imshow(colors(images, sigmas), origin="lower")
        axis.set(title=title, xticks=[], yticks=[])
    save(figure, "field", 75)


def red_galaxies(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Places x, y of five red galaxies of the frame."""
    found = fits.getdata(folder / "detections_r.fits")
    color, magnitude = found["mag_ap3_g"] - found["mag_ap3_r"], found["mag_r_kron"]
    inside = (found["x"] > 60) & (found["x"] < 2000) & (found["y"] > 60) & (found["y"] < 2500)
    wanted = (found["resolved"] > 0) & (magnitude > BRIGHT) & (magnitude < FAINT) & (color > REDDER)
    rows = np.flatnonzero(wanted & inside & (found["b"] / found["a"] > 0.6))[[2, 3, 5, 6, 8]]
    return found["x"][rows], found["y"][rows]


def arcs(simulator: StrongLens):
    """Labels of five systems out of 4000 as surveys find them: wide, the source off the axis, its images together of
    r = 19.3 to 20.8; without the lenses' own light.
    """
    truth = simulator.draw(4000, seed=3)
    truth["light_flux"] = 0 * truth["light_flux"]
    off = np.hypot(truth["source_x"] - truth["lens_x"], truth["source_y"] - truth["lens_y"]).values.ravel()
    theta_E = truth["theta_E"].values
    wide = np.flatnonzero((theta_E > 1.7) & (theta_E < 2.8) & (off > 0.2 * theta_E) & (off < 0.6 * theta_E))
    seen = simulator.render(truth.isel(sample=wide))["image"].values[:, 1].sum(axis=(1, 2))
    magnitude = 31.4 - 2.5 * np.log10(seen)
    return truth.isel(sample=wide[(magnitude > 19.3) & (magnitude < 20.8)][:5])


def colors(images: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Images (g, r, i) as red, green and blue, on an asinh stretch of their mean (Lupton et al. 2004)."""
    planes = images[::-1] / sigmas[::-1, None, None] * np.array([1.15, 0.8, 1.25])[:, None, None]
    mean = np.maximum(planes.mean(axis=0), 1e-3)
    shown = planes * np.arcsinh(mean / 3) / mean / 3.4
    shown /= np.maximum(shown.max(axis=0), 1.0)  # where it is too bright, white no sooner than its color
    return np.clip(np.moveaxis(shown, 0, -1) + 0.06, 0, 1)


def injection(survey, frames: np.ndarray, folder: Path) -> None:
    x, y = red_galaxies(folder)
    simulator = StrongLens(survey=survey, size=STAMP)
    painted = inject(frames, simulator, arcs(simulator), x, y, seed=1)
    sigmas = np.array([band.background_sigma for band in survey.bands])
    figure, axes = plt.subplots(3, 5, figsize=(12, 7.4), layout="constrained")
    for column, (at_x, at_y) in enumerate(zip(x, y, strict=True)):
        left, low = round(at_x) - STAMP // 2, round(at_y) - STAMP // 2
        for axis, images in zip(axes[:, column], (frames, painted.images, painted.light), strict=True):
            stamp = np.asarray(images)[:, low : low + STAMP, left : left + STAMP]
            axis.imshow(colors(stamp, sigmas), origin="lower")
            axis.set(xticks=[], yticks=[])
    for axis, name in zip(axes[:, 0], ("KiDS", "with a lens", "what was painted"), strict=True):
        axis.set_ylabel(name)
    save(figure, "injection", 75)


def shapes(frame: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ellipticity (N, 2) by adaptive moments of stamps around x, y [pixel index]; NaN where they find none."""
    left, low = np.rint(x - 15.5).astype(int), np.rint(y - 15.5).astype(int)
    stamps = np.stack([frame[b : b + 32, a : a + 32] for a, b in zip(left, low, strict=True)])
    found = adaptive_moments(stamps.astype(float))
    return np.stack([found.e1, found.e2], axis=1)


def shear(survey, frames: np.ndarray) -> None:
    """A piece of the frame as it is and behind a shear, and the response of its galaxies to small ones."""
    one, frame = survey.select("r"), frames[1] - np.median(frames[1])
    sigma = one.bands[0].background_sigma
    sources = detect(frame, bands="r")
    sources = sources[sources.galaxies(30.0) & (np.abs(sources.x - 1039.5) < 900) & (np.abs(sources.y - 1299.5) < 1150)]
    seen = {}
    for g in (0.02, -0.02):
        done = inject_shear(frame, one, g, 0.0, seed=1)
        seen[g] = shapes(done.images, *done.places(sources.x, sources.y))
    response = (seen[0.02] - seen[-0.02])[:, 0] / 0.04
    response = response[np.isfinite(response) & (np.abs(response) < 5)]
    print(f"{response.size} galaxies: response {response.mean():.3f} +- {response.std() / response.size**0.5:.3f}")
    piece = np.ascontiguousarray(average_window(frame[None], sigma)[0])
    strong = inject_shear(piece, one, 0.15, 0.0, seed=1)
    round_one = inject_shear(piece, one, 0.0, 0.0, seed=1, fwhm=strong.psf.fwhm)
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
    titles = ("KiDS", "with a wider, round PSF", "and a shear $g_1 = 0.15$")
    for axis, image, title in zip(axes, (piece, round_one.images, strong.images), titles, strict=True):
        axis.imshow(np.arcsinh(image / sigma / 2), vmin=-1, vmax=4, cmap="gray_r", origin="lower")
        axis.set(title=title, xticks=[], yticks=[])
    save(figure, "shear-injection", 60)


def main(folder: Path) -> None:
    if not folder.is_dir():
        print(f"no KiDS frames in {folder}: their pictures are left out")
        return
    paths = [folder / "frame_x0000-2079" / f"{band}.fits" for band in "gri"]
    frames = np.stack([fits.getdata(path) * 10 ** (0.4 * 31.4) for path in paths]).astype(np.float32)
    survey = calibrate(frames, 0.339, bands="gri", unit="nJy", zero_point=31.4)
    field(survey, frames)
    injection(survey, frames, folder)
    shear(survey, frames)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FRAMES)
