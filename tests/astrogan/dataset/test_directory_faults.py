"""Damage to a directory of shards: `verify` finds all of it, and no reader returns what was not written."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from dataclasses import replace

import h5py
import numpy as np
import pytest

from astrogan.dataset import StoreError
from astrogan.dataset.backend import open_samples
from astrogan.dataset.folder import LockedError, StoreFolder, locked, make_folder
from astrogan.dataset.manifest import MANIFEST, checked, read_manifest, write_manifest
from astrogan.dataset.sharding import write_shard, write_store
from astrogan.dataset.verification import rebuild, verify_store

pytestmark = pytest.mark.fault
NAMES = [f"shards/shard-{number:05d}.h5" for number in range(3)]


@pytest.fixture
def store(make_samples, tmp_path):
    write_store(make_samples(9, size=(16, 12)), tmp_path / "store", shard_size=3)
    return tmp_path / "store"


@pytest.fixture
def truth(store):
    return open_samples(store).load()


def reads_as_written(store, truth):
    """Whether everything can be read, and is what was written; a StoreError is no."""
    try:
        samples = open_samples(store).load()
    except StoreError:
        return False
    for name in truth.variables:
        assert np.array_equal(samples[name], truth[name], equal_nan=truth[name].dtype.kind == "f"), name
    return True


def test_a_whole_store_has_no_fault(store, truth):
    assert verify_store(store) == []
    assert reads_as_written(store, truth)


@pytest.mark.parametrize("ids", [[[5, 6, 7], [8, 9, 10]], [[5, 6, 9], [6, 7, 8], [1, 9, 20]], "by lot"])
def test_repeated_ids_are_counted(make_samples, tmp_path, ids):
    """Over shards, in any order, with gaps; and none where there are none."""
    if ids == "by lot":
        rng = np.random.default_rng(2)
        ids = [rng.permutation(40)[:15] for _ in range(6)]
    folder = make_folder(tmp_path / "ids")
    with locked(folder):
        store = StoreFolder(folder)
        for number, here in enumerate(ids):
            batch = make_samples(len(here)).assign(sample_id=("sample", np.array(here)))
            store.add(*write_shard([batch], folder, number, len(here)))
        store.finish()
    repeated = sum(map(len, ids)) - len({int(one) for here in ids for one in here})
    reasons = [fault.reason for fault in verify_store(folder)]
    assert reasons == ([f"{repeated} sample ids repeat"] if repeated else [])


def test_every_truncated_shard_is_found(store, truth, fault_scale, faults):
    path = store / NAMES[1]
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 10 * fault_scale).astype(int):
        path.write_bytes(whole[:length])
        assert [fault.file for fault in verify_store(store)] == [NAMES[1]]
        assert not reads_as_written(store, truth)
        faults()


def test_every_flipped_bit_is_found_and_never_read_as_data(store, truth, fault_scale, faults):
    path, rng = store / NAMES[1], np.random.default_rng(7)
    whole, refused = path.read_bytes(), 0
    for _ in range(10 * fault_scale):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        found = verify_store(store)
        assert [fault.file for fault in found] == [NAMES[1]]
        assert "\n" not in str(found[0])
        faults()
        refused += not reads_as_written(store, truth)
    assert refused >= fault_scale


def test_every_flipped_bit_in_pixels_is_refused(store, truth, fault_scale, faults):
    path, rng = store / NAMES[2], np.random.default_rng(8)
    whole, refused = path.read_bytes(), 0
    with h5py.File(path) as file:
        places = [file[name].id.get_chunk_info(k) for name in ("image", "variance", "age") for k in range(1)]
    for _ in range(7 * fault_scale):
        place = places[rng.integers(len(places))]
        damaged = bytearray(whole)
        damaged[place.byte_offset + rng.integers(2, place.size - 4)] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        assert verify_store(store)
        faults()
        refused += not reads_as_written(store, truth)  # padding between blocks of deflate carries nothing
    assert refused >= 6 * fault_scale


def _old_schema(path):
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 0


def _foreign(path):
    with h5py.File(path, "w") as file:
        file["image"] = np.zeros((8, 2, 16, 12), np.float32)


def _renumbered(path):
    with h5py.File(path, "r+") as file:
        file.attrs["shard"] = 2


SPOILT = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "old schema": _old_schema,
    "foreign": _foreign,
    "text": lambda path: path.write_text("hello"),
    "directory": lambda path: (path.unlink(), path.mkdir()),
    "renumbered": _renumbered,
    "copy of another": lambda path: shutil.copy(path.with_name("shard-00000.h5"), path),
    "link": lambda path: (path.rename(path.parent.parent / "moved.h5"), path.symlink_to("../moved.h5")),
    "secret": lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_spoilt_shards_are_found_and_not_read(store, truth, kind):
    SPOILT[kind](store / NAMES[1])
    assert NAMES[1] in [fault.file for fault in verify_store(store)]
    assert not reads_as_written(store, truth)
    manifest, faults = rebuild(store)
    assert [fault.file for fault in faults] == ([] if kind == "deleted" else [NAMES[1]])
    assert [shard.shard for shard in manifest.shards] == [0, 2]


def _external(file, folder):
    (folder / "secret").write_bytes(b"secret!!" * 3)
    del file["age"]
    file.create_dataset("age", (3,), "f8", external=[(str(folder / "secret"), 0, 24)])


def _virtual(file, folder):
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "shards" / "shard-00000.h5"), "age", (3,))
    del file["age"]
    file.create_virtual_dataset("age", layout)


def _link(file, folder):
    del file["age"]
    file["age"] = h5py.ExternalLink(str(folder / "shards" / "shard-00000.h5"), "/age")


def _petabytes(file, folder):
    del file["image"]
    file.create_dataset("image", (3, 2, 10**7, 10**7), "f4", chunks=(1, 2, 1000, 1000))


def _sparse(file, folder):
    del file["image"]
    file.create_dataset("image", (3, 2, 16, 12), "f4", chunks=(1, 2, 16, 12), compression="gzip", shuffle=True)


def _bomb(file, folder):
    """A chunk that inflates to a thousand times of what it says."""
    file["image"].id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(2**24)))


@pytest.mark.parametrize("spoil", [_external, _virtual, _link, _petabytes, _sparse, _bomb])
def test_hostile_shards_are_refused_even_if_the_manifest_agrees(store, spoil):
    """Their size and name are those that are listed; what they hold is refused when it is looked at."""
    path = store / NAMES[1]
    with h5py.File(path, "r+") as file:
        spoil(file, store)
    manifest = read_manifest(store)
    listed = [replace(one, bytes=(store / one.file).stat().st_size) for one in manifest.shards]
    write_manifest(store, replace(manifest, shards=tuple(listed)))
    with pytest.raises(StoreError, match="shard-00001"):
        open_samples(store).load()
    with pytest.raises(StoreError, match="shard-00001"):
        open_samples(path).load()
    assert NAMES[1] in [fault.file for fault in verify_store(store)]


def test_swapped_shards_are_found(store, truth):
    first, second = (store / name for name in NAMES[:2])
    first.rename(store / "aside")
    second.rename(first)
    (store / "aside").rename(second)
    assert [fault.file for fault in verify_store(store)] == NAMES[:2]
    assert not reads_as_written(store, truth)


def test_a_shard_of_another_store_is_found(store, truth, make_samples, tmp_path):
    write_store(make_samples(9, size=(16, 12)).assign_attrs(seed=8), tmp_path / "other", shard_size=3)
    shutil.copy(tmp_path / "other" / NAMES[1], store / NAMES[1])
    assert [fault.file for fault in verify_store(store)] == [NAMES[1]]
    assert rebuild(store)[1][0].reason == "its variables or attributes are not those of other shards"


def test_strangers_and_leftovers_are_named(store):
    (store / "shards" / "shard-00009.h5").write_bytes((store / NAMES[0]).read_bytes())
    (store / "shards" / ".shard-00003.h5.12-ab.tmp").touch()
    reasons = {fault.file: fault.reason for fault in verify_store(store)}
    assert reasons["shards/shard-00009.h5"] == "not in the manifest"
    assert "left by a run that was killed" in reasons["shards/.shard-00003.h5.12-ab.tmp"]


def test_a_damaged_manifest_is_found_and_rebuilt(store, truth, fault_scale, faults):
    path, rng = store / MANIFEST, np.random.default_rng(9)
    whole = path.read_bytes()
    cuts = [whole[:length] for length in np.linspace(0, len(whole) - 1, 20).astype(int)]
    lines = whole.splitlines(keepends=True)
    wrong = [*cuts, b"".join(lines[:-1]), b"".join([*lines, lines[-1]]), b"".join(lines[1:]), b"\0" * 99, b"{" * 99_999]
    for _ in range(20 * fault_scale):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        wrong.append(bytes(damaged))
    for content in wrong:
        path.write_bytes(content)
        assert verify_store(store)
        with pytest.raises(StoreError):
            open_samples(store)
        faults()
    path.write_bytes(whole)
    before = read_manifest(store)
    path.unlink()
    assert verify_store(store)
    after = rebuild(store)[0]
    assert after.shards == before.shards
    assert after.header.same_as(before.header)
    assert after.complete
    assert reads_as_written(store, truth)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "shards/../../x.h5", "shards/shard-00000.h5\n", 7])
def test_a_manifest_cannot_lead_elsewhere(store, name):
    header, *lines = (store / MANIFEST).read_text().splitlines()
    entry = json.loads(lines[0])
    entry.pop("check")
    entry["file"] = name
    line = checked(json.dumps(entry))
    (store / MANIFEST).write_text("\n".join([header, line.strip(), *lines[1:]]) + "\n")
    with pytest.raises(StoreError, match=r"is not 'shards/shard-00000\.h5'"):
        read_manifest(store)


def test_two_runs_on_one_directory(make_samples, store):
    with locked(store):
        with pytest.raises(LockedError, match=f"is being written by process {os.getpid()} on"):
            rebuild(store)
        with pytest.raises(LockedError), locked(store, (0, 2)):
            pass
    with locked(store, (0, 2)), locked(store, (1, 2)):
        with pytest.raises(LockedError), locked(store, (1, 2)):
            pass
        with pytest.raises(LockedError), locked(store):
            pass
    with locked(store):
        pass


def test_what_a_killed_run_left_is_swept_up(store):
    for name in ("shards/.shard-00003.h5.12-ab.tmp", ".manifest.jsonl.12-ab.tmp"):
        (store / name).touch()
    with locked(store):
        StoreFolder(make_folder(store, resume=True)).take_over({}, None)
    assert not [path for path in store.rglob("*") if path.name.endswith(".tmp")]
