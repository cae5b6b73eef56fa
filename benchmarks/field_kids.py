"""A KiDS field and simulated ones, detected and measured alike: counts, colours and clustering, tables and the
second picture of docs/field.md.

python benchmarks/field_kids.py [FOLDER]  # FOLDER holds g.fits, r.fits and i.fits
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from astropy.io import fits
from scipy.spatial import cKDTree

from simulators import Field, calibrate, detect
from simulators.detection import STAR, Sources

mpl.use("agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
FRAMES = ROOT.parent / "shared" / "data" / "kids_viking" / "frame_x0000-2079"
PAGE = ROOT / "docs" / "field.md"
SCALE, ZERO, FIELDS = 0.339, 31.4, 4  # arcsec; mag; simulated fields
RINGS, POINTS = (3, 5, 8, 12, 20, 40), 20_000  # arcsec; points scattered at random
EDGES = np.append(np.arange(17.0, 20.0, 1.0), np.arange(20.0, 25.1, 0.5))


def measured(frames: np.ndarray) -> dict[str, np.ndarray]:
    """Magnitudes g, r, i (N, 3), places (N, 2) [arcsec] and whether each source lies on the stellar locus."""
    found: Sources = detect(frames, bands="gri")
    with np.errstate(invalid="ignore", divide="ignore"):
        mag = ZERO - 2.5 * np.log10(found.flux)
    return {"mag": mag, "star": found.having(STAR), "place": np.stack([found.x, found.y], axis=1) * SCALE}


def spread(colour: np.ndarray) -> tuple[float, float]:
    """Median, and half of the central 68 per cent."""
    if colour.size < 3:
        return np.nan, np.nan
    low, middle, high = np.nanpercentile(colour, [16, 50, 84])
    return float(middle), float((high - low) / 2)


def compared(real: dict, simulated: list[dict]) -> list[dict]:
    """Counts of a field and colours of galaxies and stars in each bin of r."""
    rows = []
    for low, high in itertools.pairwise(EDGES):
        for kind in (0, 1):
            here = [
                (one["mag"][:, 1] >= low) & (one["mag"][:, 1] < high) & (one["star"] == kind)
                for one in [real, *simulated]
            ]
            mags = real["mag"][here[0]], np.concatenate([s["mag"][h] for s, h in zip(simulated, here[1:], strict=True)])
            counts = [int(h.sum()) for h in here]
            row = {
                "low": float(low),
                "high": float(high),
                "star": kind,
                "real": counts[0],
                "simulated": np.mean(counts[1:]),
            }
            row["error"] = float(np.hypot(np.sqrt(max(counts[0], 1)), np.sqrt(row["simulated"] / len(simulated))))
            for name, a, b in (("g-r", 0, 1), ("r-i", 1, 2)):
                row[name] = [*spread(mags[0][:, a] - mags[0][:, b]), *spread(mags[1][:, a] - mags[1][:, b])]
            rows.append(row)
    return rows


def pairs(place: np.ndarray) -> np.ndarray:
    """Pairs in each of `RINGS`."""
    tree = cKDTree(place)
    return np.diff([len(tree.query_pairs(radius)) for radius in RINGS])


def clustering(one: dict, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of galaxies with r < 23.5 in excess of chance, over chance, in each of `RINGS`, and the error of chance."""
    place = one["place"][(one["star"] == 0) & (one["mag"][:, 1] < 23.5) & (one["mag"][:, 1] > 17)]
    scattered = np.random.default_rng(1).uniform(0, 1, (POINTS, 2)) * sides
    chance = pairs(scattered) * (len(place) * (len(place) - 1) / (POINTS * (POINTS - 1)))
    return pairs(place) / chance - 1, chance**-0.5


