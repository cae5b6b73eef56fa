from __future__ import annotations

import gzip

import h5py
import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS

from astrogan.dataset import hubble_deep_field, read_images
from astrogan.dataset.planes import in_wavelength_order


def _pixels(seed=1, shape=(7, 9)):
    return np.random.default_rng(seed).normal(10, 1, shape).astype(np.float32)


def _write(path, data, kind=fits.PrimaryHDU, **cards):
    hdu = kind(data)
    hdu.header.update(cards)
    hdus = [hdu] if kind is fits.PrimaryHDU else [fits.PrimaryHDU(), hdu]
    fits.HDUList(hdus).writeto(path)
    return path


def _sky(header, scale=0.2, ra=150.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [ra, 2.0], [5, 4]
    wcs.wcs.cd = np.array([[-0.6, 0.8], [0.8, 0.6]]) * scale / 3600
    header.update(wcs.to_header())
    return header


def test_magnitudes_survive_the_conversion_to_njy(tmp_path):
    """-2.5 log10(f) + zero point is the AB magnitude before and after, for each keyword and unit."""
    data = _pixels()
    for k, (card, value) in enumerate(
        [("MAGZERO", 30.0), ("MAGZPT", 25.0), ("MAGZP", 27.3), ("ZP", 0.0), ("PHOTZP", 31.4)]
    ):
        image = read_images(_write(tmp_path / f"{k}.fits", data, **{card: value}))
        assert image.attrs["units"] == "nJy"
        assert image["zero_point"].values.tolist() == [31.4]
        np.testing.assert_allclose(
            31.4 - 2.5 * np.log10(image[0].astype(float)), value - 2.5 * np.log10(data.astype(float)), atol=1e-6
        )


def test_flux_density_units_are_converted(tmp_path):
    data = _pixels()
    image = read_images(_write(tmp_path / "a.fits", data, BUNIT="uJy"))
    assert image.attrs["units"] == "nJy"
    np.testing.assert_allclose(image[0], (data * units.uJy).to_value("nJy"), rtol=1e-6)


def test_without_zero_point_values_stay(tmp_path):
    data = _pixels()
    image = read_images(_write(tmp_path / "field.fits", data, BUNIT="adu", GAIN=1.5))
    assert np.array_equal(image[0], data)
    assert image.dtype == np.float32
    assert image.dims == ("band", "y", "x")
    assert image["band"].values.tolist() == ["field"]
    assert image.attrs["units"] == "adu"
    assert np.isnan(image["zero_point"]).all()
    assert image["gain"].values.tolist() == [1.5]
    assert "pixel_scale" not in image.attrs


def test_electrons_are_the_same_before_and_after(tmp_path):
    data = _pixels()
    image = read_images(_write(tmp_path / "a.fits", data, EGAIN=2.5, MAGZERO=27.0))
    np.testing.assert_allclose(image[0] * image["gain"].values[0], data * 2.5, rtol=1e-6)


def test_nonsense_calibration_counts_as_none(tmp_path):
    image = read_images(_write(tmp_path / "a.fits", _pixels(), MAGZERO=-999.0, GAIN=0.0, BUNIT="DNs", PIXSCALE="?"))
    assert image.attrs["units"] == ""
    assert np.isnan(image["zero_point"]).all()
    assert set(image.attrs) == {"units"}


def test_pixel_scale_from_wcs_or_card(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(_pixels(), header=_sky(fits.Header(), scale=0.26)).writeto(path)
    assert read_images(path).attrs["pixel_scale"] == pytest.approx(0.26, rel=1e-6)
    assert read_images(_write(tmp_path / "b.fits", _pixels(), PIXSCALE=0.339)).attrs["pixel_scale"] == 0.339


def test_a_folder_is_one_band_per_file_in_wavelength_order(tmp_path):
    stack = {name: _pixels(k) for k, name in enumerate(["r", "Ks", "g", "u"])}
    for name, data in stack.items():
        _write(tmp_path / f"z_{name}.fits", data, FILTER=f"{name}.MP1 broad")
    (tmp_path / "notes.txt").write_text("not an image")
    fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])]).writeto(tmp_path / "catalogue.fits")
    image = read_images(tmp_path)
    assert image["band"].values.tolist() == ["u", "g", "r", "Ks"]
    for name, data in stack.items():
        assert np.array_equal(image.sel(band=name), data)
    assert read_images(tmp_path, bands="rg")["band"].values.tolist() == ["r", "g"]
    assert read_images(tmp_path, bands="Ks,u")["band"].values.tolist() == ["Ks", "u"]
    assert read_images(tmp_path, bands="Ks")["band"].values.tolist() == ["Ks"]
    assert read_images(tmp_path, bands=["g"]).shape == (1, 7, 9)


