"""Keyed random numbers: a sample's numbers are its own, whatever is drawn beside it, and equal numpy's Philox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from simulators import streams
from simulators._kernels._jit import JIT_ENABLED, set_threads, threads
from simulators._kernels.poisson import poisson_of
from simulators._kernels.threefry import fill_words

ROOT = Path(__file__).resolve().parents[2]
RATES = np.array([0.0, 0.01, 2.0, 15.99, 16.0, 300.0, 1e9])
two_threads = pytest.mark.skipif(threads() < 2, reason="numba has one thread here")


def numpy_philox(seed, effect, element, sample):
    key = np.array([seed, streams.effect_key(effect)], np.uint64)
    return np.random.Philox(key=key, counter=np.array([0, element, 0, sample], np.uint64))


def draw_all(ids, n=12):
    """Each kind of variate for the samples `ids`, shape (samples, n)."""
    rates = np.broadcast_to(np.resize(RATES, n), (len(ids), n))
    return [
        streams.uniform(7, ids, "light", (n,)),
        streams.normal(7, ids, "light", (n,)),
        streams.poisson(7, ids, "light", rates),
    ]


def same(first, second):
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("seed", [0, 7, 2**63, 2**64 - 1])
@pytest.mark.parametrize(("sample", "element", "n"), [(0, 0, 1), (17, 0, 9), (2**62, 5, 8), (3, 2**64 - 1, 30)])
def test_raw_words_are_numpys(seed, sample, element, n):
    words = streams.raw_words(seed, sample, "noise.poisson.r", n, element)
    assert words.dtype == np.uint64
    assert np.array_equal(words, numpy_philox(seed, "noise.poisson.r", element, sample).random_raw(n))


def test_uniform_is_numpys_generator():
    ids = [0, 5, 2**40]
    drawn = streams.uniform(3, ids, "positions", (4, 5))
    for sample, numbers in zip(ids, drawn, strict=True):
        oracle = np.random.Generator(numpy_philox(3, "positions", 0, sample))
        assert np.array_equal(numbers, oracle.random((4, 5)))


def test_effect_keys_never_change():
    """Files on disk depend on them."""
    assert streams.effect_key("noise.poisson.r") == 0xCAA6B593670A6B88
    assert streams.effect_key("noise.poisson.i") != streams.effect_key("noise.poisson.r")


def test_a_sample_alone_equals_itself_in_any_batch_and_order():
    batch = draw_all(np.arange(40))
    assert same(draw_all([17]), [numbers[17:18] for numbers in batch])
    assert same(draw_all([9, 3, 30]), [numbers[[9, 3, 30]] for numbers in batch])


@pytest.mark.parametrize("n", [1, 3, 4, 5, 4095, 4096, 4097, 9000])
def test_fewer_draws_are_a_prefix_of_more(n):
    if not JIT_ENABLED and n > 5:
        pytest.skip("many draws need compiled kernels (NUMBA_DISABLE_JIT is set)")
    longest = 9001 if JIT_ENABLED else 7
    more = draw_all([1, 2], longest)
    assert same(draw_all([1, 2], n), [np.ascontiguousarray(numbers[:, :n]) for numbers in more])


def test_counts_come_from_the_digits_of_their_pixel():
    """Written out with raw words, on both sides of the seam between two jobs (4096 pixels)."""
    rates = np.resize([0.3, 12.0, 40.0, 1e6], 4160)
    counts = streams.poisson(7, [3], "light", rates[None])[0]
    coarse, fine, rest = (np.empty(n, np.uint64) for n in (1040, 1040, 2080))
    for element, words in enumerate((coarse, fine, rest)):
        fill_words(streams.round_keys(7, "light"), np.uint64(3), np.uint64(element), 0, words)
    coarse, fine, rest = coarse.view("<u2"), fine.view("<u2"), rest.view("<u4")
    for pixel in [*range(40), *range(4090, 4130)]:
        word = (int(coarse[pixel]) << 48) | (int(fine[pixel]) << 32) | int(rest[pixel])
        assert counts[pixel] == poisson_of(rates[pixel], np.uint64(word))


@two_threads
@pytest.mark.skipif(not JIT_ENABLED, reason="threads need compiled kernels (NUMBA_DISABLE_JIT is set)")
def test_threads_change_nothing():
    ids = np.arange(60)
    with set_threads(1):
        one = draw_all(ids, 5000)
    with set_threads(2):
        assert same(draw_all(ids, 5000), one)


DIGEST = """
import json, sys
sys.path.insert(0, "tests/simulators")
from test_streams import digests
print(json.dumps(digests()))
"""


def digests():
    return [sha256(numbers.tobytes()).hexdigest() for numbers in draw_all([3, 2**50])]


@pytest.mark.skipif(not JIT_ENABLED, reason="compares with interpreted kernels (NUMBA_DISABLE_JIT is set)")
def test_interpreted_kernels_give_the_same_bytes():
    """No variate depends on the compiler or on the system's logarithm."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == digests()


