"""Jobs end to end: the same samples whoever makes them, in whatever order, resumed or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest

from astrogan.dataset.backend import open_samples
from astrogan.dataset.verification import verify_store

needs_dask = pytest.mark.skipif(find_spec("dask") is None, reason="needs dask")


@pytest.fixture
def whole(run, job, tmp_path, tree):
    """The tree of an undisturbed run in one process."""
    code, _, err = run("run", job, "--out", "whole", "--workers", 0)
    assert code == 0, err
    assert "233 samples in 12 of 12 shards" in err
    return tree(tmp_path / "whole")


def test_a_run_makes_the_samples_of_its_simulator(run, whole, tmp_path, toy_path, monkeypatch):
    monkeypatch.syspath_prepend(toy_path)
    from toy_simulator import Toy

    assert not verify_store(tmp_path / "whole")
    made = open_samples(tmp_path / "whole").load()
    truth = Toy().simulate(233, 7)
    assert np.array_equal(made["sample_id"], truth["sample_id"])
    assert np.abs(made["image"] - truth["image"]).max() <= made["image_step"].max() / 2
    assert np.array_equal(made["age"], truth["age"])
    events = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", *["shard"] * 12, "end"]
    assert {stage for event in events[1:-1] for stage, *_ in event["trace"]} == {"make", "store", "write"}


def test_an_array_of_jobs_makes_the_same(run, job, whole, tmp_path, tree):
    for k in (1, 0):
        code, _, err = run("run", job, "--out", "array", "--njobs", 2, "--job", k, "--workers", 0)
        assert code == 0, err
        assert ("other jobs of the array are still to end" in err) == (k == 1)
    assert tree(tmp_path / "array") == whole


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
    assert tree(folder) == whole
    (folder / "manifest.jsonl").unlink()
    assert "12 shards were there" in run("run", job, "--out", "pieces", "--workers", 0, "--resume")[2]
    assert tree(folder) == whole


def test_another_job_is_not_resumed(run, job, whole, tmp_path, tree):
    code, _, err = run("run", job, "--out", "whole", "--resume", "--set", "simulate.seed=8")
    assert code == 1
    assert "whole holds another job; different are: simulate.seed" in err
    assert tree(tmp_path / "whole") == whole


def test_shards_do_not_depend_on_their_size(run, job, whole, tmp_path):
    assert run("run", job, "--out", "large", "--workers", 0, "--set", "store.shard_size=1000")[0] == 0
    for name in ("image", "image_step", "age"):
        ours, theirs = (open_samples(tmp_path / folder)[name].values for folder in ("whole", "large"))
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

    assert np.array_equal(fits.getdata(tmp_path / "planes" / "fits" / "shard-00000.fits", "IMAGE"), samples["image"])


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


@needs_dask
def test_workers_make_the_same(run, job, whole, tmp_path, tree):
    code, _, err = run("run", job, "--out", "two", "--workers", 2)
    assert code == 0, err
    assert tree(tmp_path / "two") == whole
    events = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert len({event["worker"] for event in events if event["event"] == "shard"}) == 2


@needs_dask
@pytest.mark.fault
def test_a_cluster_makes_the_same_and_a_worker_may_die(run, command, job, whole, tmp_path, tree):
    """A real scheduler and workers as processes of their own; one is killed, another takes its place."""
    environment = command()["env"]
    started = []

    def start(*arguments):
        line = [sys.executable, "-m", "distributed.cli." + arguments[0], *map(str, arguments[1:])]
        started.append(subprocess.Popen(line, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL))
        return started[-1]

    file = tmp_path / "scheduler.json"
    try:
        start("dask_scheduler", "--scheduler-file", file, "--host", "127.0.0.1", "--port", 0, "--no-dashboard")
        worker = ("dask_worker", "--scheduler-file", file, "--no-nanny", "--nthreads", 1, "--no-dashboard")
        first = start(*worker)
        slow = ("--set", "simulate.options={delay: 0.3}")
        running = subprocess.Popen(**command("run", job, "--out", "cluster", "--scheduler", file, *slow))
        log = tmp_path / "cluster" / "log.jsonl"
        while not (log.exists() and log.read_text().count('"shard"') > 1):
            assert running.poll() is None
            time.sleep(0.05)
        os.kill(first.pid, 9)
        start(*worker)
        _, err = running.communicate(timeout=90)
        assert running.returncode == 0, err
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
    made = tree(tmp_path / "cluster")
    assert not verify_store(tmp_path / "cluster")
    both = [open_samples(tmp_path / name)["image"].values for name in ("whole", "cluster")]
    assert np.array_equal(*both)
    assert len(made) == len(whole)
