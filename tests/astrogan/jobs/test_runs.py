"""Jobs end to end: the same samples whoever makes them, in whatever order, resumed or not."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.util import find_spec

import numpy as np
import pytest

from astrogan.dataset.backend import open_samples
from astrogan.dataset.verification import verify_store
from astrogan.jobs.run import load_job


def test_a_run_makes_the_samples_of_its_simulator(run, whole, tmp_path, toy_path, monkeypatch):
    monkeypatch.syspath_prepend(toy_path)
    from toy_simulator import Toy

    assert not verify_store(whole)
    made = open_samples(whole).load()
    truth = Toy().simulate(233, 7)
    assert np.array_equal(made["sample_id"], truth["sample_id"])
    assert np.abs(made["image"] - truth["image"]).max() <= made["image_step"].max() / 2
    assert np.array_equal(made["age"], truth["age"])
    events = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", *["shard"] * 12, "end"]
    assert {stage for event in events[1:-1] for stage, *_ in event["trace"]} == {"make", "store", "write"}


def test_an_array_of_jobs_makes_the_same(run, job, whole, tmp_path, tree):
    for k in (1, 0):
        code, _, err = run("run", job, "--out", "array", "--njobs", 2, "--job", k, "--workers", 0)
        assert code == 0, err
        assert ("other jobs of the array are still to end" in err) == (k == 1)
    assert tree(tmp_path / "array") == tree(whole)


@pytest.mark.fault
@pytest.mark.skipif(find_spec("dask") is None, reason="needs dask")
@pytest.mark.skipif(os.environ.get("ASTROGAN_FAULT_SCALE", "1") == "1", reason="left to make fault")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_makes_the_same(run_apart, job, whole, tmp_path, tree, workers):
    code, _, err = run_apart("run", job, "--out", "many", "--workers", workers)
    assert code == 0, err
    assert tree(tmp_path / "many") == tree(whole)


def test_a_run_in_pieces_makes_the_same(run, job, whole, tmp_path, tree):
    folder = tmp_path / "pieces"
    assert run("run", job, "--out", "pieces", "--workers", 0)[0] == 0
    for name in ("shard-00001.h5", "shard-00011.h5"):
        (folder / "shards" / name).unlink()
    damaged = bytearray((folder / "shards" / "shard-00003.h5").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / "shards" / "shard-00003.h5").write_bytes(damaged)
    (folder / "shards" / ".shard-00001.h5.1-ab.tmp").touch()
    code, _, err = run("run", job, "--out", "pieces", "--workers", 0)
    assert code == 1
    assert "exists already and is not empty; choose another name, or resume" in err
    code, _, err = run("run", job, "--out", "pieces", "--workers", 0, "--resume")
    assert code == 0
    assert "9 shards were there" in err
    assert tree(folder) == tree(whole)
    (folder / "manifest.jsonl").unlink()
    assert "12 shards were there" in run("run", job, "--out", "pieces", "--workers", 0, "--resume")[2]
    assert tree(folder) == tree(whole)


def test_another_job_is_not_resumed(run, job, tmp_path, tree):
    assert run("run", job, "--out", "mine", "--workers", 0, "--set", "simulate.samples=9")[0] == 0
    before = tree(tmp_path / "mine")
    code, _, err = run("run", job, "--out", "mine", "--resume", "--set", "simulate.samples=8")
    assert code == 1
    assert "mine holds another job; different are: simulate.samples" in err
    assert tree(tmp_path / "mine") == before


def test_shards_do_not_depend_on_their_size(run, job, whole, tmp_path):
    assert run("run", job, "--out", "large", "--workers", 0, "--set", "store.shard_size=1000")[0] == 0
    for name in ("image", "image_step", "age"):
        ours, theirs = (open_samples(folder)[name].values for folder in (whole, tmp_path / "large"))
        assert np.array_equal(ours, theirs)


def test_planes_validation_and_export(run, job, tmp_path):
    settings = ("validate={}", "export={}", "simulate.samples=6", "store.planes=[image]")
    options = [part for setting in settings for part in ("--set", setting)]
    code, _, err = run("run", job, "--out", "planes", "--workers", 0, *options)
    assert code == 0, err
    samples = open_samples(tmp_path / "planes")
    assert "image" in samples
    assert "variance" not in samples
    from astropy.io import fits

    target = tmp_path / "planes" / "fits" / "shard-00000.fits"
    assert np.array_equal(fits.getdata(target, "IMAGE"), samples["image"])
    content = target.read_bytes()
    target.unlink()  # as if the run had been killed before it was written
    assert run("run", job, "--out", "planes", "--workers", 0, "--resume", *options)[0] == 0
    assert target.read_bytes() == content


def test_the_weights_of_a_refiner_belong_to_the_job(tmp_path):
    from astrogan.models.refiner import shipped_weights

    for suffix in (".safetensors", ".json"):
        (tmp_path / f"mine{suffix}").write_bytes(shipped_weights().with_suffix(suffix).read_bytes())
    path = tmp_path / "job.yaml"
    stages = f"observe: {{}}\nrefine: {{model: {tmp_path / 'mine.safetensors'}}}\n"
    path.write_text(f"simulate: {{samples: 9, seed: 1, bands: [g, r, i]}}\n{stages}")
    job = load_job(path)
    assert job.refine.sha256 == hashlib.sha256(shipped_weights().read_bytes()).hexdigest()
    with pytest.raises(ValueError, match="is not the file that the job names"):
        load_job(path, [f"refine.sha256='{'0' * 64}'"])


def test_a_dry_run_makes_nothing(run, job, tmp_path):
    code, out, _ = run("run", job, "--dry-run")
    assert code == 0
    words = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert words["samples"] == "233"
    assert words["shards"] == "12 of 20"
    assert words["time"].endswith("s of one process")
    assert [path.name for path in tmp_path.iterdir()] == ["job.yaml"]


def test_the_schema_is_printed(run):
    code, out, _ = run("schema")
    assert code == 0
    assert "simulate" in json.loads(out)["properties"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--njobs", "2"], "--njobs and --job go together"),
        (["--njobs", "2", "--job", "2"], "job = 2 is outside 0 … 1"),
        (["--workers", "-1"], "workers = -1 is outside"),
        (["--timeout", "nan"], "timeout = nan is not above"),
        ([], "give a directory, with the key out or --out"),
        (["--out", "absent/deep"], "the folder absent does not exist"),
        (["--out", "job.yaml"], "it is not a folder"),
        (["--set", "out=../above"], "out must be a plain path below the working directory"),
        (["--out", "x", "--set", "simulate.simulator=Toys"], "did you mean 'Toy'"),
        (["--out", "x", "--set", "simulate.options={crush_at: 3}"], "Toy refuses its options"),
    ],
)
def test_refusals_come_before_work(run, job, tmp_path, options, words):
    code, _, err = run("run", job, *options)
    assert code == 1
    assert words in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["job.yaml"]


def test_a_damaged_job_is_named(run, job, tmp_path):
    assert run("run", job, "--out", "made", "--workers", 0, "--set", "simulate.samples=9")[0] == 0
    kept = tmp_path / "made" / "job.yaml"
    for content in (kept.read_text().replace("seed: 7", "seed: 8"), "{", "\0"):
        kept.write_text(content)
        code, out, err = run("verify", "made")
        assert code == 1, err
        assert out.startswith("job.yaml: ")
