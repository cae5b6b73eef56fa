"""Training moves images where they should go, under either loss, and its parts do what they are for."""

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch

from astrogan.dataset.fingerprints import stamp_digests
from astrogan.models import RefinerTraining, as_stamps, train_refiner
from astrogan.models.recipe import RefinerRecipe, constraints_of
from astrogan.models.scaling import compress
from astrogan.training import Budget

FRAME = ("image", "sigma", "good", "psf", "low", "high")


def batch_of(stamps, count=4):
    part = stamps[slice(0, count)]
    sim = {name: getattr(part, name) for name in FRAME} | {"basis": part.basis().float()}
    return {"sim": sim, "real": {"image": part.image.flip(0)}}


def settings(**changes):
    return dataclasses.replace(RefinerTraining(Budget(images=16 * 25)), **changes)


@pytest.mark.parametrize(
    ("loss", "features"), [("r3", "identity"), ("simgan", "identity"), ("r3", "blurred"), ("simgan", "bands")]
)
def test_training_moves_the_images_towards_the_real_ones(simulated, stamps, real, small, loss, features):
    """Real stamps are noisier in one direction: the critic must notice and the refiner must follow."""
    samples, tangents = simulated
    start = small()
    how = settings(loss=loss, features=features, budget=Budget(images=8 * 15), batch_size=8)
    trained, summary = train_refiner(start, stamps, real, how)
    assert summary["steps"] == 15
    assert summary["scalars"]["change"] > 0.003
    assert not any(p.any() for p in start.networks["refiner"].trunk.exit.parameters()), "the refiner given was changed"
    changed = trained.apply(samples, tangents)["image"].values
    assert not np.allclose(changed, samples["image"].values, rtol=1e-3)
    assert ("gamma" in summary["scalars"]) == (loss == "r3")


def test_a_feature_net_may_say_what_must_stay(stamps, real, small):
    """Under one that sees the mean of a stamp alone, anything but that mean may change at no cost."""
    seen = []

    def mean(x):
        seen.append(x.shape)
        return x.mean((1, 2, 3))

    how = settings(budget=Budget(images=32), regularisation=1.0)
    summary = train_refiner(small(), stamps, real, how, features=mean)[1]
    assert seen == [(16, 2, 32, 32)] * 4
    assert summary["scalars"]["kept"] < 0.5 * summary["scalars"]["change"]


def test_the_history_fills_and_gives_half_of_every_critic_batch(stamps, small, monkeypatch):
    recipe = RefinerRecipe(small(), settings(history=6, batch_size=4), 1.0)
    shown, made = [], []
    critic, mix = recipe.loss.critic, recipe.history.mix
    seen = lambda net, one, other, step: shown.append(other.clone()) or critic(net, one, other, step)
    monkeypatch.setattr(type(recipe.loss), "critic", lambda self, *rest: seen(*rest))
    monkeypatch.setattr(recipe.history, "mix", lambda fresh: made.append(fresh.detach().clone()) or mix(fresh))
    batch = batch_of(stamps)
    with torch.no_grad():
        torch.nn.init.normal_(recipe.networks["refiner"].trunk.exit.weight)  # every step's fakes differ
    for count in (2, 4, 6, 6, 6):
        recipe.step(batch, 0.1)
        assert len(recipe.history) == count
    for step in range(1, 5):
        assert torch.equal(shown[step][:2], made[step][:2])
        for image in shown[step][2:]:
            assert any(torch.equal(image, old) for fakes in made[:step] for old in fakes[2:])


def test_a_restarted_step_is_the_same_step(stamps, small):
    batch = batch_of(stamps)
    make = lambda: RefinerRecipe(small(), settings(history=6, batch_size=4), 1.0, augment=True)
    recipe = make()
    recipe.augment.probability = 0.5
    for _ in range(3):
        recipe.step(batch, 0.1)
    twin = make()
    twin.load_state_dict(recipe.state_dict())
    twin.networks.load_state_dict(recipe.networks.state_dict())
    for name, optimizer in twin.optimizers.items():
        optimizer.load_state_dict(copy.deepcopy(recipe.optimizers[name].state_dict()))
    assert twin.step(batch, 0.2) == recipe.step(batch, 0.2)


def test_constraints_made_in_the_step_are_those_made_before(stamps):
    part = stamps[slice(0, 4)]
    sim = {name: getattr(part, name) for name in (*FRAME, "moments", "tangents")}
    basis = part.basis().float()
    again = constraints_of(sim)
    assert torch.allclose(again.mT @ again, basis.mT @ basis, atol=1e-5)
    assert constraints_of({**sim, "basis": basis}) is basis


def test_gamma_follows_the_variance_of_the_pixels(stamps, real, small):
    summaries = [
        train_refiner(small(), stamps, scale * real, settings(budget=Budget(images=16)))[1] for scale in (1.0, 3.0)
    ]
    for scale, summary in zip((1.0, 3.0), summaries, strict=True):
        variance = float(compress(scale * real).var())
        assert summary["scalars"]["gamma"] == pytest.approx(0.033 * variance, rel=1e-5)
        assert summary["scalars"]["r1"] >= 0


