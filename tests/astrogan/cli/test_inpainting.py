"""Inpainters trained from stores, and stores with their holes filled."""

from __future__ import annotations

import json

import numpy as np
import pytest

from astrogan import open_samples
from astrogan.dataset.masks import draw_masks, hole_pixels, with_mask
from astrogan.dataset.sharding import write_store
from astrogan.models import Inpainter
from catalogs import Band, Survey
from simulators import WeakLens

SIZE = 24
SURVEY = Survey("test", 0.2, (Band("g", 0.7, 2.0, electrons_per_unit=3.0), Band("r", 0.6, 3.0, electrons_per_unit=2.0)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stores of whole stamps and of stamps with holes."""
    folder = tmp_path_factory.mktemp("stores")
    samples = WeakLens(survey=SURVEY, size=SIZE).simulate(70, seed=1)
    write_store(samples, folder / "whole", shard_size=40)
    few = samples.isel(sample=slice(0, 7))
    holes = draw_masks(["block", "columns"], few["sample_id"].values, (2, SIZE, SIZE), seed=3)
    write_store(with_mask(few, holes), folder / "holed", shard_size=3)
    return folder


@pytest.fixture(scope="module")
def options():
    return ("--size", SIZE, "--width", 6, "--windows", 64, "--masks", "block,columns")


def test_trained_resumed_and_used(run, folder, tmp_path, options):
    model = tmp_path / "m.safetensors"
    command = ("train", "inpainter", "--real", folder / "whole", "--out", model, *options)
    code, _, err = run(*command, "--images", 32)
    assert (code, err) == (0, "")
    assert "exists" in run(*command, "--images", 32)[2]
    assert run(*command, "--images", 64, "--resume")[0] == 0
    card = json.loads(model.with_suffix(".json").read_text())
    assert (card["model"], card["training"]["images"], card["bands"]) == ("inpainter", 64, ["g", "r"])
    assert card["command"].startswith("astrogan train inpainter --real")
    assert "inpainter with" in run("info", model)[1]
    code, *_ = run(
        "inpaint", folder / "holed", "--model", model, "--samples", 3, "--out", tmp_path / "out", "--seed", 2
    )
    assert code == 0
    before, after = open_samples(folder / "holed").load(), open_samples(tmp_path / "out").load()
    assert len(list((tmp_path / "out" / "shards").iterdir())) == 3
    holes = hole_pixels(before)
    assert np.array_equal(after["image"].values[~holes], before["image"].values[~holes])
    assert (after["image_std"].values > 0)[holes].all()
    for name in before.variables:
        if name not in ("image", "image_step"):
            assert after[name].identical(before[name]), name
    expected = Inpainter.load(model)(before, n=3, seed=2)
    assert after["image_draws"].shape == (7, 3, 2, SIZE, SIZE)
    assert np.allclose(after["image_draws"], expected["image_draws"], rtol=1e-3, atol=1e-2)
    for name in ("inpainted_by", "inpainter_sha256", "inpainted_seed", "inpainted_from", "inpainted_with"):
        assert name in after.attrs
    assert run("verify", tmp_path / "out")[0] == 0
    other = WeakLens(survey="lsst", bands="r", size=SIZE).simulate(2, seed=1)
    write_store(other, tmp_path / "other")
    code, _, err = run("inpaint", tmp_path / "other", "--model", model, "--out", tmp_path / "no")
    assert code == 1
    assert "fills 2 bands" in err
    code, _, err = run("inpaint", folder / "holed", "--model", model, "--out", tmp_path / "no", "--flags", "no_dat")
    assert code == 1
    assert "did you mean 'no_data'" in err
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_trained_is_refused(run, folder, tmp_path, options):
    model = tmp_path / "m.safetensors"
    for more, words in (
        (("--size", 32), "smaller than the windows of 32"),
        (("--masks", "blok"), "did you mean 'block'"),
        (("--images", 0), "images = 0"),
        (("--resume",), "no checkpoint to resume from"),
    ):
        code, _, err = run("train", "inpainter", "--real", folder / "whole", "--out", model, *options, *more)
        assert code == 1
        assert words in err
    assert not model.exists()
