from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.wcs import WCS

from astrogan.dataset import SchemaError, digest, label_names, validate_samples
from astrogan.export import to_fits
from catalogs.schema import Survey


@pytest.fixture
def exported(samples, tmp_path):
    path = tmp_path / "samples.fits"
    to_fits(samples.assign(clean=samples["image"] * 2), path)
    return path


def test_astropy_finds_no_fault(exported):
    """Checksums verified and every warning raised (pytest turns warnings into errors)."""
    with fits.open(exported, checksum=True) as hdus:
        hdus.verify("exception")
        names = [hdu.name for hdu in hdus]
        assert names == ["PRIMARY", "IMAGE", "VARIANCE", "MASK", "PSF", "CLEAN", "TRUTH", "BANDS", "PROVENANCE"]
        for hdu in hdus:
            assert hdu.verify_checksum() == hdu.verify_datasum() == 1
            hdu.header.tostring().encode("ascii")


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="needs fitsverify")
def test_fitsverify_finds_no_fault(exported):
    done = subprocess.run(["fitsverify", str(exported)], capture_output=True, text=True)
    assert "0 warnings and 0 errors" in done.stdout


def test_cubes_are_exact(samples, exported):
    samples["clean"] = samples["image"] * 2
    with fits.open(exported) as hdus:
        for name in ("image", "variance", "mask", "psf", "clean"):
            native = hdus[name].data.astype(samples[name].dtype)
            assert native.tobytes() == samples[name].values.tobytes()
        assert hdus["IMAGE"].header["BUNIT"] == "nJy"
        assert hdus["VARIANCE"].header["BUNIT"] == "nJy2"
        assert "BUNIT" not in hdus["MASK"].header
        assert [hdus["IMAGE"].header[f"BAND{k}"] for k in (1, 2)] == ["g", "r"]


def test_nan_and_infinity_are_exact(samples, tmp_path):
    samples["image"][0, 0, 0, :3] = [np.nan, np.inf, -0.0]
    samples["qc_flag"][0] = 1
    to_fits(samples, tmp_path / "odd.fits")
    data = fits.getdata(tmp_path / "odd.fits", "IMAGE")
    assert data.astype("f4").tobytes() == samples["image"].values.tobytes()


def test_truth_has_one_scalar_column_per_number(samples, exported):
    table = Table.read(exported, hdu="TRUTH")
    expected = ["sample_id", "qc_flag", "flux_g", "flux_r", "x", "y", "source_x_0", "source_x_1", "kind", "key", "age"]
    assert sorted(table.colnames) == sorted(expected)
    assert table.colnames[:2] == ["sample_id", "qc_flag"]
    assert np.array_equal(table["flux_r"], samples["flux"].sel(band="r"))
    assert np.array_equal(table["source_x_1"], samples["source_x"][:, 1])
    for name in ("sample_id", "x", "kind", "age"):
        assert np.array_equal(table[name], samples[name]), name
    with fits.open(exported) as hdus:
        assert np.array_equal(hdus["TRUTH"].data["key"].astype(np.uint64), samples["key"])


def test_truth_has_units_and_descriptions(samples, exported):
    checked = validate_samples(samples)
    table = QTable.read(exported, hdu="TRUTH")
    assert str(table["flux_g"].unit) == "nJy"
    assert str(table["x"].unit) == "arcsec"
    assert str(table["age"].unit) == "Myr"
    header = fits.getheader(exported, "TRUTH")
    described = {header[f"TTYPE{k}"]: header[f"TCOMM{k}"] for k in range(1, header["TFIELDS"] + 1)}
    assert described["flux_r"] == checked["flux"].attrs["long_name"]
    assert all(described.values())
    assert {name.split("_")[0] for name in label_names(checked)} <= {name.split("_")[0] for name in described}


def test_column_names_differ_in_more_than_case(make_samples, tmp_path):
    to_fits(make_samples(bands=("z", "Z", "HSC-G")), tmp_path / "a.fits")
    names = fits.getdata(tmp_path / "a.fits", "TRUTH").names
    assert {"flux_z", "flux_Z_2", "flux_HSC_G"} <= set(names)
    assert len({name.lower() for name in names}) == len(names)


