"""A KiDS field, on which populations were set, an SDSS field, on which nothing was, and simulated ones, detected and
measured alike: counts, colours, the stellar locus and clustering, tables and the second picture of docs/field.md.

python benchmarks/field_kids.py  # needs ../shared/data/kids_viking and ../shared/data/sdss_stripe82
"""

from __future__ import annotations

import itertools
import json
import re
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
KIDS = ROOT.parent / "shared" / "data" / "kids_viking" / "frame_x0000-2079"
SDSS = ROOT.parent / "shared" / "data" / "sdss_stripe82"
PAGE = ROOT / "docs" / "field.md"
KIDS_SCALE, SDSS_SCALE, ZERO, FIELDS = 0.339, 0.396, 31.4, 4  # arcsec; mag; simulated fields
EXPOSURE, PEDESTAL = 53.907456, 1000.0  # s, DN, of SDSS
ROWS = {"g": 10, "r": 0, "i": 3}  # of SDSS: where the same sky begins in each band
RINGS, POINTS = (3, 5, 8, 12, 20, 40), 20_000  # arcsec; points scattered at random
EDGES = np.append(np.arange(17.0, 20.0, 1.0), np.arange(20.0, 25.1, 0.5))
LOCUS = (0.2, 0.5, 0.8, 1.1, 1.35, 1.7)  # g - r


def kids() -> np.ndarray:
    """Frames g, r, i [nJy]."""
    return np.stack([fits.getdata(KIDS / f"{band}.fits") * 10 ** (0.4 * ZERO) for band in "gri"]).astype(np.float32)


def sdss() -> np.ndarray:
    """The same of run 4192, field 300: counts times 10^0.4 (aa + kk airmass) over the time are maggies."""
    known, frames = fits.getdata(SDSS / "tsField-004192-4-40-0300.fit.gz")[0], []
    for band, row in ROWS.items():
        i = "ugriz".index(band)
        maggies = 10 ** (0.4 * (known["aa"][i] + known["kk"][i] * known["airmass"][i])) / EXPOSURE
        counts = fits.getdata(SDSS / f"fpC-004192-{band}4-0300.fit.gz").astype(float) - PEDESTAL
        frames.append(counts[row : len(counts) - max(ROWS.values()) + row] * maggies * 10 ** (0.4 * ZERO))
    return np.stack(frames).astype(np.float32)


def measured(frames: np.ndarray, scale: float) -> dict[str, np.ndarray]:
    """Magnitudes g, r, i (N, 3), places (N, 2) [arcsec] and whether each source lies on the stellar locus."""
    found: Sources = detect(frames, bands="gri")
    with np.errstate(invalid="ignore", divide="ignore"):
        mag = ZERO - 2.5 * np.log10(found.flux)
    return {"mag": mag, "star": found.having(STAR), "place": np.stack([found.x, found.y], axis=1) * scale}


def spread(colour: np.ndarray) -> tuple[float, float]:
    """Median, and half of the central 68 per cent."""
    if colour.size < 3:
        return np.nan, np.nan
    low, middle, high = np.nanpercentile(colour, [16, 50, 84])
    return float(middle), float((high - low) / 2)


def compared(real: dict, simulated: list[dict], faintest: float) -> list[dict]:
    """Counts of a field and colours of galaxies and stars in each bin of r."""
    rows = []
    for low, high in itertools.pairwise(EDGES[: np.searchsorted(EDGES, faintest, "right")]):
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


def table(rows: list[dict], name: str) -> str:
    heads = "".join(f" {what}: {name} | simulated |" for what in ("galaxies", "g−r", "r−i", "stars"))
    lines = [f"| r |{heads}", "|---|---|---|---|---|---|---|---|---|"]
    for galaxies, stars in zip(rows[::2], rows[1::2], strict=True):
        cells = [f"{galaxies['low']:g}–{galaxies['high']:g}"]
        cells += [f"{galaxies['real']} ± {max(galaxies['real'], 1) ** 0.5:.0f}", f"{galaxies['simulated']:.0f}"]
        for name in ("g-r", "r-i"):
            a, b, c, d = galaxies[name]
            cells += [f"{a:.2f} ± {b:.2f}", f"{c:.2f} ± {d:.2f}"]
        cells += [f"{stars['real']} ± {max(stars['real'], 1) ** 0.5:.0f}", f"{stars['simulated']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |".replace("nan ± nan", "–"))
    return "\n".join(lines) + "\n"


def locus(fields: list[dict]) -> list[tuple[float, float, float]]:
    """In each bin of g - r, stars of 16 < r < 21 in a field, and median and half of the central 68 % of their r - i."""
    mag = np.concatenate([one["mag"][(one["star"] == 1) & (abs(one["mag"][:, 1] - 18.5) < 2.5)] for one in fields])
    color, other = mag[:, 0] - mag[:, 1], mag[:, 1] - mag[:, 2]
    here = [(color >= low) & (color < high) for low, high in itertools.pairwise(LOCUS)]
    return [(int(h.sum()) / len(fields), *spread(other[h])) for h in here]


def locus_table(fields: dict[str, list[dict]]) -> str:
    """`locus` of every survey and of what is simulated of it."""
    lines = ["| g−r |" + "".join(f" {name}: stars | r−i |" for name in fields), "|---|" + "---|---|" * len(fields)]
    for bin_, cells in zip(itertools.pairwise(LOCUS), zip(*map(locus, fields.values()), strict=True), strict=True):
        texts = (f" {count:.0f} | {middle:.2f} ± {half:.2f} |" for count, middle, half in cells)
        lines.append(f"| {bin_[0]:g}–{bin_[1]:g} |" + "".join(texts))
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


def both(frames: np.ndarray, scale: float) -> tuple[dict, list[dict]]:
    """What is measured of real frames g, r, i, and of simulated ones of the survey that `calibrate` finds in them."""
    survey = calibrate(frames, scale, bands="gri", unit="nJy", zero_point=ZERO)
    field = Field(survey=survey, size=frames.shape[1:])
    return measured(frames, scale), [measured(field.simulate(1, n)["image"].values, scale) for n in range(FIELDS)]


def main() -> None:
    if not (KIDS.is_dir() and SDSS.is_dir()):
        print(f"nothing to compare with: there are no frames in {KIDS} or {SDSS}")
        return
    frames = kids()
    sides = np.array(frames.shape[:0:-1]) * KIDS_SCALE
    real, simulated = both(frames, KIDS_SCALE)
    other, of_other = both(sdss(), SDSS_SCALE)
    rows, checked = compared(real, simulated, 25.0), compared(other, of_other, 22.5)
    made = {"counts": table(rows, "KiDS"), "sdss": table(checked, "SDSS")}
    loci = {"KiDS": [real], "simulated KiDS": simulated, "SDSS": [other], "simulated SDSS": of_other}
    made |= {"locus": locus_table(loci), "clustering": clustering_table(real, simulated, sides)}
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in made.items():
        print(lines)
        text = re.sub(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", rf"\g<1>{lines}\g<2>", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")
    picture(rows, real, simulated)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "field_kids.json").write_text(json.dumps([rows, checked], indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
