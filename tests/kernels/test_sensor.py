"""Kernels of the sensor against slow versions of them, and where their loops begin and end."""

import itertools

import numpy as np
import pytest

from simulators._kernels.charge import STRIP, add_counts, count_photons, move_borders
from simulators._kernels.counting import poissons
from simulators._kernels.glare import add_annulus, add_fringes, add_trail, bright_cells, trail_profile
from simulators._kernels.noise import PIXELS
from simulators._kernels.particles import stop_electrons, track_muons
from simulators._kernels.stacking import lay_down
from simulators._kernels.transfer import bloom, defer_columns, defer_rows
from simulators.sensor.charge import _weights
from simulators.streams import round_keys

pytestmark = pytest.mark.kernels
BIT = np.uint8(4)


def frame(ny, nx, top=1e4):
    return np.random.default_rng(ny).uniform(0.0, top, (ny, nx)).astype(np.float32)


def test_counts_are_those_of_the_streams_from_job_to_job():
    """Whole photons of the positive part; the negative part stays, and the dark current is added to what is there."""
    rates = np.linspace(0.0, 30.0, PIXELS + 40)
    keys, samples, counts = round_keys(1, "photons"), np.array([5], np.uint64), np.empty((2, rates.size))
    poissons(0, 2, keys, samples, rates[None].astype(np.float32).astype(float), counts[:1])
    image = rates.astype(np.float32)
    image[7] = -2.5
    poissons(0, 2, keys, samples, np.full((1, rates.size), 0.7), counts[1:])
    count_photons(0, 2, keys, samples, image)
    assert image[7] == -2.5 + 0.0
    assert np.array_equal(np.delete(image, 7), np.delete(counts[0], 7))
    before = image.copy()
    add_counts(0, 2, keys, samples, 0.7, image)
    assert image == pytest.approx(before + counts[1])


def naive_overlap(image, weight, x0, y0, shape):
    """Areas that each pair of unit squares has in common."""
    total, weights = np.zeros(shape), np.zeros(shape)
    for (y, x), value in np.ndenumerate(image):
        for v, u in np.ndindex(shape):
            share = max(0.0, 1.0 - abs(v - y - y0)) * max(0.0, 1.0 - abs(u - x - x0))
            if weight[y, x] > 0.0:
                total[v, u] += share * weight[y, x] * value
                weights[v, u] += share * weight[y, x]
    return total, weights


@pytest.mark.parametrize("offset", [(0.0, 0.0), (1.3, -0.6), (-2.0, 1.5), (30.0, 0.0), (-3.7, -9.1)])
def test_frames_share_their_light_by_overlap(offset):
    image, weight = frame(5, 6), np.where(frame(6, 6, 1.0)[:5] > 0.2, 0.5, 0.0)
    image[weight == 0.0] = np.nan
    total, weights = np.zeros((6, 7)), np.zeros((6, 7))
    lay_down(image, weight, *offset, total, weights)
    wanted = naive_overlap(image, weight, *offset, (6, 7))
    assert total == pytest.approx(wanted[0])
    assert weights == pytest.approx(wanted[1])


def naive_borders(image, full, across, along):
    """Each border by itself, pushed by every charge around it as it fills; quarter tables as of `BrighterFatter`."""
    ny, nx = image.shape
    n, charge, out = len(along), image.astype(float), image.astype(float)
    pushing = np.mean([np.minimum(charge * time, full) for time in (np.arange(500) + 0.5) / 500], axis=0)
    for (y, x), (dy, dx) in itertools.product(np.ndindex(ny, nx), ((0, 1), (1, 0))):
        if y + dy >= ny or x + dx >= nx:
            continue
        shift = 0.0
        for (v, u), push in np.ndenumerate(pushing):
            beside, ahead = (abs(v - y), u - x) if dx else (abs(u - x), v - y)
            steps, away = (-ahead, 1.0) if ahead <= 0 else (ahead - 1, -1.0)
            if beside <= n and steps < n:
                shift += away * push * (across[beside, steps] if dx else along[steps, beside])
        crossed = shift * (charge[y, x] + charge[y + dy, x + dx]) / 2.0
        out[y, x] += crossed
        out[y + dy, x + dx] -= crossed
    return out


