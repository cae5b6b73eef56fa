"""Masks: where samples say that nothing was observed, and masks drawn."""

import numpy as np
import pytest
import xarray as xr

from astrogan.dataset.masks import DECAM, KINDS, draw_masks, flags_of_decam, hole_pixels, with_mask
from catalogs import Band, Survey
from simulators import WeakLens
from simulators.sensor import FLAGS

SURVEY = Survey("test", 0.2, (Band("g", 0.7, 2.0, electrons_per_unit=3.0), Band("r", 0.6, 3.0, electrons_per_unit=2.0)))


@pytest.fixture(scope="module")
def samples():
    return WeakLens(survey=SURVEY, size=24).simulate(5, seed=1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_leaves_some_and_hides_some(kind):
    masks = draw_masks([kind], np.arange(40), (3, 32, 32), seed=2)
    share = masks.reshape(40, -1).mean(axis=1)
    assert masks.shape == (40, 3, 32, 32)
    assert masks.dtype == bool
    assert (share > 0).all()
    assert (share <= 0.5).all()
    assert len(np.unique(masks, axis=0)) > 2


def test_a_mask_is_that_of_its_sample_alone():
    names = list(KINDS)
    whole = draw_masks(names, np.arange(50), (2, 24, 30), seed=2, share=0.5)
    assert np.array_equal(draw_masks(names, [17], (2, 24, 30), seed=2, share=0.5)[0], whole[17])
    assert not np.array_equal(draw_masks(names, np.arange(50), (2, 24, 30), seed=3, share=0.5), whole)


def test_share_of_holes_through_all_bands():
    kinds = [kind for kind in KINDS if kind not in ("band", "scatter")]
    for share in (0.0, 0.5, 1.0):
        masks = draw_masks(kinds, np.arange(300), (2, 24, 24), seed=1, share=share)
        both = masks.any(axis=(2, 3)).all(axis=1)
        assert both.mean() == pytest.approx(share, abs=0.1)


def test_shapes_of_the_kinds():
    block = draw_masks(["block"], np.arange(20), (1, 32, 32), seed=0)
    assert (block.sum(axis=(1, 2, 3)) == 64).all()
    columns = draw_masks(["three columns"], np.arange(20), (1, 32, 32), seed=0)
    assert (columns.any(axis=2).sum(axis=-1) == 3).all()
    assert (columns.any(axis=2) == columns.all(axis=2)).all()
    assert (draw_masks(["band"], np.arange(20), (3, 16, 16), seed=0).all(axis=(2, 3)).sum(axis=1) == 1).all()
    scatter = draw_masks(["scatter"], np.arange(20), (1, 32, 32), seed=0)
    assert scatter.mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("kinds", "shape", "words"),
    [(["blok"], (1, 32, 32), "did you mean 'block'"), ([], (1, 32, 32), "no kinds"), (["block"], (1, 7, 32), "side")],
)
def test_unknown_masks_are_refused(kinds, shape, words):
    with pytest.raises(ValueError, match=words):
        draw_masks(kinds, [0], shape, seed=0)


def test_holes_are_flags_and_pixels_without_value_or_noise(samples):
    image, variance = samples["image"].values.copy(), samples["variance"].values.copy()
    image[0, 0, 3, 4], image[1, 1, 5, 5] = np.nan, np.inf
    variance[2, 0, 1, 2], variance[3, 1, 2, 2], variance[4, 0, 0, 0] = 0.0, -1.0, np.nan
    flags = np.zeros(image.shape, np.uint8)
    flags[0, 1, 9, 9] = FLAGS["cosmic_ray"]
    ds = samples.assign(
        image=samples["image"].copy(data=image),
        variance=samples["variance"].copy(data=variance),
        mask=(samples["image"].dims, flags),
    )
    expected = {(0, 0, 3, 4), (1, 1, 5, 5), (2, 0, 1, 2), (3, 1, 2, 2), (4, 0, 0, 0), (0, 1, 9, 9)}
    assert set(zip(*map(list, np.nonzero(hole_pixels(ds))), strict=True)) == expected
    assert not hole_pixels(ds, ["saturated"])[0, 1, 9, 9]
    assert hole_pixels(ds, ["saturated", "cosmic_ray"])[0, 1, 9, 9]
    assert not hole_pixels(samples).any()


def test_flat_masks_hold_for_all_bands(samples):
    flags = np.zeros((5, 24, 24), np.uint8)
    flags[2, 7, 8] = 1
    holes = hole_pixels(samples.assign(mask=(("sample", "y", "x"), flags)))
    assert np.array_equal(np.argwhere(holes), [[2, 0, 7, 8], [2, 1, 7, 8]])


def test_masks_that_cannot_be_meant_are_refused(samples):
    small = xr.DataArray(np.zeros((5, 2, 20, 24), np.uint8), dims=("sample", "band", "v", "u"))
    with pytest.raises(ValueError, match=r"mask of shape \(5, 2, 20, 24\) does not belong to an image of shape"):
        hole_pixels(samples.assign(mask=small))
    flags = np.full(samples["image"].shape, 5, np.uint8)
    about = {"flag_masks": np.array([1, 2], np.uint8), "flag_meanings": "dust moth"}
    odd = samples.assign(mask=(samples["image"].dims, flags, about))
    with pytest.raises(ValueError, match="bits 0b00000100 that its flag_masks do not name; known: dust, moth"):
        hole_pixels(odd)
    fine = samples.assign(mask=(samples["image"].dims, flags & 1, about))
    assert hole_pixels(fine, ["dust"]).all()
    with pytest.raises(ValueError, match="unknown flag 'mot': did you mean 'moth'"):
        hole_pixels(fine, ["mot"])
    with pytest.raises(ValueError, match=r"variance: 5 samples \(first: sample_id 0\) have no pixel"):
        hole_pixels(samples.assign(variance=samples["variance"] * 0))


def test_data_quality_of_decam():
    codes = np.array([[0, 1, 3], [4, 5, 8]])
    bits = flags_of_decam(codes)
    assert bits.dtype == np.uint8
    assert bits.tolist() == [[0] + [FLAGS[DECAM[k]] for k in (1, 3)], [FLAGS[DECAM[k]] for k in (4, 5, 8)]]
    with pytest.raises(ValueError, match=r"codes \[9\] are unknown"):
        flags_of_decam([0, 9])


def test_samples_with_a_mask_keep_what_was_observed(samples):
    holes = draw_masks(["block"], samples["sample_id"].values, (2, 24, 24), seed=0)
    ds = with_mask(samples, holes)
    assert np.array_equal(hole_pixels(ds), holes)
    assert np.array_equal(ds["image"].values[~holes], samples["image"].values[~holes])
    assert not ds["image"].values[holes].any()
