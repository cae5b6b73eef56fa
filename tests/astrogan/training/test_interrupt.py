"""Ctrl-C ends the running step, and what was learnt is kept."""

from __future__ import annotations

import signal

import pytest
import torch
from torch import nn

from astrogan.training import Batches, Budget, Recipe, Trainer, minimise
from astrogan.training.checkpoint import read_checkpoint


class Counting(Recipe):
    """One weight that goes up by one per step."""

    def __init__(self) -> None:
        self.networks = nn.ModuleDict({"net": nn.Linear(1, 1, bias=False)})
        nn.init.zeros_(self.networks["net"].weight)
        self.optimizers = {"net": torch.optim.SGD(self.networks.parameters(), 1.0)}

    def step(self, batch, progress):
        minimise(-self.networks["net"].weight.sum(), self.optimizers["net"])
        return {"weight": self.networks["net"].weight.item()}


def trainer(folder=None):
    batches = Batches({"sim": {"image": torch.zeros(4, 1, 8, 8)}}, 2, seed=0)
    return Trainer(Counting(), batches, Budget(images=20), folder, device="cpu")


def test_an_interrupt_ends_the_step_writes_its_checkpoint_and_can_be_resumed(tmp_path):
    cut = trainer(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cut.fit(lambda fraction, scalars: signal.raise_signal(signal.SIGINT) if cut.steps == 3 else None)
    assert read_checkpoint(tmp_path / "checkpoint.pt")["counts"]["steps"] == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = trainer(tmp_path)
    resumed.resume()
    assert resumed.fit()["scalars"] == {"weight": 10.0}


def test_a_second_interrupt_does_not_wait(tmp_path):
    cut = trainer(tmp_path)

    def twice(fraction, scalars):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        cut.fit(twice)
    assert not (tmp_path / "checkpoint.pt").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_a_folder_an_interrupt_is_python_s_own():
    with pytest.raises(KeyboardInterrupt):
        trainer().fit(lambda fraction, scalars: signal.raise_signal(signal.SIGINT))