def test_few_real_stamps_are_augmented_and_it_is_logged(stamps, real, small):
    scalars = [
        train_refiner(small(), stamps, real, settings(augment=how, budget=Budget(images=80)))[1]["scalars"]
        for how in ("auto", "adaptive", "off")
    ]
    assert {"augmentation", "r_t"} <= set(scalars[0])
    assert scalars[0].keys() == scalars[1].keys()
    assert not {"augmentation", "r_t"} & set(scalars[2])


def test_many_real_stamps_are_not_augmented(stamps, real, small, monkeypatch):
    monkeypatch.setattr("astrogan.training.adaptive.LARGE", 60)
    summary = train_refiner(small(), stamps, real, settings(budget=Budget(images=32)))[1]
    assert "augmentation" not in summary["scalars"]


def test_the_card_says_what_it_was_trained_on(tmp_path, stamps, real, small):
    trained, _ = train_refiner(small(), stamps, real, settings(budget=Budget(images=32), augment="off"))
    trained.save(tmp_path / "m.safetensors")
    card = json.loads((tmp_path / "m.json").read_text())
    assert card["training_digests"]["real"] == stamp_digests(real.numpy())
    assert len(card["training_digests"]["sim"]) == 64
    assert card["training"]["images"] == 32
    assert card["training"]["loss"] == "r3"
    assert card["metrics"]["critic"] > 0


def test_resuming_goes_on_and_refuses_other_stamps(tmp_path, stamps, real, small):
    how = lambda images: settings(budget=Budget(images=images))
    straight, _ = train_refiner(small(), stamps, real, how(96), folder=tmp_path / "a")
    train_refiner(small(), stamps, real, dataclasses.replace(how(48)), folder=tmp_path / "b")
    resumed, summary = train_refiner(small(), stamps, real, how(96), folder=tmp_path / "b", resume=True)
    assert summary["steps"] == 6
    assert resumed.card["training_digests"] == straight.card["training_digests"]
    with pytest.raises(ValueError, match="trained on other stamps"):
        train_refiner(small(), stamps, real.flip(0), how(128), folder=tmp_path / "b", resume=True)
    with pytest.raises(FileNotFoundError):
        train_refiner(small(), stamps, real, how(128), folder=tmp_path / "c", resume=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own code
def test_compiled_training_gives_the_same_to_rounding(stamps, real, small, monkeypatch):
    """With the graphs that `torch.compile` captures, forward and backward, but not the minute that C++ takes."""
    captured, how = [], settings(budget=Budget(images=48))
    compile = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self: captured.append(self) or compile(self, backend="aot_eager")
    )
    monkeypatch.setattr("shutil.which", lambda name: name)
    compiled = train_refiner(small(), stamps, real, dataclasses.replace(how, compile=True))[0]
    assert len(captured) == 1
    plain = train_refiner(small(), stamps, real, how)[0]
    for name, weight in plain.networks["refiner"].state_dict().items():
        other = compiled.networks["refiner"].state_dict()[name]
        assert torch.allclose(other, weight, rtol=1e-2, atol=2e-4), name


def test_without_a_compiler_compiling_is_refused(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ValueError, match=r"compile = True needs a C\+\+ compiler"):
        settings(compile=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": "r3gan"}, "did you mean 'r3'"),
        ({"features": "blured"}, "did you mean 'blurred'"),
        ({"augment": "always"}, "unknown augment 'always'"),
        ({"batch_size": 1}, "batch_size = 1"),
        ({"gamma": -1}, "gamma = -1"),
    ],
)
def test_settings_that_are_none_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        settings(**changes)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda real: real[:49], "49 stamps are too few; at least 50"),
        (lambda real: real[:, :1], r"\(60, 1, 32, 32\) are not \(N, 2, H, W\)"),
        (lambda real: real[..., 1:], r"\(2, 32, 31\) beside simulated ones of \(2, 32, 32\)"),
        (lambda real: real.index_fill(0, torch.tensor([7]), float("nan")), r"1 of 60 stamps \(first: 7\) have NaN"),
        (lambda real: real.index_fill(0, torch.tensor([3, 9]), 2.0), r"2 of 60 stamps \(first: 3, 9\) are constant"),
        (lambda real: real.clamp(max=5.0), "are saturated"),
        (lambda real: real[:1].expand(60, -1, -1, -1), "only 1 of 60 stamps differ"),
    ],
)
def test_real_stamps_that_teach_nothing_are_refused_before_training(stamps, real, small, spoil, words, monkeypatch):
    monkeypatch.setattr(RefinerRecipe, "step", lambda *_: pytest.fail("training began"))
    with pytest.raises(ValueError, match=words):
        train_refiner(small(), stamps, spoil(real), settings())


def test_stamps_are_as_they_were_for_clean_samples(simulated):
    """Neither mask nor variance of good samples changes a pixel."""
    samples, _ = simulated
    stamps = as_stamps(samples)
    assert stamps.good.all()
    assert np.allclose(stamps.image * stamps.unit[:, None, None], samples["image"], rtol=1e-6)
    assert np.allclose((stamps.sigma * stamps.unit[:, None, None]) ** 2, samples["variance"], rtol=1e-5)