def clustering_table(real: dict, simulated: list[dict], sides: np.ndarray) -> str:
    excess, error = clustering(real, sides)
    mean = np.mean([clustering(one, sides)[0] for one in simulated], axis=0)
    lines = ["| separation [arcsec] | KiDS | simulated |", "|---|---|---|"]
    for low, high, a, e, b in zip(RINGS[:-1], RINGS[1:], excess, error, mean, strict=True):
        lines.append(f"| {low}–{high} | {a:.2f} ± {e:.2f} | {b:.2f} |")
    return "\n".join(lines) + "\n"


def table(rows: list[dict]) -> str:
    lines = [
        "| r | galaxies: KiDS | simulated | g−r: KiDS | simulated | r−i: KiDS | simulated | stars: KiDS | simulated |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for galaxies, stars in zip(rows[::2], rows[1::2], strict=True):
        cells = [f"{galaxies['low']:g}–{galaxies['high']:g}"]
        cells += [f"{galaxies['real']} ± {max(galaxies['real'], 1) ** 0.5:.0f}", f"{galaxies['simulated']:.0f}"]
        for name in ("g-r", "r-i"):
            a, b, c, d = galaxies[name]
            cells += [f"{a:.2f} ± {b:.2f}", f"{c:.2f} ± {d:.2f}"]
        cells += [f"{stars['real']} ± {max(stars['real'], 1) ** 0.5:.0f}", f"{stars['simulated']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |".replace("nan ± nan", "–"))
    return "\n".join(lines) + "\n"


def picture(rows: list[dict], real: dict, simulated: list[dict]) -> None:
    """Counts with Poisson errors, and g - r against r - i down to r = 23."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.9), layout="constrained")
    for kind, colour, name in ((0, "C0", "galaxies"), (1, "C1", "stars")):
        these = [row for row in rows if row["star"] == kind]
        middle = [(row["low"] + row["high"]) / 2 for row in these]
        width = np.array([row["high"] - row["low"] for row in these])
        counts, made = (np.array([row[k] for row in these]) / width for k in ("real", "simulated"))
        axes[0].errorbar(
            middle, counts, np.sqrt(counts * width) / width, fmt="o", ms=4, color=colour, label=f"{name}, KiDS"
        )
        axes[0].plot(middle, made, color=colour, label=f"{name}, simulated")
    axes[0].set(yscale="log", xlabel="r [mag]", ylabel="number in the field, per mag", ylim=(2, 2000))
    axes[0].legend(frameon=False)
    for axis, one, title in zip(axes[1:], (real, simulated[0]), ("KiDS", "simulated"), strict=True):
        for kind, colour in ((0, "C0"), (1, "C1")):
            mag = one["mag"][(one["star"] == kind) & (one["mag"][:, 1] < 23) & (one["mag"][:, 1] > 17)]
            axis.plot(mag[:, 0] - mag[:, 1], mag[:, 1] - mag[:, 2], ".", ms=3, color=colour)
        axis.set(title=f"{title}, r < 23", xlabel="g − r", ylabel="r − i", xlim=(-0.5, 2.2), ylim=(-0.5, 2.0))
    figure.savefig(ROOT / "docs" / "images" / "field-counts.png", dpi=60)


def main(folder: Path) -> None:
    if not folder.is_dir():
        print(f"no KiDS frames in {folder}: nothing to compare with")
        return
    frames = np.stack([fits.getdata(folder / f"{band}.fits") * 10 ** (0.4 * ZERO) for band in "gri"]).astype(np.float32)
    survey = calibrate(frames, SCALE, bands="gri", unit="nJy", zero_point=ZERO)
    field = Field(survey=survey, size=frames.shape[1:])
    real = measured(frames)
    simulated = [measured(field.simulate(1, number)["image"].values) for number in range(FIELDS)]
    rows = compared(real, simulated)
    sides = np.array(frames.shape[:0:-1]) * SCALE
    made = {"counts": table(rows), "clustering": clustering_table(real, simulated, sides)}
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in made.items():
        print(lines)
        text = re.sub(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", rf"\g<1>{lines}\g<2>", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")
    picture(rows, real, simulated)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "field_kids.json").write_text(json.dumps(rows, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FRAMES)
