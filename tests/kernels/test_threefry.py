"""Threefry4x64-13 in the kernels: published answers, and Python's own whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from simulators._kernels.threefry import digit, fill_words, mixed, threefry_block
from simulators.streams import round_keys

pytestmark = pytest.mark.kernels
MASK, PARITY = 2**64 - 1, 0x1BD11BDAA9FC1A22
ROTATIONS = ((14, 16), (52, 57), (23, 40), (5, 37), (25, 33), (46, 12), (58, 22), (32, 32))
ONES = (MASK,) * 4
PI = (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89)
MORE_PI = (0x452821E638D01377, 0xBE5466CF34E90C6C, 0xC0AC29B7C97C50DD, 0x3F84D5B5B5470917)
ANSWERS = {  # Random123's kat_vectors (Salmon et al. 2011): rounds, counter, key
    (13, (0,) * 4, (0,) * 4): (0x4071FABEE1DC8E05, 0x02ED3113695C9C62, 0x397311B5B89F9D49, 0xE21292C3258024BC),
    (13, ONES, ONES): (0x7EAED935479722B5, 0x90994358C429F31C, 0x496381083E07A75B, 0x627ED0D746821121),
    (13, PI, MORE_PI): (0x4361288EF9C1900C, 0x8717291521782833, 0x0D19DB18C20CF47E, 0xA0B41D63AC8581E5),
    (20, (0,) * 4, (0,) * 4): (0x09218EBDE6C85537, 0x55941F5266D86105, 0x4BD25E16282434DC, 0xEE29EC846BD2E40B),
}


def parity(key):
    return key[0] ^ key[1] ^ key[2] ^ key[3] ^ PARITY


def naive(counter, key, rounds=13):
    """Round by round: add, rotate, exclude; the words 1 and 3 change places; the key goes in every fourth round."""
    schedule = (*key, parity(key))
    x = [(word + part) & MASK for word, part in zip(counter, key, strict=True)]
    for r in range(rounds):
        for (i, j), n in zip(((0, 1), (2, 3)) if r % 2 == 0 else ((0, 3), (2, 1)), ROTATIONS[r % 8], strict=True):
            x[i] = (x[i] + x[j]) & MASK
            x[j] = ((x[j] << n | x[j] >> (64 - n)) & MASK) ^ x[i]
        if r % 4 == 3:
            step = r // 4 + 1
            x = [(word + schedule[(step + i) % 5] + (step if i == 3 else 0)) & MASK for i, word in enumerate(x)]
    return tuple(x)


def as_words(*values):
    return [np.uint64(value) for value in values]


@pytest.mark.parametrize(("rounds", "counter", "key"), ANSWERS)
def test_known_answers(rounds, counter, key):
    assert naive(counter, key, rounds) == ANSWERS[rounds, counter, key]
    if rounds == 13:
        words = mixed(*as_words(*counter, *key, parity(key)))
        assert tuple(int(word) for word in words) == ANSWERS[rounds, counter, key]


def test_many_keys_and_counters():
    rng = np.random.default_rng(5)
    for block, element, sample, seed in rng.integers(0, 2**64, (30, 4), dtype=np.uint64):
        keys = round_keys(int(seed), "test")
        expected = naive((int(block), int(element), 0, int(sample)), (int(seed), int(keys[0, 1]), 0, 0))
        assert tuple(int(word) for word in threefry_block(block, element, sample, keys)) == expected


@pytest.mark.parametrize(("first", "n"), [(0, 0), (0, 8), (4, 4), (2**20, 12)])
def test_a_stream_can_be_entered_anywhere(first, n):
    keys, words = round_keys(3, "test"), np.empty(n, np.uint64)
    fill_words(keys, *as_words(3, 5), first, words)
    blocks = [threefry_block(*as_words(first // 4 + i, 5, 3), keys) for i in range(n // 4)]
    assert words.tolist() == [int(word) for block in blocks for word in block]


@pytest.mark.parametrize("bits", [16, 32])
def test_digits_are_the_words_from_their_lowest_bits_up(bits):
    keys, words, share = round_keys(3, "test"), np.empty(12, np.uint64), 64 // bits
    fill_words(keys, *as_words(3, 5), 0, words)
    for index in range(12 * share):
        expected = (int(words[index // share]) >> (bits * (index % share))) % 2**bits
        assert int(digit(keys, *as_words(3, 5), index, bits)) == expected
