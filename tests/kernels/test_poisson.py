"""Poisson counts are the quantiles of their numbers: guesses within their bounds, counts against scipy, 10^7 draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from simulators._kernels import counting, poisson
from simulators._kernels._jit import JIT_ENABLED, run
from simulators._kernels.philox import CHUNK
from simulators._kernels.threefry import fill_words
from simulators.streams import round_keys, sample_words

pytestmark = pytest.mark.kernels
statistical = pytest.mark.skipif(not JIT_ENABLED, reason="10^7 draws need compiled kernels (NUMBA_DISABLE_JIT is set)")
DRAWS, TOTAL = 10**5, 10**7
EDGES = [0, 1, 2**11, 2**32, 2**48 - 1, 2**63 - 1, 2**63, 2**63 + 2**20, 2**64 - 2**11, 2**64 - 2, 2**64 - 1]
SEAMS = [0.0, 1e-300, 1e-3, 0.02, 0.7, 9.0, 15.999999, 16.0 - 1e-14, 16.0, 16.5, 40.0, 800.0, 9999.9, 1e4, 1e6]
SEAMS += [1e9, 1.1e9, 1e12, 1e15]


def floats(*values):
    return [np.float64(value) for value in values]


def poissons(rates, seed=1, first_sample=0):
    """Counts of rates (samples, n), from one seed."""
    out = np.empty_like(rates)
    samples = sample_words(np.arange(first_sample, first_sample + len(rates)))
    run(counting.poissons, len(rates) * -(-rates.shape[1] // CHUNK), round_keys(seed, "test"), samples, rates, out)
    return out


def words_of(n, seed=2):
    """Random numbers and those near 0, 1/2 and 1."""
    ends = [2**power - 1 for power in range(1, 64, 3)]
    words = EDGES + ends + [2**64 - 1 - word for word in ends]
    return np.concatenate([np.array(words, np.uint64), np.random.Philox(seed).random_raw(n)])


@pytest.mark.parametrize("rate", [10.0, 33.3, 1e3, 1e6, 1e9])
def test_probabilities_are_exact(rate):
    spread = 8.0 * math.sqrt(rate)
    for k in np.unique(np.floor(np.clip(rate + np.linspace(-spread, spread, 33), 1, None))):
        exact = stats.poisson.logpmf(k, rate) + 0.5 * math.log(2 * math.pi * k)
        tolerance = 1e-11 + 4e-16 * rate * abs(math.log(rate))  # scipy's own cancellation
        assert poisson.log_poisson(*floats(rate, k)) == pytest.approx(exact, abs=tolerance, rel=1e-12)


@pytest.mark.parametrize("rate", [16.0, 17.3, 25.0, 64.0, 200.0, 1e3, 5e3, 1e4])
def test_guesses_lie_within_their_bounds(rate):
    """The bounds decide which counts need the exact test: x with P(X < x) = Phi(normal), for real x by the gamma
    function.
    """
    furthest = min(0.8 * math.sqrt(rate), 3.5)
    for normal in np.linspace(-furthest, furthest, 101):
        root, quick = np.float64(rate), np.float32(normal)
        guess = rate + poisson.excess(root, normal)
        coarse = float(poisson.quick_excess(np.float32(rate), quick)[0])
        error = counting.QUICK_ERROR + counting.QUICK_RELATIVE * abs(coarse)
        for x, z, margin in ((guess, normal, poisson._GUESS_ERROR), (rate + coarse, normal, error)):
            low, high = special.gammaincc([x - margin, x + margin], rate)
            assert low < special.ndtr(z) < high


@pytest.mark.parametrize("rate", [1e4, 3e4, 1e6])
def test_expansion_is_the_quantile(rate):
    """Against sums of probabilities: x = k where P(X < k) = Phi(normal)."""
    steps = np.arange(int(12 * math.sqrt(rate)))
    for k in np.floor(rate + math.sqrt(rate) * np.linspace(-8.0, 8.0, 33)):
        if k <= rate:
            tail = stats.poisson.pmf(k - 1, rate) * np.cumprod(np.append(1.0, (k - 1 - steps) / rate)).sum()
        else:
            tail = stats.poisson.pmf(k, rate) * np.cumprod(np.append(1.0, rate / (k + 1 + steps))).sum()
        normal = special.ndtri(tail) * (1 if k <= rate else -1)
        assert poisson.asymptotic_excess(*floats(rate, normal)) == pytest.approx(k - rate, abs=1e-8 + 3e-12 * rate)


@pytest.mark.parametrize("rate", [1e-3, 0.3, 1.0, 4.7, 9.999, 15.99, 16.0, 19.0, 45.0, 100.0, 800.0, 9e3, 1e4, 1e6])
def test_count_is_the_quantile(rate):
    """Of every number, those of the furthest tails included, relative to the probability of the tail."""
    for word in words_of(300 if JIT_ENABLED else 20):
        k, tail = poisson.poisson_of(np.float64(rate), word), (min(int(word), 2**64 - 1 - int(word)) + 0.5) / 2**64
        cumulated = stats.poisson.sf if int(word) >= 2**63 else stats.poisson.cdf
        inner, outer = sorted((cumulated(k - 1, rate), cumulated(k, rate)), reverse=True)
        assert outer * (1 - 2e-9) <= tail <= inner * (1 + 2e-9)


def test_number_is_digits_of_three_streams():
    streams = np.empty((3, 20), np.uint64)
    for element, words in enumerate(streams):
        fill_words(round_keys(1, "test"), np.uint64(7), np.uint64(element), 0, words)
    lanes = [streams[0].view("<u2"), streams[1].view("<u2"), streams[2].view("<u4")]
    for pixel in (0, 1, 2, 3, 4, 17, 39):
        coarse, fine, rest = (int(lane[pixel]) for lane in lanes)
        word = poisson.word_of(round_keys(1, "test"), np.uint64(7), pixel)
        assert int(word) == (coarse << 48) | (fine << 32) | rest


def test_rows_are_their_scalars():
    """Quick guesses and the exact count agree wherever the guess decides, at every rate and beside every other."""
    n = 10_000 if JIT_ENABLED else 40
    keys, sample = round_keys(3, "test"), np.uint64(0)
    rng = np.random.default_rng(1)
    rows = [np.resize(SEAMS, n), 10 ** rng.uniform(-4, 7, n), np.full(n, 0.01), np.full(n, 800.0)]
    rows += [rng.uniform(15.9, 16.1, n), rng.uniform(0.0, 0.3, n), rng.uniform(5, 60, n)]
    for rates in rows:
        counts = poissons(rates[None], 3)[0]
        pixels = range(n) if JIT_ENABLED else range(0, n, 3)
        exact = [poisson.poisson_of(rates[i], np.uint64(poisson.word_of(keys, sample, i))) for i in pixels]
        assert np.array_equal(counts[list(pixels)], exact)


def test_counts_rise_with_the_rate():
    """A pixel's number is the same at every rate, so that small changes of an image change few counts."""
    for word in words_of(20):
        counts = [poisson.poisson_of(np.float64(rate), word) for rate in np.geomspace(1e-3, 1e6, 400)]
        assert np.all(np.diff(counts) >= 0)


