"""Commands on sample stores: what they print and how they end."""

from __future__ import annotations

import pytest

from astrogan.dataset.sharding import write_store


@pytest.fixture
def store(make_samples, tmp_path):
    write_store(make_samples(9), tmp_path / "store", shard_size=4)
    return tmp_path / "store"


def test_a_whole_store(run, store, tmp_path):
    code, out, err = run("verify", store)
    assert (code, out) == (0, "")
    assert "as it was written" in err
    code, out, _ = run("info", store)
    assert code == 0
    assert "sample 9" in out
    assert "3 shards" in out.replace("shards  3,", "3 shards")
    assert "complete" in out


def test_damage_is_named_and_the_manifest_rebuilt(run, store):
    path = store / "shards" / "shard-00001.h5"
    path.write_bytes(path.read_bytes()[:-9])
    code, out, err = run("verify", store)
    assert code == 1
    assert out.startswith("shards/shard-00001.h5: ")
    assert out.count("\n") == 1
    assert "1 faults" in err
    code, _, err = run("info", store)
    assert code == 1
    assert err.startswith(f"astrogan: {path}: damaged")
    code, out, err = run("verify", store, "--rebuild")
    assert code == 1
    assert "manifest of 2 whole shards written" in err
    path.unlink()
    assert run("verify", store)[0] == 0


def test_parts_merged_converted_and_exported(run, store, tmp_path):
    assert run("subset", store, "-o", tmp_path / "a", "--stop", 5)[:2] == (0, f"{tmp_path / 'a'}: 5 samples\n")
    assert run("subset", store, "-o", tmp_path / "b", "--start", 5, "--where", "age>-1")[0] == 0
    code, out, _ = run("merge", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c", "--shard-size", 3)
    assert (code, out) == (0, f"{tmp_path / 'c'}: 3 shards\n")
    assert run("convert", tmp_path / "c", "-o", tmp_path / "c.h5")[0] == 0
    assert run("verify", tmp_path / "c.h5")[0] == 0
    assert run("export", tmp_path / "c", "-o", tmp_path / "c.fits")[0] == 0
    assert run("export", tmp_path / "c.h5", "-o", tmp_path / "d.fits")[0] == 0
    assert (tmp_path / "c.fits").read_bytes() == (tmp_path / "d.fits").read_bytes()


def test_refusals(run, store, tmp_path):
    for arguments, words in (
        (("verify", tmp_path / "absent"), "there is nothing at this name"),
        (("subset", store, "-o", store), "exists already and is not empty"),
        (("subset", store, "-o", tmp_path / "x", "--where", "agee>1"), "did you mean 'age'"),
        (("merge", store, store, "--out", tmp_path / "x"), "values repeat"),
        (("convert", store, "-o", tmp_path / "x.jpg"), "unknown form '.jpg'"),
        (("info", tmp_path), "no manifest.jsonl"),
    ):
        code, _, err = run(*arguments)
        assert code == 1
        assert words in err
        assert err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"store"}
