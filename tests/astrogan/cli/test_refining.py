"""Training from stores, and stores refined: what is made, and what is refused before anything is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from astrogan import open_samples
from astrogan.dataset.fingerprints import stamp_digests
from astrogan.dataset.sharding import write_store
from astrogan.models import Refiner, RefinerConfig
from astrogan.training import Monitor
from catalogs import Band, Survey
from simulators import WeakLens
from simulators.psf import Gaussian

SIZE = 24
PARTS = (Band("g", 0.7, 2.0, electrons_per_unit=3.0), Band("r", 0.6, 3.0, electrons_per_unit=2.0))
SURVEY = Survey("test", 0.2, PARTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stores of simulated and of real stamps, and a model that changes much."""
    folder = tmp_path_factory.mktemp("stores")
    samples = WeakLens(survey=SURVEY, size=SIZE).simulate(70, seed=1)
    write_store(samples, folder / "sim", shard_size=30)
    sky = WeakLens(survey=SURVEY, size=SIZE).simulate(60, seed=2)
    noise = np.random.default_rng(0).normal(0, 2, (60, 2, SIZE, 1)).astype(np.float32)
    kept = ("image", "variance", "sample_id", "qc_flag")
    observed = sky[list(kept)].assign(image=sky["image"] + noise).assign_attrs(simulator="")
    write_store(observed, folder / "real", shard_size=40, codec="none")
    refiner = Refiner(RefinerConfig(bands=2, width=8, blocks=1, critic_width=8))
    refiner.networks["refiner"].trunk.exit.weight.data += 0.1
    refiner.save(folder / "model.safetensors")
    return folder


def test_trained_from_stores_and_resumed(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("astrogan.cli.train.measure_out", lambda refiner, *_: refiner)
    out = tmp_path / "m.safetensors"
    data = (
        "--sim",
        folder / "sim",
        "--real",
        folder / "real",
        "--galaxies",
        64,
        "--start",
        folder / "model.safetensors",
    )
    code, _, err = run("train", "refiner", *data, "--images", 32, "--loss", "simgan", "--out", out)
    assert (code, err) == (0, "")
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["training_digests"]["real"] == stamp_digests(open_samples(folder / "real")["image"].values)
    assert (card["training"]["images"], card["training"]["loss"], card["bands"]) == (32, "simgan", ["g", "r"])
    assert card["command"].startswith("astrogan train refiner --sim")
    log = tmp_path / "m.training" / "log.jsonl"
    assert log.is_file()
    assert run("train", "refiner", *data, "--images", 32, "--out", out)[2].count("exists") == 1
    again = ("train", "refiner", *data, "--images", 64, "--loss", "simgan", "--out", out)
    assert run(*again, "--resume")[0] == 0
    assert json.loads(out.with_suffix(".json").read_text())["training"]["images"] == 64
    assert run(*again, "--overwrite")[0] == 0
    assert log.is_file()
    fewer = [*data[:5], 66, *data[6:]]
    code, _, err = run("train", "refiner", *fewer, "--images", 96, "--loss", "simgan", "--out", out, "--resume")
    assert code == 1
    assert "was saved with 64 samples, this one has 66" in err


def test_a_simulator_takes_the_survey_of_real_stamps(run, folder, tmp_path):
    out = tmp_path / "m.safetensors"
    options = ("--sim", "WeakLens", "--galaxies", 64, "--images", 16, "--moments-only")
    assert run("train", "refiner", "--real", folder / "real", *options, "--out", out)[0] == 0
    assert Refiner.load(out).config.bands == 2


def test_refined_shard_by_shard(run, folder, tmp_path):
    code, *_ = run(
        "refine", folder / "sim", "--model", folder / "model.safetensors", "--out", tmp_path / "out", "--seed", 3
    )
    assert code == 0
    before, after = open_samples(folder / "sim").load(), open_samples(tmp_path / "out").load()
    assert [p.name for p in sorted((tmp_path / "out" / "shards").iterdir())] == [f"shard-0000{k}.h5" for k in range(3)]
    for name in before.variables:
        if name not in ("image", "image_step"):
            assert after[name].identical(before[name]), name
    sim = WeakLens(survey=SURVEY, size=SIZE)
    expected = Refiner.load(folder / "model.safetensors").apply(before, sim.tangent(before), seed=3)
    assert np.allclose(after["image"], expected["image"], rtol=1e-4, atol=1e-3)
    assert np.abs(after["image"] - before["image"]).max() > 1
    for name in ("model", "model_sha256", "label_safe", "refined_seed", "refined_from", "refined_by"):
        assert name in after.attrs
    assert after.attrs["label_safe"] == "moments, tangents"
    assert run("verify", tmp_path / "out")[0] == 0


def test_a_store_of_options_that_it_does_not_tell_needs_moments_only(run, folder, tmp_path):
    sim = WeakLens(survey=SURVEY, size=SIZE, psf=Gaussian(fwhm=0.9))
    write_store(sim.simulate(5, seed=1), tmp_path / "airy")
    command = ("refine", tmp_path / "airy", "--model", folder / "model.safetensors", "--out", tmp_path / "out")
    code, _, err = run(*command)
    assert code == 1
    assert "differ by" in err
    assert "--moments-only" in err
    assert not (tmp_path / "out").exists()
    assert run(*command, "--moments-only")[0] == 0
    assert open_samples(tmp_path / "out").attrs["label_safe"] == "moments"


def test_a_store_with_its_job_tells_its_options(run, folder, tmp_path):
    job = {
        "simulate": {
            "simulator": "WeakLens",
            "samples": 4,
            "seed": 1,
            "survey": "lsst",
            "bands": ["g", "r"],
            "size": SIZE,
        },
        "observe": {},
    }
    job["simulate"]["options"] = {"light": "gaussian"}
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    assert run("run", tmp_path / "job.yaml", "--out", tmp_path / "gauss", "--workers", 0)[0] == 0
    code, _, err = run("refine", tmp_path / "gauss", "--model", folder / "model.safetensors", "--out", tmp_path / "out")
    assert code == 0, err
    assert open_samples(tmp_path / "out").attrs["label_safe"] == "moments, tangents"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "x.pt"], "pickled models can run code"),
        (["--model", "refiner-hubbel"], "did you mean 'refiner-hubble'"),
        (["--model", "refiner-hubble"], "refines 3 bands"),
        (["--model", "MODEL", "--codec", "zip"], "unknown codec 'zip'"),
    ],
)
def test_what_cannot_be_refined_is_refused_before_anything_is_written(run, folder, tmp_path, arguments, words):
    arguments = [folder / "model.safetensors" if a == "MODEL" else a for a in arguments]
    code, _, err = run("refine", folder / "sim", *arguments, "--out", tmp_path / "out")
    assert code == 1
    assert words in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def other(survey, folder):
    write_store(WeakLens(survey=survey, size=SIZE).simulate(64, seed=1), folder / "other")
    return folder / "other"