@pytest.mark.parametrize("suffix", [".fits.gz", ".fits.fz"])
def test_compressed_images(tmp_path, suffix):
    data = _pixels(shape=(32, 48))
    if suffix == ".fits.gz":
        _write(tmp_path / "a.fits", data)
        (tmp_path / f"r{suffix}").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
        tolerance = 0.0
    else:
        hdu = fits.CompImageHDU(data, compression_type="RICE_1", quantize_level=-0.01)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / f"r{suffix}")
        tolerance = 0.0051
    image = read_images(tmp_path / f"r{suffix}")
    assert image["band"].values.tolist() == ["r"]
    np.testing.assert_allclose(image[0], data, atol=tolerance)


def test_integers_scale_and_blank_pixels_become_nan(tmp_path):
    data = np.arange(63, dtype=np.uint16).reshape(7, 9) + 40000
    assert np.array_equal(read_images(_write(tmp_path / "u.fits", data))[0], data)
    signed = _write(tmp_path / "b.fits", data.astype(np.int32), BLANK=40003)
    image = read_images(signed)[0].values
    assert np.isnan(image[0, 3])
    assert np.isnan(image).sum() == 1


def test_partly_nan_stays_and_infinite_becomes_nan(tmp_path):
    data = _pixels()
    data[0, 0], data[3, 4] = np.nan, np.inf
    image = read_images(_write(tmp_path / "a.fits", data, MAGZERO=30.0))[0].values
    assert np.array_equal(np.isnan(image), ~np.isfinite(data))


def test_science_images_of_a_multi_extension_file(tmp_path):
    data = _pixels()
    hdus = [fits.PrimaryHDU(header=fits.Header({"FILTER": "F814W"})), fits.ImageHDU(data, name="SCI")]
    hdus += [fits.ImageHDU(data * 0 + 2, name="ERR"), fits.ImageHDU((data * 0).astype(np.int16), name="DQ")]
    fits.HDUList(hdus).writeto(tmp_path / "hst.fits")
    image = read_images(tmp_path / "hst.fits")
    assert image["band"].values.tolist() == ["F814W"]
    assert np.array_equal(image[0], data)
    assert float(read_images(tmp_path / "hst.fits", hdu="err")[0, 0, 0]) == 2.0
    assert float(read_images(tmp_path / "hst.fits", hdu=2)[0, 0, 0]) == 2.0


def test_cubes_take_their_names_from_the_file_or_the_caller(tmp_path):
    cube = _pixels(shape=(3, 7, 9))
    for k, cards in enumerate([{"BAND1": "i", "BAND2": "g", "BAND3": "r"}, {"FILTER": "i,g,r"}]):
        image = read_images(_write(tmp_path / f"{k}.fits", cube, **cards))
        assert image["band"].values.tolist() == ["g", "r", "i"]
        assert np.array_equal(image, cube[[1, 2, 0]])
    image = read_images(_write(tmp_path / "bare.fits", cube), bands="igr")
    assert image["band"].values.tolist() == ["i", "g", "r"]
    assert np.array_equal(image, cube)


