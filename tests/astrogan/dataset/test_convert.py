"""Stores into other stores: the samples stay what they are, bit for bit."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import xarray as xr

from astrogan.dataset import SchemaError, digest, read_samples
from astrogan.dataset.backend import open_samples
from astrogan.dataset.convert import convert_store, merge_stores, rows_where, subset_store
from astrogan.dataset.manifest import read_manifest
from astrogan.dataset.sharding import write_store
from astrogan.dataset.verification import verify_store


@pytest.fixture
def store(make_samples, tmp_path):
    write_store(make_samples(40, size=(16, 12)), tmp_path / "store", shard_size=16)
    return tmp_path / "store"


def test_a_subset_is_those_samples(store, tmp_path):
    truth = open_samples(store).load()
    good = (truth["age"].values > 0.3) & (truth["flux"].values[:, 1] < 1.8)
    count = subset_store(store, tmp_path / "part", where=["age > 0.3", "flux_r<1.8"], shard_size=5)
    assert count == good.sum() > 5
    part = open_samples(tmp_path / "part").load()
    xr.testing.assert_identical(part, truth.isel(sample=np.flatnonzero(good)))
    assert not verify_store(tmp_path / "part")


def test_merging_the_parts_gives_the_whole(store, tmp_path):
    subset_store(store, tmp_path / "a", stop=23)
    subset_store(store, tmp_path / "b", start=23)
    merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "whole", shard_size=16)
    assert digest(open_samples(tmp_path / "whole")) == digest(open_samples(store))
    shards = [[shard.content_digest for shard in read_manifest(path).shards] for path in (tmp_path / "whole", store)]
    assert shards[0] == shards[1]


def test_what_does_not_belong_together_is_not_merged(make_samples, store, tmp_path):
    with pytest.raises(SchemaError, match="sample_id: 40 of 80 values repeat"):
        merge_stores([store, store], tmp_path / "twice")
    write_store(make_samples(4, size=(16, 12)).assign_attrs(seed=8), tmp_path / "other")
    with pytest.raises(SchemaError, match="other: seed = '8' is not that of"):
        merge_stores([store, tmp_path / "other"], tmp_path / "both")
    assert not (tmp_path / "twice").exists()
    assert not (tmp_path / "both").exists()


def test_one_file_and_back(store, tmp_path):
    convert_store(store, tmp_path / "one.h5")
    assert digest(read_samples(tmp_path / "one.h5")) == digest(open_samples(store))
    convert_store(tmp_path / "one.h5", tmp_path / "again")
    assert digest(open_samples(tmp_path / "again")) == digest(open_samples(store))
    with pytest.raises(FileExistsError):
        convert_store(store, tmp_path / "one.h5")
    with pytest.raises(ValueError, match=r"unknown form '\.png'"):
        convert_store(store, tmp_path / "one.png")


@pytest.mark.skipif(find_spec("zarr") is None, reason="needs zarr")
def test_zarr_holds_the_same(store, tmp_path):
    convert_store(store, tmp_path / "one.zarr")
    xr.testing.assert_equal(xr.open_zarr(tmp_path / "one.zarr", chunks=None).load(), open_samples(store).load())
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ages > 1", "unknown label 'ages': did you mean 'age'"),
        ("flux_z > 1", "unknown label 'flux_z'"),
        ("age > old", "condition 'age > old' is not a label"),
        ("age", "is not a label, one of"),
        ("__import__('os').system('x') > 1", "is not a label, one of"),
    ],
)
def test_conditions_that_cannot_be_read(store, text, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        rows_where(open_samples(store), [text])


def test_a_condition_on_components_holds_for_any(store):
    samples = open_samples(store)
    rows = rows_where(samples, ["source_x > 1"])
    assert np.array_equal(rows, np.flatnonzero((samples["source_x"].values > 1).any(axis=1)))


def test_an_empty_subset_is_refused(store, tmp_path):
    with pytest.raises(ValueError, match=r"no sample of .* has age > 9"):
        subset_store(store, tmp_path / "none", where=["age > 9"])
    assert not (tmp_path / "none").exists()
