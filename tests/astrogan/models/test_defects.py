"""Simulated defects: what is added is what the labels say, and nothing else changes."""

import numpy as np
import pytest

from astrogan.models.defects import KINDS, SEEN, add_defects, windows_of_frames


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(1).normal(0, 1, (96, 48, 48)).astype(np.float32)


@pytest.fixture(scope="module")
def made(windows):
    return add_defects(windows, seed=3)


def test_every_kind_is_made(made):
    assert set(np.unique(made.label)) == set(range(1 + len(KINDS)))
    assert np.isfinite(made.image).all()
    assert made.image.dtype == made.clean.dtype == np.float32


@pytest.mark.parametrize("kind", ["hot_pixel", "cosmic_ray", "trail"])
def test_labels_are_where_three_sigma_and_more_were_added(windows, kind):
    one = add_defects(windows, seed=3, kinds=[kind])
    added = one.image - one.clean
    own = SEEN * np.sqrt(1 + np.maximum(one.clean, 0) / one.electrons[:, None, None])
    code = 1 + KINDS.index(kind)
    assert set(np.unique(one.label)) == {0, code}
    clear = np.abs(added - own) > 1e-3 * own  # the sum was rounded
    assert np.array_equal((one.label == code)[clear], (added > own)[clear])
    assert added.min() > -1e-3
    quiet = added == 0
    assert np.array_equal(one.image[quiet], one.clean[quiet])
    if kind != "trail":  # whose light has a noise of its own
        assert np.array_equal(one.clean, windows)


def test_a_saturated_star_loses_what_its_wells_cannot_hold(windows):
    one = add_defects(windows, seed=3, kinds=["bleed", "saturated"])
    full, bled = (one.label == 1 + KINDS.index(kind) for kind in ("saturated", "bleed"))
    assert full.any()
    assert bled.any()
    assert (one.image - one.clean)[bled].min() > SEEN
    columns = full.any(axis=1)
    assert columns[bled.any(axis=1)].mean() > 0.9, "charge bleeds along columns"


def test_no_kind_changes_nothing(windows):
    none = add_defects(windows, seed=3, kinds=[])
    assert np.array_equal(none.image, windows)
    assert not none.label.any()


def test_a_window_depends_on_seed_and_number_alone(windows, made):
    few = add_defects(windows[:20], seed=3)
    assert np.array_equal(few.image, made.image[:20])
    assert not np.array_equal(add_defects(windows[:20], seed=4).image, few.image)


def test_windows_have_no_missing_pixel_and_come_from_the_frames():
    frame = np.arange(100 * 90, dtype=np.float32).reshape(100, 90)
    frame[:, 60:] = np.nan
    found = windows_of_frames([frame, frame[:50, :60] + 1e6], 30, 32, seed=1)
    assert found.shape == (30, 32, 32)
    assert np.isfinite(found).all()
    assert 0 < (found[:, 0, 0] >= 1e6).mean() < 1
    for one in found:
        assert np.array_equal(one - one[0, 0], frame[:32, :32])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: add_defects(w, seed=1, kinds=["ghosts"]), "kind of defect"),
        (lambda w: add_defects(w[0], seed=1), r"are not \(N, H, W\)"),
        (lambda w: add_defects(np.where(w > 3, np.nan, w), seed=1), "windows = .*nan"),
        (lambda w: windows_of_frames([], 4, 32, seed=1), "no frames"),
        (lambda w: windows_of_frames([w[0]], 4, 64, seed=1), "frame 0 of shape .* smaller"),
        (lambda w: windows_of_frames([np.full((64, 64), np.nan)], 4, 32, seed=1), "only 0 of 80 windows"),
    ],
)
def test_refused(windows, call, message):
    with pytest.raises(ValueError, match=message):
        call(windows)
