"""Runs that are killed, starved, poisoned and raced: nothing is lost, nothing is wrong, everything is said."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest

from astrogan.dataset.backend import open_samples
from astrogan.dataset.verification import verify_store

pytestmark = pytest.mark.fault
needs_dask = pytest.mark.skipif(find_spec("dask") is None, reason="needs dask")
long = pytest.mark.skipif(os.environ.get("ASTROGAN_FAULT_SCALE", "1") == "1", reason="left to make fault")


def started(log, process):
    """Wait until the run has begun, or ended."""
    while process.poll() is None and not log.exists():
        time.sleep(0.01)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=[needs_dask, long])])
def test_a_full_disk(run, run_apart, job, whole, tmp_path, tree, workers):
    """RLIMIT_FSIZE stands in for it: one line, exit code 4, nothing half written, and a resume that completes."""
    size = max(path.stat().st_size for path in (whole / "shards").iterdir())

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1000, size - 1000))

    code, _, err = run_apart("run", job, "--out", "full", "--workers", workers, preexec_fn=limit)
    assert code == 4
    assert re.search(r"cannot write \d+ bytes", err)
    assert "shard-" in err
    assert err.strip().count("\n") == 0
    left = {path.name for path in (tmp_path / "full" / "shards").iterdir()}
    assert not [name for name in left if name.endswith(".tmp")]
    for name in left:
        assert (tmp_path / "full" / "shards" / name).read_bytes() == (whole / "shards" / name).read_bytes()
    assert run("run", job, "--out", "full", "--workers", 0, "--resume")[0] == 0
    assert tree(tmp_path / "full") == tree(whole)


@pytest.mark.parametrize("room", [0, 100, 20_000])
def test_a_full_disk_at_every_file(run, command, job, whole, tmp_path, tree, room):
    """Too full for the job, the manifest, the log or any shard: one line each time, and a resume that completes."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    line = command("run", job, "--out", "full", "--workers", 0)
    process = subprocess.Popen(**line, preexec_fn=limit)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 4
    assert err.startswith("astrogan: "), err
    assert err.count("\n") == 1
    assert not list((tmp_path / "full").rglob("*.tmp"))
    assert not list((tmp_path / "full" / "shards").iterdir())
    assert run("run", job, "--out", "full", "--workers", 0, "--resume")[0] == 0
    assert tree(tmp_path / "full") == tree(whole)


POISON = [
    (0, "raise_at", [45]),
    (0, "eat_at", [45]),
    (1, "crash_at", [45]),
    pytest.param(2, "hang_at", [45], marks=long),
    pytest.param(1, "hold_at", [45], marks=long),
    pytest.param(1, "company_at", [44, 45, 46, 47], marks=long),  # alone it can be made: its shard is given up
]


@pytest.mark.parametrize(("workers", "kind", "lost"), POISON)
def test_a_poisoned_sample_is_quarantined_and_named(run_apart, job, tmp_path, workers, kind, lost):
    if workers and find_spec("dask") is None:
        pytest.skip("needs dask")
    poison = ("--set", f"simulate.options={{{kind}: 45}}", *(("--timeout", 20) if kind.startswith("h") else ()))
    small = ("--set", "simulate.samples=13", "--set", "simulate.start=40", "--set", "store.shard_size=4")
    code, out, err = run_apart("run", job, "--out", "poisoned", "--workers", workers, *poison, *small)
    assert code == 3, err
    assert [line.partition(":")[2].split(":")[0] for line in out.splitlines()] == [
        f" sample {number}, seed 7" for number in lost
    ]
    assert not verify_store(tmp_path / "poisoned")
    ids = open_samples(tmp_path / "poisoned")["sample_id"].values
    assert ids.tolist() == [number for number in range(40, 53) if number not in lost]
    if len(lost) == 1:  # still: nothing is to be made, and the sample is missing as before
        code, _, err = run_apart("run", job, "--out", "poisoned", "--workers", 0, *poison, *small, "--resume")
        assert code == 3
        assert "1 quarantined, which log.jsonl names" in err


@needs_dask
@long
def test_a_simulator_that_always_crashes_is_not_poison(run_apart, job, tmp_path):
    crash = ("--set", "simulate.options={all_crash: true}")
    code, _, err = run_apart("run", job, "--out", "all", "--workers", 1, *crash)
    assert code == 1
    assert re.search(r"each of the samples \d+ … \d+ ends the process that makes it", err)
    assert not list((tmp_path / "all" / "shards").iterdir())


def test_pixels_that_are_no_numbers_are_flagged(run, job, tmp_path):
    bad = ("--set", "simulate.options={nan_at: 33, empty_at: 200}")
    code, _, err = run("run", job, "--out", "nan", "--workers", 0, *bad)
    assert code == 0
    assert "2 flagged" in err
    samples = open_samples(tmp_path / "nan")
    assert {int(k): int(f) for k, f in enumerate(samples["qc_flag"].values) if f} == {33: 1, 200: 2}
    assert samples["qc_flag"].attrs["flag_meanings"] == "not_finite empty"
    code, _, err = run("run", job, "--out", "strict", "--workers", 0, *bad, "--set", "validate={max_flagged: 0.001}")
    assert code == 1
    assert "validate: 2 samples (0.858 %) are flagged or quarantined; allowed are 0.1 %" in err


