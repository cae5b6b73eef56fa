from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from astrogan.dataset import ImageError, read_images


def _refused(path, message, **kwargs):
    """`read_images` raises one line that names the file."""
    with pytest.raises(ImageError, match=message) as caught:
        read_images(path, **kwargs)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def _ones(path, shape=(7, 9), **cards):
    fits.PrimaryHDU(np.ones(shape, np.float32), header=fits.Header(cards)).writeto(path)
    return path


def test_missing_and_foreign_files(tmp_path):
    _refused(tmp_path / "absent.fits", "no such file or folder")
    for name, content in (("a.fits", b"hello"), ("b.png", b"\x89PNG\r\n"), ("empty.fits", b"")):
        (tmp_path / name).write_bytes(content)
        _refused(tmp_path / name, "neither a FITS nor an HDF5 file")
    (tmp_path / "c.fits.gz").write_bytes(b"\x1f\x8b not gzip")
    _refused(tmp_path / "c.fits.gz", "cannot be read as FITS")


def test_folders_without_images(tmp_path):
    _refused(tmp_path, "no FITS file in this folder")
    fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])]).writeto(tmp_path / "table.fits")
    _refused(tmp_path, "no image in it")
    (tmp_path / "r.fits").write_bytes(b"hello")
    with pytest.raises(ImageError, match=r"r.fits: neither a FITS nor an HDF5 file"):
        read_images(tmp_path)


def test_all_nan(tmp_path):
    fits.PrimaryHDU(np.full((5, 5), np.nan, np.float32)).writeto(tmp_path / "nan.fits")
    _refused(tmp_path / "nan.fits", "every pixel of band nan is NaN")


@pytest.mark.parametrize("shape", [(9,), (2, 3, 4, 5)])
def test_neither_image_nor_cube(tmp_path, shape):
    _refused(_ones(tmp_path / "a.fits", shape), "is neither an image")


def test_single_planes_of_higher_rank_are_images(tmp_path):
    assert read_images(_ones(tmp_path / "radio.fits", (1, 1, 7, 9))).shape == (1, 7, 9)


def test_a_cube_without_names(tmp_path):
    _refused(_ones(tmp_path / "a.fits", (3, 7, 9)), "a cube of 3 planes without band names; pass as many with bands=")


def test_unknown_and_repeated_bands(tmp_path):
    _ones(tmp_path / "Ks.fits")
    _ones(tmp_path / "r.fits")
    _refused(tmp_path, "unknown band 'ks': did you mean 'Ks'", bands=["ks"])
    _refused(tmp_path, "bands r, r name one twice", bands="rr")
    _refused(tmp_path, "no bands were asked for", bands=[])
    _ones(tmp_path / "other.fits", FILTER="r")
    _refused(tmp_path, r"band r is there more than once \(.*other.fits, .*r.fits\)")
    assert read_images(tmp_path, bands=["Ks"]).shape == (1, 7, 9)


def test_bands_of_different_shape_or_scale(tmp_path):
    _ones(tmp_path / "r.fits", PIXSCALE=0.2)
    _ones(tmp_path / "i.fits", PIXSCALE=0.3)
    _refused(tmp_path, "pixel scales differ between bands: 0.2 to 0.3")
    _ones(tmp_path / "g.fits", (7, 8))
    _refused(tmp_path, r"band i has shape \(7, 9\), band g \(7, 8\)", bands="gi")


def test_bands_that_are_not_registered(tmp_path):
    for name, shift in (("g", 0.0), ("r", 0.3), ("i", 4.0)):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [10.0, -30.0], [5 + shift, 4]
        wcs.wcs.cdelt = [-0.2 / 3600, 0.2 / 3600]
        fits.PrimaryHDU(np.ones((7, 9), np.float32), header=wcs.to_header()).writeto(tmp_path / f"{name}.fits")
    assert read_images(tmp_path, bands="gr").shape == (2, 7, 9)
    _refused(tmp_path, r"band i lies 4.0 pixels from band g \(by their WCS\)")


def test_absurd_sizes_are_refused_from_the_header(tmp_path):
    header = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": 200000, "NAXIS2": 200000})
    (tmp_path / "huge.fits").write_bytes(header.tostring().encode() + bytes(2880))
    _refused(tmp_path / "huge.fits", r"1 x \(200000, 200000\) pixels are outside \(0, 2 gigapixels\]")
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("r", (200000, 200000), "f4", chunks=(1000, 1000))
    _refused(tmp_path / "huge.h5", "r: shape .* needs 149 GiB, the limit is 16 GiB")
    with h5py.File(tmp_path / "sparse.h5", "w") as file:
        file.create_dataset("r", (2000, 2000), "f4", chunks=(1000, 1000))
    _refused(tmp_path / "sparse.h5", r"r: values were never written \(4 chunks\)")


def test_truncated_and_damaged_fits(tmp_path):
    rng = np.random.default_rng(0)
    hdu = fits.PrimaryHDU(rng.normal(size=(200, 200)).astype(np.float32))
    hdu.writeto(tmp_path / "whole.fits", checksum=True)
    whole = (tmp_path / "whole.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[:100_000])
    _refused(tmp_path / "cut.fits", "cannot be read as FITS|do not match their DATASUM")
    flipped = bytearray(whole)
    flipped[50_000] ^= 4
    (tmp_path / "bit.fits").write_bytes(flipped)
    _refused(tmp_path / "bit.fits", "the pixels do not match their DATASUM")
    for length in range(0, len(whole), 7001):
        (tmp_path / "cut.fits").write_bytes(whole[:length])
        _refused(tmp_path / "cut.fits", "cut.fits")


def test_wrong_hdus(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((7, 9)), name="SCI")]).writeto(tmp_path / "a.fits")
    _refused(tmp_path / "a.fits", "HDU 'WHT' is not one of its images: 1 SCI", hdu="WHT")
    _refused(tmp_path / "a.fits", "HDU 0 is not one of its images: 1 SCI", hdu=0)


def test_hdf5_without_a_usable_image(tmp_path):
    def make(name, **datasets):
        with h5py.File(tmp_path / name, "w") as file:
            for key, value in datasets.items():
                file[key] = value
        return tmp_path / name

    _refused(make("line.h5", r=np.ones(5)), "no 2-D or 3-D dataset at the top level")
    _refused(make("two.h5", a=np.ones((2, 7, 9)), b=np.ones((2, 7, 9))), r"several cubes \(a, b\)")
    _refused(make("stamps.h5", image=np.ones((2, 3, 7, 9))), "it holds stamps, not an image of a field")
    _refused(make("bare.h5", data=np.ones((3, 7, 9))), "a cube of 3 planes without band names")
    _refused(make("text.h5", r=np.full((3, 3), b"a")), "r: text, not an image")
    _refused(make("nan.h5", r=np.full((3, 3), np.nan)), "every pixel of band r is NaN")
    _refused(make("r.h5", r=np.ones((3, 3))), "s: there is no such dataset", hdu="s")
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["r"] = h5py.ExternalLink(str(tmp_path / "r.h5"), "/r")
    _refused(tmp_path / "link.h5", "no 2-D or 3-D dataset")
    _refused(tmp_path / "link.h5", "r: links are refused", hdu="r")
