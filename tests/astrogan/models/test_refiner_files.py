"""Model files come back as they went, and others are refused by name."""

import json

import numpy as np
import pytest
import torch

from astrogan.models import Refiner, RefinerConfig, shipped_weights


def test_file_round_trip(tmp_path, simulated, wild):
    samples, tangents = simulated
    refiner = wild()
    refiner.save(tmp_path / "model.safetensors")
    again = Refiner.load(tmp_path / "model.safetensors")
    assert again.config == refiner.config
    refined = again.apply(samples, tangents)
    assert np.array_equal(refined["image"], refiner.apply(samples, tangents)["image"])
    assert refined.attrs["model_sha256"] == again.card["weights_sha256"]


def test_the_shipped_refiner_names_its_real_stamps():
    refiner = Refiner.load(shipped_weights())
    digests = refiner.card["training_digests"]["real"]
    assert len(digests) == len(set(digests)) == refiner.card["real_stamps"]["count"]
    assert refiner.networks["refiner"].trunk.exit.weight.abs().sum() > 0


@pytest.mark.parametrize("spoil", ["card", "weights", "nan", "kind", "missing card", "pickle"])
def test_damaged_or_foreign_model_files_are_refused(tmp_path, wild, spoil):
    path = tmp_path / "model.safetensors"
    refiner = wild()
    if spoil == "nan":
        with torch.no_grad():
            refiner.networks["refiner"].trunk.exit.bias.fill_(float("nan"))
    refiner.save(path)
    card = path.with_suffix(".json")
    if spoil == "card":
        card.write_text("{")
    elif spoil == "weights":
        data = bytearray(path.read_bytes())
        data[-10] ^= 1
        path.write_bytes(data)
    elif spoil == "kind":
        card.write_text(json.dumps({**json.loads(card.read_text()), "model": "inpainting"}))
    elif spoil == "missing card":
        card.unlink()
    elif spoil == "pickle":
        torch.save(refiner.networks.state_dict(), path)
    with pytest.raises((ValueError, FileNotFoundError), match="pickled" if spoil == "pickle" else "model"):
        Refiner.load(path)


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.ckpt", "model.pkl", "model.PT"])
def test_pickles_are_refused_before_they_are_read(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x80\x04cposix\nsystem\n")
    with pytest.raises(ValueError, match=rf"{name}: pickled models can run code"):
        Refiner.load(path)
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        Refiner(RefinerConfig(bands=1)).save(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_version": None}, "model card without a schema_version, older than 2: train the model again"),
        ({"schema_version": 1}, "model card of schema_version 1, older than 2"),
        ({"schema_version": 9}, "schema_version 9, newer than 2"),
        ({"schema_version": "two"}, "schema_version 'two', older"),
        ({"config": {"bands": 2, "depth": 3}}, "does not fit its card.*depth"),
        ({"config": {"bands": 3}}, "does not fit its card"),
        ({"config": None}, "does not fit its card"),
    ],
)
def test_cards_that_do_not_fit_are_refused_by_name(tmp_path, wild, changes, words):
    path = tmp_path / "model.safetensors"
    wild().save(path)
    card = {**json.loads(path.with_suffix(".json").read_text()), **changes}
    path.with_suffix(".json").write_text(json.dumps({k: v for k, v in card.items() if v is not None}))
    with pytest.raises(ValueError, match=words):
        Refiner.load(path)
