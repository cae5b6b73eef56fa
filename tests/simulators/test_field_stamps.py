"""Stamps of fields are samples: the frame's pixels, the central object's truth, and the store takes them."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS

from simulators import Field

FIELD = Field(survey="kids", bands="gr", size=(200, 240), density=60.0, stars=0.3, centre=(340.0, -33.0))


@pytest.fixture(scope="module")
def frames():
    return FIELD.simulate(seed=2, labels="pixel")


def test_stamps_are_the_frames_pixels(frames):
    stamps = FIELD.stamps(32, frames)
    assert 10 < stamps.sizes["sample"] < frames.sizes["object"]
    assert not stamps["star"].values.any()
    where = np.searchsorted(frames["object_id"].values, stamps["sample_id"].values)
    for i, number in enumerate(where):
        column, row = (frames[name].values[number] for name in ("column", "row"))
        left = round(column - stamps["x"].values[i] / 0.2 - 15.5)
        low = round(row - stamps["y"].values[i] / 0.2 - 15.5)
        assert abs(stamps["x"].values[i]) <= 0.1 + 1e-9
        for name in ("image", "clean", "variance"):
            window = frames[name].values[:, low : low + 32, left : left + 32]
            np.testing.assert_array_equal(stamps[name].values[i], window)
        np.testing.assert_array_equal(stamps["flux"].values[i], frames["flux"].values[number])
        own = frames["segmentation"].values[low : low + 32, left : left + 32] == number + 1
        np.testing.assert_array_equal(stamps["segmentation"].values[i] == 1, own)


def test_stamps_feed_the_store(frames, tmp_path):
    """A directory of shards holds them, faultless, and gives back neighbours, labels and flags."""
    from astrogan.dataset.backend import open_samples
    from astrogan.dataset.sharding import write_store
    from astrogan.dataset.verification import verify_store

    stamps = FIELD.stamps(32, frames)
    assert (stamps["segmentation"].values > 1).any(axis=(1, 2)).mean() > 0.3  # neighbours of most
    write_store(stamps, tmp_path / "stamps", shard_size=10)
    assert verify_store(tmp_path / "stamps") == []
    with open_samples(tmp_path / "stamps") as back:
        for name in ("sample_id", "radius", "flux", "star", "segmentation", "mask", "clean"):
            np.testing.assert_array_equal(back[name].values, stamps[name].values)
        np.testing.assert_allclose(back["variance"].values, stamps["variance"].values, rtol=2.0**-13)  # as kept
        rounded = np.abs(back["image"].values - stamps["image"].values) / np.sqrt(stamps["variance"].values)
        assert 0.0 < rounded.max() < 1.0 / 16.0


def test_chosen_stamps(frames):
    stars = FIELD.stamps(24, frames, chosen=frames["star"].values == 1)
    assert stars["star"].values.all()
    one = FIELD.stamps(24, frames, chosen=np.flatnonzero(np.isin(frames["object_id"], stars["sample_id"]))[:1])
    np.testing.assert_array_equal(one["image"].values[0], stars["image"].values[0])


def test_the_header_is_the_wcs(frames):
    """The coordinates kept in the Dataset give back the catalogue's, to 1e-9 degrees."""
    wcs = WCS(Header.fromstring(frames.attrs["wcs"]))
    column, row = wcs.all_world2pix(frames["ra"].values, frames["dec"].values, 0)
    np.testing.assert_allclose(column, frames["column"], rtol=0, atol=1e-9 * 3600 / 0.2)
    np.testing.assert_allclose(row, frames["row"], rtol=0, atol=1e-9 * 3600 / 0.2)
    assert FIELD.wcs.wcs.crval.tolist() == [340.0, -33.0]
    east, north = wcs.all_pix2world([119.5, 118.5, 119.5], [99.5, 99.5, 100.5], 0)
    assert east[1] > east[0]
    assert north[2] > north[0]


@pytest.mark.parametrize(
    ("size", "chosen", "message"),
    [
        (500, None, "size = 500 is outside"),
        (32.5, None, "not a whole number"),
        (32, [True], "chosen has shape"),
        (32, [10**6], "chosen = 1e\\+06 is outside"),
        (32, [0.5], "chosen holds float64"),
        (200, [0], "no object has a stamp"),
    ],
)
def test_bad_stamps_are_refused(frames, size, chosen, message):
    with pytest.raises(ValueError, match=message):
        FIELD.stamps(size, frames, chosen)


def test_stamps_need_pixels():
    with pytest.raises(ValueError, match="needs a rendered frame"):
        FIELD.stamps(32, FIELD.draw(1))
