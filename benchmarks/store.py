"""The tables of docs/sample-store.md, h5py's own filters in the same run: ``python benchmarks/store.py``.

Rates of one process are per second of its processor time, best of rounds in which all take turns.
``benchmarks/jobs.py`` has the figures of jobs, ``benchmarks/soak.py`` those of long ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from _pages import put
from _timing import one_thread, prepare

from astrogan.dataset.backend import open_samples
from astrogan.dataset.codec import round_to, rounding_steps
from astrogan.dataset.manifest import Manifest, read_manifest, shard_file, write_manifest
from astrogan.dataset.reading import SampleStore
from astrogan.dataset.sharding import write_store
from catalogs.schema import Band, Survey
from simulators import StrongLens

SIGMA = 5.0
PAGE = "sample-store.md"


def stamps(count: int, bands: str = "gri", size: int = 64, seed: int = 0) -> xr.Dataset:
    """Discs of a wide range of fluxes in Gaussian noise."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size)) - (size - 1) / 2
    flux = SIGMA * rng.lognormal(4, 1.5, (count, len(bands), 1, 1))
    image = rng.normal(0, SIGMA, (count, len(bands), size, size)) + flux * np.exp(-np.hypot(x, y) / 3) / (18 * np.pi)
    survey = Survey("toy", 0.2, tuple(Band(name, 0.7, SIGMA, electrons_per_unit=2.0) for name in bands))
    return xr.Dataset(
        {
            "sample_id": ("sample", np.arange(count)),
            "qc_flag": ("sample", np.zeros(count, np.int8)),
            "image": (("sample", "band", "y", "x"), image.astype(np.float32)),
            "flux": (("sample", "band"), flux[:, :, 0, 0]),
        },
        coords={"band": list(bands)},
        attrs={"pixel_scale": 0.2, "survey": survey.to_json(), "simulator": "Toy", "seed": seed},
    )


