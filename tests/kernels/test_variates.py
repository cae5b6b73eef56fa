"""Variates from words: exact transforms at their extremes, and the right distributions over 10^7 draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from simulators._kernels import variates
from simulators._kernels._jit import JIT_ENABLED
from simulators._kernels.elementary import exp_minus, log, log1p, quick_circle, quick_exp_minus, quick_log
from simulators._kernels.philox import CHUNK
from simulators.streams import round_keys, sample_words

pytestmark = pytest.mark.kernels
statistical = pytest.mark.skipif(not JIT_ENABLED, reason="10^7 draws need compiled kernels (NUMBA_DISABLE_JIT is set)")
DRAWS, TOTAL = 10**5, 10**7
EDGE_WORDS = [0, 1, 2, 3, 2**11 - 1, 2**11, 2**62, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]


def some_words(n=200):
    return np.random.Philox(3).random_raw(n)


def floats(*values):
    return [np.float64(value) for value in values]


def test_logarithm_is_within_one_ulp():
    for x in np.concatenate([np.logspace(-300, 300, 101), 1.0 + np.linspace(-1e-3, 1e-3, 21), [0.5, 1.0, 2.0]]):
        assert log(x) == pytest.approx(math.log(x), rel=2.3e-16, abs=0.0)


def test_exponential_and_log1p():
    for x in np.linspace(0.0, 39.9, 77):
        assert exp_minus(x) == pytest.approx(math.exp(-x), rel=5e-16)
    for x in [-0.999, -0.5, -1e-5, -1e-16, 0.0, 1e-300, 1e-9, 0.3, 1e9]:
        assert log1p(np.float64(x)) == pytest.approx(math.log1p(x), rel=5e-16, abs=0.0)


def test_quick_functions_hold_their_errors():
    for x in np.concatenate([np.logspace(-37, 38, 151), 1.0 + np.linspace(-1e-3, 1e-3, 21), [0.5, 1.0, 2.0]]):
        value = np.float32(x)
        assert quick_log(value) == pytest.approx(math.log(value), abs=5e-7 + 1.2e-7 * abs(math.log(value)))
        near = abs(float(value) - 1.0)
        assert near > 0.2 or quick_log(value) == pytest.approx(math.log(value), abs=5e-7 * near)
    for x in np.linspace(0.0, 39.9, 400, dtype=np.float32):
        assert quick_exp_minus(x) == pytest.approx(math.exp(-x), rel=2.5e-7 + 7e-8 * float(x))
    for angle in np.linspace(-(2**31), 2**31 - 1, 257).astype(np.int32):
        turn = 2 * math.pi * int(angle) / 2**32
        assert quick_circle(angle) == pytest.approx((math.cos(turn), math.sin(turn)), abs=2.5e-7)


def test_uniform_is_open_and_has_53_bits():
    values = [float(variates.uniform_of(np.uint64(word))) for word in EDGE_WORDS]
    assert values[0] == 2.0**-54
    assert values[-1] == 1.0 - 2.0**-53
    assert variates.uniform_of(np.uint64(2**11)) == 2.0**-53
    assert variates.uniform_of(np.uint64(2**64 - 2**12)) == 1.0 - 2.0**-52


def test_normal_is_the_quantile_out_to_nine_sigma():
    """Against scipy's inverse of the normal distribution, for words of every tail probability down to 2^-65."""
    words = {int(2.0**power) & ~1 for power in np.linspace(1.0, 63.99, 150)} | {0, 2**64 - 2}
    for word in words:
        exact = -special.ndtri((word // 2 + 0.5) * 2.0**-64)
        assert variates.normal_of(np.uint64(word)) == pytest.approx(exact, rel=2e-15, abs=1e-16)
        assert variates.normal_of(np.uint64(word)) == -variates.normal_of(np.uint64(word + 1))
    assert variates.normal_of(np.uint64(0)) > 9.0


def test_rows_are_their_scalars():
    words = np.concatenate([np.array(EDGE_WORDS, np.uint64), some_words()])
    row = np.empty(words.size)
    variates.normal_row(words, row)
    assert row.tolist() == [float(variates.normal_of(word)) for word in words]


def test_ordered_normal_rises_to_nine_sigma():
    words = np.unique(np.concatenate([np.array(EDGE_WORDS, np.uint64), some_words()]))
    values = [variates.ordered_normal(word) for word in words]
    exact = [
        special.ndtri((int(w) + 0.5) / 2**64) if w < 2**63 else -special.ndtri((2**64 - int(w) - 0.5) / 2**64)
        for w in words
    ]
    assert np.allclose(values, exact, rtol=2e-15, atol=1e-18)
    assert np.all(np.diff(values) >= 0)


def tops(n=3000):
    """Upper halves of words, as int32: everywhere, near the centre and on both sides of the tail's beginning."""
    near = np.array([0, 1, 1000, 2**31 - 1, 2**31, 2**31 + 1, 2**31 + 5000, 2**32 - 1, 2**32 - 1000])
    edge = variates.QUICK_TAIL + np.array([-1, 0, 1])
    random = np.random.default_rng(1).integers(0, 2**32, n if JIT_ENABLED else 100)
    return np.concatenate([near, edge, 2**32 - 1 - edge, random]).astype(np.uint32)


def test_quick_normal_is_the_quantile_up_to_its_tail():
    for top in tops():
        cell = min(int(top), 2**32 - 1 - int(top))
        assert variates.tail_cell(top.view(np.int32)) == cell
        if cell >= variates.QUICK_TAIL:
            exact = special.ndtri((cell + 0.5) / 2**32) * (1 if top < 2**31 else -1)
            assert variates.quick_normal(top.view(np.int32)) == pytest.approx(exact, rel=5e-7)
    assert special.ndtri(variates.QUICK_TAIL / 2**32) < -3.5


def test_pairs_are_box_and_mullers():
    """Lengths sqrt(-2 log u) of 32 bits, and of 64 where u is small; directions of 32 bits."""
    angles = tops(400)[::-1]
    for top, angle in zip(tops(400), angles, strict=True):
        turn = 2 * math.pi * float(angle) / 2**32
        for pair, u in (
            (variates.quick_pair(top, angle.view(np.int32)), (int(top) + 0.5) / 2**32),
            (
                variates.far_pair(top, np.uint64(2**31 + 77), angle.view(np.int32)),
                (int(top) * 2**32 + 2**31 + 77.5) / 2**64,
            ),
        ):
            square, (x, y) = -2.0 * math.log(u), (float(value) for value in pair)
            assert x * x + y * y == pytest.approx(square, abs=2e-6, rel=3e-7)
            if square > 1e-4:
                assert (x / math.hypot(x, y), y / math.hypot(x, y)) == pytest.approx(
                    (math.cos(turn), math.sin(turn)), abs=4e-7
                )
    assert variates.far_pair(np.uint32(0), np.uint64(0), np.int32(0))[0] == pytest.approx(9.49, abs=0.01)


def chi_square(observed, expected):
    """p-value of binned counts; bins that expect fewer than 20 are joined."""
    few = expected < 20
    observed, expected = (np.append(x[~few], x[few].sum()) for x in (observed, expected))
    if expected[-1] < 5:
        observed, expected = observed[:-1], expected[:-1]
    return stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1)


def batches(draw):
    """10^7 draws as 10 arrays of 10^6, made by draw(batch)."""
    for batch in range(10):
        yield draw(batch)


def filled(loop, seed, batch):
    out = np.empty((10, DRAWS))
    jobs, samples = 10 * -(-DRAWS // CHUNK), sample_words(np.arange(10 * batch, 10 * batch + 10))
    loop(0, jobs, round_keys(seed, "test"), samples, out)
    return out


@statistical
def test_normal_is_normal_in_the_tails_too():
    """10^7 draws: 400 bins of equal probability, four moments, counts beyond 1 to 5 sigma, neighbours uncorrelated."""
    edges = special.ndtri(np.linspace(0, 1, 401)[1:-1])
    observed, moments, products, beyond = np.zeros(400), np.zeros(4), np.zeros(5), np.zeros((2, 5))
    for draws in batches(lambda batch: filled(variates.normals, 4, batch)):
        flat = draws.ravel()
        squares = flat * flat
        observed += np.bincount(np.searchsorted(edges, flat), minlength=400)
        moments += [flat.sum(), squares.sum(), squares @ flat, squares @ squares]
        products[:4] += [(draws[:, lag:] * draws[:, :-lag]).sum() for lag in (1, 2, 3, 4)]
        products[4] += (draws[1:] * draws[:-1]).sum()
        beyond += [[(sign * flat > sigma).sum() for sigma in (1, 2, 3, 4, 5)] for sign in (1, -1)]
    assert chi_square(observed, np.full(400, TOTAL / 400)) > 1e-3
    assert np.all(np.abs(moments / TOTAL - [0, 1, 0, 3]) < 4 * np.sqrt(np.array([1, 2, 15, 96]) / TOTAL))
    assert np.all(np.abs(products) < 4 * math.sqrt(TOTAL))
    expected = special.ndtr([-1.0, -2.0, -3.0, -4.0, -5.0]) * TOTAL
    assert np.all(np.abs(beyond - expected) < 4 * np.sqrt(expected) + 1)


@statistical
def test_uniform_is_uniform():
    observed, lowest = np.zeros(1000), np.zeros(8)
    for draws in batches(lambda batch: filled(variates.uniforms, 5, batch).ravel()):
        observed += np.bincount((draws * 1000).astype(int), minlength=1000)
        lowest += np.bincount((draws * 2.0**53).astype(int) & 7, minlength=8)
    assert chi_square(observed, np.full(1000, TOTAL / 1000)) > 1e-3
    assert chi_square(lowest, np.full(8, TOTAL / 8)) > 1e-3
