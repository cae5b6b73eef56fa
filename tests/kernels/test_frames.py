"""Stamps in frames: every pixel added once, within the rows asked for, and the brightest object marked."""

import numpy as np
import pytest

from simulators._kernels.frames import add_stamps, mark_brightest

pytestmark = pytest.mark.kernels


def scene(count=12, side=5, bands=2, shape=(9, 11)):
    """Stamps (S, B, n, n), their corners, some off the frame, and each on a frame of its own (S, B, Y, X)."""
    draw = np.random.default_rng(4)
    stamps = draw.uniform(0.1, 1.0, (count, bands, side, side)).astype(np.float32)
    corners = draw.integers(-6, 12, (count, 2))
    wide = np.zeros((count, bands, shape[0] + 40, shape[1] + 40), np.float32)
    for s, (low, left) in enumerate(corners):
        wide[s, :, 20 + low : 20 + low + side, 20 + left : 20 + left + side] = stamps[s]
    return stamps, corners, wide[:, :, 20:-20, 20:-20]


def test_stamps_are_added_within_the_rows():
    stamps, corners, alone = scene()
    frame = np.zeros(alone.shape[1:], np.float32)
    add_stamps(0, 2, stamps, corners, 2, 7, frame)
    expected = alone.sum(axis=0)
    expected[:, [0, 1, 7, 8]] = 0.0
    np.testing.assert_allclose(frame, expected, rtol=1e-6)
    add_stamps(0, 2, stamps, corners, 0, 2, frame)
    add_stamps(0, 2, stamps, corners, 7, 9, frame)
    np.testing.assert_allclose(frame, alone.sum(axis=0), rtol=1e-6)


def test_the_brightest_is_marked():
    stamps, corners, alone = scene()
    weights, numbers = np.array([0.3, 2.0], np.float32), np.arange(12, dtype=np.int32) + 7
    brightest, marks = np.zeros(alone.shape[2:], np.float32), np.zeros(alone.shape[2:], np.int32)
    mark_brightest(stamps, corners, numbers, weights, brightest, marks)
    light = np.tensordot(alone, weights, ([1], [0]))
    np.testing.assert_allclose(brightest, light.max(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(marks, np.where(light.max(axis=0) > 0, numbers[light.argmax(axis=0)], 0))
