"""Speed and size of the sample store, beside h5py's own filters in the same run: ``python benchmarks/store.py``.

Single-process rates are per second of this process's CPU time, pinned to one core where the system allows. ``--soak N``
writes N stamps of 32 x 32 and watches memory and files; ``--job`` runs a weak-lensing job against its simulator alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from astrogan.dataset.backend import open_samples
from astrogan.dataset.codec import round_to, rounding_steps
from astrogan.dataset.manifest import Manifest, read_manifest, shard_file, write_manifest
from astrogan.dataset.reading import SampleStore
from astrogan.dataset.sharding import write_store
from astrogan.dataset.verification import verify_store
from catalogs.schema import Band, Survey

SIGMA = 5.0


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


def cpu(work: Callable[[], object], repeats: int = 3) -> float:
    """Fewest CPU seconds of `repeats` runs."""
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def h5py_file(path: Path, image: np.ndarray) -> None:
    """What h5py does by itself: gzip 1 and shuffle, one stamp in a chunk."""
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=image, chunks=(1, *image.shape[1:]), compression="gzip", compression_opts=1,
                            shuffle=True)  # fmt: skip


def writing(folder: Path) -> None:
    """Rates and ratios of writing 2,048 stamps of 3 x 64 x 64."""
    samples = stamps(2048)
    image = samples["image"].values
    coarse = round_to(image, rounding_steps(image))
    raw = image.nbytes / 1e6

    def ours() -> None:
        shutil.rmtree(folder / "w", ignore_errors=True)
        write_store(samples, folder / "w")

    rows = [("astrogan, codec auto", cpu(ours), (folder / "w" / shard_file(0)).stat().st_size)]
    for name, values in (("h5py gzip-1 + shuffle", image), ("the same on pixels rounded already", coarse)):
        seconds = cpu(lambda values=values: h5py_file(folder / "p.h5", values))
        rows.append((name, seconds, (folder / "p.h5").stat().st_size))
    for name, seconds, size in rows:
        print(
            f"write  {name:38s} {raw / seconds:7.0f} MB/s  ratio {image.nbytes / size:.2f}  x{seconds / rows[0][1]:.1f}"
        )


def measuring() -> None:
    """What rounding does to aperture fluxes and to the noise."""
    image = stamps(2000, bands="g")["image"].values
    stored = round_to(image, rounding_steps(image))
    y, x = np.indices(image.shape[2:]) - 31.5
    inside = np.hypot(x, y) < 8
    shift = (stored.astype(float) - image)[:, 0, inside].sum(axis=1) / (SIGMA * np.sqrt(inside.sum()))
    edge = np.hypot(x, y) > 25
    change = np.var(stored[:, 0, edge].astype(float)) / np.var(image[:, 0, edge].astype(float)) - 1
    rms, worst = np.sqrt(np.mean(shift**2)), np.abs(shift).max()
    print(f"pixels aperture flux moves by {rms:.4f} sigma rms, {worst:.4f} at worst of 2,000", end="; ")
    print(f"noise variance by {100 * change:+.3f} %")


def reading(folder: Path) -> None:
    """Rates of reading stamps of 3 x 64 x 64, in order and at random."""
    count = 8192
    write_store(stamps(count), folder / "r", shard_size=2048)
    store, rows = SampleStore(folder / "r"), np.random.default_rng(0).permutation(count)
    store.read("image", rows[:256])
    in_order = [np.arange(start, start + 256) for start in range(0, count, 256)]
    print(f"read   in order   {count / cpu(lambda: [store.read('image', part) for part in in_order]):8.0f} stamps/s")
    single = cpu(lambda: [store.read("image", rows[k : k + 1]) for k in range(2000)], 2)
    print(f"read   at random  {2000 / single:8.0f} stamps/s one by one")
    many = cpu(lambda: [store.read("image", rows[k : k + 64]) for k in range(0, count, 64)])
    print(f"read   at random  {count / many:8.0f} stamps/s in batches of 64")
    with h5py.File(folder / "r" / shard_file(0)) as file:
        image = file["image"]
        seconds = cpu(lambda: [image[int(row)] for row in rows[rows < 2048]], 2)
    print(f"read   at random  {2048 / seconds:8.0f} stamps/s by h5py from the same file")


def opening(folder: Path) -> None:
    """Wall time to open a store of 4,000 shards."""
    write_store(stamps(2, size=8), folder / "o")
    manifest = read_manifest(folder / "o")
    first, path = manifest.shards[0], folder / "o" / shard_file(0)
    shards = tuple(replace(first, shard=k, file=shard_file(k)) for k in range(4000))
    for shard in shards[1:]:
        os.link(path, folder / "o" / shard.file)
    write_manifest(folder / "o", Manifest(replace(manifest.header, shards=4000), shards))
    begun = time.perf_counter()
    sizes = open_samples(folder / "o").sizes
    print(f"open   4,000 shards, {sizes['sample']} samples: {time.perf_counter() - begun:.2f} s")


def loading(folder: Path, count: int) -> None:
    """Wall time of an epoch through a DataLoader with two workers."""
    from torch.utils.data import DataLoader

    from astrogan.dataset.loader import SampleStream

    write_store(stamps(count, size=32), folder / "l")
    for workers in (0, 2):
        stream = SampleStream(folder / "l", ("image", "flux"), batch_size=256, window=2048)
        begun = time.perf_counter()
        seen = sum(len(batch["image"]) for batch in DataLoader(stream, batch_size=None, num_workers=workers))
        print(
            f"load   {seen} stamps of 3x32x32, {workers} workers: {seen / (time.perf_counter() - begun):.0f} stamps/s"
        )


def soak(folder: Path, count: int) -> None:
    """Resident memory and open files while `count` stamps are written and read."""
    part = stamps(50_000, bands="g", size=32)
    readings = []
    for number in range(-(-count // 50_000)):
        write_store(part, folder / f"s{number}")
        open_samples(folder / f"s{number}")["image"].isel(sample=slice(0, 5000)).load()
        shutil.rmtree(folder / f"s{number}")
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        readings.append((time.time() / 60, resident, len(os.listdir("/proc/self/fd"))))
    times, memory, files = map(np.array, zip(*readings[2:], strict=True))
    slope = np.polyfit(times - times[0], memory, 1)[0]
    print(f"soak   {count} stamps: {slope:+.2f} MB/min at {memory[-1]:.0f} MB, files {files.min()} … {files.max()}")


def job(folder: Path) -> None:
    """A weak-lensing job in one process against its simulator alone, compilation left out of both."""
    content = "simulate: {simulator: WeakLens, bands: [g, r, i], size: 64, samples: 8192, seed: 1}\nobserve: {}\n"
    (folder / "job.yaml").write_text(f"{content}store: {{shard_size: 2048, planes: [image]}}\n")
    code = "from astrogan.cli import main; main()"
    line = [sys.executable, "-c", code, "run", str(folder / "job.yaml"), "--out", str(folder / "j"), "--workers", "0"]
    subprocess.run(line, check=True, capture_output=True, env={**os.environ, "NUMBA_NUM_THREADS": "1"})
    lines = [json.loads(line) for line in (folder / "j" / "log.jsonl").read_text().splitlines()]
    events = [line for line in lines if line["event"] == "shard"][1:]
    made = sum(end - begin for event in events for stage, begin, end in event["trace"] if stage == "make")
    whole, samples = sum(event["seconds"] for event in events), sum(event["shard"]["samples"] for event in events)
    print(f"job    simulate, observe, store: {samples / whole:.0f} samples/s", end=", ")
    print(f"{100 * made / whole:.0f} % of the rate of its simulator, {samples / made:.0f}/s")
    assert not verify_store(folder / "j")


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", type=int, default=0, help="stamps to write and read for memory's sake")
    parser.add_argument("--stamps", type=int, default=20_000, help="stamps of an epoch")
    parser.add_argument("--job", action="store_true", help="run a job as well")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writing(folder)
        measuring()
        reading(folder)
        opening(folder)
        loading(folder, asked.stamps)
        if asked.soak:
            soak(folder, asked.soak)
        if asked.job:
            job(folder)


if __name__ == "__main__":
    main()
