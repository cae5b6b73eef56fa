"""Flags of simulated DECam frames beside the Community Pipeline's of real ones: the table of docs/sensor.md.

python benchmarks/sensor_real.py  # needs ../shared/data/sensor

Errors of real numbers are those of the mean over its stamps, by 4,000 bootstraps; of ours, the scatter of the same mean
from one simulated set of the same stamps to the next.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _pages import ROOT, put, rows
from astropy.io import fits
from scipy import ndimage
from scipy.optimize import least_squares

from simulators.sensor import FLAGS, Saturation, Sensor, sensor_of

DATA = ROOT.parent / "shared" / "data" / "sensor"
BAD, SATURATED, BLEED, COSMIC = 1, 3, 4, 5  # of the Community Pipeline since V3.5; one for each pixel
MARGIN, GROWN = 3, 1  # pixels by which it grows bleed trails and cosmic rays: see `margin`, and the rim of the one ray
SETS, BELOW = 40, 400  # simulated sets; rows added for trails that leave the stamps
FIELD = 2048 * 4096
PIXEL = (15e-4) ** 2  # cm^2


@dataclass(frozen=True)
class Frame:
    """A real stamp [adu], its flags, and what its header says."""

    name: str
    image: np.ndarray
    flags: np.ndarray
    header: dict[str, Any]

    @property
    def gain(self) -> float:
        return float(self.header["GAINA"])


def frames() -> list[Frame]:
    found = []
    for path in sorted((DATA / "decam").glob("*_ood_*")):
        with fits.open(path) as units:
            flags = next(np.asarray(unit.data) for unit in units if unit.data is not None)
        with fits.open(path.with_name(path.name.replace("_ood_", "_ooi_"))) as units:
            header = {**dict(units[0].header), **dict(units[1].header)}
            image = np.asarray(units[1].data, dtype=float)
        found.append(Frame(path.name.split("_c4d_")[-1].split("_ood_")[0], image, flags, header))
    return found


def star(shape: tuple[int, int], place: tuple[float, float], flux: float, fwhm: float, beta: float = 3.5) -> np.ndarray:
    """A Moffat star at (y, x)."""
    alpha = fwhm / (2.0 * (2.0 ** (1.0 / beta) - 1.0) ** 0.5)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    r2 = ((columns - place[1]) ** 2 + (rows - place[0]) ** 2) / alpha**2
    return flux * (beta - 1.0) / (np.pi * alpha**2) * (1.0 + r2) ** -beta


def glow(shape: tuple[int, int], place: tuple[float, float], light: float, fwhm: float) -> np.ndarray:
    """The aureole of a star, which falls as 1 / r^2 (King 1971, PASP 83, 199)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return light / ((columns - place[1]) ** 2 + (rows - place[0]) ** 2 + fwhm**2)


def wings(frame: Frame) -> tuple[np.ndarray, float]:
    """What a saturated star is by its unflagged wings: log flux, slope, x, y, sky, log aureole [adu]; rms of the fit in
    sigmas, to 3 % of the light.
    """
    good, fwhm = frame.flags == 0, float(frame.header["FWHM"])
    sigma = np.sqrt(np.maximum(frame.image, 1.0) / frame.gain) + 0.03 * frame.image
    y, x = np.argwhere(frame.flags == SATURATED).mean(axis=0)

    def model(q: np.ndarray) -> np.ndarray:
        light = star(frame.image.shape, (q[3], q[2]), 10.0 ** q[0], fwhm, q[1])
        return light + glow(frame.image.shape, (q[3], q[2]), 10.0 ** q[5], fwhm) + q[4]

    start = [6.5, 3.0, x, y, float(np.median(frame.image)), 3.0]
    fit = least_squares(lambda q: ((model(q) - frame.image) / sigma)[good], start,
                        bounds=([4, 1.2, 0, 0, 0, -3], [9, 8, 200, 200, 1e5, 8]))  # fmt: skip
    return fit.x, float(np.sqrt(np.mean(fit.fun**2)))


def camera(frame: Frame) -> Sensor:
    """`sensor_of("des")` with the amplifier and the exposure of the frame."""
    known = sensor_of("des")
    level = float(np.median(frame.image[frame.flags == SATURATED])) if (frame.flags == SATURATED).any() else 0.0
    full = [Saturation(level * frame.gain) if level and isinstance(e, Saturation) else e for e in known.effects]
    return dataclasses.replace(known, effects=full, time=float(frame.header["EXPTIME"]), frame=None)