@pytest.mark.parametrize(("ny", "full"), [(1, 1e30), (STRIP, 1e30), (STRIP + 3, 1e30), (STRIP + 3, 4e4)])
def test_borders_move_as_each_by_itself(ny, full):
    """Across the edges of strips as well, where rows must be those before they changed, and with full wells."""
    across = np.array([[-4.0, -1.0], [-0.7, -0.5], [-0.2, 0.1]]) * 1e-7
    along = np.array([[-6.0, -0.9, -0.3], [-0.8, -0.4, 0.2]]) * 1e-7
    image = frame(ny, 7, 1e5)
    wanted = naive_borders(image, full, across, along)
    move_borders(image, np.float32(full), *_weights(tuple(map(tuple, across)), tuple(map(tuple, along))))
    assert np.abs(wanted - frame(ny, 7, 1e5)).max() > 100.0
    assert image == pytest.approx(wanted, rel=1e-5)


def test_both_ways_of_transfer_are_one():
    columns, rows = frame(20, 3), frame(20, 3).T.copy()
    left = defer_columns(columns, 1e-2, np.float32(0.4), 0, 0.0)
    defer_rows(0, 3, 0, 20, 0, 0.0, 1e-2, np.float32(0.4), rows)
    assert columns == pytest.approx(rows.T)
    assert columns.sum() + left.sum() == pytest.approx(frame(20, 3).sum())


@pytest.mark.parametrize("first", [0, 7])
def test_a_cut_out_of_a_level_chip_has_traps_in_balance(first):
    """Rows `first` on of a flat chip, alone, and as a part of it."""
    whole, part = np.full((60, 2), 300.0, np.float32), np.full((60 - first, 2), 300.0, np.float32)
    defer_columns(whole, 1e-3, np.float32(0.7), 0, 0.0)
    defer_columns(part, 1e-3, np.float32(0.7), first, 300.0)
    assert part[8:] == pytest.approx(whole[first + 8 :], abs=1e-3)
    row = np.full((2, 60 - first), 300.0, np.float32)
    defer_rows(0, 2, 0, 60 - first, first, 300.0, 1e-3, np.float32(0.7), row)
    assert row == pytest.approx(part.T, abs=1e-3)


def test_blooming_says_what_left():
    image, mask = frame(9, 2, 50.0), np.zeros((9, 2), np.uint8)
    image[1, 0] = 800.0
    before = image.sum()
    lost = bloom(image, mask, np.float32(60.0), BIT, np.uint8(8))
    assert lost == pytest.approx(before - image.sum(), rel=1e-5)
    assert not mask[:, 1].any()
    assert set(mask[:, 0]) == {4, 8}


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, 2.5])
def test_trails_fill_all_pixels_in_reach(angle):
    image, mask = np.zeros((15, 18), np.float32), np.zeros((15, 18), np.uint8)
    cosine, sine = np.cos(angle), np.sin(angle)
    add_trail(
        image, mask, BIT, (7.0, 6.0, cosine, sine), (5.0, 2.0, -3.0, 4.1), (0.0, 9.0, 0.0, 0.0, 1.0, -np.inf, np.inf)
    )
    y, x = np.mgrid[:15, :18]
    d = (y - 6.0) * cosine - (x - 7.0) * sine
    assert image == pytest.approx(np.where(abs(d) <= 4.1, 5.0 * (1 + (d / 2) ** 2) ** -3.0, 0.0), abs=1e-5)
    assert ((mask > 0) == (image > 0)).all()


