"""Windows that cover an image are blended into it without a trace."""

from itertools import pairwise

import numpy as np
import pytest

from astrogan.networks.windows import Blend, corners


@pytest.mark.parametrize(("length", "window"), [(32, 32), (33, 32), (48, 32), (49, 32), (100, 24), (1000, 32)])
def test_corners_cover_an_axis_twice_but_at_its_ends(length, window):
    found = corners(length, window)
    assert found[0] == 0
    assert found[-1] == length - window
    assert all(0 < b - a <= -(-window // 2) for a, b in pairwise(found))


@pytest.mark.parametrize("shape", [(32, 32), (32, 70), (57, 41)])
def test_weights_add_up_and_keep_variances(shape):
    blend = Blend(shape, 24)
    first, second = blend.weights()
    rng = np.random.default_rng(0)
    image, total = rng.normal(size=shape), np.zeros(shape)
    noise = np.zeros((400, *shape))
    for y, x in blend.places:
        at = slice(y, y + 24), slice(x, x + 24)
        total[at] += blend.bump / first[at] * image[at]
        noise[:, at[0], at[1]] += blend.bump / second[at] * rng.normal(size=(400, 24, 24))
    assert np.allclose(total, image, atol=1e-6)
    assert noise.var(axis=0).mean() == pytest.approx(1.0, abs=0.01)
    assert noise.var(axis=0).std() < 1.3 * np.sqrt(2 / 400)


def test_weights_vanish_at_the_rims_of_windows():
    """What one window says ends without a step where another goes on."""
    blend = Blend((64, 64), 32)
    first, _ = blend.weights()
    inner = [(y, x) for y, x in blend.places if 0 < y < 32 and 0 < x < 32]
    assert inner
    for y, x in inner:
        weight = blend.bump / first[y : y + 32, x : x + 32]
        assert max(weight[0].max(), weight[-1].max(), weight[:, 0].max(), weight[:, -1].max()) < 0.005
