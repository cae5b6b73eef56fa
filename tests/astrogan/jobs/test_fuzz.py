"""Job files and settings by lot, given to the command line: it works, or says why in one line, and never hangs."""

from __future__ import annotations

import math
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
import yaml

from catalogs import list_populations, list_surveys

pytestmark = pytest.mark.fault
SECONDS = 300  # for one file, kernels compiled, on a machine that does other things as well
FLAG = [True, False]
SEEDS = [0, 7, 2**63 - 1]
FITTING = {
    "simulate": {
        "simulator": ["Toy"] * 20 + ["WeakLens", "StrongLens"],
        "samples": [1, 5, 300, 10**9],
        "seed": SEEDS,
        "start": [0, 1000, 2**61],
        "survey": [*list_surveys()],
        "bands": [["g", "r"], ["i"], ["r", "g"], ["F814W"]],
        "size": [8, 16, 33],
        "population": [*list_populations()],
        "pixel_scale": [0.2, 0.05, 100.0, 1e-6],
        "accuracy": ["fast", "default", "high"],
        "neighbours": [0.0, 0.02],
        "labels": ["truth"],
        "options": [{}, {"raise_at": 1}, {"all_fail": True}, {"nan_at": 0}, {"source": "sersic"}, {"knots": 3}],
    },
    "observe": {},
    "refine": {"model": ["refiner-hubble", "x.safetensors"], "seed": SEEDS, "tangents": FLAG, "device": ["cpu", "gpu"]},
    "validate": {"max_flagged": [0, 0.5, 1]},
    "export": {"format": ["fits"]},
    "store": {
        "shard_size": [1, 7, 4096],
        "codec": ["auto", "none"],
        "planes": [["image"], ["image", "psf"], ["image", "clean", "variance"]],
    },
}
TOGETHER = {  # values that fit one another, for jobs that get as far as to run
    "Toy": {
        "simulate": {
            **{key: FITTING["simulate"][key] for key in ("samples", "seed", "start", "size")},
            "simulator": ["Toy"],
            "options": [{}, {"raise_at": 1}, {"nan_at": 0}, {"empty_at": 2}],
        },
        "validate": {"max_flagged": [0.5, 1]},
        "store": FITTING["store"] | {"planes": [["image"], ["image", "variance"]]},
    },
    "WeakLens": {
        "simulate": FITTING["simulate"]
        | {
            "simulator": ["WeakLens"],
            "survey": ["lsst"],
            "bands": [["g", "r"], ["i"]],
            "options": [{}],
            "size": [24, 33],
        }
        | {"population": ["weak-lensing"], "pixel_scale": [0.2, 0.25]},
    },
}
WILD = [
    *(None, True, -1, 0, 1e308, -1e308, math.nan, math.inf, 10**30, 2**64, 1e-320, 0.1, "1", "", "lsst", "../..", "~"),
    *("\0", "é", "𝔘", "x" * 2000, "12:30", "2026-01-01", [], {}, [[[]]], [None], {"a": {"b": []}}, ["g", "g"], "a\nb"),
]
NEEDED = {"simulate": ("simulator", "samples", "seed", "size")}


def pick(rng, options):
    return options[rng.integers(len(options))]


def misspelt(rng, key):
    at = rng.integers(len(key))
    return pick(rng, [key[:at] + key[at + 1 :], f"{key}_", key.upper(), key[at:] + key[:at]])


def stage_of(rng, name, wild, fitting=FITTING):
    """The keys of one stage, each with a value that fits or, with probability `wild`, with any."""
    if rng.random() < wild / 3:
        return pick(rng, WILD)
    made = {}
    for key, values in fitting[name].items():
        if key in NEEDED.get(name, ()) or rng.random() < 0.25:
            there = misspelt(rng, key) if rng.random() < wild / 5 else key
            made[there] = pick(rng, WILD if rng.random() < wild else values)
    return made


