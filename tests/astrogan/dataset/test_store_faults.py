from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest
import xarray as xr

from astrogan.dataset import StoreError, files, read_samples, write_samples

NOBODY = 65534


@pytest.fixture
def stored(samples, tmp_path):
    path = tmp_path / "samples.h5"
    write_samples(samples, path, codec="none")
    return path


def test_an_existing_file_is_kept_unless_asked(samples, stored):
    before = stored.read_bytes()
    with pytest.raises(FileExistsError, match=r"samples.h5 exists already; pass overwrite=True"):
        write_samples(samples.isel(sample=[0]), stored)
    assert stored.read_bytes() == before
    write_samples(samples.isel(sample=[0]), stored, overwrite=True)
    assert read_samples(stored).sizes["sample"] == 1


def test_impossible_targets_are_refused_before_any_work(tmp_path):
    nothing = xr.Dataset()  # would be a SchemaError if it were looked at
    (tmp_path / "file").touch()
    (tmp_path / "link.h5").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"the folder .*absent does not exist"):
        write_samples(nothing, tmp_path / "absent" / "a.h5")
    with pytest.raises(NotADirectoryError, match="file is not a folder"):
        write_samples(nothing, tmp_path / "file" / "a.h5")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        write_samples(nothing, tmp_path)
    with pytest.raises(FileExistsError):
        write_samples(nothing, tmp_path / "link.h5")


@contextmanager
def _not_root():
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_read_only_folder_is_refused():
    with TemporaryDirectory() as folder:  # pytest's own folders can be entered by their owner only
        Path(folder).chmod(0o555)
        with _not_root(), pytest.raises(PermissionError, match=r"the folder .* is read-only"):
            files.check_target(Path(folder) / "a.h5")


def test_a_full_disk_is_a_clean_error_and_leaves_nothing(stored, tmp_path):
    script = """
import resource, sys
from astrogan.dataset import read_samples, write_samples
samples = read_samples(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_samples(samples, sys.argv[2])
except OSError as error:
    print(type(error).__name__, error.errno, error)
"""
    folder = tmp_path / "full"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, str(stored), str(folder / "a.h5")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"OSError 27 \[Errno 27\] cannot write \d+ bytes: .*full/a.h5", done.stdout)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_step_keeps_the_old_file_and_no_other(samples, stored, monkeypatch, step):
    before = stored.read_bytes()

    def fail(*_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(OSError, match="Input/output error"):
        write_samples(samples.isel(sample=[0]), stored, overwrite=True)
    assert [item.name for item in stored.parent.iterdir()] == ["samples.h5"]
    assert stored.read_bytes() == before


@pytest.mark.fault
def test_truncated_files_are_always_refused(stored, tmp_path, fault_scale, faults):
    whole = stored.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 25 * fault_scale).astype(int):
        (tmp_path / "cut.h5").write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"cut.h5: (damaged|not an HDF5 file)"):
            read_samples(tmp_path / "cut.h5")
        faults()


@pytest.mark.fault
def test_flipped_bits_are_never_returned_as_data(stored, tmp_path, fault_scale, faults):
    """Single bits anywhere: the file is refused in one line or gives exactly what was written."""
    whole, good, rng = stored.read_bytes(), read_samples(stored), np.random.default_rng(2)
    messages = []
    for _ in range(60 + 20 * fault_scale):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        (tmp_path / "bit.h5").write_bytes(damaged)
        try:
            xr.testing.assert_identical(read_samples(tmp_path / "bit.h5"), good)
        except StoreError as error:
            messages.append(str(error))
        faults()
    assert len(messages) > 15
    assert all("\n" not in text and "bit.h5: " in text for text in messages)


@pytest.mark.fault
def test_flipped_bits_in_pixels_are_always_refused(stored, tmp_path, faults):
    whole, rng = stored.read_bytes(), np.random.default_rng(3)
    with h5py.File(stored) as file:
        chunks = [file["image"].id.get_chunk_info(k) for k in range(6)]
    for k in range(60):
        chunk = chunks[k % 6]
        damaged = bytearray(whole)
        damaged[chunk.byte_offset + rng.integers(chunk.size)] ^= 1 << rng.integers(8)
        (tmp_path / "pixel.h5").write_bytes(damaged)
        with pytest.raises(StoreError):
            read_samples(tmp_path / "pixel.h5")
        faults()


def _external_link(file, folder):
    del file["age"]
    file["age"] = h5py.ExternalLink(str(folder / "samples.h5"), "/age")


def _soft_link(file, folder):
    file["more"] = h5py.SoftLink("/age")


def _external_storage(file, folder):
    (folder / "secret").write_bytes(b"secret!!" * 6)
    del file["age"]
    file.create_dataset("age", (6,), "f8", external=[(str(folder / "secret"), 0, 48)])


def _virtual(file, folder):
    layout = h5py.VirtualLayout((6,), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "samples.h5"), "age", (6,))
    del file["age"]
    file.create_virtual_dataset("age", layout)


def _absurd(file, folder):
    del file["image"]
    file.create_dataset("image", (10**9, 3, 300, 300), "f4", chunks=(1, 3, 300, 300))


def _sparse(file, folder):
    del file["image"]
    file.create_dataset("image", (6, 2, 12, 10), "f4", chunks=(1, 2, 12, 10))


def _unwritten(file, folder):
    del file["age"]
    file.create_dataset("age", (6,), "f8")


def _group(file, folder):
    file.create_group("more")


def _compound(file, folder):
    del file["age"]
    file["age"] = np.zeros(6, "i4,f4")


def _references(file, folder):
    file["image"].attrs["more"] = file["band"].ref


def _half_float(file, folder):
    del file["age"]
    file["age"] = np.zeros(6, "f2")


HOSTILE = {
    _external_link: "age: links are refused",
    _soft_link: "more: links are refused",
    _external_storage: "age: values stored outside this file are refused",
    _virtual: "age: values stored outside this file are refused",
    _absurd: r"image: shape \(1000000000, 3, 300, 300\) needs 1.01e\+06 GiB",
    _sparse: r"image: values were never written \(6 chunks\)",
    _unwritten: r"age: values were never written \(48 bytes\)",
    _group: "more: a group, not a dataset",
    _compound: "age: type .* is refused",
    _references: "attribute more: type object, shape .* is refused",
    _half_float: "age: ",
}


@pytest.mark.fault
@pytest.mark.parametrize("spoil", HOSTILE)
def test_hostile_files_are_refused(samples, stored, tmp_path, spoil):
    path = tmp_path / "hostile.h5"
    write_samples(samples, path)
    with h5py.File(path, "r+") as file:
        spoil(file, tmp_path)
    with pytest.raises(StoreError, match=f"hostile.h5: {HOSTILE[spoil]}"):
        read_samples(path)


def test_a_changed_label_is_noticed(stored):
    with h5py.File(stored, "r+") as file:
        file["age"][2] += 1e-12
    with pytest.raises(StoreError, match="it does not hold what was written"):
        read_samples(stored)


def test_a_changed_attribute_is_noticed(stored):
    with h5py.File(stored, "r+") as file:
        file.attrs["seed"] = 8
    with pytest.raises(StoreError, match=r"it does not hold what was written \(attribute_digest differs\)"):
        read_samples(stored)