@pytest.mark.parametrize(
    ("sim", "words"),
    [
        (lambda f: other(Survey("test", 0.2, PARTS[::-1]), f), "bands differ: simulated r, g, real g, r"),
        (lambda f: other(Survey("test", 0.25, PARTS), f), "pixel scales differ: simulated 0.25, real 0.2 arcsec"),
        (lambda f: "WeekLens", "did you mean 'WeakLens'"),
        (lambda f: f / "nowhere", "no sample store of this name"),
    ],
)
def test_simulations_that_do_not_fit_are_refused_before_training(run, folder, tmp_path, sim, words, monkeypatch):
    monkeypatch.setattr("astrogan.models.recipe.RefinerRecipe.step", lambda *_: pytest.fail("training began"))
    out = tmp_path / "out"
    out.mkdir()
    code, _, err = run(
        "train", "refiner", "--sim", sim(tmp_path), "--real", folder / "real", "--out", out / "m.safetensors"
    )
    assert code == 1
    assert words in err
    assert not list(out.iterdir())


def test_training_that_cannot_succeed_ends_with_the_reason(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("astrogan.models.training.Monitor", lambda tell: Monitor(window=3, tell=tell))
    options = ("--rate", 1e-9, "--images", 16 * 30, "--moments-only", "--galaxies", 64)
    code, _, err = run(
        "train",
        "refiner",
        "--sim",
        folder / "sim",
        "--real",
        folder / "real",
        *options,
        "--out",
        tmp_path / "m.safetensors",
    )
    assert code == 1
    assert "training was stopped at step" in err
    assert "output equal to input" in err
    assert not (tmp_path / "m.safetensors").exists()
