"""The pictures and the table of docs/sensor.md: a raw frame with its effects named, and real frames beside ours.

python benchmarks/sensor_pictures.py

Writes docs/images/raw-frame.png; with the frames of ../shared/data/sensor also docs/images/sensor-real.png, and prints
the table.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import sensor_real
from PIL import Image
from scipy import ndimage
from sensor_real import star

from simulators.sensor import (
    FLAGS,
    BadColumns,
    Bias,
    BrighterFatter,
    ChargeTransfer,
    ChipGaps,
    CosmicRays,
    Dark,
    Fringing,
    Gain,
    Ghosts,
    HotPixels,
    NonLinearity,
    Photons,
    Quantisation,
    ReadNoise,
    Saturation,
    Sensor,
    Sky,
    Trails,
)

mpl.use("agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "images"
SHAPE = (440, 620)


def field() -> np.ndarray:
    """Stars of a power law of fluxes, galaxies, and two stars that saturate."""
    rng = np.random.default_rng(12)
    light = star(SHAPE, (118.6, 150.3), 1.6e7, 4.2) + star(SHAPE, (330.2, 470.0), 2.5e6, 4.2)
    for x, y, u in rng.uniform(size=(90, 3)):
        light += star(SHAPE, (y * SHAPE[0], x * SHAPE[1]), 1500.0 * u**-1.2, 4.2)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for x, y, u, turn, q in rng.uniform(size=(60, 5)):
        dx, dy = columns - x * SHAPE[1], rows - y * SHAPE[0]
        c, s, axis = np.cos(np.pi * turn), np.sin(np.pi * turn), 0.3 + 0.7 * q
        r = np.hypot(dx * c + dy * s, (dy * c - dx * s) / axis) / (3.0 + 4.0 * u)
        light += 250.0 * u * np.exp(-r) / axis
    return light


def raw_frame() -> tuple[np.ndarray, np.ndarray]:
    effects = (
        Sky(300.0), Fringing(16.0, 55.0), Ghosts(1.2e-2, 5e4, 42.0, 0.4, 0.75), Trails(2.4, 900.0, 4000.0, 4.2,
        aeroplanes=0.4, ends=0.0), Photons(), BrighterFatter(), Dark(), CosmicRays(55.0, 55.0), HotPixels(1.2e-4, 60.0),
        BadColumns(8e-3), Saturation(4.5e4), ChargeTransfer(1.2e-4, 2e-5, 6.0), NonLinearity(), ReadNoise(6.0),
        Gain(1.5, 0.02), Bias(600.0, 9.0), Quantisation(), ChipGaps((1, 2), (0, 12)),
    )  # fmt: skip
    image, _, mask = Sensor(effects, 60.0, 4, 14, detector=5).expose(field(), 31)
    return image, mask


def spot(mask: np.ndarray, flag: str, number: int = 0) -> tuple[float, float]:
    """Middle of the largest (or a later) group of pixels with a flag."""
    groups, _ = ndimage.label(mask & FLAGS[flag], np.ones((3, 3)))
    sizes = np.bincount(groups.ravel())[1:]
    rows, columns = np.nonzero(groups == np.argsort(sizes)[::-1][number] + 1)
    middle = len(rows) // 2
    return float(columns[middle]), float(rows[middle])


def names(mask: np.ndarray) -> list[tuple[str, tuple[float, float]]]:
    """What stands beside the frame, and where it points to."""
    return [
        ("an aeroplane's lights,\nseen through the PSF", (47.0, 242.0)),
        ("ghost of the bright star:\nthe pupil, out of focus", spot(mask, "ghost")),
        ("saturated core", spot(mask, "saturated")),
        ("charge that bloomed\nalong its column", (150.0, 154.0)),
        ("cosmic ray: a muon's\ntrack or an electron's worm", spot(mask, "cosmic_ray")),
        ("hot pixel, its charge\ntrailing from the register", spot(mask, "hot_pixel")),
        ("blocked column", spot(mask, "bad_column")),
        ("gap between chips", (SHAPE[1] / 2, 30.0)),
        ("overscan: bias and\nread noise alone", (SHAPE[1] * 0.8, SHAPE[0] + 7.0)),
        ("amplifier step:\ngain and bias", (SHAPE[1] * 0.75, 60.0)),
        ("fringes of the night sky", (SHAPE[1] * 0.62, 190.0)),
    ]


def draw_raw_frame() -> None:
    image, mask = raw_frame()
    level, spread = np.median(image), 20.0
    shown = np.arcsinh((image - level) / spread)
    figure = plt.figure(figsize=(17.2, 9.9), dpi=100, facecolor="#0b0d12")
    width, height = 2 * image.shape[1] / 1720, 2 * image.shape[0] / 990
    left, low = (1 - width) / 2, 0.02
    axes = figure.add_axes((left, low, width, height))
    axes.imshow(shown, origin="lower", cmap="bone", vmin=-2.4, vmax=4.4, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    figure.text(left, low + height + 0.012, "One raw frame, every effect", color="white", fontsize=17)
    label_sides(figure, axes, names(mask), (left, width, low, height))
    save(figure, PAGES / "raw-frame.png", 80)


def label_sides(figure: plt.Figure, axes: plt.Axes, labels: list, place: tuple[float, ...]) -> None:
    """Names in two margins, each side in the order of height so that no lines cross."""
    left, width, low, height = place
    ordered = sorted(labels, key=lambda item: item[1][0])
    half = (len(ordered) + 1) // 2
    for side, group in ((0, ordered[:half]), (1, ordered[half:])):
        group = sorted(group, key=lambda item: item[1][1])
        for i, (name, point) in enumerate(group):
            y = low + height * (i + 0.5) / len(group)
            x = left - 0.008 if side == 0 else left + width + 0.008
            style = {"arrowstyle": "-|>", "color": "#ffb454", "lw": 0.9, "shrinkB": 4}
            axes.annotate(name, point, (x, y), textcoords="figure fraction", color="#f3f4f6", fontsize=9.5,
                          ha="right" if side == 0 else "left", va="center", arrowprops=style)  # fmt: skip


def save(figure: plt.Figure, path: Path, colours: int) -> None:
    """A PNG of few colours: noise hardly compresses."""
    figure.canvas.draw()
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    pixels.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    draw_raw_frame()
    if sensor_real.DATA.is_dir():
        sensor_real.main(save)
