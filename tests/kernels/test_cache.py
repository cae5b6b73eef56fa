"""Kernels kept on disk: never stale, never taken for each other, and every fault of the disk costs a warning only."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simulators._kernels import _jit
from simulators._kernels._cache import Store, UnknownValueError, fingerprint

pytestmark = pytest.mark.kernels
ROOT = Path(__file__).resolve().parents[2]
compiled = pytest.mark.skipif(not _jit.JIT_ENABLED, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")

# Prints how often numba compiled and what came out; `uniforms` calls a kernel of another file.
UNIFORMS = """
import numpy as np
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    from simulators._kernels.variates import uniforms
    out = np.zeros((1, 8))
    uniforms(0, 1, np.arange(20, dtype=np.uint64).reshape(10, 2), np.zeros(1, np.uint64), out)
print(len(recorder.buffer), out.tobytes().hex())
"""


def start(code, folder, root=ROOT):
    environment = {**os.environ, "ASTROGAN_KERNEL_CACHE": str(folder), "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, env=environment, stdout=-1, stderr=-1, encoding="utf-8"
    )


def finish(process):
    """(number of compilations, result, warnings) of a process."""
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    count, result = out.split()
    return int(count), result, errors


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder filled by one process, and what that computed."""
    folder = tmp_path_factory.mktemp("kernels")
    count, result, errors = finish(start(UNIFORMS, folder))
    assert count > 0
    assert not errors
    return folder, result


@pytest.fixture
def copied(filled, tmp_path):
    """A copy of that folder."""
    return Path(shutil.copytree(filled[0], tmp_path / "copy"))


@compiled
def test_a_second_process_compiles_nothing_and_gets_the_same_bits(filled):
    folder, result = filled
    uncached = finish(start(UNIFORMS, ""))
    assert uncached[0] > 0
    assert uncached[1] == result
    assert finish(start(UNIFORMS, folder)) == (0, result, "")


@compiled
def test_machine_code_calls_no_kernel_of_other_machine_code():
    """Whichever copy of a kernel a process loads first, as from a cache, results are the same bits."""
    from simulators._kernels.huffman import LONGEST, code_lengths

    counts, lengths = np.arange(3, 20), np.zeros(17, np.int64)
    code_lengths(counts, np.zeros(17, np.int64), np.zeros(17, np.int64), np.zeros(LONGEST + 1, np.int64), lengths)
    library = next(iter(code_lengths.overloads.values())).library
    inner = [one for one in library._final_module.functions if "sorted_symbols" in one.name and not one.is_declaration]
    shared = [one for one in library._get_module_for_linking().functions if not one.is_declaration]
    linkages = {one.linkage.name for one in library._final_module.functions if not one.is_declaration}
    assert "linkonce_odr" not in linkages
    assert all(one.linkage.name == "internal" for one in inner)
    assert "linkonce_odr" in {one.linkage.name for one in shared}  # as numba links it with others


