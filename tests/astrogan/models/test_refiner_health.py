"""Each way in which training fails, forced, is found by what the recipe measures."""

import dataclasses

import pytest
import torch

from astrogan.models import RefinerTraining
from astrogan.models.recipe import RefinerRecipe
from astrogan.models.training import refiner_trainer
from astrogan.training import Budget, Monitor, TrainingStopped

HOW = RefinerTraining(Budget(images=8 * 60), batch_size=8, augment="off")


def outcome(refiner, stamps, real, how=HOW):
    """Why training ended, and what was told before."""
    trainer, _ = refiner_trainer(refiner, stamps, real, how)
    said = []
    trainer.watch = Monitor(window=4, tell=said.append)
    with pytest.raises(TrainingStopped) as stop:
        trainer.fit()
    return str(stop.value), said


def noise():
    return torch.randn(60, 2, 32, 32, generator=torch.Generator().manual_seed(0))


def test_output_equal_to_input(stamps, real, small):
    still = dataclasses.replace(HOW, regularisation=1000.0, learning_rate=1e-6, final_rate=1e-6)
    reason, said = outcome(small(), stamps, real, still)
    assert "output equal to input: change is" in reason
    assert "output equal to input" in said[0]


def test_critic_saturation(stamps, small):
    """Real stamps from another world, and a refiner that cannot follow: the critic wins every pair by far."""
    free = dataclasses.replace(HOW, gamma=0.0, regularisation=0.5, learning_rate=2e-2, final_rate=2e-2)
    reason, _ = outcome(small(reach=0.5, fraction=0.0), stamps, 300.0 + 30.0 * noise(), free)
    assert "critic saturation: margin is" in reason


def test_flux_drift(stamps, small):
    """Real stamps on a pedestal that the simulation lacks: the refiner adds light beside the objects."""
    real = stamps.image.repeat(5, 1, 1, 1) + 4.0 + 0.5 * noise()
    faint = dataclasses.replace(stamps, image=stamps.image * 0.02, tangents=stamps.tangents[:, :0])
    reason, _ = outcome(small(), faint, real, dataclasses.replace(HOW, learning_rate=1e-2, final_rate=1e-2))
    assert "flux drift: flux is" in reason


def test_collapse(stamps, real, small, monkeypatch):
    """A refiner that takes every stamp back to nothing: all are alike."""

    def nothing(self, sim):
        z = torch.zeros(len(sim["image"]), 2, 32, 32)
        return -0.99 * sim["image"] + 0.0 * self.networks["refiner"](sim["image"], sim["sigma"], sim["psf"], z)

    monkeypatch.setattr(RefinerRecipe, "_residual", nothing)
    reason, said = outcome(small(), stamps, real)
    assert any("collapse: variety is 0." in text for text in [reason, *said])
