"""Stores into other stores: a part, several together, one file, zarr."""

from __future__ import annotations

import operator
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from astrogan.dataset.attributes import SchemaError
from astrogan.dataset.backend import open_samples
from astrogan.dataset.files import check_target, replace_file
from astrogan.dataset.schema import label_names, plane_names
from astrogan.dataset.shard_writer import ShardWriter
from astrogan.dataset.sharding import SHARD_SIZE, batches_of, check_ids, write_store
from catalogs.checks import one_of

__all__ = ["convert_store", "merge_stores", "rows_where", "subset_store"]

_TESTS = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|!=|==|>|<)\s*(\S+)\s*")


def merge_stores(
    paths: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str], *, shard_size: int = SHARD_SIZE
) -> int:
    """Write the samples of several stores, in order, to a new directory; return its number of shards.

    Raises
    ------
    SchemaError
        If sample ids repeat, or the stores differ in survey, simulator, seed or variables.
    """
    return write_store(_alike([open_samples(path) for path in paths], paths), out, shard_size=shard_size, codec="none")


def _alike(sources: list[xr.Dataset], paths: Sequence[str | os.PathLike[str]]) -> list[xr.Dataset]:
    if not sources:
        raise SchemaError("no stores to merge")
    for path, source in zip(paths, sources, strict=True):
        for name in ("survey", "simulator", "seed"):
            if source.attrs.get(name) != sources[0].attrs.get(name):
                raise SchemaError(
                    f"{os.fspath(path)}: {name} = {str(source.attrs.get(name))[:60]!r} is not that of "
                    f"{os.fspath(paths[0])}; sample ids name samples only within one run"
                )
    return sources


def subset_store(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    where: Sequence[str] = (),
    start: int = 0,
    stop: int | None = None,
    shard_size: int = SHARD_SIZE,
) -> int:
    """Write some samples of a store to a new directory, bit for bit; return their number.

    Parameters
    ----------
    where
        Conditions on labels such as ``theta_E > 1``, all of which must hold (`rows_where`); no pixel is read for them.
    start, stop
        First and behind-the-last place in the store.

    Raises
    ------
    ValueError
        For a condition that cannot be read, or if no sample is left.
    """
    samples = open_samples(path)
    rows = rows_where(samples, where)
    rows = rows[(rows >= start) & (rows < (samples.sizes["sample"] if stop is None else stop))]
    if not len(rows):
        raise ValueError(f"no sample of {os.fspath(path)} has {' and '.join(where) or 'a place in this range'}")
    write_store(samples.isel(sample=rows), out, shard_size=shard_size, codec="none")
    return len(rows)


def rows_where(samples: xr.Dataset, where: Sequence[str]) -> NDArray[np.int64]:
    """Places of the samples for which all conditions hold: a label, one of ``> < >= <= == !=``, and a number.

    A label per band is named ``flux_r``; one per component or neighbour holds if it does for any of them.
    """
    good = np.ones(samples.sizes["sample"], bool)
    names = {"sample_id", "qc_flag", *label_names(samples)}
    bands = samples["band"].values.tolist()
    for text in where:
        match = _CONDITION.fullmatch(text)
        try:
            number = float(match.group(3)) if match else None
        except ValueError:
            number = None
        if match is None or number is None:
            raise ValueError(f"condition {text!r} is not a label, one of {' '.join(_TESTS)}, and a number")
        name, _, band = match.group(1).rpartition("_")
        if match.group(1) in names or band not in bands:
            name, band = one_of("label", match.group(1), names), ""
        values = samples[one_of("label", name, names)].variable
        values = values.isel(band=bands.index(band)) if band else values
        holds = _TESTS[match.group(2)](values.values, number)
        good &= holds.reshape(len(good), -1).any(axis=1)
    return np.flatnonzero(good)


def convert_store(path: str | os.PathLike[str], out: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a store in another form, which the end of the name says: ``.h5`` one file, ``.zarr``, none a directory.

    Raises
    ------
    OSError
        If `out` exists (a file is replaced if `overwrite`).
    ImportError
        For ``.zarr`` without the package zarr.
    """
    target, samples = Path(out), open_samples(path)
    if target.suffix == ".h5":
        _write_file(samples, check_target(target, overwrite))
    elif target.suffix == ".zarr":
        _write_zarr(samples, target)
    elif not target.suffix:
        write_store(samples, target, codec="none")
    else:
        raise ValueError(f"{target}: unknown form {target.suffix!r}; valid: .h5, .zarr, or no ending for a directory")


def _write_file(samples: xr.Dataset, target: Path) -> None:
    """A batch at a time, so that the raw pixels are never in memory together."""
    count = check_ids([samples])
    with ShardWriter(count, "none") as writer:
        for batch in batches_of([samples], 0, count):
            writer.add(batch)
        replace_file(target, writer.close()[0])


def _write_zarr(samples: xr.Dataset, target: Path) -> None:
    """Zarr format 2, which has a fixed form of text, written beside the target and renamed when whole."""
    check_target(target)
    count = check_ids([samples])
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        for batch in batches_of([samples], 0, count):
            if not aside.exists():
                planes = [name for name in plane_names(batch) if batch[name].dims[0] == "sample"]
                chunks = {name: {"chunks": (1, *batch[name].shape[1:])} for name in planes}
                batch.to_zarr(aside, mode="w-", zarr_format=2, encoding=chunks)
            else:
                shared = [name for name in batch.variables if batch[name].dims[:1] != ("sample",)]
                batch.drop_vars(shared).to_zarr(aside, append_dim="sample")
        os.rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
