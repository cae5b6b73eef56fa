"""Directories of shards: written in batches, read on demand, from threads and processes."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest
import xarray as xr

from astrogan.dataset import SchemaError, digest, read_samples, write_samples
from astrogan.dataset.backend import AstroganBackend, open_samples
from astrogan.dataset.reading import OPEN, SampleStore
from astrogan.dataset.shard_reader import ShardReader
from astrogan.dataset.sharding import write_store
from astrogan.dataset.verification import verify_store


@pytest.fixture
def many(make_samples):
    return make_samples(50, size=(16, 12))


@pytest.fixture
def store(many, tmp_path):
    assert write_store(many, tmp_path / "store", shard_size=16, codec="none") == 4
    return tmp_path / "store"


def test_what_was_written_is_read(many, store):
    lazy = open_samples(store)
    xr.testing.assert_equal(lazy.load(), many)
    assert digest(lazy) == digest(many)
    assert {name: lazy[name].dtype for name in many.variables} == {name: many[name].dtype for name in many.variables}
    assert lazy["kind"].attrs["flag_values"].dtype == np.int8
    assert {name: lazy.attrs[name] for name in many.attrs} == many.attrs
    assert list(lazy.data_vars) == list(many.data_vars)


def test_one_file_is_read_on_demand_as_well(many, tmp_path):
    write_samples(many, tmp_path / "a.h5")
    xr.testing.assert_identical(open_samples(tmp_path / "a.h5").load(), read_samples(tmp_path / "a.h5"))


def test_shards_are_the_samples_whatever_their_size(many, tmp_path):
    for size in (1, 7, 50, 1000):
        write_store(many, tmp_path / f"{size}", shard_size=size)
    names = {digest(open_samples(tmp_path / f"{size}").load()) for size in (1, 7, 50, 1000)}
    assert len(names) == 1


KEYS = [
    {"sample": 17},
    {"sample": slice(10, 40, 3)},
    {"sample": [49, 0, 20, 20, -1]},
    {"sample": slice(None, None, -1), "band": 1},
    {"sample": [3, 30], "band": [1, 0], "y": slice(2, 9), "x": 4},
    {"y": [1, 5], "x": slice(0, 0)},
    {"sample": []},
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_any_part_is_what_numpy_would_take(many, store, key):
    part = open_samples(store).isel(key)
    xr.testing.assert_equal(part.load(), many.isel(key))


def test_labels_select_without_reading_pixels(many, store, monkeypatch):
    read = []
    original = ShardReader.read
    monkeypatch.setattr(ShardReader, "read", lambda self, name, *rows: read.append(name) or original(self, name, *rows))
    samples = open_samples(store)
    chosen = samples.isel(sample=np.flatnonzero(samples["age"] > 0.9))
    assert set(read) == {"psf", "age"}  # one PSF for all samples
    good = np.flatnonzero(many["age"].values > 0.9)
    assert np.array_equal(chosen["image"], many["image"].values[good])
    assert len({name for name in read if name == "image"}) == 1


def test_threads_read_at_once(many, store):
    lazy = SampleStore(store)
    rng = np.random.default_rng(0)
    wanted = [rng.integers(0, 50, 20) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda rows: lazy.read("image", rows), wanted))
    for rows, values in zip(wanted, read, strict=True):
        assert np.array_equal(values, many["image"].values[rows])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_read_what_the_parent_has_open(store):
    code = """
import os, sys
import numpy as np
from astrogan.dataset.backend import open_samples
samples = open_samples(sys.argv[1])
first = samples["image"][3:40].values
children = []
for _ in range(3):
    child = os.fork()
    if not child:
        os._exit(int(not np.array_equal(samples["image"][3:40].values, first)))
    children.append(child)
bad = sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children)
sys.exit(bad or int(not np.array_equal(samples["image"][3:40].values, first)))
"""
    done = subprocess.run([sys.executable, "-c", code, str(store)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_pickled_store_reads_the_same(many, store):
    import pickle

    samples = open_samples(store)
    assert np.array_equal(samples["image"].values[0], many["image"].values[0])
    again = pickle.loads(pickle.dumps(samples))
    assert np.array_equal(again["image"].isel(band=0).values[33], many["image"].values[33, 0])


@pytest.mark.skipif(find_spec("dask") is None, reason="needs dask")
def test_dask_arrays_on_request(many, store):
    samples = open_samples(store, chunks={})
    assert samples["image"].chunks[0] == (16, 16, 16, 2)
    assert samples["image"].mean().compute() == pytest.approx(float(many["image"].mean()))


def test_few_files_are_open_at_a_time(many, tmp_path):
    sources = [many, many.assign(sample_id=many["sample_id"] + 100)]
    write_store(sources, tmp_path / "store", shard_size=1)
    lazy = SampleStore(tmp_path / "store")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    lazy.read("image", np.arange(len(lazy)))
    assert len(lazy._readers) == OPEN
    if before:
        assert len(os.listdir("/proc/self/fd")) - before <= OPEN + 1


def test_xarray_finds_the_engine_by_itself(store, many):
    backend = AstroganBackend()
    assert backend.guess_can_open(str(store))
    assert not backend.guess_can_open(store / "shards" / "shard-00000.h5")
    dropped = xr.open_dataset(store, engine=AstroganBackend, drop_variables=["variance", "mask"])
    assert set(many.variables) - set(dropped.variables) == {"variance", "mask"}


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_a_shard_is_a_netcdf_file(many, store, engine):
    with xr.open_dataset(store / "shards" / "shard-00001.h5", engine=engine) as shard:
        xr.testing.assert_equal(shard.load(), many.isel(sample=slice(16, 32)))
        table = shard[["flux", "age", "kind"]].to_dataframe()
    assert {"flux", "age", "kind"} <= set(table.columns)
    assert len(table) == 32


def test_several_sources_follow_one_another(many, store, tmp_path):
    parts = [open_samples(store).isel(sample=slice(20)), many.isel(sample=slice(20, 50))]
    write_store(parts, tmp_path / "joined", shard_size=9, codec="none")
    assert digest(open_samples(tmp_path / "joined")) == digest(many)
    with pytest.raises(SchemaError, match="sample_id: 20 of 70 values repeat"):
        write_store([many, parts[0]], tmp_path / "twice")
    assert not (tmp_path / "twice").exists()


def test_shards_are_made_side_by_side_and_after_a_failure(many, tmp_path):
    broken = many.assign(age=many["age"] * np.nan)
    for _ in range(2):
        with pytest.raises(SchemaError, match="age: 50 of 50 values are NaN"):
            write_samples(broken, tmp_path / "broken.h5")
    with ThreadPoolExecutor(4) as pool:
        stores = [tmp_path / f"{number}" for number in range(8)]
        list(pool.map(lambda path: write_store(many, path, shard_size=20, codec="none"), stores))
    assert {digest(open_samples(path)) for path in stores} == {digest(many)}


def test_a_store_is_never_written_into(many, store, tmp_path):
    with pytest.raises(FileExistsError, match="store exists already and is not empty"):
        write_store(many, store)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "draft.txt").touch()
    with pytest.raises(FileExistsError):
        write_store(many, tmp_path / "thesis")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(FileExistsError, match="symbolic links are refused"):
        write_store(many, tmp_path / "link")
    with pytest.raises(FileNotFoundError, match=r"the folder .*absent does not exist"):
        write_store(many, tmp_path / "absent" / "store")
    assert not verify_store(store)


def test_samples_outside_are_refused(store):
    with pytest.raises(IndexError, match="sample 0 … 50 is outside 0 … 49"):
        SampleStore(store).read("image", np.array([0, 50]))
