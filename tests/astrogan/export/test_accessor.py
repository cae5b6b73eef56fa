"""``ds.astrogan`` against what was put in."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.io import fits

import astrogan.export  # noqa: F401  # registers the accessor
from astrogan.dataset import validate_samples
from astrogan.dataset.backend import open_samples
from astrogan.dataset.sharding import write_store


@pytest.fixture
def lazy(samples, tmp_path):
    write_store(samples, tmp_path / "store", shard_size=4, codec="none")
    return open_samples(tmp_path / "store")


def test_table_has_units_and_every_label(samples, lazy):
    table = lazy.astrogan.to_table()
    assert np.array_equal(table["sample_id"], samples["sample_id"])
    assert np.array_equal(table["flux"].to_value("nJy"), samples["flux"])
    assert table["x"].unit == units.arcsec
    assert table["age"].unit == units.Myr
    assert table["x"].info.description
    assert set(table.colnames) == {"sample_id", "qc_flag", "flux", "x", "y", "source_x", "kind", "key", "age"}


def test_ccddata_is_the_stamp(samples, lazy):
    one = lazy.astrogan.to_ccddata(3, "r")
    assert one.unit == units.nJy
    assert np.array_equal(one.data, samples["image"].values[3, 1])
    assert np.array_equal(one.uncertainty.array, samples["variance"].values[3, 1])
    assert one.uncertainty.unit == units.nJy**2
    assert np.array_equal(one.mask, samples["mask"].values[3, 1] != 0)
    assert one.meta["sample_id"] == 43
    with pytest.raises(ValueError, match="unknown band 'z'"):
        lazy.astrogan.to_ccddata(3, "z")
    with pytest.raises(ValueError, match="unknown band 'None'"):
        lazy.astrogan.to_ccddata(3)
    with pytest.raises(ValueError, match="sample = 6 is outside 0 … 5"):
        lazy.astrogan.to_ccddata(6, "g")


def test_offsets_from_the_centre(lazy):
    wcs = lazy.astrogan.wcs(0)
    assert np.allclose(wcs.pixel_to_world_values((10 - 1) / 2, (12 - 1) / 2), 0)
    assert np.allclose(wcs.pixel_to_world_values(9, 0), (4.5 * 0.2, -5.5 * 0.2))


def test_the_sky(samples):
    """East is at low x; a position angle turns north towards east; pixels have their size on the sky."""
    n = samples.sizes["sample"]
    degrees = {"units": "deg", "long_name": "place"}
    placed = samples.assign(ra=("sample", np.full(n, 150.0), degrees), dec=("sample", np.full(n, 60.0), degrees))
    wcs = placed.astrogan.wcs(2)
    centre = wcs.pixel_to_world(4.5, 5.5)
    assert np.allclose((centre.ra.deg, centre.dec.deg), (150, 60))
    for dx, dy, angle in ((0, 1, 0), (-1, 0, 90)):
        there = wcs.pixel_to_world(4.5 + dx, 5.5 + dy)
        assert centre.separation(there).arcsec == pytest.approx(0.2, rel=1e-6)
        assert centre.position_angle(there).deg == pytest.approx(angle, abs=1e-3)
    turn = {"units": "rad", "long_name": "position angle"}
    turned = placed.assign(position_angle=("sample", np.full(n, np.radians(30)), turn)).astrogan.wcs(2)
    there = turned.pixel_to_world(4.5, 6.5)
    assert centre.position_angle(there).deg == pytest.approx(30, abs=1e-3)


def test_fits_and_picture(samples, lazy, tmp_path):
    lazy.astrogan.to_fits(tmp_path / "a.fits")
    assert np.array_equal(fits.getdata(tmp_path / "a.fits", "IMAGE"), samples["image"])
    figure = lazy.astrogan.plot(4)
    assert len(figure.axes) == 4
    shown = figure.axes[2].images[0].get_array()
    order = np.argsort(validate_samples(samples)["image"].values[2].mean(axis=0), axis=None)
    assert np.all(np.diff(np.asarray(shown).ravel()[order]) >= 0)
    with pytest.raises(ValueError, match="count = 0 is outside"):
        lazy.astrogan.plot(0)
