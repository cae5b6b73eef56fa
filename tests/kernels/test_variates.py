"""Variates from words: exact transforms at their extremes, and the right distributions over 10^7 draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from simulators._kernels import variates
from simulators._kernels._jit import JIT_ENABLED
from simulators._kernels.elementary import exp_minus, log, log1p
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


@pytest.mark.parametrize("rate", [1e-3, 0.3, 1.0, 4.7, 9.999])
def test_inversion_is_the_quantile(rate):
    for u in np.concatenate([np.linspace(0.003, 0.997, 40), [2.0**-54, 1e-9, 1 - 1e-9, 1 - 2.0**-53]]):
        count = variates.poisson_inversion(*floats(rate, math.exp(-rate), u))
        assert stats.poisson.cdf(count - 1, rate) - 3e-15 <= u <= stats.poisson.cdf(count, rate) + 3e-15
        assert stats.poisson.sf(count - 1, rate) > 1e-17


@pytest.mark.parametrize("rate", [10.0, 33.3, 1e3, 1e6, 1e9])
def test_probabilities_in_the_rejection_are_exact(rate):
    spread = 8.0 * math.sqrt(rate)
    for k in np.unique(np.floor(np.clip(rate + np.linspace(-spread, spread, 33), 1, None))):
        exact = stats.poisson.logpmf(k, rate) + 0.5 * math.log(2 * math.pi * k)
        tolerance = 1e-11 + 4e-16 * rate * abs(math.log(rate))  # scipy's own cancellation
        assert variates.log_poisson(*floats(rate, k)) == pytest.approx(exact, abs=tolerance, rel=1e-12)


def word_of(u):
    return np.uint64(u * 2.0**53) << np.uint64(11)


@pytest.mark.parametrize("rate", [*np.linspace(10.0, 40.0, 13), 14.05, 29.65, 70.0, 100.0, 1e3, 1e5, 1e9])
def test_bounds_of_the_rejection_hold(rate):
    """Exactness needs two bounds: no candidate is accepted for certain, none at once that the exact test refuses.

    Both are tightest at the edges of the interval of u that gives one count.
    """
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    counts = np.unique(np.floor(np.linspace(max(rate - 6 * math.sqrt(rate), 0), rate + 6 * math.sqrt(rate), 80)))
    x = counts - rate - 0.43  # = (2 a / us + b) u, solved for u
    half = b / 2 + 2 * a + np.abs(x)
    u = np.sign(x) * (half - np.sqrt(half**2 - 2 * b * np.abs(x))) / (2 * b)
    quick = variates.quick_limit(np.float64(b))
    for edge in np.concatenate([u - 1e-12, u + 1e-12]):
        assert variates.transformed_rejection(np.float64(rate), word_of(edge + 0.5), word_of(1 - 1e-12)) == -1.0
        if 0.5 - abs(edge) >= 0.07:
            assert variates.transformed_rejection(np.float64(rate), word_of(edge + 0.5), word_of(quick)) >= 0.0


def poissons(rates, seed=1, first_sample=0):
    """Counts of rates (samples, n), from one seed."""
    out = np.empty_like(rates)
    samples = sample_words(np.arange(first_sample, first_sample + len(rates)))
    variates.poissons_pair[0](round_keys(seed, "test"), samples, rates, out)
    return out


def test_poisson_counts_follow_their_pixel_alone():
    """A pixel's count does not depend on what its neighbours expect."""
    rates = np.array([0.0, 0.5, 9.99, 10.0, 20.0, 3e5, 1e15])
    mixed = poissons(np.resize(rates, (2, 21)))
    for i, rate in enumerate(rates):
        alone = poissons(np.full((2, 21), rate))
        assert np.array_equal(mixed[:, i::7], alone[:, i::7])
    assert (mixed[:, ::7] == 0.0).all()
    assert (mixed == np.floor(mixed)).all()
    assert (mixed >= 0).all()


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


@statistical
@pytest.mark.parametrize("rate", [1e-3, 0.2, 3.0, 9.99, 10.0, 13.0, 100.0, 1e4, 1e6, 1e9])
def test_poisson_is_exact_in_distribution(rate):
    """Chi-square over all counts (or 200 bins of equal probability), mean, variance and skewness of 10^7 draws."""
    rates = np.full((10, DRAWS), rate)
    edges = np.arange(200.0) if rate < 110 else stats.poisson.ppf(np.linspace(0, 1, 201)[1:-1], rate)
    observed, moments = np.zeros(len(edges) + 1), np.zeros(3)
    for counts in batches(lambda batch: poissons(rates, 8, 10 * batch).ravel()):
        bins = np.minimum(counts, 200).astype(int) if rate < 110 else np.searchsorted(edges, counts)
        observed += np.bincount(bins, minlength=observed.size)
        residual = counts - rate
        moments += [residual.sum(), residual @ residual, residual @ (residual * residual)]
    expected = np.diff(np.concatenate([[0.0], stats.poisson.cdf(edges, rate), [1.0]])) * TOTAL
    assert chi_square(observed, expected) > 1e-3
    sixth = 15 * rate**3 + 25 * rate**2 + rate  # central moment of order 6
    variances = np.array([rate, rate + 2 * rate**2, sixth - rate**2])
    assert np.all(np.abs(moments / TOTAL - [0.0, rate, rate]) < 4 * np.sqrt(variances / TOTAL))


@statistical
def test_poisson_tails():
    """Beyond 5 sigma of a rate above 10 the exact test decides alone."""
    counts = np.concatenate(list(batches(lambda batch: poissons(np.full((10, DRAWS), 40.0), 9, 10 * batch))))
    for limit in (70.0, 75.0, 80.0):
        expected = stats.poisson.sf(limit, 40.0) * TOTAL
        assert abs((counts > limit).sum() - expected) < 4 * math.sqrt(expected) + 1
    expected = stats.poisson.cdf(12.0, 40.0) * TOTAL
    assert abs((counts <= 12).sum() - expected) < 4 * math.sqrt(expected) + 1


def filled(pair, seed, batch):
    out = np.empty((10, DRAWS))
    pair[0](round_keys(seed, "test"), sample_words(np.arange(10 * batch, 10 * batch + 10)), out)
    return out


@statistical
def test_normal_is_normal_in_the_tails_too():
    """10^7 draws: 400 bins of equal probability, four moments, counts beyond 1 to 5 sigma, neighbours uncorrelated."""
    edges = special.ndtri(np.linspace(0, 1, 401)[1:-1])
    observed, moments, products, beyond = np.zeros(400), np.zeros(4), np.zeros(5), np.zeros((2, 5))
    for draws in batches(lambda batch: filled(variates.normals_pair, 4, batch)):
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
    for draws in batches(lambda batch: filled(variates.uniforms_pair, 5, batch).ravel()):
        observed += np.bincount((draws * 1000).astype(int), minlength=1000)
        lowest += np.bincount((draws * 2.0**53).astype(int) & 7, minlength=8)
    assert chi_square(observed, np.full(1000, TOTAL / 1000)) > 1e-3
    assert chi_square(lowest, np.full(8, TOTAL / 8)) > 1e-3
