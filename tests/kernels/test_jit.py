"""How kernels are compiled and shared by threads: one module decides, and NaN keeps its meaning."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from simulators._kernels import _jit

pytestmark = pytest.mark.kernels
ROOT = Path(__file__).resolve().parents[2]
ONLY = ROOT / "simulators" / "_kernels" / "_jit.py"
SOURCE = sorted(path for name in ("catalogs", "simulators", "astrogan") for path in (ROOT / name).rglob("*.py"))
FORBIDDEN = {"njit", "jit", "numba", "fastmath", "vectorize", "guvectorize", "llvmlite"}
compiled = pytest.mark.skipif(not _jit.JIT_ENABLED, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def words_of_numba(source):
    """The words of numba that a source uses as names, attributes, keywords or imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.keyword):
            found.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found.update(part for name in [*modules, *(a.name for a in node.names)] for part in name.split("."))
    return found & FORBIDDEN


def halves_above_three(first, last, values, out):
    for i in range(first, last):
        out[i] = values[i] // 2 if values[i] > 3 else -1


def divide(a, b):
    return a / b


def count_nan(values):
    count = 0
    for value in values:
        if np.isnan(value) or np.isinf(value):
            count += 1
    return count


@_jit.kernel
def from_the_end(values, place):
    if place > values.size:
        raise ValueError("no such place")
    return values[values.size - place]


@_jit.kernel
def some_of(values, place):
    return from_the_end(values, place) + 10 * from_the_end(values, place=place - 1)


HALVES = _jit.kernel(halves_above_three)
QUOTIENT = [_jit.kernel(divide), _jit.inline_kernel(divide), _jit.fast_kernel(divide)]


@pytest.mark.parametrize("path", [path for path in SOURCE if path != ONLY], ids=lambda p: str(p.relative_to(ROOT)))
def test_only_one_module_knows_numba(path):
    assert not words_of_numba(path.read_text()), f"{path} must go through simulators/_kernels/_jit.py"


@pytest.mark.parametrize(
    "source",
    [
        "import numba",
        "from numba.core import config",
        "@njit\ndef f(): pass",
        "k(fastmath=True)",
        "torch.jit.script(f)",
    ],
)
def test_that_check_can_fail(source):
    assert words_of_numba(source)
    assert words_of_numba(ONLY.read_text())


@pytest.mark.parametrize("quotient", QUOTIENT)
def test_division_by_zero_is_infinite_and_silent(quotient):
    assert quotient(np.float64(1.0), np.float64(0.0)) == np.inf
    assert np.isnan(quotient(np.float64(0.0), np.float64(0.0)))


def test_words_wrap_silently():
    largest = np.uint64(2**64 - 1)
    assert _jit.kernel(lambda a, b: a * b)(largest, np.uint64(2)) == np.uint64(2**64 - 2)


def test_fast_kernels_still_see_nan_and_infinity():
    assert _jit.fast_kernel(count_nan)(np.array([1.0, np.nan, np.inf, -np.inf])) == 3


def test_run_does_all_once():
    size = 10**6 if _jit.JIT_ENABLED else 50
    values, out = np.arange(size), np.zeros(size, np.int64)
    _jit.run(HALVES, size, values, out)
    assert np.array_equal(out, np.where(values > 3, values // 2, -1))


@compiled
def test_a_kernel_that_kernels_call_is_compiled_once_for_its_types():
    from numba.core import event

    values = np.arange(5)
    with event.install_recorder("numba:compile") as recorder:
        assert some_of(values, 3) == 32
    names = [one.data["dispatcher"].py_func.__name__ for _, one in recorder.buffer if one.is_start]
    assert sorted(names) == ["from_the_end", "some_of"]


def test_a_kernel_that_kernels_call_can_be_called_and_raises_through_them():
    values = np.arange(5)
    assert from_the_end(values, 2) == 3
    for call in (from_the_end, some_of):
        with pytest.raises(ValueError, match="no such place"):
            call(values, 6)


@compiled
def test_nothing_is_cached_on_disk():
    """numba's cache does not see changes in other files."""
    assert not HALVES.targetoptions.get("cache")
    HALVES(0, 3, np.arange(3), np.zeros(3, np.int64))
    ours = ("simulators", "astrogan", "tests")  # the environment beside them holds other packages, which do cache
    assert not [path for folder in ours for path in (ROOT / folder).rglob("*.nb[ic]")]


def calls(count, share=1):
    """(first, last, name of the thread) of the parts in which a loop is run, in order."""
    seen = []
    _jit.run(lambda first, last: seen.append((first, last, threading.current_thread().name)), count, share=share)
    return sorted(seen)


two_threads = pytest.mark.skipif(not _jit.JIT_ENABLED or _jit.threads() < 2, reason="there is one thread here")


@two_threads
def test_run_shares_work_among_threads():
    parts = calls(103)
    assert [last for _, last, _ in parts[:-1]] == [first for first, _, _ in parts[1:]]
    assert (parts[0][0], parts[-1][1]) == (0, 103)
    assert len(parts) == _jit.PARTS * _jit.threads()
    assert all(name.startswith("kernel") for _, _, name in parts)


@two_threads
def test_no_part_is_smaller_than_asked():
    assert all(last - first >= 40 for first, last, _ in calls(103, share=40))
    assert calls(103, share=60) == [(0, 103, "MainThread")]
    assert calls(1) == [(0, 1, "MainThread")]
    assert calls(0) == [(0, 0, "MainThread")]


@two_threads
def test_run_each_shares_items_among_threads():
    """Items that wait for each other can only be done side by side."""
    seen, meet = set(), threading.Barrier(2, timeout=60)
    with _jit.set_threads(2):
        _jit.run_each(lambda i: (meet.wait(), seen.add((i, threading.current_thread().name))), 2)
    assert {i for i, _ in seen} == {0, 1}
    assert len({name for _, name in seen}) == 2


def test_run_each_raises_what_an_item_raises():
    with pytest.raises(ZeroDivisionError):
        _jit.run_each(lambda i: 1 // (i - 3), 5)


@two_threads
def test_run_stays_in_a_thread_that_is_not_the_main_one():
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(calls(100)), name="mine")
    thread.start()
    thread.join()
    assert answers == [(0, 100, "mine")]


@two_threads
def test_errors_of_threads_are_raised():
    def fails(first, last):
        if first:
            raise RuntimeError("in a part")

    with pytest.raises(RuntimeError, match="in a part"):
        _jit.run(fails, 100)


@two_threads
def test_set_threads_holds_in_its_block():
    before = _jit.threads()
    with _jit.set_threads(1):
        assert calls(100) == [(0, 100, "MainThread")]
    assert _jit.threads() == before


def test_set_threads_is_undone_after_an_error():
    before = _jit.threads()
    with pytest.raises(RuntimeError, match="inside"), _jit.set_threads(1):
        raise RuntimeError("inside")
    assert _jit.threads() == before


@pytest.mark.parametrize("count", [0, -1, 10**6])
def test_set_threads_refuses_what_numba_has_not(count):
    with pytest.raises(ValueError, match="thread"), _jit.set_threads(count):
        pass


FORK = """
import os, numpy as np
from simulators._kernels._jit import kernel, run
@kernel
def body(first, last, out):
    for i in range(first, last):
        out[i] = i
out = np.zeros(100)
run(body, 100, out)
child = os.fork()
if child == 0:
    out[:] = 0
    run(body, 100, out)
    os._exit(0 if out.sum() == 4950 else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_kernels_survive_a_fork():
    """A forked loader's worker has none of the threads that its parent shared work among."""
    done = subprocess.run([sys.executable, "-c", FORK], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