def test_a_simulator_that_always_fails_is_not_poison(run, job, tmp_path):
    code, _, err = run("run", job, "--out", "all", "--workers", 0, "--set", "simulate.options={all_fail: true}")
    assert code == 1
    assert "the lens equation has no solution" in err
    assert not list((tmp_path / "all" / "shards").iterdir())


def test_the_second_of_two_runs_is_refused(run, command, job, tmp_path):
    slow = ("--set", "simulate.options={delay: 0.2}")
    first = subprocess.Popen(**command("run", job, "--out", "race", "--workers", 0, *slow))
    started(tmp_path / "race" / "log.jsonl", first)
    code, _, err = run("run", job, "--out", "race", "--workers", 0, "--resume", *slow)
    assert code == 1
    assert f"race is being written by process {first.pid} on" in err
    _, err = first.communicate(timeout=600)
    assert first.returncode == 0, err


def test_an_interrupt_ends_with_a_word(run, command, job, tmp_path):
    slow = ("--set", "simulate.options={delay: 0.3}")
    process = subprocess.Popen(**command("run", job, "--out", "stopped", "--workers", 0, *slow))
    started(tmp_path / "stopped" / "log.jsonl", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "run again with --resume" in err
    code, _, err = run("run", job, "--out", "stopped", "--workers", 0, "--resume", *slow)
    assert code == 0, err


@needs_dask
def test_no_scheduler(run_apart, job, tmp_path):
    code, _, err = run_apart("run", job, "--out", "lost", "--scheduler", "tcp://127.0.0.1:9")
    assert code == 1
    assert "the scheduler is gone" in err


@pytest.mark.parametrize("place", ["folder", "shards"])
def test_symbolic_links_are_not_written_through(run, job, tmp_path, place):
    (tmp_path / "secret").mkdir()
    if place == "folder":
        (tmp_path / "out").symlink_to(tmp_path / "secret")
    else:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "shards").symlink_to(tmp_path / "secret")
    code, _, err = run("run", job, "--out", "out", "--workers", 0, "--resume")
    assert code == 1
    assert "symbolic links are refused" in err
    assert not list((tmp_path / "secret").iterdir())


@pytest.fixture
def start(command, tmp_path):
    """``start("scheduler" | "worker")``: a process of a Dask cluster on the loopback, ended with the test."""
    started, file = [], tmp_path / "scheduler.json"
    options = {
        "scheduler": ("--host", "127.0.0.1", "--port", 0, "--no-dashboard"),
        "worker": ("--no-nanny", "--nthreads", 1, "--no-dashboard", "--death-timeout", 30),
    }

    def start(kind):
        line = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", file, *options[kind]]
        environment = command()["env"]
        started.append(subprocess.Popen([*map(str, line)], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in reversed(started):
        process.kill()
        process.wait()


def wait_for_shards(log, process, count):
    """Until so many shards are logged."""
    while not (log.exists() and log.read_text().count('"event": "shard"') >= count):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)


@needs_dask
@long
def test_a_cluster_makes_the_same_and_a_worker_may_die(command, start, job, whole, tmp_path):
    """A real scheduler and workers as processes of their own; one is killed, another takes its place."""
    start("scheduler")
    first = start("worker")
    slow = ("--set", "simulate.options={delay: 0.3}")
    place = ("--out", "cluster", "--scheduler", "scheduler.json")
    running = subprocess.Popen(**command("run", job, *place, *slow))
    wait_for_shards(tmp_path / "cluster" / "log.jsonl", running, 2)
    first.kill()
    start("worker")
    _, err = running.communicate(timeout=600)
    assert running.returncode == 0, err
    assert not verify_store(tmp_path / "cluster")
    both = [open_samples(folder)["image"].values for folder in (whole, tmp_path / "cluster")]
    assert np.array_equal(*both)


@needs_dask
@long
def test_a_lost_scheduler_ends_the_run(command, start, run_apart, job, whole, tmp_path, faults):
    """Within ten seconds on a quiet machine, with a word and not 0; what was written stays for the next run."""
    scheduler = start("scheduler")
    start("worker")
    slow = ("--set", "simulate.options={delay: 0.3}")
    running = subprocess.Popen(**command("run", job, "--out", "lost", "--scheduler", "scheduler.json", *slow))
    wait_for_shards(tmp_path / "lost" / "log.jsonl", running, 2)
    scheduler.kill()
    begun = time.monotonic()
    _, err = running.communicate(timeout=600)
    seconds = time.monotonic() - begun
    assert seconds < 120
    faults(f"ended within {next(limit for limit in (2, 10, 120) if seconds < limit)} s")
    assert running.returncode == 1
    assert "the scheduler is gone" in err.splitlines()[-1]
    code, _, err = run_apart("run", job, "--out", "lost", "--workers", 0, "--resume", *slow)
    assert code == 0
    assert "shards were there" in err
    both = [open_samples(folder)["image"].values for folder in (whole, tmp_path / "lost")]
    assert np.array_equal(*both)