def mangled(rng, text):
    """The bytes of a file with a few changed, lost, doubled or put in."""
    content = bytearray(text)
    for _ in range(rng.integers(1, 4)):
        at = rng.integers(len(content) + 1)
        kind = rng.integers(4)
        if kind == 0:
            del content[at : at + rng.integers(1, 20)]
        elif kind == 1:
            content[at:at] = pick(
                rng, [b"\t", b"&a ", b"*a", b"!t ", b"{", b"]", b"- ", b"\n", b"#", b"\xff", b": ", b"%"]
            )
        elif kind == 2:
            content[at:at] = content[max(0, at - 30) : at]
        elif at < len(content):
            content[at] = rng.integers(256)
    return bytes(content)


def job_file(rng):
    """The bytes of a job file: two in five run, half begin as a job with faults put in, some are nothing at all."""
    kind = rng.random()
    if kind < 0.1:
        return mangled(rng, rng.bytes(rng.integers(200)))
    sound = kind > 0.55
    fitting = FITTING | TOGETHER["WeakLens" if rng.random() < 0.1 else "Toy"] if sound else FITTING
    wild = 0.0 if sound else pick(rng, [0.0, 0.1, 0.3])
    optional = [name for name in FITTING if name not in ("simulate", "observe", *["refine"] * sound)]
    stages = ["simulate", "observe", *(name for name in optional if rng.random() < 0.25)]
    job = {}
    for name in stages:
        job[misspelt(rng, name) if rng.random() < wild / 10 else name] = stage_of(rng, name, wild, fitting)
    text = yaml.safe_dump(job, sort_keys=False, allow_unicode=bool(rng.integers(2))).encode()
    return mangled(rng, text) if not sound and rng.random() < 0.25 else text


def options(rng):
    """A dry run, or a run of few samples; now and then a setting by lot."""
    made = ["--dry-run"] if rng.random() < 0.5 else ["--set", f"simulate.samples={rng.integers(1, 10)}"]
    if rng.random() < 0.1:
        name = pick(rng, [*FITTING])
        value = str(pick(rng, WILD)).replace("\0", "\\0")
        made += ["--set", f"{name}.{pick(rng, [*FITTING[name], '', 'a.b'])}={value}"]
    return made


@contextmanager
def no_hang(content):
    """Fail, with the file, when the block takes too long."""

    def late(*_):
        raise AssertionError(f"no answer within {SECONDS} s to {content!r}")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check(code, out, err, content):
    """A run, or one line that begins with the program's name; 2 is the command line's own."""
    assert "Traceback" not in err, (content, err)
    assert code in (0, 1, 2, 3), (content, err)
    if code == 1:
        last = err.splitlines()[-1]
        assert last.startswith("astrogan: "), (content, err)
        assert len(last) < 3000, (content, err)
        assert not re.search(r"(Error|Exception)\(", last), (content, err)


def test_any_job_file_runs_or_is_refused_in_one_line(run, tmp_path, fault_scale, faults):
    """And a third of them run: a generator that makes nothing but nonsense would see the doorkeeper alone."""
    ran = 0
    for seed in range(5):
        for number in range(14 * fault_scale):
            rng = np.random.default_rng([seed, number])
            content, asked = job_file(rng), options(rng)
            (tmp_path / "job.yaml").write_bytes(content)
            with no_hang(content):
                code, out, err = run("run", "job.yaml", "--out", "made", "--workers", 0, *asked)
            check(code, out, err, content)
            faults({0: "ran", 1: "refused", 2: "refused", 3: "ran, samples quarantined"}[code])
            ran += code in (0, 3)
            assert code == 0 or "--dry-run" not in asked or not (tmp_path / "made").exists()
            shutil.rmtree(tmp_path / "made", ignore_errors=True)
    assert ran > 5 * 14 * fault_scale / 3


def test_some_job_files_in_a_process_of_their_own(command, tmp_path, fault_scale, faults):
    for number in range(-(-fault_scale // 2)):
        rng = np.random.default_rng([10**6, number])
        content, asked = job_file(rng), options(rng)
        (tmp_path / "job.yaml").write_bytes(content)
        line = command("run", "job.yaml", "--out", "made", "--workers", 0, *asked)
        done = subprocess.run(**line, timeout=SECONDS, check=False)
        check(done.returncode, done.stdout, done.stderr, content)
        shutil.rmtree(tmp_path / "made", ignore_errors=True)
        faults("apart")
