"""The stage validate: real stamps named in the job, and judges that tell samples from them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from astrogan.dataset import write_samples


@pytest.fixture
def real(toy_path, tmp_path, monkeypatch):
    """``real(name, scale)``: stores stamps like the job's of another seed, `scale` times as noisy."""
    monkeypatch.syspath_prepend(toy_path)
    from toy_simulator import Toy

    def write(name, scale=1.0, size=24, samples=200):
        many = Toy(size=size).simulate(samples, 8)
        write_samples(many.assign(image=many["image"] * np.float32(scale)), tmp_path / name)

    return write


def judged(run, job, name, *settings):
    options = [part for setting in (f"validate.real={name}", *settings) for part in ("--set", setting)]
    return run("run", job, "--out", "made", "--workers", 0, "--set", "simulate.size=24", *options)


def test_samples_like_the_real_ones_pass(run, job, real, tmp_path):
    real("alike.h5")
    code, out, err = judged(run, job, "alike.h5", "validate.max_accuracy=0.6")
    assert code == 0, err
    assert "features tell" in out
    log = [json.loads(line) for line in (tmp_path / "made" / "log.jsonl").read_text().splitlines()]
    score = next(line for line in log if line["event"] == "validate")
    assert abs(score["accuracy"] - 0.5) < 4 * score["error"]
    assert (tmp_path / "made" / "validation.html").read_bytes().startswith(b"<!DOCTYPE html>")
    numbers = json.loads((tmp_path / "made" / "validation.json").read_text())
    assert numbers["counts"] == {"real": 200, "synthetic": 233}
    assert numbers["verdict"]["passed"] == numbers["verdict"]["checks"] > 10


def test_samples_unlike_the_real_ones_fail_the_job(run, job, real, tmp_path):
    real("other.h5", scale=2.0)
    code, _, err = judged(run, job, "other.h5", "validate.max_accuracy=0.6")
    assert code == 1
    assert "from other.h5; allowed are 60 %" in err
    assert "233 samples in 12 of 12 shards" in err  # the samples stay, to be looked at
    assert run("verify", tmp_path / "made")[0] == 0


def test_refined_samples_are_judged_beside_what_they_were_made_from(run, tmp_path):
    """The raw ones are not in the store: they are made again, each in its place, or nothing could have moved."""
    from simulators import WeakLens

    write_samples(WeakLens(survey="lsst", bands="gri", size=32).simulate(60, 8), tmp_path / "real.h5")
    job = "simulate: {simulator: WeakLens, bands: [g, r, i], size: 32, samples: 60, seed: 7}\nobserve: {}\n"
    job += "refine: {model: refiner-hubble}\nvalidate: {real: real.h5}\nstore: {planes: [image]}\n"
    (tmp_path / "job.yaml").write_text(job)
    code, _, err = run("run", "job.yaml", "--out", "made", "--workers", 0)
    assert code == 0, err
    numbers = json.loads((tmp_path / "made" / "validation.json").read_text())
    assert numbers["counts"] == {"real": 60, "synthetic": 60, "raw": 60, "classical": 60}
    moved = next(table for table in numbers["tables"] if table["title"] == "Photometry and astrometry")
    assert all(row["passed"] for row in moved["rows"])
    assert moved["control_fails"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"size": 26}, "y = 26 is not 24, that of the job's samples"),
        ({"samples": 30}, "validate.real real.h5 has 30 samples; a judge needs 50 at least"),
        (None, "validate.real real.h5: there is no such store"),
    ],
)
def test_real_stamps_that_cannot_be_compared_are_refused_before_work(run, job, real, tmp_path, what, words):
    if what is not None:
        real("real.h5", **what)
    code, _, err = judged(run, job, "real.h5")
    assert code == 1
    assert words in err
    assert not (tmp_path / "made").exists()