def cpu(jobs: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Fewest seconds of processor time of each job; all of them in every round, on one thread and core."""
    times = dict.fromkeys(jobs, float("inf"))
    with one_thread():
        for _ in range(rounds):
            for name, work in jobs.items():
                begun = time.process_time()
                work()
                times[name] = min(times[name], time.process_time() - begun)
    return times


def h5py_file(path: Path, image: np.ndarray) -> None:
    """What h5py does by itself: gzip 1 and shuffle, one stamp in a chunk."""
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=image, chunks=(1, *image.shape[1:]), compression="gzip", compression_opts=1,
                            shuffle=True)  # fmt: skip


def writing(folder: Path) -> Iterator[str]:
    """Rates and ratios of writing 2,048 stamps of 3 x 64 x 64."""
    samples = stamps(2048)
    image = samples["image"].values
    coarse = round_to(image, rounding_steps(image))

    def ours() -> None:
        shutil.rmtree(folder / "w", ignore_errors=True)
        write_store(samples, folder / "w")

    peers = {"h5py, gzip 1 and shuffle": image, "the same, on pixels rounded before": coarse}
    jobs = {name: (lambda name=name, values=values: h5py_file(folder / name, values)) for name, values in peers.items()}
    name = 'astrogan, `codec="auto"`'
    seconds = cpu({name: ours, **jobs})
    files = {name: folder / "w" / shard_file(0), **{peer: folder / peer for peer in peers}}
    yield "| writing 3 × 64 × 64 | MB/s of raw pixels | size / raw size | times as fast |"
    yield "|---|---|---|---|"
    for each, file in files.items():
        rate, ratio = image.nbytes / 1e6 / seconds[each], image.nbytes / file.stat().st_size
        yield f"| {each} | {rate:.0f} | 1 / {ratio:.2f} | {seconds['h5py, gzip 1 and shuffle'] / seconds[each]:.1f} |"


def lenses(folder: Path, count: int = 512) -> Iterator[str]:
    """What each plane of observed strong lenses takes on the disk, as it is and with the default codec."""
    samples = StrongLens(survey="lsst", bands="gri", size=64).simulate(count, seed=1)
    sizes = {}
    for codec in ("none", "auto"):
        write_store(samples, folder / f"lenses-{codec}", codec=codec)
        with h5py.File(folder / f"lenses-{codec}" / shard_file(0)) as file:
            sizes[codec] = {name: file[name].id.get_storage_size() for name in ("image", "variance", "mask")}
    yield '| strong lenses of 3 × 64 × 64 | `codec="none"`: size / raw size | `codec="auto"` |'
    yield "|---|---|---|"
    raw = {name: samples[name].nbytes for name in sizes["none"]}
    for name, size in raw.items():
        yield f"| `{name}` | 1 / {size / sizes['none'][name]:.2f} | 1 / {size / sizes['auto'][name]:.2f} |"
    none, auto = (sum(raw.values()) / sum(found.values()) for found in sizes.values())
    yield f"| all three | 1 / {none:.2f} | 1 / {auto:.2f} |"


def measuring(count: int = 2000) -> Iterator[str]:
    """What rounding does to aperture fluxes and to the noise, where steps are largest for the noise and elsewhere."""
    yield f"| noise / step | flux moves, rms [of its error] | at worst of {count:,} | variance of the noise |"
    yield "|---|---|---|---|"
    y, x = np.indices((64, 64)) - 31.5
    inside, edge = np.hypot(x, y) < 8, np.hypot(x, y) > 25
    for noise in (24, 30, 40, 47):
        image = stamps(count, bands="g")["image"].values * np.float32(noise * 2.0**-3 / SIGMA)
        stored = round_to(image, rounding_steps(image))
        shift = (stored.astype(float) - image)[:, 0, inside].sum(axis=1) / (noise * 2.0**-3 * np.sqrt(inside.sum()))
        change = np.var(stored[:, 0, edge].astype(float)) / np.var(image[:, 0, edge].astype(float)) - 1
        rms, worst = np.sqrt(np.mean(shift**2)), np.abs(shift).max()
        yield f"| {noise} | {rms:.4f} | {worst:.4f} | {100 * change:+.3f} % |"


def reading(folder: Path) -> Iterator[str]:
    """Rates of reading stamps of 3 x 64 x 64, in order and at random."""
    count = 4096
    write_store(stamps(count), folder / "r", shard_size=2048)
    store, rows = SampleStore(folder / "r"), np.random.default_rng(0).permutation(count)
    in_order = [np.arange(start, start + 256) for start in range(0, count, 256)]
    with h5py.File(folder / "r" / shard_file(0), locking=False) as file:
        image, few = file["image"], rows[rows < 2048]
        jobs = {
            "in order": lambda: [store.read("image", part) for part in in_order],
            "at random, 64 at a time": lambda: [store.read("image", rows[k : k + 64]) for k in range(0, count, 64)],
            "at random, one by one": lambda: [store.read("image", rows[k : k + 1]) for k in range(count)],
            "at random, one by one, by h5py from the same file": lambda: [image[int(row)] for row in few],
        }
        seconds = cpu(jobs)
    yield "| reading 3 × 64 × 64 | stamps/s |"
    yield "|---|---|"
    for name, each in seconds.items():
        yield f"| {name} | {(len(few) if 'h5py' in name else count) / each:,.0f} |"


def opening(folder: Path) -> Iterator[str]:
    """Time on the wall to open a store of 4,000 shards."""
    write_store(stamps(2, size=8), folder / "o")
    manifest = read_manifest(folder / "o")
    first, path = manifest.shards[0], folder / "o" / shard_file(0)
    shards = tuple(replace(first, shard=k, file=shard_file(k)) for k in range(4000))
    for shard in shards[1:]:
        os.link(path, folder / "o" / shard.file)
    write_manifest(folder / "o", Manifest(replace(manifest.header, shards=4000), shards))
    begun = time.perf_counter()
    open_samples(folder / "o")
    yield "| at work | by the clock |"
    yield "|---|---|"
    yield f"| opening a store of 4,000 shards | {time.perf_counter() - begun:.2f} s |"


def loading(folder: Path, count: int) -> Iterator[str]:
    """Rates on the wall of an epoch through a DataLoader with two workers, and without."""
    from torch.utils.data import DataLoader

    from astrogan.dataset.loader import SampleStream

    write_store([part(number, count // 10) for number in range(10)], folder / "l")
    for workers in (0, 2):
        stream = SampleStream(folder / "l", ("image", "flux"), batch_size=256, window=2048)
        begun = time.perf_counter()
        seen = sum(len(batch["image"]) for batch in DataLoader(stream, batch_size=None, num_workers=workers))
        rate = seen / (time.perf_counter() - begun)
        yield f"| an epoch of {seen:,} stamps of 3 × 32 × 32, {workers} workers, dithered | {rate:,.0f} stamps/s |"


def part(number: int, count: int) -> xr.Dataset:
    samples = stamps(count, size=32, seed=number)
    samples.attrs["seed"] = 0
    return samples.assign(sample_id=samples["sample_id"] + number * count)


def main() -> None:
    """Make every table of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stamps", type=int, default=100_000, help="stamps of an epoch")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        put(PAGE, "writing", "\n".join(writing(folder)))
        put(PAGE, "lenses", "\n".join(lenses(folder)))
        put(PAGE, "measuring", "\n".join(measuring()))
        put(PAGE, "reading", "\n".join([*reading(folder), "", *opening(folder), *loading(folder, asked.stamps)]))


if __name__ == "__main__":
    prepare()
    main()