def pipeline_flags(mask: np.ndarray, full: np.ndarray) -> np.ndarray:
    """What the Community Pipeline would make of a sensor's mask and pixels above its saturation level: a margin around
    those is bleed, cosmic rays are grown.
    """
    flags = np.where((mask & (FLAGS["bad_column"] | FLAGS["hot_pixel"])) > 0, BAD, 0)
    rays = ndimage.binary_dilation((mask & FLAGS["cosmic_ray"]) > 0, np.ones((2 * GROWN + 1,) * 2))
    flags[rays] = COSMIC
    flags[ndimage.binary_dilation(full, np.ones((2 * MARGIN + 1,) * 2))] = BLEED
    flags[full] = SATURATED
    return flags


def margin(real: list[Frame]) -> tuple[float, int, int]:
    """The rectangle about saturated pixels that differs least from the pipeline's margins: the share of these in which
    it does, and how far it reaches along columns and rows.
    """
    known = [frame.flags for frame in real if (frame.flags == SATURATED).any()]
    total = sum(int((flags == BLEED).sum()) for flags in known)

    def wrong(up: int, beside: int) -> float:
        shape, count = np.ones((2 * up + 1, 2 * beside + 1)), 0
        for flags in known:
            grown = ndimage.binary_dilation(flags == SATURATED, shape)
            count += int((grown != np.isin(flags, (SATURATED, BLEED))).sum())
        return count / total

    return min((wrong(up, beside), up, beside) for up in range(1, 10) for beside in range(1, 6))


def core(frame: Frame, fit: np.ndarray) -> float:
    """Light [adu] that the wings do not show: as much as makes DECam's number of saturated pixels, bloomed ones too."""
    wanted, low, high = np.count_nonzero(frame.flags == SATURATED), 1e5, 1e10
    for _ in range(25):
        extra = (low * high) ** 0.5
        enough = np.count_nonzero(again(frame, fit, extra, 1)[1] == SATURATED) >= wanted
        low, high = (low, extra) if enough else (extra, high)
    return high