def test_poisson_counts_follow_their_pixel_alone():
    """A pixel's count does not depend on what its neighbours expect."""
    rates = np.array([0.0, 0.5, 15.99, 16.0, 20.0, 3e5, 1e15])
    mixed = poissons(np.resize(rates, (2, 21)))
    for i, rate in enumerate(rates):
        alone = poissons(np.full((2, 21), rate))
        assert np.array_equal(mixed[:, i::7], alone[:, i::7])
    assert (mixed[:, ::7] == 0.0).all()
    assert (mixed == np.floor(mixed)).all()
    assert (mixed >= 0).all()


@statistical
@pytest.mark.parametrize("rate", [16.0, 800.0, 1e6])
def test_mean_has_no_bias(rate):
    """Over numbers at equal steps the mean is the expectation to 1e-8."""
    n = 400_000
    words = ((np.arange(n, dtype=np.uint64) * 2 + 1) << np.uint64(44)) // np.uint64(n) * np.uint64(2**19)
    counts = np.array([poisson.poisson_of(np.float64(rate), word) for word in words])
    assert abs(counts.mean() - rate) < 1e-8 * rate + 1e-5 * math.sqrt(rate)


def chi_square(observed, expected):
    """p-value of binned counts; bins that expect fewer than 20 are joined."""
    few = expected < 20
    observed, expected = (np.append(x[~few], x[few].sum()) for x in (observed, expected))
    if expected[-1] < 5:
        observed, expected = observed[:-1], expected[:-1]
    return stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1)


@statistical
@pytest.mark.parametrize("rate", [1e-3, 0.01, 0.2, 3.0, 10.0, 15.99, 16.0, 23.0, 100.0, 800.0, 1e4, 1e6, 1e9])
def test_poisson_is_exact_in_distribution(rate):
    """Chi-square over all counts (or 200 bins of equal probability), mean, variance and skewness of 10^7 draws."""
    rates = np.full((10, DRAWS), rate)
    edges = np.arange(200.0) if rate < 110 else stats.poisson.ppf(np.linspace(0, 1, 201)[1:-1], rate)
    observed, moments = np.zeros(len(edges) + 1), np.zeros(3)
    for batch in range(10):
        counts = poissons(rates, 8, 10 * batch).ravel()
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
    """Beyond 3.2 sigma of a rate above 16 float64 decides alone."""
    counts = np.concatenate([poissons(np.full((10, DRAWS), 40.0), 9, 10 * batch) for batch in range(10)])
    for limit in (60.0, 65.0, 70.0, 75.0, 80.0):
        expected = stats.poisson.sf(limit, 40.0) * TOTAL
        assert abs((counts > limit).sum() - expected) < 4 * math.sqrt(expected) + 1
    for limit in (21.0, 16.0, 12.0):
        expected = stats.poisson.cdf(limit, 40.0) * TOTAL
        assert abs((counts <= limit).sum() - expected) < 4 * math.sqrt(expected) + 1
