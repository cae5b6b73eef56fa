"""Philox4x64-10 in the kernels is numpy's, word for word."""

from __future__ import annotations

import numpy as np
import pytest

from simulators._kernels.philox import ROUNDS, WEYL, fill_words, high, philox_block, words_of

pytestmark = pytest.mark.kernels
EXTREMES = [0, 1, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]


def round_keys(key):
    steps = np.arange(ROUNDS, dtype=np.uint64)[:, None] * np.array(WEYL, dtype=np.uint64)
    return np.array(key, dtype=np.uint64) + steps


def numpy_words(key, counter, n):
    arrays = {"key": np.array(key, np.uint64), "counter": np.array(counter, np.uint64)}
    return np.random.Philox(**arrays).random_raw(n)


def as_words(*values):
    return [np.uint64(value) for value in values]


def random_words(n, seed=5):
    return [int(w) for w in np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)]


@pytest.mark.parametrize("a", [*EXTREMES, WEYL[0]])
def test_high_words_are_exact(a):
    for b in [*EXTREMES, *random_words(20)]:
        assert int(high(*as_words(a, b % 2**32, b >> 32))) == (a * b) >> 64


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        (
            (0, 0, 0),
            (0, 0),
            (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B),
        )
    ],
)
def test_known_answers(counter, key, words):
    """From Random123's kat_vectors (Salmon et al. 2011)."""
    assert tuple(int(w) for w in philox_block(*as_words(*counter), round_keys(key))) == words


@pytest.mark.parametrize("key", [(0, 0), (2**64 - 1, 2**64 - 1), (2**63, 1), tuple(random_words(2))])
@pytest.mark.parametrize("sample", [0, 1, 2**53 + 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("element", [0, 7, 2**64 - 1])
def test_words_are_numpys(key, sample, element):
    words = np.empty((1, 13), np.uint64)
    words_of(0, 1, round_keys(key), np.array([sample], np.uint64), np.array([element], np.uint64), words)
    assert np.array_equal(words[0], numpy_words(key, (0, element, 0, sample), 13))


def test_many_keys_and_counters_are_numpys():
    for k0, k1, sample, element in np.reshape(random_words(4 * 50), (50, 4)):
        words = np.empty(4, np.uint64)
        fill_words(round_keys((k0, k1)), np.uint64(sample), np.uint64(element), 0, words)
        assert np.array_equal(words, numpy_words((k0, k1), (0, element, 0, sample), 4))


@pytest.mark.parametrize("block", [2**32, 2**63, 2**64 - 1])
def test_late_blocks_are_numpys(block):
    words = [int(w) for w in philox_block(*as_words(block, 3, 9), round_keys((11, 12)))]
    assert words == [int(w) for w in numpy_words((11, 12), (block - 1, 3, 0, 9), 4)]


@pytest.mark.parametrize(("first", "n"), [(0, 0), (0, 3), (4, 4), (8, 9), (2**20, 6)])
def test_a_stream_can_be_entered_anywhere(first, n):
    words = np.empty(n, np.uint64)
    fill_words(round_keys((1, 2)), *as_words(3, 0), first, words)
    assert np.array_equal(words, numpy_words((1, 2), (first // 4, 0, 0, 3), n))


def test_rows_stand_alone():
    samples, elements = np.arange(6, dtype=np.uint64), np.arange(6, dtype=np.uint64)[::-1].copy()
    outs = np.zeros((2, 6, 10), np.uint64)
    words_of(0, 6, round_keys((1, 2)), samples, elements, outs[0])
    for row in range(6):
        words_of(row, row + 1, round_keys((1, 2)), samples, elements, outs[1])
    assert np.array_equal(outs[0], outs[1])
    assert len(np.unique(outs[0])) == 60
