"""The monitor warns once, in time, of the right thing, and ends what is lost."""

from __future__ import annotations

import pytest

from astrogan.training import Batches, Budget, HealthWarning, Monitor, Trainer, TrainingStopped
from astrogan.training.health import SYMPTOMS

WELL = {"variety": 1.0, "margin": 0.5, "change": 0.2, "flux": 0.001}
SICK = [
    ("variety", 0.4, 0.1, "collapse"),
    ("margin", 7.0, 20.0, "critic saturation"),
    ("margin", -7.0, -20.0, "critic saturation"),
    ("change", 0.005, 0.0, "output equal to input"),
    ("flux", 0.1, 0.5, "flux drift"),
    ("flux", -0.1, -0.5, "flux drift"),
]


def run(monitor: Monitor, scalars: dict[str, float], steps: int, start: int = 0, fraction: float = 0.5) -> None:
    for step in range(start + 1, start + steps + 1):
        monitor(step, fraction, scalars)


@pytest.mark.parametrize(("scalar", "warns", "stops", "name"), SICK)
def test_each_symptom_warns_with_its_cause_and_stops_when_it_stays(scalar, warns, stops, name):
    monitor = Monitor(window=10)
    run(monitor, WELL, 20)
    with pytest.warns(HealthWarning, match=rf"step 30: {name}: {scalar} is .*; "):
        run(monitor, {**WELL, scalar: warns}, 10, 20)
    run(monitor, {**WELL, scalar: warns}, 50, 30)  # told once
    assert len(monitor.told) == 1
    run(monitor, WELL, 20, 80)
    with pytest.warns(HealthWarning, match=f"step 110: {name}"):  # it was well between
        run(monitor, {**WELL, scalar: stops}, 10, 100)
    with pytest.raises(TrainingStopped, match=rf"stopped at step 120: {name}: {scalar} is "):
        run(monitor, {**WELL, scalar: stops}, 10, 110)


def test_one_bad_step_or_a_bad_beginning_is_not_judged():
    monitor = Monitor(window=10)
    run(monitor, {**WELL, "margin": 100.0}, 100, fraction=0.1)
    run(monitor, WELL, 10, 100)
    run(monitor, {**WELL, "variety": 0.0}, 1, 110)
    run(monitor, WELL, 99, 111)
    assert monitor.told == []


def test_scalars_that_are_not_there_are_not_judged():
    run(Monitor(window=2), {"loss": 1.0}, 10)


def test_warnings_go_where_they_are_told_to():
    said: list[str] = []
    run(Monitor(window=5, tell=said.append), {**WELL, "flux": 0.1}, 5)
    assert said[0].startswith("step 5: flux drift")


def test_every_symptom_names_a_cause_and_has_an_order():
    for symptom in SYMPTOMS:
        assert len(symptom.cause) > 40
        assert symptom.low[0] >= symptom.low[1]
        assert symptom.high[0] <= symptom.high[1]


def test_the_trainer_ends_with_the_reason(tmp_path):
    import torch
    from torch import nn

    from astrogan.training import Recipe

    class Still(Recipe):
        def __init__(self) -> None:
            self.networks, self.optimizers = nn.ModuleDict(), {}

        def step(self, batch, progress):
            return {**WELL, "change": 0.0}

    batches = Batches({"sim": {"image": torch.zeros(4, 1, 8, 8)}}, 2, seed=0)
    said: list[str] = []
    watch = Monitor(window=10, tell=said.append)
    trainer = Trainer(Still(), batches, Budget(images=1000), tmp_path, watch=watch, device="cpu")
    with pytest.raises(TrainingStopped, match="output equal to input: change is 0 sigma; the refiner changes nothing"):
        trainer.fit()
    assert said
    assert (tmp_path / "log.jsonl").read_text()


@pytest.mark.parametrize("bad", [{"window": 0}, {"patience": 0}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="health"):
        Monitor(**bad)
