"""A store of samples into another one, whatever is done to them."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrogan.cli.progress import Steps

if TYPE_CHECKING:
    import xarray as xr

    from astrogan.dataset.reading import SampleStore

__all__ = ["batch_size", "is_store", "name_of", "rewrite_store"]

LARGEST = 256  # samples of a batch


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether there is a sample store: a directory with a manifest, or a file that astrogan wrote."""
    import h5py

    from astrogan.dataset.manifest import MANIFEST

    place = Path(path)
    if place.is_dir():
        return (place / MANIFEST).is_file()
    if place.suffix != ".h5" or not h5py.is_hdf5(place):
        return False
    with h5py.File(place) as file:
        return "astrogan" in str(file.attrs.get("Conventions", ""))


def name_of(store: SampleStore) -> str:
    """What names the content of a store: the hash of its manifest, or the digest in its file."""
    from astrogan.dataset.manifest import MANIFEST
    from astrogan.dataset.verification import file_sha256

    return file_sha256(store.path / MANIFEST) if store.manifest is not None else str(store.extra["content_digest"])


def batch_size(samples: xr.Dataset, pixels: int, planes: int = 1) -> int:
    """Samples, at most `LARGEST`, of which `planes` images (band, y, x) have no more than `pixels` together."""
    each = planes * samples.sizes["band"] * samples.sizes["y"] * samples.sizes["x"]
    return max(1, min(LARGEST, pixels // each))


def rewrite_store(
    store: SampleStore,
    out: Path,
    change: Callable[[xr.Dataset], xr.Dataset],
    steps: Steps,
    *,
    said: tuple[str, str],
    batch: int,
    origin: dict[str, Any],
    codec: str = "none",
) -> int:
    """Put changed samples into a new directory with the same shards; return their number.

    Parameters
    ----------
    store : SampleStore
    out : path
    change : function
        Of a loaded batch of samples; what it returns gains the attributes `origin`.
    steps : Steps
    said : pair of str
        What is done, before " N samples of STORE", and a word at the end.
    batch : int
        Samples that are changed together.
    origin : dict
    codec : {"none", "auto"}
        Of the new shards.

    Raises
    ------
    OSError
        If `out` exists and is not empty.
    """
    from astrogan.dataset.backend import samples_of
    from astrogan.dataset.folder import StoreFolder, locked, make_folder
    from astrogan.dataset.sharding import write_shard

    samples, starts = samples_of(store), store.starts.tolist()

    def changed(start: int, stop: int) -> xr.Dataset:
        return change(samples.isel(sample=slice(start, min(start + batch, stop))).load()).assign_attrs(origin)

    with steps.step(f"{said[0]} {len(store)} samples of {store.path}") as step, locked(folder := make_folder(out)):
        made = StoreFolder(folder)
        for number, (first, last) in enumerate(pairwise(starts)):
            batches = (changed(start, last) for start in range(first, last, batch))  # used up below
            made.add(*write_shard(batches, folder, number, last - first, codec))
            step.advance(last / len(store))
        made.finish()
        step.done(said[1])
    return len(store)
