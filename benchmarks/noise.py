"""Photon and read noise of ours and of GalSim's CCDNoise, interleaved: a frame of 4096 x 4096 and stamps of 64 x 64.

python benchmarks/noise.py

Prints ns per pixel of processor time on one thread, of wall time on two, and of correlated noise against GalSim's of
the COSMOS images. Writes build/noise.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import galsim
import numpy as np

from catalogs import Band
from simulators import add_noise
from simulators._kernels._jit import set_threads, threads

ROOT = Path(__file__).resolve().parents[1]
READ, ROUNDS = 9.0, 3
FRAME, STAMP, STAMPS = 4096, 64, 1024
SKIES = (800.0, 10.0, 0.01)
ROW3 = np.array([0.3, 1.0, 0.3])


def band(sky: float, autocorrelation: tuple = ((1.0,),)) -> Band:
    sigma = (sky + READ**2) ** 0.5
    return Band("r", 0.7, sigma, electrons_per_unit=1.0, sky=sky, autocorrelation=autocorrelation)


def median_ns(jobs: dict[str, Callable], pixels: int, clock: Callable[[], float]) -> dict[str, float]:
    """Nanoseconds per pixel of each job, the median of interleaved repetitions."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            start = clock()
            job()
            taken[name].append((clock() - start) / pixels * 1e9)
    return {name: float(np.median(times)) for name, times in taken.items()}


def galsim_frame(noise: galsim.BaseNoise, side: int) -> Callable[[], None]:
    empty = galsim.ImageF(side, side)
    return lambda: empty.copy().addNoise(noise)


def galsim_stamps(noise: galsim.BaseNoise, expected: np.ndarray) -> Callable[[], None]:
    def job() -> None:
        for plane in expected[:, 0]:
            galsim.ImageF(plane.copy()).addNoise(noise)

    return job


def galaxies() -> np.ndarray:
    """Stamps of round galaxies of 10 to 10^5 electrons: every pixel expects something else."""
    y, x = np.mgrid[:STAMP, :STAMP] - (STAMP - 1) / 2
    profile = np.exp(-np.hypot(x, y) / 4.0) / (2 * np.pi * 16.0)
    return (np.geomspace(10, 1e5, STAMPS)[:, None, None, None] * profile).astype(np.float32)


def ours(expected: np.ndarray, this: Band) -> Callable[[], object]:
    """Frames in fresh memory and stamps in memory used before, as GalSim's."""
    ids = np.arange(len(expected))
    out = None if len(expected) == 1 else (np.empty_like(expected), np.empty_like(expected))
    return lambda: add_noise(expected, [this], 1, ids, out=out)


def row(name: str, sky: float, expected: np.ndarray) -> dict:
    """One thread by processor time, then two by wall time, of ours and of GalSim's."""
    noise = galsim.CCDNoise(galsim.BaseDeviate(3), sky_level=sky, gain=1.0, read_noise=READ)
    theirs = galsim_frame(noise, FRAME) if expected.shape[-1] == FRAME else galsim_stamps(noise, expected)
    jobs = {"galsim": theirs, "ours": ours(expected, band(sky))}
    with set_threads(1):
        result = median_ns(jobs, expected.size, time.process_time)
        one = median_ns({"ours": jobs["ours"]}, expected.size, time.perf_counter)["ours"]
    most = min(2, threads())
    with set_threads(most):
        two = median_ns({"ours": jobs["ours"]}, expected.size, time.perf_counter)["ours"]
    ratio = result["galsim"] / result["ours"]
    return {"image": name, "sky": sky, **result, "ratio": ratio, "threads": most, "two": two, "gain": one / two}


def correlated() -> dict:
    """Noise with an autocorrelation on one frame of 1024 x 1024 (GalSim's own of the COSMOS images)."""
    noise = galsim.getCOSMOSNoise(rng=galsim.BaseDeviate(3))
    table = tuple(tuple(float(value) for value in line) for line in np.outer(ROW3, ROW3))
    expected = np.zeros((1, 1, 1024, 1024), np.float32)
    empty = galsim.ImageF(1024, 1024, scale=0.03)
    jobs = {"galsim": lambda: empty.copy().addNoise(noise), "ours": ours(expected, band(0.0, table))}
    with set_threads(1):
        result = median_ns(jobs, expected.size, time.process_time)
    return {"image": "1024 x 1024, correlated", **result, "ratio": result["galsim"] / result["ours"]}


def main() -> None:
    galsim.set_omp_threads(1)  # whose waiting threads would else count as processor time
    frame, stamps = np.zeros((1, 1, FRAME, FRAME), np.float32), np.zeros((STAMPS, 1, STAMP, STAMP), np.float32)
    rows = [row("4096 x 4096", sky, frame) for sky in SKIES] + [row("64 x 64, blank", sky, stamps) for sky in SKIES]
    rows += [row("64 x 64, galaxies", sky, galaxies()) for sky in SKIES]
    print("| image | sky [electron] | GalSim [ns/pixel] | ours | ratio | two threads, wall | gain of the second |")
    print("|---|---|---|---|---|---|---|")
    for one in rows:
        times = f"{one['galsim']:.1f} | {one['ours']:.2f} | {one['ratio']:.1f} | {one['two']:.2f} | {one['gain']:.2f}"
        print(f"| {one['image']} | {one['sky']:g} | {times} |")
    rows.append(correlated())
    print(
        f"| {rows[-1]['image']} | | {rows[-1]['galsim']:.1f} | {rows[-1]['ours']:.2f} | {rows[-1]['ratio']:.1f} | | |"
    )
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "noise.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
