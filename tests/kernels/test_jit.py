"""How kernels are compiled: one module decides, parallel equals serial, and NaN keeps its meaning."""

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


def halves_above_three(values, out):
    for i in _jit.prange(values.size):
        out[i] = values[i] // 2 if values[i] > 3 else -1


def divide(a, b):
    return a / b


def count_nan(values):
    count = 0
    for value in values:
        if np.isnan(value) or np.isinf(value):
            count += 1
    return count


HALVES = _jit.compile_pair(halves_above_three)
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


def test_parallel_equals_serial():
    size = 10**7 if _jit.JIT_ENABLED else 50
    values, outs = np.arange(size), np.zeros((2, size), np.int64)
    for compute, out in zip(HALVES, outs, strict=True):
        compute(values, out)
    assert np.array_equal(outs[0], outs[1])
    assert np.array_equal(outs[0], np.where(values > 3, values // 2, -1))


@compiled
def test_nothing_is_cached_on_disk():
    """numba's cache does not see changes in other files."""
    assert not any(half.targetoptions.get("cache") for half in HALVES)
    HALVES[0](np.arange(3), np.zeros(3, np.int64))
    ours = ("simulators", "astrogan", "tests")  # the environment beside them holds other packages, which do cache
    assert not [path for folder in ours for path in (ROOT / folder).rglob("*.nb[ic]")]


PAIR = (lambda: "serial", lambda: "parallel")
two_threads = pytest.mark.skipif(_jit.numba.get_num_threads() < 2, reason="numba has one thread here")


@two_threads
def test_run_shares_jobs_in_the_main_thread_only():
    assert _jit.run(PAIR, 2) == "parallel"
    assert _jit.run(PAIR, 1) == "serial"
    answers = []
    thread = threading.Thread(target=lambda: answers.append(_jit.run(PAIR, 2)))
    thread.start()
    thread.join()
    assert answers == ["serial"]


@two_threads
def test_set_threads_holds_in_its_block():
    before = _jit.numba.get_num_threads()
    with _jit.set_threads(1):
        assert _jit.run(PAIR, 100) == "serial"
    assert _jit.numba.get_num_threads() == before


def test_set_threads_is_undone_after_an_error():
    before = _jit.numba.get_num_threads()
    with pytest.raises(RuntimeError, match="inside"), _jit.set_threads(1):
        raise RuntimeError("inside")
    assert _jit.numba.get_num_threads() == before


@pytest.mark.parametrize("count", [0, -1, 10**6])
def test_set_threads_refuses_what_numba_has_not(count):
    with pytest.raises(ValueError, match="thread"), _jit.set_threads(count):
        pass


FORK = """
import os, numpy as np
from simulators._kernels._jit import compile_pair, prange, run
def body(out):
    for i in prange(out.size):
        out[i] = i
pair = compile_pair(body)
out = np.zeros(100)
run(pair, 100, out)
child = os.fork()
if child == 0:
    out[:] = 0
    run(pair, 100, out)
    os._exit(0 if out.sum() == 4950 else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_kernels_survive_a_fork():
    """A forked loader's worker would be aborted by OpenMP if it ran the parallel half."""
    done = subprocess.run([sys.executable, "-c", FORK], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
