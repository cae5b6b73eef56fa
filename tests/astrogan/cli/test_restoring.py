"""A restorer trained from the command line, and stores and FITS images restored with it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits

from astrogan import open_samples
from astrogan.dataset.sharding import write_store
from astrogan.models import Restorer, RestorerConfig
from catalogs import Band, Survey
from simulators import WeakLens

SURVEY = Survey("test", 0.2, (Band("g", 0.7, 2.0, electrons_per_unit=3.0), Band("r", 0.6, 3.0, electrons_per_unit=2.0)))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small restorer that finds whatever is far above its median."""
    path = tmp_path_factory.mktemp("restorer") / "m.safetensors"
    restorer = Restorer(RestorerConfig(width=4, levels=2, critic_width=4))
    trunk = restorer.networks["restorer"].trunk
    trunk.exit.bias.data[1] += 8.0
    restorer.save(path)
    return path


def test_trained_on_an_image_and_resumed(run, tmp_path):
    sky = np.random.default_rng(1).normal(100, 3, (200, 180)).astype(np.float32)
    fits.writeto(tmp_path / "sky.fits", sky)
    out = tmp_path / "m.safetensors"
    few = ("--windows", 64, "--size", 32)
    code, _, err = run("train", "restorer", "--real", tmp_path / "sky.fits", "--images", 8, *few, "--out", out)
    assert (code, err) == (0, "")
    card = json.loads(out.with_suffix(".json").read_text())
    assert (card["model"], card["training"]["images"]) == ("restorer", 8)
    assert card["command"].startswith("astrogan train restorer --real")
    assert run("info", out)[1].splitlines()[0].startswith(f"{out}: restorer with ")
    refused = run("train", "restorer", "--real", tmp_path / "sky.fits", "--images", 8, *few, "--out", out)
    assert refused[0] == 1
    assert "exists already" in refused[2]


def test_a_store_is_restored_shard_by_shard(run, model, tmp_path):
    samples = WeakLens(survey=SURVEY, size=24).simulate(10, seed=1)
    write_store(samples, tmp_path / "sim", shard_size=4)
    code, said, _ = run("restore", tmp_path / "sim", "--model", model, "-o", tmp_path / "clean", "--threshold", 0.3)
    assert (code, said) == (0, f"{tmp_path / 'clean'}: 10 samples\n")
    found, before = open_samples(tmp_path / "clean").load(), open_samples(tmp_path / "sim").load()
    assert np.array_equal(found["sample_id"], before["sample_id"])
    assert found["defect_probability"].shape == before["image"].shape
    quiet = found["defect_probability"].values < 0.3
    assert np.array_equal(found["image"].values[quiet], before["image"].values[quiet])
    assert run("verify", tmp_path / "clean")[0] == 0


def test_a_fits_image_is_restored(run, model, tmp_path):
    sky = np.random.default_rng(2).normal(1000, 5, (120, 150)).astype(np.float32)
    sky[7, 9] = np.nan
    fits.writeto(tmp_path / "raw.fits", sky)
    code, _, _ = run("restore", tmp_path / "raw.fits", "--model", model, "-o", tmp_path / "clean.fits")
    assert code == 0
    with fits.open(tmp_path / "clean.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "IMAGE", "MASK", "PROBABILITY"]
        image, mask, probability = (hdu.data for hdu in hdus[1:])
        assert hdus[0].header["BIT16"] == "cosmic_ray"
    assert probability[7, 9] == 0
    assert np.array_equal(image[mask == 0], sky[mask == 0], equal_nan=True)
    again = run("restore", tmp_path / "raw.fits", "--model", model, "-o", tmp_path / "clean.fits")
    assert again[0] == 1
    assert run("restore", tmp_path / "raw.fits", "--model", model, "-o", tmp_path / "clean.fits", "--overwrite")[0] == 0


@pytest.mark.parametrize(("threshold", "message"), [("0", "threshold"), ("2", "threshold")])
def test_refused_before_anything_is_written(run, model, tmp_path, threshold, message):
    fits.writeto(tmp_path / "raw.fits", np.random.default_rng(2).normal(0, 1, (64, 64)))
    code, _, err = run(
        "restore", tmp_path / "raw.fits", "--model", model, "-o", tmp_path / "c.fits", "--threshold", threshold
    )
    assert code == 1
    assert message in err
    assert not (tmp_path / "c.fits").exists()
