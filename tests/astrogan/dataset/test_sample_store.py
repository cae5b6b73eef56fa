from __future__ import annotations

import shutil
import subprocess

import h5py
import numpy as np
import pytest
import xarray as xr

from astrogan.dataset import SchemaError, StoreError, digest, read_samples, validate_samples, write_samples


@pytest.fixture
def stored(samples, tmp_path):
    path = tmp_path / "samples.h5"
    write_samples(samples, path, codec="none")
    return path


def test_round_trip_is_exact(samples, stored):
    back, checked = read_samples(stored), validate_samples(samples)
    xr.testing.assert_identical(back, checked)
    for name in checked.variables:
        assert back[name].values.tobytes() == checked[name].values.tobytes(), name
    assert [n for n in back.variables if n != "band"] == [n for n in checked.variables if n != "band"]


def test_every_bit_pattern_survives(samples, tmp_path):
    odd = np.array([-0.0, 1e-45, np.inf, -np.inf, 3.4028235e38], np.float32)
    samples["image"][0, 0, 0, :5] = odd
    samples["image"].values.view(np.uint32)[0, 0, 1, 0] = 0x7FC0BEEF  # a NaN with a payload
    samples["qc_flag"][0] = 1
    samples.attrs["seed"] = 2**64 - 1
    write_samples(samples, tmp_path / "odd.h5", codec="none")
    back = read_samples(tmp_path / "odd.h5")
    assert back["image"].values.tobytes() == samples["image"].values.tobytes()
    assert back.attrs["seed"] == 2**64 - 1


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_netcdf_readers_see_the_same(stored, engine):
    ours = read_samples(stored)
    with xr.open_dataset(stored, engine=engine) as theirs:
        xr.testing.assert_equal(theirs.load(), ours)
        assert {name: theirs[name].dtype for name in ours.variables} == {n: ours[n].dtype for n in ours.variables}
        assert theirs["image"].attrs == ours["image"].attrs
        assert theirs["kind"].attrs["flag_meanings"] == "disc bulge"
        assert {name: theirs.attrs[name] for name in ours.attrs} == ours.attrs


def test_plain_h5py_reads_labels_and_single_samples(samples, stored):
    with h5py.File(stored) as file:
        assert np.array_equal(file["source_x"], samples["source_x"])
        assert file["flux"].attrs["units"] == "nJy"
        assert file["image"].chunks == (1, 2, 12, 10)
        assert file["image"].shuffle
        assert file["image"].compression == "gzip"
        assert all(len(axis) == 1 for name in file for axis in file[name].dims if not h5py.h5ds.is_scale(file[name].id))
        kinds = {file[name].dtype.kind for name in file if name != "band"}
        assert kinds <= set("iuf")


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="needs h5dump")
def test_h5dump_reads_it(stored):
    done = subprocess.run(["h5dump", str(stored)], capture_output=True, text=True)
    assert done.returncode == 0
    assert "unable" not in (done.stdout + done.stderr).lower()


def test_files_of_other_netcdf_writers_are_read(samples, tmp_path):
    checked = validate_samples(samples)
    checked.to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    xr.testing.assert_identical(read_samples(tmp_path / "other.nc"), checked)


def test_same_samples_same_bytes(samples, stored, tmp_path):
    write_samples(samples.copy(deep=True), tmp_path / "again.h5", codec="none")
    assert (tmp_path / "again.h5").read_bytes() == stored.read_bytes()


def test_digest_is_of_the_values_alone(samples, stored):
    name = digest(samples)
    assert digest(read_samples(stored)) == name
    assert digest(samples.assign_attrs(note="else")) == name
    assert digest(xr.Dataset({key: samples[key] for key in list(samples.variables)[::-1]})) == name
    strided = samples.assign(image=samples["image"].copy(data=np.asfortranarray(samples["image"].values)))
    assert digest(strided) == name
    swapped = samples.assign(age=samples["age"].astype(">f8"))
    assert digest(swapped) == name


@pytest.mark.parametrize("change", ["one ulp", "name", "dtype", "shape", "band", "order"])
def test_digest_notices(samples, change):
    other = samples.copy(deep=True)
    if change == "one ulp":
        other["image"][3, 1, 2, 1] = np.nextafter(other["image"].values[3, 1, 2, 1], np.float32(9))
    elif change == "name":
        other = other.rename(age="time")
    elif change == "dtype":
        other["key"] = other["key"].astype(np.int64)
    elif change == "shape":
        other = other.assign(mask=(("sample", "band", "x", "y"), other["mask"].values.reshape(6, 2, 10, 12)))
    elif change == "band":
        other = other.assign_coords(band=["g", "i"])
    else:
        other = other.isel(sample=[1, 0, 2, 3, 4, 5])
    assert digest(other) != digest(samples)


def test_broken_samples_write_nothing(samples, tmp_path):
    with pytest.raises(SchemaError):
        write_samples(samples.drop_vars("image"), tmp_path / "bad.h5")
    assert not list(tmp_path.iterdir())


def test_read_samples_says_what_is_wrong(samples, stored, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_samples(tmp_path / "absent.h5")
    with pytest.raises(IsADirectoryError):
        read_samples(tmp_path)
    for name, content in (("text.h5", b"not HDF5"), ("empty.h5", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StoreError, match=rf"{name}: not an HDF5 file"):
            read_samples(tmp_path / name)
    with pytest.raises(StoreError, match=r"samples.h5: image: shape \(6, 2, 12, 10\) needs .* the limit is"):
        read_samples(stored, max_bytes=1000)


def test_an_old_schema_and_a_foreign_file_are_named(stored, tmp_path):
    with h5py.File(stored, "r+") as file:
        file.attrs["schema_version"] = 0
    with pytest.raises(StoreError, match=r"samples.h5: attribute schema_version = 0; this astrogan knows version 1"):
        read_samples(stored)
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(StoreError, match=r"foreign.h5: data: its dimensions are not those of a netCDF-4 file"):
        read_samples(tmp_path / "foreign.h5")
