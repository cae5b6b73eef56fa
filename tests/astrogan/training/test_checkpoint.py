"""Checkpoint files: all or nothing."""

from typing import Any

import pytest

from astrogan.training.checkpoint import read_checkpoint, write_checkpoint


def test_a_failed_write_leaves_the_old_checkpoint_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    write_checkpoint(path, {"a": 1})

    def full(*args: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("astrogan.training.checkpoint.os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(path, {"a": 2})
    assert read_checkpoint(path)["a"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["x.pt"]
