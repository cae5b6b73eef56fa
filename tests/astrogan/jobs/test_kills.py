"""SIGKILL of runs and of their workers, at any time and at every step: the rest is made, as if nothing had happened."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from astrogan.dataset.verification import verify_store

pytestmark = pytest.mark.fault
needs_dask = pytest.mark.skipif(find_spec("dask") is None, reason="needs dask")
long = pytest.mark.skipif(os.environ.get("ASTROGAN_FAULT_SCALE", "1") == "1", reason="left to make fault")
STEPS = {  # event and file -> what the process was about to do, or had just done
    r"(open|fcntl.flock) \.lock": "lock",
    r"\w+(\.\w+)? \.?job\.yaml": "job file",
    r"os.mkdir": "new folder",
    r"open \.shard": "shard: writing",
    r"os.rename \.shard": "shard: renaming",
    r"(os.remove \.shard|open shards$)": "shard: between renaming and manifest",
    r"open shard-": "looking at shards that are there",
    r"open manifest.jsonl": "manifest: a line, or reading",
    r"\w+(\.\w+)? \.manifest": "manifest: as a whole",
    r"open log.jsonl": "log: a line",
}


def step_of(event):
    """Which step an event of the file system belongs to."""
    return next((step for pattern, step in STEPS.items() if re.match(pattern, event)), "manifest: as a whole")


def only_whole_files(folder, whole):
    """Every shard that has its name is whole, whenever the run died."""
    for path in (folder / "shards").glob("shard-*"):
        assert path.read_bytes() == (whole / "shards" / path.name).read_bytes()


@pytest.fixture
def killed_by_lot(run_forked, job, tmp_path):
    """``killed_by_lot(folder, seed)``: a run that dies at a step drawn by lot, unless it ends first."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()

    def live(folder, seed):
        token = tokens / "0"
        token.unlink(missing_ok=True)
        order = {"DEATHS": f"main:{tokens}:{folder.name}:1:100:{seed}"}
        code, err = run_forked(order, "run", job, "--out", folder, "--workers", 0, "--resume")
        return code, step_of(token.read_text()), err

    return live


@pytest.fixture
def killed_by_clock(command, job):
    """``killed_by_clock(folder, seconds)``: a run that gets so many seconds from the start of its process on."""

    def live(folder, seconds):
        process = subprocess.Popen(**command("run", job, "--out", folder, "--workers", 0, "--resume"))
        time.sleep(seconds)
        process.kill()
        _, err = process.communicate(timeout=600)
        return process.returncode, "by the clock" if folder.exists() else "by the clock: importing", err

    return live


def test_killed_at_any_time_and_resumed(
    run, command, killed_by_lot, killed_by_clock, whole, tmp_path, tree, fault_scale, faults
):
    """A quarter of the kills by the clock, over the whole life of a process; the others at a step drawn by lot."""
    rng, kills, lives, folder = np.random.default_rng(1), 0, 0, tmp_path / "killed0"
    line = ("run", tmp_path / "job.yaml", "--workers", 0)
    begun = time.monotonic()
    subprocess.run(**command(*line, "--out", "undisturbed"), timeout=600, check=True)
    seconds = time.monotonic() - begun
    while kills < -(-100 * fault_scale // 30):
        lives += 1
        by_lot = kills % 4
        code, step, err = killed_by_lot(folder, lives) if by_lot else killed_by_clock(folder, rng.uniform(0, seconds))
        assert "Traceback" not in err, err
        if code == -signal.SIGKILL:
            kills += 1
            faults(step)
            only_whole_files(folder, whole)
            continue
        assert code == 0, err
        assert tree(folder) == tree(whole)
        folder = tmp_path / f"killed{lives}"
    code, _, err = run(*line, "--out", folder, "--resume")
    assert code == 0, err
    assert tree(folder) == tree(whole)
    assert not verify_store(folder)


@needs_dask
def test_killed_workers_are_replaced(command, job, whole, tmp_path, tree, fault_scale, faults):
    """Five deaths in a run of two workers (six of one shard give it up): at a step by lot, or up to 50 ms after it."""
    kills, number, wanted = 0, 0, -(-50 * fault_scale // 30)
    while kills < wanted:
        folder, tokens = tmp_path / f"workers{number}", tmp_path / f"tokens{number}"
        tokens.mkdir()
        line = command("run", job, "--out", folder, "--workers", 2)
        line["env"]["DEATHS"] = f"worker:{tokens}:{folder.name}:{min(5, wanted - kills)}:8:{number}"
        done = subprocess.run(**line, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert tree(folder) == tree(whole)
        for event in filter(None, (token.read_text() for token in tokens.iterdir())):
            faults(f"worker: {step_of(event)}")
            kills += 1
        number += 1
    assert not verify_store(folder)


def children(parent):
    """Worker processes that `parent` started."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if above == parent and b"spawn_main" in (folder / "cmdline").read_bytes():
                yield int(folder.name)
        except OSError:
            continue


@needs_dask
@long
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's list of processes")
def test_a_worker_killed_while_it_starts(command, job, whole, tmp_path, tree):
    process = subprocess.Popen(**command("run", job, "--out", "born", "--workers", 1))
    while not (born := list(children(process.pid))):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    os.kill(born[0], signal.SIGKILL)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert tree(tmp_path / "born") == tree(whole)


@needs_dask
@long
def test_the_whole_family_killed_and_resumed(run, command, job, whole, tmp_path, tree):
    """The main process dies with the scheduler in it: workers end by themselves, and the next run finds no lock."""
    process = subprocess.Popen(**command("run", job, "--out", "family", "--workers", 2))
    log = tmp_path / "family" / "log.jsonl"
    while process.poll() is None and not (log.exists() and '"shard"' in log.read_text()):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    code, _, err = run("run", job, "--out", "family", "--workers", 0, "--resume")
    assert code == 0, err
    assert tree(tmp_path / "family") == tree(whole)
