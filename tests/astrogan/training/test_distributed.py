"""Two processes train as one."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from astrogan.training.checkpoint import read_checkpoint
from astrogan.training.distributed import agree, everywhere, gathered, rank, share, world

SCRIPT = Path(__file__).with_name("ddp_script.py")


def moved(folder: Path) -> dict[str, torch.Tensor]:
    """By how much training moved the weights, per network."""
    weights = read_checkpoint(folder / "checkpoint.pt")["parts"]["networks"]
    start = fresh()
    parts = {"refiner": [], "critic": []}
    for name, weight in weights.items():
        if not name.endswith("exit.bias"):  # that of a relativistic critic has no gradient but rounding
            parts[name.split(".")[0]].append((weight - start[name]).flatten())
    return {name: torch.cat(part) for name, part in parts.items()}


def test_two_processes_end_with_the_weights_of_one(tmp_path, monkeypatch):
    """History, augmentation, penalties and all; the numbers differ by rounding, which Adam enlarges."""
    if not torch.distributed.is_available():
        pytest.skip("this torch has no distributed training")
    monkeypatch.setattr("astrogan.training.device.has_fast_bfloat16", lambda kind: False)
    monkeypatch.syspath_prepend(SCRIPT.parent)
    importlib.import_module("ddp_script").main(tmp_path / "1")
    launcher = ["-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [sys.executable, *launcher, str(SCRIPT), str(tmp_path / "2")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 processes" in done.stdout
    one, two = (moved(tmp_path / name) for name in "12")
    for name in one:
        assert one[name].norm() > 0.01
        assert (one[name] - two[name]).norm() < 0.01 * one[name].norm(), name
    past = [read_checkpoint(tmp_path / n / "checkpoint.pt")["parts"]["recipe"]["history"]["images"] for n in "12"]
    assert past[0].shape == (16, 1, 24, 24)
    assert torch.allclose(*past, atol=1e-3)
    last = [json.loads((tmp_path / n / "log.jsonl").read_text().splitlines()[-1]) for n in "12"]
    assert last[0]["images"] == last[1]["images"]
    for name in ("critic", "kept", "r_t", "augmentation", "gamma"):
        assert last[0]["scalars"][name] == pytest.approx(last[1]["scalars"][name], rel=1e-3, abs=1e-5)


def fresh() -> dict[str, torch.Tensor]:
    from astrogan.models import Refiner, RefinerConfig

    return Refiner(RefinerConfig(bands=1, width=4, blocks=1, critic_width=4)).networks.state_dict()


def test_alone_nothing_is_shared_and_nothing_changes():
    x = torch.arange(6.0)
    assert (world(), rank()) == (1, 0)
    assert share(x) is x
    assert gathered(x) is x
    assert agree({"a": 0.3}) == {"a": 0.3}
    assert everywhere(1.5) == 1.5


def test_batches_that_cannot_be_shared_are_refused(monkeypatch):
    monkeypatch.setattr("astrogan.training.distributed.world", lambda: 4)
    monkeypatch.setattr("astrogan.training.distributed.rank", lambda: 2)
    assert share(torch.arange(8)).tolist() == [4, 5]
    with pytest.raises(ValueError, match="a batch of 6 cannot be shared by 4 processes"):
        share(torch.arange(6))
