"""DECam's flags and SAAO's streak beside simulated ones: the table and the second picture of docs/sensor.md.

Made by sensor_pictures.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from astropy.io import fits
from scipy import ndimage

from simulators.sensor import FLAGS, CosmicRays, Photons, ReadNoise, Sensor, Sky, Trails, sensor_of

mpl.use("agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "sensor"
BAD, SATURATED, BLEED, COSMIC = 1, 3, 4, 5  # of DECam's Community Pipeline
STAMPS = 4000


def read(path: Path) -> np.ndarray:
    """The first image of a FITS file."""
    with fits.open(path) as units:
        return np.asarray(next(unit.data for unit in units if unit.data is not None))


def runs(mask: np.ndarray) -> np.ndarray:
    """Lengths of the runs of True along the last axis."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    return np.nonzero(edges == -1)[1] - np.nonzero(edges == 1)[1]


def shape_of(mask: np.ndarray) -> str:
    """Share of the frame, largest group, and median and longest run along columns and rows."""
    groups, n = ndimage.label(mask, np.ones((3, 3)))
    along, across = runs(mask.T), runs(mask)
    largest = np.bincount(groups.ravel())[1:].max()
    return (
        f"{100 * mask.mean():.1f} % | {n} | {largest} | {np.median(along):.0f}, {along.max()} | "
        f"{np.median(across):.0f}, {across.max()}"
    )


def star(shape: tuple[int, int], place: tuple[float, float], flux: float, fwhm: float) -> np.ndarray:
    """A Moffat star [electron] at (y, x)."""
    alpha = fwhm / (2.0 * (2.0 ** (1.0 / 3.5) - 1.0) ** 0.5)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    r2 = ((columns - place[1]) ** 2 + (rows - place[0]) ** 2) / alpha**2
    return flux * 2.5 / (np.pi * alpha**2) * (1.0 + r2) ** -3.5


def saturated_star(flags: np.ndarray, sky: float, fwhm: float) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask of a star with as many saturated pixels, blooming included, as DECam's."""
    wanted = np.count_nonzero(flags == SATURATED)
    place = np.argwhere(flags == SATURATED).mean(axis=0)
    sensor, shape = sensor_of("des"), (400, flags.shape[1])
    low, high = 1e5, 1e11
    for _ in range(30):
        flux = (low * high) ** 0.5
        light = star(shape, (place[0] + 150.0, place[1]), flux, fwhm) + sky
        image, _, mask = (plane[150 : 150 + flags.shape[0]] for plane in sensor.expose(light, 4))
        full = (mask & (FLAGS["saturated"] | FLAGS["bleed"])) > 0
        low, high = (flux, high) if full.sum() < wanted else (low, flux)
    return image, mask


def table() -> tuple[np.ndarray, np.ndarray]:
    """Print the comparison; the brightest star of both kinds."""
    print("| flags | share | groups | largest | runs along columns: median, longest | along rows |")
    print("|---|---|---|---|---|---|")
    shown = None
    for path in sorted((DATA / "decam").glob("*_ood_*")):
        flags, name = read(path), path.name.split("_c4d_")[-1].split("_ood_")[0]
        image = read(path.with_name(path.name.replace("_ood_", "_ooi_")))
        for code, label in ((BAD, "bad"), (SATURATED, "saturated"), (BLEED, "bleed margin"), (COSMIC, "cosmic ray")):
            if (flags == code).any():
                print(f"| DECam {name}, {label} | {shape_of(flags == code)} |")
        if (flags == SATURATED).any():
            ours, mask = saturated_star(flags, 4.0 * float(np.median(image[flags == 0])), 4.4)
            print(f"| ours, saturated or bleed | {shape_of((mask & (FLAGS['saturated'] | FLAGS['bleed'])) > 0)} |")
            shown = (image, ours)
    cosmic_rays()
    return shown


def cosmic_rays() -> None:
    """Groups of pixels that single events left in stamps of 101 x 101 pixels and 90 s."""
    rays = next(effect for effect in sensor_of("des").effects if isinstance(effect, CosmicRays))
    masks = Sensor((rays,), 90.0).expose(np.zeros((STAMPS, 1, 101, 101), np.float32), 1)[2][:, 0] > 0
    sizes, grown = [], []
    for mask in masks[masks.any(axis=(1, 2))]:
        for out, plane in ((sizes, mask), (grown, ndimage.binary_dilation(mask, np.ones((5, 5))))):
            groups, _ = ndimage.label(plane, np.ones((3, 3)))
            out.extend(np.bincount(groups.ravel())[1:])
    hit = masks.any(axis=(1, 2)).mean()
    print(f"\nours, cosmic rays: in {100 * hit:.0f} % of the stamps, {1e6 * masks.mean():.0f} ppm of the pixels")
    for name, values in (("as hit", sizes), ("grown by two pixels", grown)):
        print(f"pixels {name}: 10, 50, 90 % {np.percentile(values, [10, 50, 90])}")


def streak() -> tuple[np.ndarray, np.ndarray]:
    """SAAO's frame, and one with its sky, noise and a trail of its brightness and width."""
    real = read(DATA / "ystar_saao_long_streak.fits.gz").astype(float)
    sky, noise = float(np.median(real)), 1.4826 * float(np.median(abs(real - np.median(real))))
    light = np.zeros(real.shape, np.float32)
    rng = np.random.default_rng(3)
    for x, y, u in rng.uniform(size=(120, 3)):
        light += star(real.shape, (512 * y, 512 * x), 500.0 * u**-1.2, 3.2).astype(np.float32)
    trail = Trails(1.0, 700.0, 700.0, fwhm=3.2, swing=0.5, aeroplanes=0.0, ends=1.0)
    effects = (Sky(0.5 * noise**2), Photons(), ReadNoise(noise * 0.5**0.5), trail)
    for seed in range(50):
        image, _, mask = Sensor(effects).expose(light, seed)
        if 5000 < np.count_nonzero(mask) < 20_000:
            break
    return real, image - 0.5 * noise**2 + sky


def main(save: Callable[[plt.Figure, Path, int], None]) -> None:
    """Print the table and write the picture."""
    pairs = {"DECam": table(), "SAAO": streak()}
    figure, axes = plt.subplots(1, 4, figsize=(14.0, 3.9), dpi=90, facecolor="white", layout="constrained")
    for i, (name, pair) in enumerate(pairs.items()):
        for j, image in enumerate(pair):
            level = np.median(image)
            noise = 1.4826 * np.median(abs(image - level))
            shown = np.arcsinh((image - level) / noise)
            axes[2 * i + j].imshow(shown, origin="lower", cmap="bone", vmin=-2, vmax=6, interpolation="nearest")
            axes[2 * i + j].set_title(f"{name}, {'real' if j == 0 else 'ours'}", fontsize=11)
            axes[2 * i + j].set_axis_off()
    save(figure, ROOT / "docs" / "images" / "sensor-real.png", 48)
