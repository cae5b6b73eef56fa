"""Pixels are cut at black and at white."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from catalogs.schema import Band
from simulators import noise


def test_pixels_below_the_floor_are_raised_to_it_and_others_left_alone():
    band = Band("r", psf_fwhm=1.0, background_sigma=2.0)
    cut = Band("r", psf_fwhm=1.0, background_sigma=2.0, floor=-3.0)
    expected = np.zeros((2, 1, 16, 16))
    free, clipped = (noise.add_noise(expected, [one], 5, [0, 1])[0] for one in (band, cut))
    assert free.min() < -3.0
    assert np.array_equal(clipped, np.maximum(free, np.float32(-3.0)))
    with pytest.raises(ValueError, match="floor = 0 is outside"):
        Band("r", psf_fwhm=1.0, background_sigma=2.0, floor=0.0)


def test_black_and_white_are_cut_where_each_stamp_has_them():
    plain = Band("r", psf_fwhm=1.0, background_sigma=2.0)
    cut = replace(plain, floor=-3.0, ceiling=2.5)
    moved = replace(cut, level_scatter=0.5)
    expected = np.zeros((400, 1, 24, 24))
    free, clipped, levels = (noise.add_noise(expected, [one], 5, np.arange(400))[0] for one in (plain, cut, moved))
    assert np.array_equal(clipped, np.clip(free, np.float32(-3.0), np.float32(2.5)))
    low, high = levels.min((1, 2, 3)), levels.max((1, 2, 3))
    assert np.allclose(high - low, 5.5)
    assert low.mean() == pytest.approx(-3.0, abs=4 * 0.5 / 20)
    assert low.std() == pytest.approx(0.5, rel=0.15)
    assert np.array_equal(levels, np.clip(free, low[:, None, None, None], high[:, None, None, None]))
    for wrong in ({"ceiling": 0.0}, {"level_scatter": -1.0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} = {next(iter(wrong.values())):g} is outside"):
            replace(plain, **wrong)
