"""Philox4x64-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", table 2).

Words equal those of `numpy.random.Philox` with key (seed, effect) and counter (0, element, 0, sample): numpy steps
the first counter word before it makes a block, so block b holds counter word b + 1.
"""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import compile_pair, kernel, prange

__all__ = ["CHUNK", "ROUNDS", "WEYL", "fill_words", "philox_block", "words_pair"]

ROUNDS = 10
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)  # golden ratio, sqrt(3) - 1
CHUNK = 4096  # draws per job; a multiple of 4, the words in a block

_MULTIPLIER_0 = np.uint64(0xD2E7470EE14C6C93)
_MULTIPLIER_1 = np.uint64(0xCA5A826395121157)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_ZERO = np.uint64(0)


@kernel
def multiply(a, b):
    """High and low word of the 128-bit product; no limb overflows, and LLVM makes one instruction of it."""
    a1, a0, b1, b0 = a >> _32, a & _LOW, b >> _32, b & _LOW
    p01, p10 = a0 * b1, a1 * b0
    middle = ((a0 * b0) >> _32) + (p01 & _LOW) + (p10 & _LOW)
    return a1 * b1 + (p01 >> _32) + (p10 >> _32) + (middle >> _32), a * b


@kernel
def philox_block(block, element, sample, keys):
    """The four words of one block; `keys` (10, 2) are the round keys, seed and effect plus multiples of `WEYL`."""
    c0, c1, c2, c3 = block, element, _ZERO, sample
    for i in range(ROUNDS):
        high0, low0 = multiply(_MULTIPLIER_0, c0)
        high1, low1 = multiply(_MULTIPLIER_1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ keys[i, 0], low1, high0 ^ c3 ^ keys[i, 1], low0
    return c0, c1, c2, c3


@kernel
def fill_words(keys, sample, element, first, words):
    """Words first, first + 1, ... of a stream; `first` is a multiple of 4."""
    whole = words.size // 4
    for i in range(whole):
        block = np.uint64(first // 4 + i + 1)
        words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3] = philox_block(block, element, sample, keys)
    if words.size > 4 * whole:
        rest = philox_block(np.uint64(first // 4 + whole + 1), element, sample, keys)
        for i in range(4 * whole, words.size):
            words[i] = rest[i - 4 * whole]


def _words(keys, samples, elements, out):
    """Fill out (samples, n): row i is stream (samples[i], elements[i])."""
    for i in prange(samples.size):
        fill_words(keys, samples[i], elements[i], 0, out[i])


words_pair = compile_pair(_words)