def test_a_trails_profile_is_the_psf_along_the_line():
    """The sum of a Moffat image along one axis, and its reach where that falls to the faintest light."""
    peak, width, power, reach = trail_profile(50.0, 4.0, 3.0, 0.5)
    x, y = np.arange(9.0), 0.05 * np.arange(-12000, 12001)[:, None]
    alpha = 4.0 / (2.0 * np.sqrt(2.0 ** (1.0 / 3.0) - 1.0))
    psf = 2.0 / (np.pi * alpha**2) * (1.0 + (x * x + y * y) / alpha**2) ** -3.0
    assert peak * (1.0 + (np.arange(9) / width) ** 2) ** power == pytest.approx(50.0 * 0.05 * psf.sum(axis=0), rel=1e-5)
    assert peak * (1.0 + (reach / width) ** 2) ** power == pytest.approx(0.5)
    assert trail_profile(0.1, 4.0, 3.0, 0.5)[3] == 0.0


def test_blinking_lights_are_dark_between():
    image, mask = np.zeros((1, 60), np.float32), np.zeros((1, 60), np.uint8)
    add_trail(
        image, mask, BIT, (0.0, 0.0, 1.0, 0.0), (5.0, 2.0, -3.0, 4.0), (1.0, 20.0, 0.0, 0.3, 1.0, -np.inf, np.inf)
    )
    lit = np.flatnonzero(image[0] > 2.0)
    assert set(lit % 20) == {7, 8, 9, 10, 11, 12, 13}
    assert (image[0] == 0).sum() > 30


def test_trails_end_where_the_shutter_moved():
    image, mask = np.zeros((1, 60), np.float32), np.zeros((1, 60), np.uint8)
    add_trail(image, mask, BIT, (10.0, 0.0, 1.0, 0.0), (5.0, 2.0, -3.0, 4.0), (0.0, 9.0, 0.0, 0.0, 4.0, 5.0, 30.0))
    assert image[0, [12, 15, 18, 37, 40, 43]] == pytest.approx([0.0, 2.5, 5.0, 5.0, 2.5, 0.0])
    assert np.count_nonzero(mask) == 28


def test_fringes_follow_their_phase():
    phase = np.add.outer(np.arange(4) * 0.3, np.arange(4) * -0.4).astype(np.float32)
    image = np.zeros((9, 8), np.float32)
    add_fringes(0, 9, np.float32(2.0), 4, 1, 2, phase, image)
    y, x = np.mgrid[:9, :8]
    assert image == pytest.approx(2.0 * np.cos(2 * np.pi * (0.3 * (y + 1) - 0.4 * (x + 2)) / 4), abs=1e-5)


def test_bright_light_is_counted_by_cells_and_rings_are_soft():
    image = np.zeros((7, 9), np.float32)
    image[5, 6] = 12.0
    sums = bright_cells(image, 2.0, 4)
    assert sums[:, 1, 1].tolist() == [10.0, 60.0, 50.0]
    assert np.count_nonzero(sums) == 3
    mask = np.zeros((7, 9), np.uint8)
    add_annulus(image, mask, BIT, 2.0, 1.0, 0.0, 1.0, 8.0)
    assert image[1, :5].tolist() == [0.0, 4.0, 4.0, 4.0, 0.0]


@pytest.mark.parametrize("loop", [track_muons, stop_electrons])
def test_a_particle_is_the_same_however_many_there_are(loop):
    chip, keys, sample = (10.0, 40.0, 0.3), round_keys(3, "tracks"), np.uint64(1)
    hardest = () if loop is track_muons else (100.0,)
    images = []
    for count in (0, 12, 24):  # three of four start beyond the image
        image, mask = np.zeros((200, 200), np.float32), np.zeros((200, 200), np.uint8)
        loop(count, keys, sample, chip, *hardest, image, mask, BIT)
        assert ((mask > 0) == (image > 0)).all()
        images.append(image)
    assert not images[0].any()
    assert (images[2] >= images[1]).all()
    assert images[2].sum() > images[1].sum() > 500
