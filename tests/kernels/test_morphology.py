"""The morphology kernels on a small stamp: sums written out, and a whole measurement."""

import numpy as np
import pytest

from simulators._kernels import morphology as kernels
from simulators._kernels import segmentation

pytestmark = pytest.mark.kernels


def stamp():
    y, x = np.mgrid[:20, :21] - 9.5
    return 100 * np.exp(-(x**2 / 9 + y**2 / 6)) + np.random.default_rng(1).normal(0, 0.5, (20, 21))


def test_growth_sums_the_parts_of_pixels():
    image, flux, area = stamp(), np.empty(30), np.empty(30)
    kernels.growth(image, 10.1, 9.3, flux, area)
    part = (np.arange(4) + 0.5) / 4 - 0.5
    y, x = (np.add.outer(np.arange(n), part).ravel() for n in image.shape)
    fine = np.repeat(np.repeat(image, 4, 0), 4, 1) / 16
    for k in (4, 13, 29):
        inside = np.hypot(y[:, None] - 9.3, x - 10.1) < k * kernels.STEP
        assert flux[k] == pytest.approx(fine[inside].sum())
        assert area[k] == pytest.approx(inside.sum() / 16)


def test_bilinear_values_and_the_outside():
    image = stamp()
    assert kernels.interpolated(image, 3.25, 4.5) == pytest.approx(
        0.5 * (0.75 * (image[4, 3] + image[5, 3]) + 0.25 * (image[4, 4] + image[5, 4]))
    )
    assert kernels.interpolated(image, 20.0, 19.0) == image[19, 20]
    assert np.isnan(kernels.interpolated(image, -0.1, 4.0))


def test_segment_is_connected():
    y, x = np.mgrid[:20, :20] - 9.5
    r = np.hypot(x, y)
    image = np.where(r > 8, 9.0, -r)  # bright again far out, beyond a gap
    places = np.empty((400, 2), dtype=np.int64)
    count = segmentation.segment(image, 9.5, 9.5, 4.0, places)
    level = image[np.abs(r - 4) <= 0.5].mean()
    assert {tuple(place) for place in places[:count]} == set(zip(*np.nonzero((image >= level) & (r < 8)), strict=True))


def test_a_whole_measurement():
    out = np.empty((1, 11))
    kernels.morphology(0, 1, stamp()[None], np.array([[10.0, 9.5]]), 3, np.array([0.5]), 70, out)
    assert np.isfinite(out).all()
    x, y, petro, flux, r20, r50, r80, *_ = out[0]
    assert (x, y) == pytest.approx((9.5, 9.5), abs=0.2)
    assert r20 < r50 < r80 < 1.5 * petro
    assert flux == pytest.approx(stamp().sum(), rel=0.1)
