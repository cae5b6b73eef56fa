"""Cut-outs hold the frame's own pixels, and their split shares none."""

from __future__ import annotations

import galsim
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from simulators._frames import read_frames
from simulators.detection import clear_of_glare, cut_out, detect, local_noise, measure, split_by_position, strip_edges

SIGMA = 10.0


def noisy(images, seed, sigma=SIGMA):
    rng = np.random.default_rng(seed)
    return (images + 50.0 + sigma * rng.standard_normal(images.shape)).astype(np.float32)


def matched(sources, truth):
    """Indices of the sources nearest to the true positions, and the distances [pixel]."""
    distance, index = cKDTree(np.stack([sources.x, sources.y], 1)).query(np.stack([truth["x"], truth["y"]], 1))
    return index, distance


@pytest.fixture(scope="module")
def sky(scene):
    return noisy(scene.images, 1)


@pytest.fixture(scope="module")
def sources(sky):
    return detect(sky)


@pytest.mark.parametrize("size", [39, 40])
def test_stamps_are_the_frames_own_pixels(sky, sources, size):
    stamps, kept = cut_out(sky, sources.x, sources.y, size)
    assert stamps.dtype == np.float32
    assert stamps.shape == (len(kept), 2, size, size)
    data = read_frames(sky).data
    for stamp, x, y in list(zip(stamps, sources.x[kept], sources.y[kept], strict=True))[:40]:
        left, low = (round(at - (size - 1) / 2) for at in (x, y))
        assert np.array_equal(stamp, data[:, low : low + size, left : left + size])
        assert abs(left + (size - 1) / 2 - x) <= 0.5 + 1e-9
        assert abs(low + (size - 1) / 2 - y) <= 0.5 + 1e-9
    lost = np.setdiff1d(np.arange(len(sources)), kept)
    margin = np.minimum.reduce([sources.x, sources.y, 999 - sources.x, 999 - sources.y])
    assert (margin[lost] < size / 2 + 1).all()
    border = np.concatenate([stamps[..., 0, :], stamps[..., -1, :]], axis=-1)
    assert abs(np.median(border)) < 0.3 * SIGMA  # background-subtracted from 50


def test_stamps_with_holes(sky):
    holed = sky.copy()
    holed[1, 100:140, 100:140] = np.nan
    holed[0, 301, 301] = np.nan
    stamps, kept = cut_out(holed, [120.0, 300.0, 2.0, 500.0], [120.0, 300.0, 500.0, 500.0], 32)
    assert kept.tolist() == [1, 3]
    assert np.isfinite(stamps).all()
    assert stamps[0, 0, 17, 17] == 0.0  # 300 - 15.5 rounds to 284
    strict, _ = cut_out(holed, [300.0], [300.0], 32, missing=0.0)
    assert len(strict) == 0


@pytest.mark.parametrize(
    ("x", "y", "size", "message"),
    [
        ([1.0], [1.0, 2.0], 16, "different lengths"),
        ([np.nan], [1.0], 16, "x = nan"),
        ([1.0], [1.0], 2, "size = 2"),
        ([1.0], [1.0], 5000, "size = 5000 is outside"),
    ],
)
def test_refuses_cut_outs(sky, x, y, size, message):
    with pytest.raises(ValueError, match=message):
        cut_out(sky, x, y, size)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 48), st.floats(0.2, 0.5), st.integers(1, 4))
def test_split_shares_no_pixel(seed, size, share, pairs):
    x = np.random.default_rng(seed).uniform(0.0, 2000.0, 300)
    edges = strip_edges(x, share, pairs)
    assert len(edges) == 2 * pairs - 1
    training, held = split_by_position(x, size, edges)
    left = np.rint(x - (size - 1) / 2).astype(int)
    columns = [{c for at in left[side] for c in range(at, at + size)} for side in (training, held)]
    assert not columns[0] & columns[1]
    in_turn = np.searchsorted(edges, x) % 2 == 1
    assert in_turn.mean() == pytest.approx(share, abs=0.02)
    assert not (training & in_turn).any()
    assert not (held & ~in_turn).any()
    across = ((left[:, None] < edges) & (edges <= left[:, None] + size - 1)).any(axis=1)
    assert np.array_equal(training | held, ~across)


def test_split_of_a_real_sky(sources):
    training, held = split_by_position(sources.x, 32, strip_edges(sources.x, 0.25))
    assert 0.65 < training.mean() < 0.8
    assert 0.2 < held.mean() < 0.3
    with pytest.raises(ValueError, match="cannot be split"):
        split_by_position([5.0, 5.0], 32, strip_edges([5.0, 5.0]))
    with pytest.raises(ValueError, match=r"held_out = 1\.5 is outside"):
        strip_edges([1.0, 2.0], 1.5)


def test_local_rms_follows_the_depth(scene):
    rng = np.random.default_rng(3)
    depth = np.where(np.arange(1000) < 500, 4.0, 8.0)
    sources = detect((scene.images + depth * rng.standard_normal(scene.images.shape)).astype(np.float32))
    for side, rms in ((sources.x < 450, 4.0), (sources.x > 550, 8.0)):
        assert np.median(sources.rms[side], axis=0) == pytest.approx([rms, rms], rel=0.05)


def test_stamps_in_local_noise_have_unit_noise(scene):
    """Also where half the frame is twice as deep, which widens the rms of the whole."""
    depth = np.where(np.arange(1000) < 500, 4.0, 8.0)
    noise = depth * np.random.default_rng(4).standard_normal(scene.images.shape)
    frames = read_frames((scene.images + noise).astype(np.float32))
    sources, segments = measure(frames)
    local = local_noise(frames, sources, segments)
    for side, rms in ((sources.x < 430, 4.0), (sources.x > 570, 8.0)):
        assert np.median(local[side], axis=0) == pytest.approx([rms, rms], rel=0.01)


def test_targets_keep_clear_of_glare(scene):
    images = scene.images.copy()
    glare = galsim.ImageD(images[0], xmin=0, ymin=0, scale=0.25)
    star = (scene.psfs[0] * 3e7).drawImage(nx=400, ny=400, scale=0.25, center=galsim.PositionD(500, 500), dtype=float)
    shared = star.bounds & glare.bounds
    glare[shared] += star[shared]
    sources = detect(noisy(images, 6))
    chosen = np.flatnonzero(sources.galaxies(20.0) & clear_of_glare(sources, 48))
    distance = np.hypot(sources.x[chosen] - 500, sources.y[chosen] - 500)
    assert distance.min() > 24 + 10
    galaxies, stars = matched(sources, scene.galaxies)[0], matched(sources, scene.stars)[0]
    assert np.isin(chosen, galaxies).mean() > 0.9
    assert np.isin(chosen, stars).mean() < 0.03
    assert len(chosen) > 150
