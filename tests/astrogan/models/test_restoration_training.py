"""Training a restorer: it learns to find rays, under either loss, and goes on where it was stopped."""

import dataclasses

import numpy as np
import pytest
import torch

from astrogan.models import Restorer, RestorerConfig, RestorerTraining, train_restorer
from astrogan.models.defects import add_defects
from astrogan.models.restoration_training import RestorerRecipe, lesson_of
from astrogan.training import Budget, Trainer

SMALL = RestorerConfig(width=6, levels=2, critic_width=4)
FRAME = np.random.default_rng(7).normal(0, 1, (160, 160)).astype(np.float32)
HOW = RestorerTraining(Budget(images=8 * 40), windows=64, size=32, batch_size=8, rays=8.0)


def told_apart(restorer, kind="cosmic_ray"):
    """Chance that a pixel with a ray has a higher probability than one without (the area under the ROC curve)."""
    made = add_defects(np.random.default_rng(8).normal(0, 1, (16, 48, 48)).astype(np.float32), seed=9, kinds=[kind])
    score, hit = restorer.clean(made.image, device="cpu").probability, made.label > 0
    order = np.argsort(np.argsort(score.ravel()))
    return (order[hit.ravel()].mean() - (hit.sum() - 1) / 2) / (~hit).sum(), made


@pytest.mark.parametrize("loss", ["r3", "simgan"])
def test_it_learns_to_find_and_remove_rays(loss):
    restorer, summary = train_restorer([FRAME], dataclasses.replace(HOW, loss=loss), SMALL, device="cpu")
    assert summary["images"] == 320
    area, made = told_apart(restorer)
    assert area > 0.95
    hit = made.image - made.clean > 10
    clean = restorer.clean(made.image, device="cpu").clean
    before, after = (np.abs(image - made.clean)[hit].mean() for image in (made.image, clean))
    assert after < 0.2 * before
    assert restorer.card["training"]["loss"] == loss
    assert len(restorer.card["training_digests"]["real"]) == 1


def test_the_restorer_given_no_critic_and_no_features_learns_too():
    how = dataclasses.replace(HOW, adversarial=0.0, perceptual=0.0, budget=Budget(images=16))
    scalars = train_restorer([FRAME], how, SMALL, device="cpu")[1]["scalars"]
    assert set(scalars) == {"told", "image"}


def test_all_networks_learn_in_one_step():
    start = Restorer(SMALL)
    recipe = RestorerRecipe(start, HOW, 1.0)
    batch = {"lesson": {name: plane[:4] for name, plane in lesson_of([FRAME], HOW).items()}}
    scalars = recipe.step(batch, 0.5)
    assert {"told", "image", "critic", "adversarial", "perceptual", "r1"} <= set(scalars)
    for name, network in recipe.networks.items():
        before = start.networks[name].state_dict()
        assert any(not torch.equal(before[key], value) for key, value in network.state_dict().items()), name


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path, monkeypatch):
    how = dataclasses.replace(HOW, budget=Budget(images=80))
    whole = train_restorer([FRAME], how, SMALL, device="cpu")[0]
    advance = Trainer._advance

    def halfway(self, fraction):
        advance(self, fraction)
        if self.steps == 5:
            self.stop()

    monkeypatch.setattr(Trainer, "_advance", halfway)
    train_restorer([FRAME], how, SMALL, folder=tmp_path, device="cpu")
    monkeypatch.setattr(Trainer, "_advance", advance)
    again = train_restorer([FRAME], how, SMALL, folder=tmp_path, resume=True, device="cpu")[0]
    for key, value in whole.networks.state_dict().items():
        assert torch.equal(value, again.networks.state_dict()[key]), key
    with pytest.raises(ValueError, match="other windows"):
        train_restorer([FRAME + 1], how, SMALL, folder=tmp_path, resume=True, device="cpu")


@pytest.mark.parametrize(
    ("name", "value"),
    [("windows", 3), ("size", 16), ("batch_size", 1), ("learning_rate", 0.0), ("loss", "hinge"), ("kinds", ("rays",)),
     ("perceptual", -1.0)],
)  # fmt: skip
def test_settings_are_checked(name, value):
    with pytest.raises(ValueError, match=name if name != "kinds" else "kind of defect"):
        dataclasses.replace(HOW, **{name: value})