def test_wcs_is_the_offset_from_the_stamp_centre(exported):
    wcs = WCS(fits.getheader(exported, "IMAGE"))
    offset = wcs.pixel_to_world_values([4.5, 0, 9], [5.5, 0, 11], [0, 1, 0], [0, 0, 5])
    np.testing.assert_allclose(offset[0], [0.0, -0.9, 0.9], atol=1e-12)
    np.testing.assert_allclose(offset[1], [0.0, -1.1, 1.1], atol=1e-12)
    np.testing.assert_allclose(offset[2:], [[0, 1, 0], [0, 0, 5]], atol=1e-12)
    assert wcs.wcs.cunit[0] == "arcsec"


def test_provenance_is_complete(samples, exported):
    header = fits.getheader(exported)
    assert header["SIMULATR"] == "Toy"
    assert header["SEED"] == 7
    assert header["SURVEY"] == "toy"
    assert header["PIXSCALE"] == 0.2
    assert header["NSAMPLE"] == 6
    assert header["CREATOR"].startswith("astrogan ")
    assert header["DIGEST"] == digest(samples.assign(clean=samples["image"] * 2))
    assert "MODEL" not in header
    table = fits.getdata(exported, "PROVENANCE")
    values = dict(zip(table["name"], table["value"], strict=True))
    assert Survey.from_json(values["survey"]).band_names == ("g", "r")
    assert values["note"].encode().decode("unicode_escape") == "été"


def test_model_and_large_seed_and_long_names_fit_their_cards(samples, tmp_path):
    samples.attrs |= {"model": "refiner-été'" * 12, "seed": 2**64 - 1, "simulator": "S" * 200}
    to_fits(samples, tmp_path / "a.fits")
    header = fits.getheader(tmp_path / "a.fits")
    assert header["SEED"] == 2**64 - 1
    assert header["MODEL"].startswith("refiner-")
    assert set("S") == set(header["SIMULATR"])
    assert "CONTINUE" not in header


def test_bands_table(samples, tmp_path):
    depth = ("band", np.array([24.0, 25.0]), {"units": "mag", "long_name": "depth"})
    to_fits(samples.assign(depth=depth), tmp_path / "a.fits")
    bands = Table.read(tmp_path / "a.fits", hdu="BANDS")
    assert list(bands["band"]) == ["g", "r"]
    assert list(bands["electrons_per_unit"]) == [2.0, 2.0]
    assert np.isinf(bands["psf_beta"]).all()
    assert list(bands["depth"]) == [24.0, 25.0]


@pytest.mark.parametrize("unit", ["", "electron", "adu", "nanomaggy"])
def test_only_units_that_fits_knows_are_written(make_samples, tmp_path, unit):
    to_fits(make_samples(unit=unit), tmp_path / "a.fits")
    header = fits.getheader(tmp_path / "a.fits", "IMAGE")
    assert header.get("BUNIT", "") == ("adu" if unit == "adu" else "")
    Table.read(tmp_path / "a.fits", hdu="TRUTH")


def test_same_samples_same_bytes(samples, tmp_path):
    for name in ("a.fits", "b.fits"):
        to_fits(samples.copy(deep=True), tmp_path / name)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


def test_a_flipped_bit_is_noticed_by_the_checksum(exported):
    damaged = bytearray(exported.read_bytes())
    damaged[2880 * 3 + 100] ^= 1
    exported.write_bytes(damaged)
    with (
        pytest.warns(match="verification failed"),
        fits.open(exported, checksum=True) as hdus,
    ):
        assert len(hdus) == 9


def test_refusals_leave_nothing_behind(samples, exported, tmp_path):
    before = exported.read_bytes()
    with pytest.raises(FileExistsError, match="exists already; pass overwrite=True"):
        to_fits(samples, exported)
    with pytest.raises(FileNotFoundError, match="absent does not exist"):
        to_fits(samples, tmp_path / "absent" / "a.fits")
    with pytest.raises(IsADirectoryError):
        to_fits(samples, tmp_path)
    with pytest.raises(SchemaError):
        to_fits(samples.drop_vars("image"), tmp_path / "bad.fits")
    assert os.listdir(tmp_path) == ["samples.fits"]
    assert exported.read_bytes() == before
    to_fits(samples, exported, overwrite=True)
    assert exported.read_bytes() != before