def test_hdf5_cubes_and_named_images(tmp_path):
    cube = _pixels(shape=(3, 7, 9))
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file["data"] = cube
        file["data"].attrs["bands"] = "i,g,r"
        file["data"].attrs["zero_point"] = np.array([30.0, 27.0, 31.4])
        file.attrs["pixel_scale"] = 0.168
    image = read_images(tmp_path / "cube.h5")
    assert image["band"].values.tolist() == ["g", "r", "i"]
    np.testing.assert_allclose(
        image, cube[[1, 2, 0]] * 10 ** (0.4 * (31.4 - np.array([27, 31.4, 30])))[:, None, None], rtol=1e-6
    )
    assert image.attrs["pixel_scale"] == 0.168
    with h5py.File(tmp_path / "named.h5", "w") as file:
        file["r"], file["g"], file["ids"] = cube[0], cube[1], np.arange(3)
        file["deep/F444W"] = cube[2]
        file["band"] = np.array(["unused"], dtype=object)
    image = read_images(tmp_path / "named.h5")
    assert image["band"].values.tolist() == ["g", "r"]
    assert np.array_equal(image, cube[[1, 0]])
    assert np.array_equal(read_images(tmp_path / "named.h5", hdu="deep/F444W")[0], cube[2])


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        ("Ks H J Y z y i r g u", "u g r i z y Y J H Ks"),
        ("r g b", "b g r"),
        ("F160W F814W F435W F105W", "F435W F814W F105W F160W"),
        ("F444W F200W F090W F115W", "F090W F115W F200W F444W"),
        ("r mystery g", "r mystery g"),
    ],
)
def test_bands_sort_by_wavelength(names, ordered):
    listed = names.split()
    assert [listed[k] for k in in_wavelength_order(listed)] == ordered.split()


def test_hubble_deep_field():
    from skimage.data import hubble_deep_field as picture

    image, jpeg = hubble_deep_field(), picture()
    assert image.dims == ("band", "y", "x")
    assert image.shape == (3, 872, 1000)
    assert image.dtype == np.float32
    assert image["band"].values.tolist() == ["b", "g", "r"]
    assert np.array_equal(image.sel(band="r")[0], jpeg[-1, :, 0])
    assert np.array_equal(image.sel(band="b")[-1], jpeg[0, :, 2])
    assert image.attrs["units"] == ""
    assert image.attrs["pixel_scale"] * 1000 / 60 == pytest.approx(2.3, abs=0.05)
    assert image.attrs["pixel_scale"] * 872 / 60 == pytest.approx(2.0, abs=0.05)
    assert "inferred" in image.attrs["pixel_scale_note"]
    assert "JPEG" in image.attrs["note"]


def test_kids_viking_in_nine_bands(shared_data):
    folder = shared_data / "kids_viking" / "frame_x0000-2079"
    image = read_images(folder, bands=["u", "Z", "Ks"])
    assert image.shape == (3, 2600, 2080)
    assert image.attrs["pixel_scale"] == 0.339
    assert image.attrs["units"] == "nJy"
    with fits.open(folder / "u.fits") as hdus:
        maggies = hdus[1].data[1000:1010, 1000:1010].astype(np.float64)
    np.testing.assert_allclose(image.sel(band="u")[1000:1010, 1000:1010], maggies * 3.6307805477e12, rtol=1e-5)


def test_nine_bands_come_in_wavelength_order(shared_data):
    folder = shared_data / "kids_viking" / "frame_x0000-2079"
    names = sorted(path.stem for path in folder.glob("*.fits"))
    assert [names[k] for k in in_wavelength_order(names)] == [*"ugriZYJH", "Ks"]


def test_sdss_frame(shared_data):
    image = read_images(shared_data / "sdss_stripe82" / "fpC-004192-r4-0300.fit.gz")
    assert image["band"].values.tolist() == ["r"]
    assert image.attrs["pixel_scale"] == pytest.approx(0.396, abs=0.0002)
    assert 1100 < float(image.median()) < 1200
