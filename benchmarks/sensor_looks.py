"""Real frames beside simulated ones: DECam's saturated stars with their flags, and SAAO's streak.

python benchmarks/sensor_looks.py  # writes docs/images/sensor-real.png; needs ../shared/data/sensor
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import sep
from astropy.io import fits
from matplotlib.colors import ListedColormap
from scipy import ndimage
from sensor_pictures import save
from sensor_real import BAD, BLEED, COSMIC, DATA, SATURATED, again, core, frames, star, wings

from simulators.sensor import Photons, ReadNoise, Sensor, Trails

mpl.use("agg")
import matplotlib.pyplot as plt

CODES = (0, BAD, SATURATED, BLEED, COSMIC)
COLOURS = ("#1b2030", "#F0E442", "#E69F00", "#56B4E9", "#CC79A7")  # told apart by the colour-blind
NAMES = ("good", "bad", "saturated", "bleed margin", "cosmic ray")
FWHM, STREAK = 3.2, ((18.0, 337.0), (338.0, 304.0))  # of SAAO's stars, and where its streak begins and ends [pixel]


def streak() -> tuple[np.ndarray, np.ndarray]:
    """SAAO's frame, and its stars, sky and noise simulated, with the most alike of many trails as bright."""
    with fits.open(DATA / "ystar_saao_long_streak.fits.gz") as units:
        real = np.asarray(units[0].data, dtype=np.float32)
    sky = sep.Background(real, bw=64, bh=64)
    level, noise = sky.back(), float(sky.globalrms)
    found = sep.extract(real - level, 2.5, err=noise, minarea=5)
    (x0, y0), (x1, y1) = STREAK
    beside = abs((x1 - x0) * (found["y"] - y0) - (y1 - y0) * (found["x"] - x0)) / np.hypot(x1 - x0, y1 - y0)
    stars = found[(beside > 8.0) | (found["x"] > x1 + 5.0)]
    light = 0.5 * noise**2 * np.ones(real.shape)
    for x, y, flux in zip(stars["x"], stars["y"], stars["flux"], strict=True):
        light += star(real.shape, (y, x), float(flux), FWHM)
    trail = Trails(1.0, 233.0, 233.0, fwhm=4.5, swing=0.5, aeroplanes=0.0, ends=1.0)
    seed = min(range(12_000), key=lambda seed: unlike(trail, real.shape, seed))
    effects = (Photons(), ReadNoise(noise * 0.5**0.5), trail)
    image = Sensor(effects).expose(light, seed)[0] - 0.5 * noise**2 + level
    return real, image


def unlike(trail: Trails, shape: tuple[int, ...], seed: int) -> float:
    """How far the ends of a seed's only trail lie from those of SAAO's streak [pixel]; infinite if it has others."""
    image = Sensor((trail,)).expose(np.zeros(shape, np.float32), seed)[0]
    lit = image > 0.5 * max(float(image.max()), 1.0)
    y, x = np.nonzero(lit)
    if ndimage.label(lit, np.ones((3, 3)))[1] != 1:
        return np.inf
    ends = np.array([(x[i], y[i]) for i in (x.argmin(), x.argmax())])
    return float(np.hypot(*(ends - np.array(STREAK)).T).sum())


def show(axes: plt.Axes, image: np.ndarray, title: str, like: np.ndarray) -> None:
    """An image on the stretch of the real one `like`."""
    level = np.median(like)
    noise = 1.4826 * np.median(abs(like - level))
    axes.imshow(np.arcsinh((image - level) / noise), origin="lower", cmap="bone", vmin=-2, vmax=7,
                interpolation="nearest")  # fmt: skip
    axes.set_title(title, fontsize=11)
    axes.set_axis_off()


def show_flags(axes: plt.Axes, flags: np.ndarray) -> None:
    numbers = np.searchsorted(CODES, flags)
    axes.imshow(numbers, origin="lower", cmap=ListedColormap(COLOURS), vmin=-0.5, vmax=4.5, interpolation="nearest")
    axes.set_axis_off()


def main() -> None:
    real = [frame for frame in frames() if (frame.flags == SATURATED).any()]
    if not real:
        print(f"nothing to compare with: there are no frames in {DATA}")
        return
    figure = plt.figure(figsize=(14.4, 12.6), dpi=90, facecolor="white", layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.0, 1.45))
    axes = top.subplots(2, 6)
    for i, frame in enumerate(real):
        fit, _ = wings(frame)
        image, flags = again(frame, fit, core(frame, fit), 11 + i)
        name = f"DECam {frame.name[:6]}"
        for j, (one, code, title) in enumerate(((frame.image, frame.flags, name), (image, flags, "simulated"))):
            show(axes[0, 2 * i + j], one, title, frame.image)
            show_flags(axes[1, 2 * i + j], code)
    patches = [plt.Rectangle((0, 0), 1, 1, facecolor=colour) for colour in COLOURS]
    top.legend(patches, NAMES, loc="outside lower center", ncols=len(NAMES), frameon=False, fontsize=10)
    pair = streak()
    for axis, image, title in zip(bottom.subplots(1, 2), pair, ("SAAO", "simulated"), strict=True):
        show(axis, image, title, pair[0])
    save(figure, "sensor-real.png", 96)


if __name__ == "__main__":
    main()
