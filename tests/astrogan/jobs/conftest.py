"""A simulator that costs nothing and misbehaves on request, installed for the processes that the tests start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
JOB = """
simulate: {simulator: Toy, samples: 233, seed: 7, options: {delay: 0.02}}
observe: {}
store: {shard_size: 20}
"""
MODULE = '''
import os, re, time
import numpy as np
import xarray as xr
import deaths
from catalogs.schema import Band, Survey

class Toy:
    """Noise keyed by seed and sample; options make it raise, crash, hang or give NaN at a sample."""

    def __init__(self, size=16, delay=0.0, all_fail=False, all_crash=False, **at):
        self.size, self.delay, self.all_fail, self.all_crash = size, delay, all_fail, all_crash
        for name in ("raise_at", "crash_at", "company_at", "hang_at", "hold_at", "eat_at", "nan_at", "empty_at"):
            setattr(self, name, at.pop(name, -1))
        if at:
            raise TypeError(f"unknown options {at}")
        deaths.arrange()

    def simulate(self, n, seed, start=0):
        ids = np.arange(start, start + n)
        time.sleep(self.delay)
        if self.crash_at in ids or (self.company_at in ids and n > 1) or self.all_crash:
            os._exit(9)
        if self.eat_at in ids:
            np.empty(2**60)
        while self.hang_at in ids:
            time.sleep(0.1)
        if self.hold_at in ids:
            re.match("(a+)+$", 60 * "a" + "b")  # for years, without letting go of Python's lock
        if self.raise_at in ids or self.all_fail:
            raise FloatingPointError("the lens equation has no solution")
        def noise(number):
            key = np.array([seed, 1], np.uint64)
            random = np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, number], np.uint64)))
            return random.normal(size=(2, self.size, self.size))
        image = np.stack([noise(number) for number in ids]).astype(np.float32)
        image[ids == self.nan_at, 0, 3, 3] = np.nan
        image[ids == self.empty_at] = 0
        survey = Survey("toy", 0.2, tuple(Band(name, 0.7, 1.0, electrons_per_unit=2.0) for name in "gr"))
        plain = {"units": "", "long_name": "number"}
        return xr.Dataset(
            {"sample_id": ("sample", ids), "qc_flag": ("sample", np.zeros(n, np.int8)),
             "image": (("sample", "band", "y", "x"), image),
             "variance": (("sample", "band", "y", "x"), np.ones_like(image)),
             "age": ("sample", image[:, 0, 0, 0].astype(float), plain)},
            coords={"band": ["g", "r"]},
            attrs={"pixel_scale": 0.2, "survey": survey.to_json(), "simulator": "Toy", "seed": seed},
        )
'''
DEATHS = '''
"""Each process draws its own death: SIGKILL at, or shortly after, the k-th time it touches a file of the store."""
import multiprocessing, os, signal, sys, threading, time
import numpy as np

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate", "fcntl.flock")

def arrange():
    order = os.environ.get("DEATHS")
    if order is None:
        return
    who, tokens, store, budget, events, seed = order.split(":")
    if who != ("main" if multiprocessing.parent_process() is None else "worker"):
        return
    for number in range(int(budget)):
        try:
            token = os.open(os.path.join(tokens, str(number)), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            break
        except FileExistsError:
            continue
    else:
        return
    random = np.random.default_rng([int(seed), number])
    left, later = random.integers(int(events)), random.choice([0, 2e-4, 2e-3, 5e-2]) * random.uniform()

    def die():
        time.sleep(later)
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, arguments):
        nonlocal left
        if event not in EVENTS:
            return
        names = [os.fspath(one) for one in arguments[:2] if isinstance(one, str | os.PathLike)]
        names = [os.path.basename(name) for name in names if store in name]
        if names:
            left -= 1
            if left == -1:
                os.write(token, f"{event} {names[0]}".encode())
                threading.Thread(target=die, daemon=True).start() if later else die()

    sys.addaudithook(hook)
'''

FORKS = '''
"""Runs commands from stdin, each in a fork of this process, which has loaded all that they need; tells exit codes."""
import json, os, sys, traceback
import toy_simulator
from astrogan.cli import jobs, main
from astrogan.jobs import run

for line in sys.stdin:
    arguments, environment, out = json.loads(line)
    pid = os.fork()
    if not pid:
        os.environ.update(environment)
        file, sys.argv = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), ["astrogan", *arguments]
        os.dup2(file, 1), os.dup2(file, 2)
        code = 99
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
'''


@pytest.fixture(scope="session")
def toy_path(tmp_path_factory):
    """Folder to put on the path: the module and what makes it an installed package."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "toy_simulator.py").write_text(MODULE)
    (folder / "deaths.py").write_text(DEATHS)
    made = folder / "toy_simulator-1.0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-simulator\nVersion: 1.0\n")
    (made / "entry_points.txt").write_text("[astrogan.simulators]\nToy = toy_simulator:Toy\n")
    return folder


def shell(toy_path, folder, *arguments):
    """What starts an astrogan command that knows the simulator Toy, as a process of its own."""
    path = os.pathsep.join([str(toy_path), str(ROOT)])
    return {
        "args": [sys.executable, "-c", "from astrogan.cli import main; main()", *map(str, arguments)],
        "env": {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        "cwd": folder,
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }


@pytest.fixture
def command(toy_path, tmp_path):
    """``command(*arguments)``: for `subprocess.Popen`."""
    return partial(shell, toy_path, tmp_path)


@pytest.fixture
def run_forked(toy_path, tmp_path):
    """``run_forked(environment, *arguments)``: exit code and output of a command, without the time for imports."""
    line = shell(toy_path, tmp_path)
    line |= {"args": [sys.executable, "-c", FORKS], "stdin": subprocess.PIPE, "stderr": None}
    with subprocess.Popen(**line) as parent:

        def run(environment, *arguments):
            out = tmp_path / "out.txt"
            parent.stdin.write(json.dumps([[*map(str, arguments)], environment, str(out)]) + "\n")
            parent.stdin.flush()
            return int(parent.stdout.readline()), out.read_text()

        yield run
        parent.stdin.close()


@pytest.fixture
def run_apart(command):
    """``run_apart(*arguments)``: exit code, stdout and stderr of a command in a process of its own."""

    def run(*arguments, **options):
        done = subprocess.run(**command(*arguments), timeout=600, check=False, **options)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def run(run, toy_path, tmp_path, monkeypatch):
    """``run(*arguments)`` in an empty folder, where the toy simulators are known."""
    monkeypatch.syspath_prepend(toy_path)
    monkeypatch.chdir(tmp_path)
    return run


@pytest.fixture
def job(tmp_path):
    """A job of 12 shards of 20 samples, which takes about half a second."""
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path


@pytest.fixture(scope="session")
def whole(toy_path, tmp_path_factory):
    """The folder of an undisturbed run of the job in one process."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "job.yaml").write_text(JOB)
    line = shell(toy_path, folder, "run", "job.yaml", "--out", "whole", "--workers", 0)
    done = subprocess.run(**line, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "233 samples in 12 of 12 shards" in done.stderr
    return folder / "whole"


@pytest.fixture
def tree():
    """``tree(folder)``: name -> content of all that a run promises to make again: shards, manifest and job."""

    def tree(folder):
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        return {name: (folder / name).read_bytes() for name in names if not name.startswith((".lock", "log.jsonl"))}

    return tree