@compiled
def test_a_change_in_another_file_is_seen(filled, tmp_path):
    """Of a file of the same length and time, so that neither can give it away."""
    for package in ("simulators", "catalogs"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "simulators" / "_kernels" / "philox.py"
    text, state = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(text.replace("ROUNDS = 10", "ROUNDS = 11"), encoding="utf-8")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    folder, result = filled
    count, changed, _ = finish(start(UNIFORMS, folder, tmp_path))
    assert count > 0
    assert changed != result
    assert changed == finish(start(UNIFORMS, "", tmp_path))[1]
    assert len(list(folder.iterdir())) == 2
    assert finish(start(UNIFORMS, folder, tmp_path)) == (0, changed, "")
    assert finish(start(UNIFORMS, folder)) == (0, result, "")


# The same code over two closures, in a folder filled by a process that compiled the first: numba's numbers of functions
# then start alike in both.
CLOSURES = """
import sys, numpy as np
from numba.core import event
from simulators._kernels._jit import kernel
from simulators._kernels.fields import field_loop
@kernel
def once(x, y, lens, values):
    values[0] = x + lens[0] * y
@kernel
def twice(x, y, lens, values):
    values[0] = 2.0 * x + lens[0] * y
def scaled(by):
    @kernel
    def scaled_by(x, y, lens, values):
        values[0] = by * x
    return scaled_by
out = []
with event.install_recorder("numba:compile") as recorder:
    for formula in {formulas}:
        values = np.zeros((1, 1, 1))
        field_loop(formula)(0, 1, np.full((1, 1), 3.0), np.ones((1, 1)), np.full((1, 1), 5.0), values)
        out.append(values[0, 0, 0])
print(len(recorder.buffer), ",".join(map(str, out)))
"""


@compiled
def test_closures_over_different_kernels_are_not_taken_for_each_other(tmp_path):
    first = CLOSURES.replace("{formulas}", "[once, scaled(7.0)]")
    second = CLOSURES.replace("{formulas}", "[once, twice, scaled(7.0), scaled(9.0)]")
    assert finish(start(first, tmp_path))[1:] == ("8.0,21.0", "")
    count, result, _ = finish(start(second, tmp_path))
    assert count > 0
    assert result == "8.0,11.0,21.0,27.0"
    assert finish(start(second, tmp_path)) == (0, result, "")


@compiled
def test_two_processes_fill_a_folder_at_once(filled, tmp_path):
    for process in [start(UNIFORMS, tmp_path) for _ in range(2)]:
        assert finish(process)[1:] == (filled[1], "")
    assert not list(tmp_path.rglob(".*"))
    assert finish(start(UNIFORMS, tmp_path)) == (0, filled[1], "")


@compiled
@pytest.mark.fault
def test_damaged_files_cost_a_warning(copied, filled):
    """Cut, changed in one bit, empty, and another kernel's under this one's name."""
    files = sorted(path for path in copied.rglob("*") if path.is_file())
    whole = [path.read_bytes() for path in files]
    for i, path in enumerate(files):
        flipped = bytearray(whole[i])
        flipped[-1] ^= 1
        path.write_bytes([whole[i][:-9], flipped, b"", whole[i - 1]][i % 4])
    count, result, errors = finish(start(UNIFORMS, copied))
    assert count > 0
    assert result == filled[1]
    assert errors.count("RuntimeWarning") == 1
    assert "damaged" in errors
    assert finish(start(UNIFORMS, copied)) == (0, result, "")


@compiled
@pytest.mark.fault
def test_a_folder_that_cannot_be_made_costs_a_warning(filled, tmp_path):
    (tmp_path / "file").touch()
    count, result, errors = finish(start(UNIFORMS, tmp_path / "file"))
    assert count > 0
    assert result == filled[1]
    assert errors.count("RuntimeWarning") == 1


@compiled
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system has no owners of files")
def test_files_that_others_can_write_are_not_run(copied, filled):
    for folder in copied.iterdir():
        folder.chmod(0o777)
    count, result, errors = finish(start(UNIFORMS, copied))
    assert count > 0
    assert result == filled[1]
    assert "others may write" in errors


@pytest.mark.fault
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_takes_nothing_costs_one_warning(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    store = Store(tmp_path / "a")
    store.write("before", b"kept")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.warns(RuntimeWarning, match="compiled, not cached"):
        store.write("one", b"1")
    store.write("two", b"2")  # a second warning would be an error
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["before"]
    assert store.read("before") == b"kept"
    assert store.read("one") is None


def scale(x):
    return FACTOR * x


def shift(x):
    return scale(x) + TABLE[0] + np.float64(1.0)


FACTOR = 2.0
TABLE = np.arange(3.0)


def plain(value):
    return None


def print_of(function, kernel_of=plain):
    return fingerprint(function, kernel_of)


@pytest.mark.parametrize(
    ("name", "value"), [("FACTOR", 3.0), ("FACTOR", 2), ("TABLE", np.arange(3)), ("TABLE", -TABLE), ("scale", plain)]
)
def test_fingerprints_follow_what_a_function_uses(monkeypatch, name, value):
    before = print_of(shift)
    assert print_of(shift) == before
    monkeypatch.setitem(globals(), name, value)
    assert print_of(shift) != before


def test_fingerprints_follow_options_and_closures():
    def make(by):
        return lambda x: by * x

    def kernel_with(options):
        return lambda value: (scale, options) if value is FACTOR else None

    assert print_of(make(1.0)) == print_of(make(1.0)) != print_of(make(2.0))
    plain_kernel, fast = kernel_with({"fastmath": set()}), kernel_with({"fastmath": {"nsz", "afn", "arcp"}})
    assert print_of(shift, plain_kernel) != print_of(shift, fast)
    assert print_of(shift, fast) == print_of(shift, kernel_with({"fastmath": {"arcp", "afn", "nsz"}}))


def test_what_is_not_known_is_not_stored():
    unknown = object()
    with pytest.raises(UnknownValueError, match="object"):
        print_of(lambda: unknown)
