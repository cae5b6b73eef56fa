"""The picture at the head of docs/sensor.md: one raw frame with every effect, its parts enlarged and named.

python benchmarks/sensor_pictures.py  # writes docs/images/raw-frame.png
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from _pages import ROOT
from PIL import Image
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from sensor_real import star

from simulators import sensor as sensors
from simulators.sensor import FLAGS, Sensor
from simulators.streams import poisson, uniform

mpl.use("agg")
import matplotlib.pyplot as plt

PAGES = ROOT / "docs" / "images"
SHAPE, OVERSCAN, TIME, ZOOM = (440, 620), 14, 60.0, 2
WIDTH, HEIGHT, LEFT, LOW = 2000, 1330, 380, 316  # the figure and the frame's corner in it [pixel]
INSET, PANEL = 116, 168  # sides of what is enlarged beside the frame, and below it
LIGHT, CHARGE, READOUT = "#F0C24B", "#6BBBEA", "#E58CC0"  # told apart by the colour-blind (Okabe & Ito 2008)
DARK, PALE = "#0c0f14", "#eceff4"


@dataclass(frozen=True)
class Part:
    """What is enlarged: where its middle is [pixel], how far it reaches, what it is called and what one sees."""

    name: str
    text: str
    place: tuple[float, float]
    colour: str
    reach: float = 14.5
    own: bool = False  # shown on a stretch of its own


def field() -> np.ndarray:
    """Stars of a power law of fluxes, galaxies, and stars that saturate, are bright, and lie far from the register."""
    rng = np.random.default_rng(12)
    light = star(SHAPE, (118.6, 150.3), 1.6e7, 4.2) + star(SHAPE, (330.2, 470.0), 2.5e6, 4.2)
    light += star(SHAPE, (385.0, 250.0), 6.5e5, 4.2)
    for x, y, u in rng.uniform(size=(90, 3)):
        light += star(SHAPE, (y * SHAPE[0], x * SHAPE[1]), 1500.0 * u**-1.2, 4.2)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for x, y, u, turn, q in rng.uniform(size=(60, 5)):
        dx, dy = columns - x * SHAPE[1], rows - y * SHAPE[0]
        c, s, axis = np.cos(np.pi * turn), np.sin(np.pi * turn), 0.3 + 0.7 * q
        r = np.hypot(dx * c + dy * s, (dy * c - dx * s) / axis) / (3.0 + 4.0 * u)
        light += 250.0 * u * np.exp(-r) / axis
    return light


EFFECTS = (
    sensors.Sky(300.0), sensors.Fringing(16.0, 55.0), sensors.Ghosts(1.2e-2, 5e4, 42.0, 0.4, 0.75),
    sensors.Trails(2.0, 900.0, 4000.0, 4.2, aeroplanes=0.5, ends=0.0), sensors.Photons(), sensors.BrighterFatter(),
    sensors.Dark(0.25), sensors.CosmicRays(70.0, 40.0), sensors.HotPixels(1.2e-4, 60.0), sensors.BadColumns(8e-3),
    sensors.Saturation(4.5e4), sensors.ChargeTransfer(1.2e-4, 2e-5, 6.0), sensors.NonLinearity(5e-7),
    sensors.ReadNoise(6.0), sensors.Gain(1.5, 0.02), sensors.Bias(600.0, 9.0), sensors.Quantisation(),
    sensors.ChipGaps((1, 2), (0, 12)),
)  # fmt: skip


def expose(light: np.ndarray, seed: int, *without: type, only: tuple = EFFECTS) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask of the frame, less some effects: all others have the same random numbers."""
    effects = [effect for effect in only if not isinstance(effect, without)]
    image, _, mask = Sensor(effects, TIME, 4, OVERSCAN, detector=5).expose(light, seed)
    return image, mask


def trails(seed: int) -> list[tuple[bool, np.ndarray]]:
    """Of each trail, whether it is an aeroplane's, and points on its line, as `Trails` draws them."""
    count = int(poisson(seed, [0], "sensor.trails.count.0", [2.0])[0])
    lines = []
    for turn, place, _, kind, *_ in uniform(seed, [0], "sensor.trails.0", (count, 7))[0]:
        cosine, sine = np.cos(np.pi * turn), np.sin(np.pi * turn)
        offset = (place - 0.5) * (SHAPE[1] * abs(sine) + SHAPE[0] * abs(cosine))
        along = np.arange(-400.0, 400.0, 2.0)[:, None]
        points = along * (cosine, sine) + (SHAPE[1] / 2 - offset * sine, SHAPE[0] / 2 + offset * cosine)
        inside = (points > 30.0).all(axis=1) & (points < (SHAPE[1] - 30.0, SHAPE[0] - 30.0)).all(axis=1)
        lines.append((kind < 0.5, points[inside]))
    return lines


