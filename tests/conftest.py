"""Fixtures shared by all tests, and guards against state that a test leaves behind."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("ASTROGAN_KERNEL_CACHE", "")  # jobs keep kernels unless told so
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background: processes under test inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_bench() -> Path:
    """Folder with converged images beside the checkout; the test is skipped where it is absent."""
    folder = SHARED / "bench"
    if not folder.is_dir():
        pytest.skip("needs converged images in ../shared/bench, which are not part of the project")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real sky beside the checkout; the test is skipped where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("needs real sky in ../shared/data, which is not part of the project")
    return folder


@pytest.fixture(scope="session")
def fault_scale() -> int:
    """How many times as many faults as usual to put in: 1, or what ``make fault`` says."""
    return int(os.environ.get("ASTROGAN_FAULT_SCALE", "1"))


@pytest.fixture
def faults(record_property) -> Iterator[Callable[..., None]]:
    """``faults(kind)`` counts one more fault that was put in, for the tables of `benchmarks/reliability.py`."""
    counts: Counter[str] = Counter()
    yield lambda kind="": counts.update([kind])
    record_property("faults", counts.total())
    record_property("kinds", json.dumps({kind: count for kind, count in counts.items() if kind}))


@pytest.fixture(autouse=True)
def _no_global_numpy_state() -> object:
    """Nothing may touch numpy's global random state."""
    before = np.random.get_state()
    yield
    after = np.random.get_state()
    assert before[0] == after[0]
    assert np.array_equal(before[1], after[1]), "a test or the code under it used numpy's global random state"
