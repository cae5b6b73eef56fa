"""Speed, error and memory of Field and of GalSim on one frame of 4096 x 4096 with 20,000 galaxies and 2,000 stars, and
of random shear on a grid of 1000 x 1000; interleaved, in CPU time of one thread.

python benchmarks/field.py

GalSim draws a part of the objects, which is scaled to all. Writes the table of docs/field.md and
build/field.json.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # before numpy and numba start their threads
    for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(_pool, "1")

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import galsim
import numpy as np

from catalogs import Band, Survey
from simulators import Field, Moffat
from simulators.shear_fields import RandomShear

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "field.md"
SIDE, SCALE, FWHM, BETA, SKY, READ = 4096, 0.2, 0.7, 3.5, 800.0, 9.0
GALAXIES, STARS, ROUNDS = 20_000, 2_000, 3
PART, COMPARED = (600, 60), 500  # of GalSim's galaxies and stars in a round; whose errors are measured
BAND = Band("r", FWHM, background_sigma=(SKY + READ**2) ** 0.5, electrons_per_unit=1.0, psf_beta=BETA, sky=SKY)


def catalogue(seed: int = 3) -> dict[str, np.ndarray]:
    """Galaxies of magnitude 18 to 26 with n = 1 to 4 in steps of 0.1 (GalSim keeps its tables), then stars."""
    draw = np.random.default_rng(seed)
    magnitude = 18 + 8 * draw.power(3, GALAXIES)
    e, angle = np.clip(np.abs(draw.normal(0, 0.25, GALAXIES)), 0, 0.6), draw.uniform(0, np.pi, GALAXIES)
    galaxies = {
        "flux": 30 * 10 ** (-0.4 * (magnitude - 27)),
        "radius": np.clip(0.35 * 10 ** (-0.12 * (magnitude - 23)) * draw.lognormal(0, 0.3, GALAXIES), 0.1, 3.0),
        "n": np.round(draw.uniform(1, 4, GALAXIES), 1),
        "e1": e * np.cos(2 * angle),
        "e2": e * np.sin(2 * angle),
    }
    stars = {name: np.zeros(STARS) for name in galaxies}
    stars["flux"] = 30 * 10 ** (-0.4 * (16 + 9 * draw.power(2, STARS) - 27))
    both = {name: np.concatenate([galaxies[name], stars[name]]) for name in galaxies}
    half = SIDE * SCALE / 2
    x, y = draw.uniform(-half, half, (2, GALAXIES + STARS))
    star = np.arange(GALAXIES + STARS) >= GALAXIES
    g1, g2 = (np.where(star, 0.0, g) for g in (0.02, 0.01))
    return both | {"x": x, "y": y, "star": star.astype(float), "g1": g1, "g2": g2, "kappa": np.zeros(len(x))}


def theirs(drawn: dict[str, np.ndarray], these, image: galsim.Image, size: int | None = None) -> None:
    """Draw the objects `these` into `image`, as GalSim's users do, one by one on stamps of its choice."""
    psf = galsim.Moffat(beta=BETA, fwhm=FWHM)
    for i in these:
        at = {name: float(values[i]) for name, values in drawn.items()}
        where = galsim.PositionD(at["x"] / SCALE + image.true_center.x, at["y"] / SCALE + image.true_center.y)
        if at["star"]:
            light = psf * at["flux"]
        else:
            light = galsim.Sersic(at["n"], half_light_radius=at["radius"], flux=at["flux"])
            mu = 1 / (1 - at["g1"] ** 2 - at["g2"] ** 2)
            light = galsim.Convolve(light.shear(g1=at["e1"], g2=at["e2"]).lens(at["g1"], at["g2"], mu), psf)
        stamp = light.drawImage(nx=size, ny=size, scale=SCALE, center=where)
        overlap = stamp.bounds & image.bounds
        if overlap.isDefined():
            image[overlap] += stamp[overlap]


def cpu(function, *args) -> float:
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def frames() -> dict[str, float]:
    """Seconds of both, and the memory that a frame takes beyond the catalogue."""
    field = Field(survey=Survey("bench", SCALE, (BAND,)), size=SIDE, psf=Moffat(FWHM, BETA))
    drawn, image = catalogue(), galsim.ImageF(SIDE, SIDE, scale=SCALE)
    field.render({name: values[-2200:] for name, values in drawn.items()}, "pixel")  # compiles
    field.observe(field.render(drawn), 1)
    theirs(drawn, range(GALAXIES - 400, GALAXIES), image)  # fills its cache of n
    noise = galsim.CCDNoise(galsim.BaseDeviate(1), sky_level=SKY, gain=1.0, read_noise=READ)
    times: dict[str, list[float]] = {name: [] for name in ("render", "marked", "noise", "galsim", "galsim_noise")}
    for turn in range(ROUNDS):
        times["render"].append(cpu(field.render, drawn))
        galaxies, stars = (range(count * turn, count * (turn + 1)) for count in PART)
        scaled = cpu(theirs, drawn, galaxies, image) * GALAXIES / PART[0]
        scaled += cpu(theirs, drawn, [GALAXIES + i for i in stars], image) * STARS / PART[1]
        times["galsim"].append(scaled)
        times["marked"].append(cpu(field.render, drawn, "pixel"))
        clean = field.render(drawn)
        times["noise"].append(cpu(field.observe, clean, 1))
        times["galsim_noise"].append(cpu(image.addNoise, noise))
    result = {name: float(np.median(values)) for name, values in times.items()}
    ratios = (np.array(times["galsim"]) + times["galsim_noise"]) / (np.array(times["render"]) + times["noise"])
    return result | {"ratio": float(np.median(ratios))}


