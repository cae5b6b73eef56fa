from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from astrogan.validation.inputs import Images, as_images, check_real, refuse_mismatch


def sky(n: int = 60, bands: int = 2, size: int = 24, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (n, bands, size, size)).astype(np.float32)


def samples(bands: str = "gr", scale: float = 0.2, unit: str = "nJy", size: int = 24) -> Images:
    image = (("sample", "band", "y", "x"), sky(bands=len(bands), size=size), {"units": unit})
    return as_images("one", xr.Dataset({"image": image}, {"band": list(bands)}, {"pixel_scale": scale}))


def test_sets_are_read_in_units_of_their_noise() -> None:
    plain = as_images("plain", sky())
    assert plain.sigma == pytest.approx([3, 3], rel=0.05)
    assert plain.pixels.std() == pytest.approx(1, rel=0.05)
    assert np.array_equal(plain.given, sky())
    assert (plain.bands, plain.named, plain.pixel_scale) == (("0", "1"), False, None)
    named = samples()
    assert (named.bands, named.pixel_scale, named.unit) == (("g", "r"), 0.2, "nJy")
    assert as_images("flat", sky()[:, 0]).pixels.shape == (60, 1, 24, 24)
    assert np.array_equal(as_images("same", sky(), scaled_by=np.array([1.0, 1.0])).pixels, sky())


def bad(kind: str) -> np.ndarray:
    stamps = sky()
    if kind == "nan":
        stamps[4, 0, 3, 3] = np.nan
    elif kind == "constant":
        stamps[7, 1] = 5.0
    elif kind == "cut at black":
        stamps = np.maximum(stamps, 8.0)
        stamps[:, :, 12, 12] = 50.0
    return stamps


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nan", "real: 1 of 60 stamps contain NaN"),
        ("constant", "real: 1 of 60 images are constant in a band"),
        ("cut at black", "real: the border's pixels are constant"),
    ],
)
def test_bad_pixels_are_refused(kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_images("real", bad(kind))


def test_few_and_saturated_real_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"number of real images = 49 is outside \[50,"):
        check_real("real", as_images("real", sky(49)))
    full = sky(100) + 200 * np.exp(-np.hypot(*(np.mgrid[:24, :24] - 11.5)) / 4).astype(np.float32)
    assert check_real("real", as_images("real", full)) is not None
    with pytest.raises(ValueError, match="real: 100 of 100 images are saturated"):
        check_real("real", as_images("real", np.minimum(full, 90)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"bands": "gi"}, "bands differ: real has g, r; synthetic has g, i"),
        ({"bands": "gri"}, "bands differ: real has g, r; synthetic has g, r, i"),
        ({"scale": 0.263}, "pixel scales differ: real 0.2 arcsec, synthetic 0.263 arcsec"),
        ({"unit": "adu"}, "units differ: real 'nJy', synthetic 'adu'"),
        ({"size": 32}, r"sizes differ: real \(24, 24\) pixels, synthetic \(32, 32\)"),
    ],
)
def test_sets_that_do_not_match_are_refused(other: dict, message: str) -> None:
    refuse_mismatch(("real", samples()), ("synthetic", samples()))
    with pytest.raises(ValueError, match=message):
        refuse_mismatch(("real", samples()), ("synthetic", samples(**other)))


def test_samples_without_images_are_refused() -> None:
    with pytest.raises(ValueError, match="samples without `image`: they have flux"):
        as_images("real", xr.Dataset({"flux": ("sample", np.ones(3))}))
