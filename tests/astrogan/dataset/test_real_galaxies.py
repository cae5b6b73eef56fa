"""Catalogues of real galaxies, in GalSim's format."""

import galsim
import numpy as np
import pytest
from astropy.io import fits

from astrogan.dataset import ImageError, read_real_galaxies

COLUMNS = {
    "GAL_FILENAME": ("20A", ["gal.fits", "gal.fits", "more.fits"]),
    "GAL_HDU": ("J", [1, 0, 0]),
    "PSF_FILENAME": ("20A", ["psf.fits"] * 3),
    "PSF_HDU": ("J", [0, 1, 0]),
    "PIXEL_SCALE": ("D", [0.03, 0.03, 0.05]),
}


def image(k, side=12):
    return np.random.Generator(np.random.PCG64(k)).uniform(0, 1, (side, side + 2))


@pytest.fixture
def catalog(tmp_path):
    def write(name, *images):
        fits.HDUList([fits.PrimaryHDU(images[0]), *map(fits.ImageHDU, images[1:])]).writeto(tmp_path / name)

    write("gal.fits", image(1), image(2))
    write("more.fits", image(3))
    write("psf.fits", image(4, 9), image(5, 9))

    def table(**changes):
        columns = {name: (kind, changes.get(name, values)) for name, (kind, values) in COLUMNS.items()}
        made = [
            fits.Column(name, kind, array=np.array(values))
            for name, (kind, values) in columns.items()
            if values is not None
        ]
        path = tmp_path / "catalog.fits"
        fits.BinTableHDU.from_columns(made).writeto(path, overwrite=True)
        return path

    return table


def test_each_row_is_its_galaxy(catalog):
    galaxies = read_real_galaxies(catalog())
    assert len(galaxies) == 3
    for galaxy, (k, psf, scale) in zip(galaxies, [(2, 4, 0.03), (1, 5, 0.03), (3, 4, 0.05)], strict=True):
        assert np.allclose(galaxy.image, image(k) / image(k).sum())
        assert np.allclose(galaxy.psf, image(psf, 9) / image(psf, 9).sum())
        assert galaxy.scale == galaxy.psf_scale == scale


def test_rows_choose(catalog):
    (galaxy,) = read_real_galaxies(catalog(), rows=[2])
    assert np.allclose(galaxy.image, image(3) / image(3).sum())


@pytest.mark.parametrize(
    ("changes", "rows", "words"),
    [
        ({"PIXEL_SCALE": None}, None, "no column PIXEL_SCALE"),
        ({"GAL_HDU": [1, 2, 0]}, None, "gal.fits: HDU 2 is not one of its images"),
        ({"GAL_FILENAME": ["gal.fits", "gal.fits", "none.fits"]}, None, "none.fits: cannot be read"),
        ({"GAL_FILENAME": ["../gal.fits"] * 3}, None, "not beside the catalogue"),
        ({"PIXEL_SCALE": [0.03, -1.0, 0.03]}, None, r"row 1: GalaxyImage image scale = -1 is outside"),
        ({}, [0, 3], r"row 3 is outside \[0, 2\]"),
    ],
)
def test_bad_catalogues_are_refused(catalog, changes, rows, words):
    with pytest.raises(ImageError, match=words):
        read_real_galaxies(catalog(**changes), rows)


def test_no_catalogue(tmp_path):
    with pytest.raises(ImageError, match=r"nothing\.fits: cannot be read as FITS"):
        read_real_galaxies(tmp_path / "nothing.fits")


def test_the_hubble_catalogue_as_galsim_reads_it(shared_data):
    path = shared_data / "hst_cosmos" / "real_galaxy_catalog_26_extension_example.fits"
    galaxies, theirs = read_real_galaxies(path), galsim.RealGalaxyCatalog(str(path))
    assert len(galaxies) == theirs.nobjects == 100
    for i in (0, 57, 99):
        pixels = theirs.getGalImage(i).array
        assert np.allclose(galaxies[i].image, pixels / pixels.sum(dtype=float))