def good_seed() -> int:
    """The first seed with one aeroplane and one satellite that cross much of the frame, in different halves."""
    for seed in range(1, 5000):
        found = trails(seed)
        if len(found) == 2 and found[0][0] != found[1][0] and min(len(points) for _, points in found) > 170:
            sides = [points[:, 0].mean() - SHAPE[1] / 2 for _, points in found]
            if sides[0] * sides[1] < 0.0 and min(map(abs, sides)) > 60.0:
                return seed
    raise SystemExit("no seed has such trails")


def groups(mask: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Middles (x, y) of groups of pixels, the widest first, of those that lie nowhere near `away`."""
    labels, n = ndimage.label(mask, np.ones((3, 3)))
    near = ndimage.binary_dilation(away, iterations=12)
    boxes = ndimage.find_objects(labels)
    spans = [np.hypot(*(s.stop - s.start for s in box)) for box in boxes]
    kept = [i for i in np.argsort(spans)[::-1] if not near[boxes[i]].any()]
    return np.array([[(s.start + s.stop - 1) / 2.0 for s in boxes[i][::-1]] for i in kept if n])


def parts(light: np.ndarray, seed: int, mask: np.ndarray) -> list[Part]:
    """What is enlarged beside the frame."""
    edge = np.ones(mask.shape, bool)
    edge[16 : SHAPE[0] - 16, 16:-16] = False
    busy = edge | ((mask & ~np.uint8(FLAGS["cosmic_ray"] | FLAGS["hot_pixel"])) > 0)
    rays = next(effect for effect in EFFECTS if isinstance(effect, sensors.CosmicRays))
    kinds = (sensors.CosmicRays(rays.muons, 0.0), sensors.CosmicRays(0.0, rays.electrons))
    muon, worm = (groups((expose(light, seed, only=(kind,))[1] & FLAGS["cosmic_ray"]) > 0, busy)[0] for kind in kinds)
    hot = groups((mask & FLAGS["hot_pixel"]) > 0, busy | ((mask & FLAGS["cosmic_ray"]) > 0))[0]
    blocked = mask[: SHAPE[0]] & FLAGS["bad_column"]
    starts = np.argwhere((blocked > 0) & (np.roll(blocked, 1, 0) == 0))
    column = starts[np.argmax(starts[:, 1] * (starts[:, 0] < SHAPE[0] - 16))] + (40, 0)
    plane, satellite = (next(p for kind, p in trails(seed) if kind == wanted) for wanted in (True, False))
    ghost = ndimage.center_of_mass(mask[: SHAPE[0]] & FLAGS["ghost"])
    return [
        Part("Trails", "an aeroplane:\ntwo lights, one blinks", tuple(plane[len(plane) // 12]), LIGHT, 29.0),
        Part("Trails", "a satellite,\nseen through the PSF", tuple(satellite[len(satellite) // 3]), LIGHT, 29.0),
        Part("Ghosts", "the pupil, out of focus,\nopposite a bright star", (ghost[1], ghost[0]), LIGHT, 58.0),
        Part("Sky, Fringing", "the chip's thickness\nin the sky's lines", (205.0, 224.0), LIGHT, 42.0),
        Part("Saturation", "full wells bloom\nalong the column", (150.0, 119.0), CHARGE, 29.0),
        Part("CosmicRays", "a muon's straight track", tuple(muon), CHARGE),
        Part("CosmicRays", "an electron's worm", tuple(worm), CHARGE),
        Part("HotPixels", "dark current far\nabove the others'", tuple(hot), CHARGE),
        Part("BadColumns", "blocked from\nsome row on", (float(column[1]), float(column[0])), CHARGE),
        Part("Gain, Bias", "steps between\namplifiers", (SHAPE[1] * 0.75, 96.0), READOUT, 29.0),
        Part(
            "ReadNoise, Bias",
            "alone in the overscan\n(stretched)",
            (SHAPE[1] * 0.75, SHAPE[0] + 6.5),
            READOUT,
            6.5,
            True,
        ),
        Part("ChipGaps", "no silicon, no light", (SHAPE[1] / 2, 60.0), READOUT),
    ]


def slots() -> list[tuple[float, float, int]]:
    """Middles of the places beside the frame [pixel of the figure], six on each side, and on which."""
    rows = SHAPE[0] + OVERSCAN
    heights = LOW + ZOOM * rows * (np.arange(6) + 0.5) / 6.0
    sides = ((LEFT - 30 - INSET / 2, -1), (LEFT + ZOOM * SHAPE[1] + 30 + INSET / 2, 1))
    return [(x, float(y), side) for x, side in sides for y in heights]


def stretch(image: np.ndarray, level: float) -> np.ndarray:
    return np.arcsinh((image - level) / 20.0)


def enlarge(figure: plt.Figure, image: np.ndarray, level: float, part: Part, slot: tuple[float, float, int]) -> None:
    """One part beside the frame, a line from it to its box, and its name on the far side."""
    x, y, side = slot
    left, low = x - INSET / 2, y - INSET / 2
    axes = figure.add_axes((left / WIDTH, low / HEIGHT, INSET / WIDTH, INSET / HEIGHT))
    if part.own:
        cut = image[SHAPE[0] :, int(part.place[0] - part.reach) : int(part.place[0] + part.reach) + 2]
        axes.imshow(image, origin="lower", cmap="bone", vmin=cut.min(), vmax=cut.max(), interpolation="nearest")
    else:
        axes.imshow(stretch(image, level), origin="lower", cmap="bone", vmin=-2.4, vmax=4.6, interpolation="nearest")
    axes.set(xlim=(part.place[0] - part.reach, part.place[0] + part.reach), xticks=[], yticks=[],
             ylim=(part.place[1] - part.reach, part.place[1] + part.reach), facecolor=DARK)  # fmt: skip
    for spine in axes.spines.values():
        spine.set(color=part.colour, linewidth=1.6)
    middle = np.array([LEFT + ZOOM * (part.place[0] + 0.5), LOW + ZOOM * (part.place[1] + 0.5)])
    half = ZOOM * part.reach
    box = plt.Rectangle((middle - half) / (WIDTH, HEIGHT), 2 * half / WIDTH, 2 * half / HEIGHT, fill=False,
                        edgecolor=part.colour, linewidth=1.2, transform=figure.transFigure)  # fmt: skip
    start = np.array([x - side * INSET / 2, y])
    way = start - middle
    end = middle + way * min(1.0, half / max(abs(way)))
    line = plt.Line2D(*np.array([start, end]).T / np.array([[WIDTH], [HEIGHT]]), color=part.colour, linewidth=1.2,
                      transform=figure.transFigure)  # fmt: skip
    figure.add_artist(box)
    figure.add_artist(line)
    edge, align = (x + side * (INSET / 2 + 10)) / WIDTH, "left" if side > 0 else "right"
    figure.text(edge, (y + 6) / HEIGHT, part.name, color=part.colour, ha=align, va="bottom", fontsize=11, weight="bold")
    figure.text(edge, (y + 2) / HEIGHT, part.text, color=PALE, ha=align, va="top", fontsize=9.5, linespacing=1.25)


def differences(figure: plt.Figure, light: np.ndarray, seed: int) -> None:
    """Below the frame: what single effects change that the eye does not find, the frame with less the frame without."""
    bright, blank = (470, 330), (560, 215)
    whole = expose(light, seed, sensors.Quantisation)[0]
    panels = (
        (sensors.Photons, "Photons", "counts about\nthe expected light", blank, LIGHT),
        (sensors.BrighterFatter, "BrighterFatter", "charge pushed out\nof a bright star", (250, 385), CHARGE),
        (sensors.Dark, "Dark", "electrons that\nno light made", blank, CHARGE),
        (sensors.ChargeTransfer, "ChargeTransfer", "charge that comes\nlate to the register", (250, 385), CHARGE),
        (sensors.NonLinearity, "NonLinearity", "a chain that falls\nbehind bright stars", bright, READOUT),
        (sensors.ReadNoise, "ReadNoise", "the amplifiers'\nown noise", blank, READOUT),
    )
    for i, (kind, name, text, place, colour) in enumerate(panels):
        change = whole - expose(light, seed, kind, sensors.Quantisation)[0]
        x, y = place
        cut = change[y - 16 : y + 17, x - 16 : x + 17]
        cut = np.sign(cut) * np.sqrt(abs(cut))
        most, axes = abs(cut).max(), panel(figure, i, name, text, colour)
        axes.imshow(cut, origin="lower", cmap="PuOr_r", vmin=-most, vmax=most, interpolation="nearest")
    raw = expose(light, seed)[0][SHAPE[0] :, : SHAPE[1] // 4].ravel()
    axes = panel(figure, len(panels), "Quantisation", "whole adu only\n(overscan)", READOUT)
    finer = expose(light, seed, sensors.Quantisation)[0][SHAPE[0] :, : SHAPE[1] // 4].ravel()
    bins = np.arange(np.median(raw) - 12.125, np.median(raw) + 12.0, 0.25)
    axes.hist(raw, bins, color=READOUT)
    axes.hist(finer, bins, color=PALE, alpha=0.8)
    axes.set_aspect("auto")


def panel(figure: plt.Figure, i: int, name: str, text: str, colour: str) -> plt.Axes:
    """The i-th of seven squares below the frame, with its name."""
    pitch = (WIDTH - 2 * 90 - PANEL) / 6.0
    left, low = 90 + i * pitch, 84
    axes = figure.add_axes((left / WIDTH, low / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT))
    axes.set(xticks=[], yticks=[], facecolor="#1b1f27")
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=1.6)
    middle = (left + PANEL / 2) / WIDTH
    figure.text(middle, (low - 8) / HEIGHT, name, color=colour, ha="center", va="top", fontsize=11, weight="bold")
    figure.text(middle, (low - 30) / HEIGHT, text, color=PALE, ha="center", va="top", fontsize=9.5, linespacing=1.25)
    return axes


def save(figure: plt.Figure, name: str, colours: int) -> None:
    """A PNG of few colours: noise hardly compresses."""
    figure.canvas.draw()
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    pixels.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(PAGES / name, optimize=True)
    print(f"docs/images/{name}: {(PAGES / name).stat().st_size / 1000:.0f} kB")


def main() -> None:
    light, seed = field(), good_seed()
    image, mask = expose(light, seed)
    level = float(np.median(image))
    figure = plt.figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=DARK)
    size = ZOOM * SHAPE[1] / WIDTH, ZOOM * (SHAPE[0] + OVERSCAN) / HEIGHT
    axes = figure.add_axes((LEFT / WIDTH, LOW / HEIGHT, *size))
    axes.imshow(stretch(image, level), origin="lower", cmap="bone", vmin=-2.4, vmax=4.6, interpolation="nearest",
                aspect="auto")  # fmt: skip
    axes.set_axis_off()
    top = (LOW + ZOOM * (SHAPE[0] + OVERSCAN) + 60) / HEIGHT
    figure.text(LEFT / WIDTH, top, "One raw frame, every effect", color=PALE, fontsize=21, va="center")
    kinds = (("light", LIGHT), ("charge", CHARGE), ("readout", READOUT))
    for i, (kind, colour) in enumerate(kinds):
        figure.text(
            (LEFT + ZOOM * SHAPE[1] - 300 + 110 * i) / WIDTH, top, f"■ {kind}", color=colour, fontsize=12, va="center"
        )
    figure.text(90 / WIDTH, (LOW - 36) / HEIGHT, "What the eye does not find: the frame with an effect, less the same "
                "frame without it", color=PALE, fontsize=12, va="center")  # fmt: skip
    shown, places = parts(light, seed, mask), slots()
    starts = np.array([(x - side * INSET / 2, y) for x, y, side in places])
    ends = np.array([(LEFT + ZOOM * part.place[0], LOW + ZOOM * part.place[1]) for part in shown])
    # the shortest lines in all: no two of them can cross
    for i, j in zip(*linear_sum_assignment(np.hypot(*(ends[:, None] - starts[None]).T).T), strict=True):
        enlarge(figure, image, level, shown[i], places[j])
    differences(figure, light, seed)
    save(figure, "raw-frame.png", 160)


if __name__ == "__main__":
    main()