def used(what: str) -> int:
    """Bytes of memory of this process: ``VmRSS`` now, ``VmHWM`` at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(what)))


def grown(labels: str, noise: bool) -> tuple[int, int]:
    """Bytes by which making a frame lets this process grow at most, its catalogue not counted, and those of the planes
    that come out; after one galaxy and one star, so that code and tables are there.
    """
    survey, drawn = Survey("bench", SCALE, (BAND,)), catalogue()
    two = {name: values[[0, -1]] for name, values in drawn.items()} | {"x": np.zeros(2), "y": np.zeros(2)}
    small, field = (Field(survey=survey, size=side, psf=Moffat(FWHM, BETA)) for side in (64, SIDE))
    small.observe(small.render(two, "pixel"), 1)
    before = used("VmRSS")
    frame = field.render(drawn, labels)
    if noise:
        frame = field.observe(frame, 1)
        frame["mask"].values[:] = 0  # zeros that nobody has written take no memory
    return used("VmHWM") - before, sum(plane.nbytes for plane in frame.data_vars.values() if "y" in plane.dims)


def memory() -> dict[str, float]:
    """The planes of a frame and the most that there is beside them, in frames of float32, in processes of their own."""
    made = {}
    for name, asked in {"marked": ("pixel", False), "noisy": ("truth", True), "all": ("pixel", True)}.items():
        command = [sys.executable, "-c", f"from benchmarks.field import grown; print(*grown(*{asked!r}))"]
        words = subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout.split()
        most, planes = (int(word) / (4 * SIDE**2) for word in words)
        made |= {f"memory_{name}": planes, f"memory_{name}_scratch": most - planes}
    return made


def errors() -> dict[str, float]:
    """Largest error of each of `COMPARED` objects, in its peak, against GalSim on a stamp of 256 pixels."""
    drawn = catalogue()
    these = np.linspace(0, GALAXIES + STARS - 1, COMPARED).astype(int)
    field = Field(survey=Survey("bench", SCALE, (BAND,)), size=256, psf=Moffat(FWHM, BETA))
    worst, fluxes = [], []
    for i in these:
        one = {name: values[i : i + 1] for name, values in drawn.items()}
        one |= {"x": one["x"] % SCALE, "y": one["y"] % SCALE}
        image = galsim.ImageF(256, 256, scale=SCALE)
        theirs(one, [0], image, size=256)
        ours = field.render(one)["image"].values[0]
        worst.append(np.abs(ours - image.array).max() / image.array.max())
        fluxes.append(ours.sum() / image.array.sum() - 1)
    return {
        "error_median": float(np.median(worst)),
        "error_worst": float(np.max(worst)),
        "flux_median": float(np.median(fluxes)),
        "flux_worst": float(np.abs(fluxes).max()),
    }


def power(k: np.ndarray) -> np.ndarray:
    return 1e-4 * k**-1.2


def shear() -> dict[str, float]:
    """Seconds of random shear and convergence on a grid of 1000 x 1000."""
    spectrum, random = galsim.PowerSpectrum(power, units=galsim.arcsec), galsim.BaseDeviate(3)
    asked = {"grid_spacing": 10.0, "ngrid": 1000, "units": galsim.arcsec, "get_convergence": True}
    jobs = {
        "shear": lambda turn: RandomShear(power, 1000, 10.0, seed=3, number=turn).grids,
        "galsim_shear": lambda turn: spectrum.buildGrid(rng=random, **asked),
    }
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(2 * ROUNDS + 1):
        for name, job in jobs.items():
            times[name].append(cpu(job, turn))
    ratios = np.array(times["galsim_shear"][1:]) / times["shear"][1:]
    result = {name: float(np.median(values[1:])) for name, values in times.items()}
    return result | {"shear_ratio": float(np.median(ratios))}


def table(result: dict[str, float]) -> str:
    """What docs/field.md says."""
    ours, theirs = result["render"] + result["noise"], result["galsim"] + result["galsim_noise"]
    lines = [
        "| | astrogan | GalSim | ratio |",
        "|---|---|---|---|",
        f"| frame of 4096², 20,000 galaxies and 2,000 stars, noise: seconds | {ours:.2f} | {theirs:.1f} | "
        f"{result['ratio']:.1f} |",
        f"| the same with segmentation, without noise | {result['marked']:.2f} | – | – |",
        f"| shear and convergence on 1000² points | {result['shear']:.3f} | {result['galsim_shear']:.3f} | "
        f"{result['shear_ratio']:.1f} |",
    ]
    rows = {"marked": "image, segmentation", "noisy": "image, variance, mask, the image without noise",
            "all": "all of these"}  # fmt: skip
    lines += ["", "| memory beyond the catalogue, in frames of float32 | planes | scratch at most |", "|---|---|---|"]
    for name, what in rows.items():
        lines.append(f"| {what} | {result[f'memory_{name}']:.2f} | {result[f'memory_{name}_scratch']:.2f} |")
    words = (
        f"\nOf {COMPARED} objects, drawn by both one by one, the largest difference is {result['error_median']:.1e} of "
        f"the object's peak\nfor half of them and {result['error_worst']:.1e} at worst.\n"
    )
    return "\n".join(lines) + "\n" + words


def main() -> None:
    result = {**frames(), **errors(), **shear(), **memory()}
    for name, value in result.items():
        print(f"| {name} | {value:.4g} |")
    block = re.compile(r"(<!-- speed -->\n).*?(<!-- end of speed -->)", re.DOTALL)
    PAGE.write_text(block.sub(rf"\g<1>{table(result)}\g<2>", PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "field.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    main()
