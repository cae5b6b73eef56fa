"""Time of the sensor chain, of its effects, and of the brighter-fatter effect against GalSim's SiliconSensor.

python benchmarks/sensor.py  # writes the tables of docs/sensor.md

Processor time of one thread, the peers interleaved.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import galsim
import numpy as np
from _pages import put, rows

import catalogs
from simulators._kernels._jit import set_threads
from simulators.observation import observe, sensor_for
from simulators.sensor import EFFECTS, BrighterFatter, Photons, Sensor

SIDE, ROUNDS = 4096, 3
SPOT = galsim.Gaussian(sigma=1.9)
STAR, FLUX = 32, 1e5


def median(jobs: dict[str, Callable]) -> dict[str, float]:
    """Seconds of each job, the median of interleaved repetitions after one that compiles."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            taken[name].append(time.process_time() - start)
    return {name: float(np.median(times)) for name, times in taken.items()}


def frame() -> np.ndarray:
    """A sky of 300 electrons and a star in each 64 x 64 pixels, some of which saturate."""
    y, x = np.mgrid[:64, :64] - 31.5
    shape = 0.15 * (1.0 + (x * x + y * y) / 9.0) ** -3.5
    flux = np.random.default_rng(1).pareto(1.2, (SIDE // 64, SIDE // 64)) * 2e3
    return (300.0 + np.kron(np.minimum(flux, 3e6), shape)).astype(np.float32)


def chain(expected: np.ndarray) -> dict:
    """The whole chain, and what each effect adds to a sensor without any."""
    whole = Sensor([kind() for kind in EFFECTS], 30.0, 8, detector=1)
    jobs = {"none": lambda: Sensor().expose(expected, 1), "all": lambda: whole.expose(expected, 1)}
    jobs |= {kind.__name__: partial(Sensor([kind()], 30.0, 8).expose, expected, 1) for kind in EFFECTS}
    tracemalloc.start()
    whole.expose(expected, 1)
    peak = tracemalloc.get_traced_memory()[1] / expected.nbytes
    tracemalloc.stop()
    return {"seconds": median(jobs), "frames": peak}


def stars() -> dict:
    """Photons per second of stars of 10^5 with brighter-fatter: GalSim shoots each, ours counts an expected image."""
    expected = SPOT.withFlux(FLUX).drawImage(nx=STAR, ny=STAR, scale=1.0).array
    batch = np.repeat(expected[None, None], 100, axis=0)
    ours = Sensor((Photons(), BrighterFatter()))
    sensor = galsim.SiliconSensor("lsst_itl_50_8", rng=galsim.BaseDeviate(5))

    def theirs() -> None:
        for number in range(5):
            image = galsim.ImageF(STAR, STAR, scale=1.0)
            SPOT.withFlux(FLUX).drawImage(image, method="phot", sensor=sensor, rng=galsim.BaseDeviate(number + 1))

    seconds = median({"galsim": theirs, "ours": lambda: ours.expose(batch, 1)})
    return {"galsim": 5 * FLUX / seconds["galsim"], "ours": 100 * FLUX / seconds["ours"]}


def exposures() -> tuple[float, float]:
    """Seconds of each of ten exposures of DES on 4096 x 4096 pixels, by a quarter of these; frames of memory beside the
    expected one.
    """
    survey = catalogs.get_survey("des").select("r").with_exposures(10)
    sensor, expected = sensor_for("des", survey), frame()[: SIDE // 2, : SIDE // 2][None, None] - 300.0
    see = partial(observe, expected, survey, sensor, 1, np.zeros(1, np.int64))
    seconds = median({"des": see})["des"] * (SIDE**2 / expected.size) / 10
    tracemalloc.start()
    see()
    peak = tracemalloc.get_traced_memory()[1] / expected.nbytes
    tracemalloc.stop()
    return seconds, peak


def size(image: np.ndarray) -> np.ndarray:
    """Adaptive second moments along x and y [pixel^2]."""
    found = galsim.hsm.FindAdaptiveMom(galsim.ImageD(image.astype(float)))
    e1, e2 = found.observed_e1, found.observed_e2
    return found.moments_sigma**2 / np.sqrt(1.0 - e1**2 - e2**2) * np.array([1.0 + e1, 1.0 - e1])


def growth(flux: float) -> list[str]:
    """What brighter-fatter adds to a star's second moments [pixel^2]; GalSim's the mean of paired photons."""
    expected = SPOT.withFlux(flux).drawImage(nx=STAR, ny=STAR, scale=1.0).array
    ours = size(Sensor((BrighterFatter(),)).expose(expected, 1)[0]) - size(expected)
    sizes = {}
    for strength in (1.0, 1e-6):
        mean = np.zeros((STAR, STAR))
        for number in range(max(1, int(4e6 / flux))):
            sensor = galsim.SiliconSensor("lsst_itl_50_8", strength, galsim.BaseDeviate(5), diffusion_factor=0.0)
            image = galsim.ImageF(STAR, STAR, scale=1.0)
            rng = galsim.BaseDeviate(number + 1)
            SPOT.withFlux(flux).drawImage(image, method="phot", sensor=sensor, rng=rng)
            mean += image.array
        sizes[strength] = size(mean)
    theirs = sizes[1.0] - sizes[1e-6]
    pairs = [*zip(theirs, ours, strict=True), (theirs[1] - theirs[0], ours[1] - ours[0])]
    return [f"{flux:.0e}", *(f"{a:.5f}, {b:.5f}: {b / a:.2f}" for a, b in pairs)]


def main() -> None:
    galsim.set_omp_threads(1)
    with set_threads(1):
        times, rates = chain(frame()), stars()
    seconds = times["seconds"]
    own = {name: taken if name in ("none", "all") else max(taken - seconds["none"], 0.0)
           for name, taken in seconds.items()}  # fmt: skip
    names = {"none": "no effect", "all": "all effects"}
    put(
        "sensor.md",
        "times",
        rows(("effect", "seconds"), [(names.get(n, f"`{n}`"), f"{t:.3f}") for n, t in own.items()]),
    )
    ratio = rates["ours"] / rates["galsim"]
    put("sensor.md", "memory", f"All effects together need {times['frames']:.2f} frames of memory beside the expected "
        f"one, and count {rates['ours']:.2g} photons/s of stars with brighter-fatter, SiliconSensor "
        f"{rates['galsim']:.2g}: {ratio:.0f} times fewer.")  # fmt: skip
    each, peak = exposures()
    words = (
        f'Each of a band\'s exposures through `sensor_of("des")` takes {each:.2f} s, and any number of them {peak:.1f} '
        "frames of memory\nbeside the expected one, of which 2.25 are the image, its variance and flags."
    )
    put("sensor.md", "exposures", words)
    put("sensor.md", "growth", rows(("electrons", "along x: GalSim, ours: ratio", "along y", "their difference"),
                                    [growth(flux) for flux in (1e5, 3e5, 1e6)]))  # fmt: skip


if __name__ == "__main__":
    main()