def again(frame: Frame, fit: np.ndarray, extra: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The saturated star of a frame once more, at a place between pixels of its own: image [adu] and flags."""
    ny, nx = frame.image.shape
    shift = np.random.default_rng(seed).uniform(-0.5, 0.5, 2)
    place, shape = (fit[3] + shift[0] + BELOW, fit[2] + shift[1]), (ny + 2 * BELOW, nx)
    fwhm = float(frame.header["FWHM"])
    light = star(shape, place, 10.0 ** fit[0], fwhm, fit[1]) + glow(shape, place, 10.0 ** fit[5], fwhm) + fit[4]
    light += star(shape, place, extra, fwhm)
    exposed = camera(frame).expose(frame.gain * light, seed, calibrated=True)
    image, _, mask = (plane[BELOW : BELOW + ny] for plane in exposed)
    adu = image / np.float32(frame.gain)
    return adu, pipeline_flags(mask, adu > float(frame.header["SATURATE"]))


def runs(mask: np.ndarray) -> np.ndarray:
    """Lengths of the runs of True along the last axis."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    return np.nonzero(edges == -1)[1] - np.nonzero(edges == 1)[1]


MEASURES: dict[str, Callable[[np.ndarray], float]] = {
    "share of pixels [%]": lambda mask: 100.0 * float(mask.mean()),
    "groups": lambda mask: float(ndimage.label(mask, np.ones((3, 3)))[1]),
    "run along a column, median [pixel]": lambda mask: float(np.median(runs(mask.T))),
    "longest [pixel]": lambda mask: float(runs(mask.T).max()),
    "run along a row, median [pixel]": lambda mask: float(np.median(runs(mask))),
    "longest in a row [pixel]": lambda mask: float(runs(mask).max()),
}


def error(values: np.ndarray) -> float:
    """Of the mean, by bootstrap."""
    draws = np.random.default_rng(1).integers(0, len(values), (4000, len(values)))
    return float(values[draws].mean(axis=1).std())


def cell(values: np.ndarray | list[float], spread: float | None = None) -> str:
    mean, spread = float(np.mean(values)), error(np.asarray(values)) if spread is None else spread
    return f"{mean:.3g} ± {spread:.2g}"


def stars(real: list[Frame]) -> list[list[str]]:
    """Flags of the saturated stars: shares, groups and runs of each class."""
    chosen = [frame for frame in real if (frame.flags == SATURATED).any()]
    fits = [wings(frame) for frame in chosen]
    cores = [core(frame, fit) for frame, (fit, _) in zip(chosen, fits, strict=True)]
    for frame, (fit, rms), extra in zip(chosen, fits, cores, strict=True):
        print(f"{frame.name}: {10 ** fit[0] * frame.gain:.3g} and {extra * frame.gain:.3g} electrons, "
              f"beta {fit[1]:.2f}, wings to {rms:.2f} sigma")  # fmt: skip
    known = list(zip(chosen, (fit for fit, _ in fits), cores, strict=True))
    sets = [[again(*one, 100 * k + i)[1] for i, one in enumerate(known)] for k in range(SETS)]
    lines = []
    for code, name in ((SATURATED, "saturated"), (BLEED, "bleed margin")):
        for what, measure in MEASURES.items():
            ours = np.array([[measure(flags == code) for flags in one] for one in sets])
            theirs = [measure(frame.flags == code) for frame in chosen]
            lines.append([name, what, cell(theirs), cell(ours.ravel(), float(ours.mean(axis=1).std()))])
    return lines


def blank(real: list[Frame]) -> list[np.ndarray]:
    """Flags of all stamps, many times, without light: what particles and defects leave."""
    sets = []
    for k in range(SETS):
        masks = []
        for i, frame in enumerate(real):
            chip = dataclasses.replace(sensor_of("des"), time=float(frame.header["EXPTIME"]), overscan=0)
            room = np.array(chip.frame) - frame.image.shape
            corner = np.random.default_rng(1000 * k + i).integers(0, room, (1, 2))
            light = np.full((1, 1, *frame.image.shape), 400.0)
            mask = chip.expose(light, k, [i], corners=corner, sky=400.0)[2][0, 0]
            masks.append(pipeline_flags(mask, (mask & FLAGS["saturated"]) > 0))
        sets.append(masks)
    return sets


def rates(real: list[Frame]) -> list[list[str]]:
    """Cosmic rays and bad pixels of all stamps, and sizes of what one event leaves."""
    sets, lines = blank(real), []
    time = sum(frame.image.size * PIXEL * float(frame.header["EXPTIME"]) / 60.0 for frame in real)  # cm^2 minutes

    def events(masks: list[np.ndarray], code: int) -> list[tuple[int, ...]]:
        """Pixels, rows and columns of each group."""
        out = []
        for mask in masks:
            groups, _ = ndimage.label(mask == code, np.ones((3, 3)))
            sizes = np.bincount(groups.ravel())[1:]
            boxes = ndimage.find_objects(groups)
            out += [(int(n), *(s.stop - s.start for s in box)) for n, box in zip(sizes, boxes, strict=True)]
        return out

    flags = [frame.flags for frame in real]
    theirs, ours = events(flags, COSMIC), [events(one, COSMIC) for one in sets]
    counts = np.array([len(one) for one in ours]) / time
    lines.append(["cosmic ray", "events [1/cm² min]", f"{len(theirs) / time:.2g} ± {len(theirs) ** 0.5 / time:.2g}",
                  cell(counts, float(counts.std()))])  # fmt: skip
    both = np.array([event for one in ours for event in one])
    for i, what in enumerate(("pixels of an event", "rows of an event", "columns of an event")):
        low, middle, high = np.percentile(both[:, i], (16, 50, 84))
        lines.append(["cosmic ray", what, ", ".join(str(event[i]) for event in theirs),
                      f"{middle:.0f} ({low:.0f} to {high:.0f} for two in three)"])  # fmt: skip
    for code, name in ((COSMIC, "cosmic ray"), (BAD, "bad")):
        shares = np.array([[100.0 * (mask == code).mean() for mask in one] for one in sets])
        lines.append([name, "share of pixels [%]", cell([100.0 * (mask == code).mean() for mask in flags]),
                      cell(shares.ravel(), float(shares.mean(axis=1).std()))])  # fmt: skip
    return lines


def main() -> None:
    real = frames()
    if not real:
        print(f"nothing to compare with: there are no frames in {DATA}/decam")
        return
    amplifiers = np.array([[f.header[f"{k}{a}"] for k in ("GAIN", "RDNOISE", "SATURAT")] for f in real for a in "AB"])
    share, *reach = margin(real)
    print(f"margins of saturation: {reach} pixels along columns and rows differ in {100 * share:.0f} % of their pixels")
    gain, noise, _ = np.median(amplifiers, axis=0)
    print(f"14 amplifiers: gain {gain:.2f}, read noise {noise:.2f}, "
          f"saturation {np.median(amplifiers[:, 0] * amplifiers[:, 2]):.3g} electrons")  # fmt: skip
    put("sensor.md", "decam", rows(("flag", "measure", "DECam", "ours"), stars(real) + rates(real)))


if __name__ == "__main__":
    main()