def test_seeds_effects_and_samples_are_independent():
    n = 20_000 if JIT_ENABLED else 200
    rows = [
        streams.normal(seed, [sample], effect, (n,))[0] for seed in (1, 2) for effect in ("a", "b") for sample in (0, 1)
    ]
    correlation = np.corrcoef(rows) - np.eye(len(rows))
    assert np.abs(correlation).max() < 4.5 / np.sqrt(n)


def test_poisson_takes_a_scalar_and_keeps_shapes():
    assert streams.poisson(1, [4, 5, 6], "x", 3.0).shape == (3,)
    lam = np.full((2, 3, 4), 20.0)
    counts = streams.poisson(1, [4, 5], "x", lam)
    assert counts.shape == lam.shape
    assert counts.dtype == np.float64
    assert np.array_equal(counts, streams.poisson(1, [4, 5], "x", np.asfortranarray(lam)))
    assert np.array_equal(streams.poisson(1, [4, 5], "x", np.zeros(2)), np.zeros(2))


@pytest.mark.parametrize(("ids", "shape"), [([], (3,)), ([1, 2], (0,)), ([1, 2], ()), ([], ())])
def test_empty_and_scalar_shapes(ids, shape):
    for draw in (streams.uniform, streams.normal):
        assert draw(1, ids, "x", shape).shape == (len(ids), *shape)
    assert streams.poisson(1, ids, "x", np.ones((len(ids), *shape))).shape == (len(ids), *shape)
    assert streams.raw_words(1, 0, "x", 0).size == 0


@pytest.mark.parametrize("ids", [[-1], [0, 2, -3], [1.5], [[1, 2]], 3, ["a"], [np.nan]])
def test_bad_sample_ids_are_named(ids):
    with pytest.raises(ValueError, match="sample_ids"):
        streams.uniform(1, ids, "x", (2,))


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "7", None])
def test_bad_seeds_are_named(seed):
    with pytest.raises(ValueError, match="seed"):
        streams.normal(seed, [1], "x", (2,))


@pytest.mark.parametrize("lam", [np.nan, -1e-9, np.inf, 2e15, "many"])
def test_bad_expectations_are_named(lam):
    with pytest.raises(ValueError, match="lam"):
        streams.poisson(1, [1], "x", lam)


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match="3 sample_ids"):
        streams.poisson(1, [1, 2, 3], "x", np.ones(2))
    with pytest.raises(ValueError, match="shape = -1"):
        streams.uniform(1, [1], "x", (-1,))
    with pytest.raises(ValueError, match="n = -2"):
        streams.raw_words(1, 1, "x", -2)
    with pytest.raises(ValueError, match="element = -1"):
        streams.raw_words(1, 1, "x", 2, -1)
    with pytest.raises(ValueError, match="sample_id = -1"):
        streams.raw_words(1, -1, "x", 2)
