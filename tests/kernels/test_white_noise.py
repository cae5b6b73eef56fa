"""White noise of the background: normal far into its tails, and its rare long pairs made of more bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from simulators._kernels._jit import JIT_ENABLED
from simulators._kernels.noise import HALO, REST, field_of, fill_white
from simulators._kernels.threefry import fill_words
from simulators._kernels.variates import FAR
from simulators.streams import round_keys

pytestmark = pytest.mark.kernels
statistical = pytest.mark.skipif(not JIT_ENABLED, reason="many draws need compiled kernels (NUMBA_DISABLE_JIT is set)")


def far_lengths(sample, top, left, white):
    """Lengths of pairs whose upper 32 bits are few, and what 64 bits make of them."""
    keys, width = round_keys(2, "far"), white.shape[1]
    words, rest = np.empty(width // 2, np.uint64), np.empty(width // 4, np.uint64)
    fill_white(keys, sample, top, field_of(left, *white.shape), white.reshape(white.size))
    for row, line in enumerate(white):
        fill_words(keys, sample, np.uint64(top + row), left // 2, words)
        for i in np.nonzero(words >> np.uint64(32) < FAR)[0]:
            fill_words(keys, sample, np.uint64(REST + top + row), left // 4, rest)
            low = rest.view("<u4")[i]
            u = (int(words[i] >> np.uint64(32)) * 2**32 + int(low) + 0.5) / 2**64
            yield math.hypot(line[2 * i], line[2 * i + 1]), math.sqrt(-2 * math.log(u))


@statistical
@pytest.mark.parametrize("reach", [0, 3])
def test_far_normals_read_the_bits_below(reach):
    """One pair in 65536 is longer than 4.7, its length then of 64 bits: found by the tops of the raw words."""
    white = np.empty((100, 4096), np.float32)
    pairs = list(far_lengths(np.uint64(1), HALO - reach, (HALO - reach) // 16 * 16, white))
    assert pairs
    for length, exact in pairs:
        assert length == pytest.approx(exact, rel=1e-6)


def test_a_far_pair_of_a_small_field():
    """Sample 9131 has one among its first four pairs."""
    ((length, exact),) = far_lengths(np.uint64(9131), HALO, HALO, np.empty((2, 16), np.float32))
    assert length == pytest.approx(exact, rel=1e-6)
    assert length > 4.7


@statistical
def test_white_noise_is_normal_in_the_tails_too():
    """10^7 draws: 400 bins of equal probability, four moments, counts beyond 1 to 5 sigma, neighbours independent."""
    white = np.empty((2500, 4000), np.float32)
    fill_white(round_keys(4, "white"), np.uint64(9), HALO, field_of(HALO, *white.shape), white.reshape(white.size))
    flat, total = white.ravel().astype(np.float64), white.size
    edges = special.ndtri(np.linspace(0, 1, 401)[1:-1])
    observed = np.bincount(np.searchsorted(edges, flat), minlength=400)
    assert stats.chisquare(observed).pvalue > 1e-3
    moments = np.array([(flat**n).mean() for n in (1, 2, 3, 4)])
    assert np.all(np.abs(moments - [0, 1, 0, 3]) < 4 * np.sqrt(np.array([1, 2, 15, 96]) / total))
    for sigma in (1, 2, 3, 4, 5):
        expected = special.ndtr(-sigma) * total
        for beyond in ((flat > sigma).sum(), (flat < -sigma).sum()):
            assert abs(beyond - expected) < 4 * math.sqrt(expected) + 1
    for first, second in ((flat[::2], flat[1::2]), (flat[1:], flat[:-1]), (white[1:].ravel(), white[:-1].ravel())):
        for power in (1, 2):
            correlation = np.corrcoef(first**power, second**power)[0, 1]
            assert abs(correlation) < 4 / math.sqrt(first.size)
