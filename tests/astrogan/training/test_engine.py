"""The training loop: restarts, budgets, logs, refusals."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from astrogan.networks import PatchCritic, ResidualTrunk
from astrogan.training import R3GAN, Batches, Budget, History, Recipe, Trainer, minimise
from astrogan.training.checkpoint import read_checkpoint, write_checkpoint


class SmallGan(Recipe):
    """Everything that a restart could forget: two optimisers, history, own and global random numbers, a schedule."""

    averaged = ("refiner",)

    def __init__(self, seed: int = 0) -> None:
        self.networks = nn.ModuleDict(
            {"refiner": ResidualTrunk(2, 1, width=4, blocks=1, seed=seed), "critic": PatchCritic(1, width=4, seed=seed)}
        )
        self.optimizers = {
            name: torch.optim.Adam(net.parameters(), 1e-2, betas=(0.0, 0.99)) for name, net in self.networks.items()
        }
        self.history, self.rng, self.count = History(12, seed=seed), torch.Generator().manual_seed(seed), 0

    def step(self, batch: dict[str, dict[str, torch.Tensor]], progress: float) -> dict[str, float]:
        raw, real = batch["sim"]["image"], batch["real"]["image"]
        loss = R3GAN(gamma=1.0 - 0.5 * progress, every=2)
        noise = torch.randn(raw.shape, generator=self.rng)
        fake = raw + self.networks["refiner"](torch.cat([raw, noise], 1)) + 0.1 * torch.randn(raw.shape)
        critic, scalars = loss.critic(self.networks["critic"], real, self.history.mix(fake), self.count)
        minimise(critic, self.optimizers["critic"])
        refiner = loss.generator(self.networks["critic"], real, fake)
        minimise(refiner, self.optimizers["refiner"])
        self.count += 1
        return {"critic": critic.item(), "refiner": refiner.item(), **scalars}

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history.state_dict(), "rng": self.rng.get_state(), "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history.load_state_dict(state["history"])
        self.rng.set_state(state["rng"])
        self.count = state["count"]


class Scripted(Recipe):
    """One weight that goes up by one per step; the scalars come from a function of the step."""

    averaged = ("net",)

    def __init__(self, scalars: Any = lambda step: {"loss": float(step)}) -> None:
        self.networks = nn.ModuleDict({"net": nn.Linear(1, 1, bias=False)})
        nn.init.zeros_(self.networks["net"].weight)
        self.optimizers = {"net": torch.optim.SGD(self.networks.parameters(), 1.0)}
        self.scalars, self.steps, self.progress = scalars, 0, []

    def step(self, batch: Any, progress: float) -> dict[str, float]:
        self.steps += 1
        self.progress.append(progress)
        minimise(-self.networks["net"].weight.sum(), self.optimizers["net"])
        return self.scalars(self.steps)


def batches(seed: int = 5, size: int = 4) -> Batches:
    images = torch.randn(30, 1, 24, 24, generator=torch.Generator().manual_seed(1))
    return Batches({"sim": {"image": images[:13]}, "real": {"image": images[13:]}}, size, seed=seed, augment=["real"])


def gan(folder: Path, seed: int = 0, budget: int = 24, **options: Any) -> Trainer:
    torch.manual_seed(100 + seed)
    return Trainer(SmallGan(seed), batches(seed), Budget(images=budget), folder, device="cpu", log_every=2, **options)


def scripted(recipe: Recipe, images: int = 40, folder: Path | None = None, **options: Any) -> Trainer:
    return Trainer(recipe, batches(), Budget(images=images), folder, device="cpu", **options)


def flat(state: Any, path: str = "") -> dict[str, Any]:
    if isinstance(state, dict):
        return {k: v for key, part in state.items() for k, v in flat(part, f"{path}/{key}").items()}
    if isinstance(state, list | tuple):
        return {k: v for key, part in enumerate(state) for k, v in flat(part, f"{path}/{key}").items()}
    return {path: state}


def log_without_time(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def stop_after(trainer: Trainer, steps: int) -> None:
    trainer.fit(lambda fraction, scalars: trainer.stop() if trainer.steps == steps else None)


def test_resume_equals_a_run_never_interrupted_bit_for_bit(tmp_path):
    straight = gan(tmp_path / "a")
    assert straight.fit()["steps"] == 6
    stop_after(gan(tmp_path / "b"), 3)
    resumed = gan(tmp_path / "b", seed=77)
    resumed.resume()
    assert resumed.steps == 3
    resumed.fit()
    a, b = (flat(read_checkpoint(tmp_path / name / "checkpoint.pt")) for name in "ab")
    assert a.keys() == b.keys()
    assert sum(isinstance(value, torch.Tensor) for value in a.values()) > 60
    for key in a.keys() - {"/counts/seconds"}:
        same = torch.equal(a[key], b[key]) if isinstance(a[key], torch.Tensor) else a[key] == b[key]
        assert same, key
    for name, weight in straight.ema.networks.state_dict().items():
        assert torch.equal(weight, resumed.ema.networks.state_dict()[name]), name
    assert log_without_time(tmp_path / "a") == log_without_time(tmp_path / "b")
    assert [line["step"] for line in log_without_time(tmp_path / "b")] == [2, 4, 6]


def test_the_comparison_above_notices_a_forgotten_generator(tmp_path):
    stop_after(gan(tmp_path / "b"), 3)
    results = []
    for forget in (False, True):
        trainer = gan(tmp_path / "b", seed=77)
        trainer.resume()
        if forget:
            trainer.recipe.rng.manual_seed(0)
        trainer.folder = None
        trainer.fit()
        results.append(trainer.ema.networks["refiner"].exit.weight)
    assert not torch.equal(*results)


def test_a_resumed_run_may_get_a_larger_budget_and_counts_what_was_done(tmp_path):
    gan(tmp_path).fit()
    longer = gan(tmp_path, budget=32)
    longer.resume()
    summary = longer.fit()
    assert (summary["steps"], summary["images"]) == (8, 32)
    assert summary["images_per_second"] == pytest.approx(32 / summary["seconds"])
    assert [line["images"] for line in log_without_time(tmp_path)] == [8, 16, 24, 32]


def test_progress_counts_up_to_the_budget_and_the_last_step_may_overshoot():
    recipe, seen = Scripted(), []
    summary = scripted(recipe, 10).fit(lambda fraction, scalars: seen.append((fraction, scalars)))
    assert recipe.progress == [0.0, 0.4, 0.8]
    assert seen == [(0.4, {"loss": 1.0}), (0.8, {"loss": 2.0}), (1.0, {"loss": 3.0})]
    assert (summary["images"], summary["scalars"]) == (12, {"loss": 3.0})


class Clock:
    """A clock that only moves when told to."""

    now = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("astrogan.training.engine.perf_counter", lambda: clock.now)
    return clock


def test_seconds_count_training_only(clock):
    recipe = Scripted(lambda step: clock.wait(0.25) or {"loss": 0.0})
    trainer = Trainer(recipe, batches(), Budget(seconds=1.0), device="cpu")
    summary = trainer.fit(lambda fraction, scalars: clock.wait(0.5))
    assert (summary["steps"], summary["seconds"], summary["images_per_second"]) == (4, 1.0, 16.0)
    assert recipe.progress == [0.0, 0.25, 0.5, 0.75]


def test_log_lines_hold_means_and_the_last_window_is_not_lost(tmp_path):
    recipe = Scripted(lambda step: {"loss": float(step)} if step % 2 else {"loss": float(step), "rare": 10.0 * step})
    scripted(recipe, 20, tmp_path, log_every=3).fit()
    assert log_without_time(tmp_path) == [
        {"step": 3, "images": 12, "scalars": {"loss": 2.0, "rare": 20.0}},
        {"step": 5, "images": 20, "scalars": {"loss": 4.5, "rare": 40.0}},
    ]


def test_resume_drops_log_lines_from_after_the_checkpoint(tmp_path):
    trainer = scripted(Scripted(), 40, tmp_path, log_every=1)
    stop_after(trainer, 4)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 5, "images": 20, "seconds": 1, "scalars": {}}\n{"step": 6, "ima')
    trainer = scripted(Scripted(), 40, tmp_path, log_every=1)
    trainer.resume()
    trainer.fit()
    assert [line["step"] for line in log_without_time(tmp_path)] == list(range(1, 11))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_scalar_that_is_not_finite_stops_training_and_leaves_the_last_good_checkpoint(tmp_path, bad):
    recipe = Scripted(lambda step: {"good": 1.0, "r1": bad if step == 5 else 1.0})
    trainer = scripted(recipe, 40, tmp_path, log_every=1, checkpoint_every=1e-9)
    with pytest.raises(FloatingPointError, match=rf"r1 is {bad} at step 5"):
        trainer.fit()
    assert read_checkpoint(tmp_path / "checkpoint.pt")["counts"]["steps"] == 4
    assert [line["step"] for line in log_without_time(tmp_path)] == [1, 2, 3, 4]
    with pytest.raises(RuntimeError, match="not worth saving"):
        trainer.save()
    trainer.resume()
    assert trainer.recipe.networks["net"].weight.item() == 4.0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["checkpoint.pt", "log.jsonl"]


def test_checkpoints_come_by_training_time_and_at_the_end(tmp_path, clock):
    def steps() -> int:
        path = tmp_path / "checkpoint.pt"
        return read_checkpoint(path)["counts"]["steps"] if path.exists() else 0

    saved = []
    trainer = scripted(Scripted(lambda step: clock.wait(1.0) or {"loss": 0.0}), 40, tmp_path, checkpoint_every=3.0)
    trainer.fit(lambda fraction, scalars: clock.wait(99.0) or saved.append(steps()))
    assert saved == [0, 0, 3, 3, 3, 6, 6, 6, 9, 9]
    assert steps() == 10


def test_the_average_is_kept_apart_and_follows_the_weights():
    trainer = scripted(Scripted(), 400, ema_half_life=8.0)
    trainer.fit()
    lag = trainer.recipe.networks["net"].weight.item() - trainer.ema.networks["net"].weight.item()
    assert lag == pytest.approx(1.0 / (math.sqrt(2.0) - 1.0), rel=1e-3)  # decay 1/sqrt(2) per step of 4 images


def test_images_arrive_channels_last_and_so_are_the_weights():
    seen = {}

    class Watching(Scripted):
        def step(self, batch: Any, progress: float) -> dict[str, float]:
            seen["image"] = batch["sim"]["image"]
            return super().step(batch, progress)

    recipe = Watching()
    recipe.networks["conv"] = nn.Conv2d(3, 4, 3)
    images = {"sim": {"image": torch.zeros(5, 3, 8, 8)}}
    Trainer(recipe, Batches(images, 2, seed=0), Budget(images=2), device="cpu").fit()
    assert seen["image"].is_contiguous(memory_format=torch.channels_last)
    assert recipe.networks["conv"].weight.is_contiguous(memory_format=torch.channels_last)


def test_a_folder_with_another_run_is_not_overwritten(tmp_path):
    scripted(Scripted(), 40, tmp_path).fit()
    before = (tmp_path / "log.jsonl").read_bytes()
    with pytest.raises(FileExistsError, match="holds another run: resume it"):
        scripted(Scripted(), 40, tmp_path).fit()
    assert (tmp_path / "log.jsonl").read_bytes() == before


def test_checkpoints_of_other_recipes_are_refused_by_name(tmp_path):
    scripted(Scripted(), 8, tmp_path).fit()
    with pytest.raises(ValueError, match="not a checkpoint of this SmallGan"):
        gan(tmp_path).resume()


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("never"),))


@pytest.mark.parametrize("kind", ["truncated", "text", "code", "other"])
def test_files_that_are_no_checkpoints_are_refused(tmp_path, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pt"
    if kind == "truncated":
        write_checkpoint(path, {"a": torch.zeros(1000)})
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "text":
        path.write_text("hello")
    else:
        torch.save({"format": Payload()} if kind == "code" else {"format": "x"}, path)
    with pytest.raises(ValueError, match=r"x\.pt is not a"):
        scripted(Scripted()).resume(path)
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: scripted(Scripted(), log_every=0), "log_every = 0"),
        (lambda: scripted(Scripted(), checkpoint_every=0), "checkpoint_every = 0"),
        (lambda: scripted(Scripted()).save(), "no folder"),
        (lambda: scripted(Scripted()).recipe.load_state_dict({"history": 1}), "no use for the saved history"),
    ],
)
def test_bad_input_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
