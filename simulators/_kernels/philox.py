"""Philox4x64-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", table 2).

Words equal those of `numpy.random.Philox` with key (seed, effect) and counter (0, element, 0, sample): numpy steps
the first counter word before it makes a block, so block b holds counter word b + 1.
"""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import inline_kernel, kernel

__all__ = ["CHUNK", "ROUNDS", "WEYL", "fill_blocks", "fill_words", "philox_block", "words_of"]

ROUNDS = 10
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)  # golden ratio, sqrt(3) - 1
CHUNK = 4096  # draws per job; a multiple of 4, the words in a block

_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_M0_LOW, _M0_HIGH = np.uint64(0xE14C6C93), np.uint64(0xD2E7470E)
_M1_LOW, _M1_HIGH = np.uint64(0x95121157), np.uint64(0xCA5A8263)
_W0, _W1 = np.uint64(WEYL[0]), np.uint64(WEYL[1])
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_ZERO = np.uint64(0)


@inline_kernel
def high(a, b0, b1):
    """High word of the 128-bit product a b, from 32-bit limbs: no sum overflows.

    b comes as its limbs, or LLVM would make a scalar instruction of it that keeps loops from vectorising.
    """
    a0, a1 = a & _LOW, a >> _32
    upper = a1 * b0 + ((a0 * b0) >> _32)
    lower = a0 * b1 + (upper & _LOW)
    return a1 * b1 + (upper >> _32) + (lower >> _32)


@kernel
def philox_block(block, element, sample, keys):
    """The four words of one block; `keys` (10, 2) are the round keys, seed and effect plus multiples of `WEYL`."""
    c0, c1, c2, c3 = block, element, _ZERO, sample
    for i in range(ROUNDS):
        high_0, high_1 = high(c0, _M0_LOW, _M0_HIGH), high(c2, _M1_LOW, _M1_HIGH)
        c0, c1, c2, c3 = high_1 ^ c1 ^ keys[i, 0], c2 * _M1, high_0 ^ c3 ^ keys[i, 1], c0 * _M0
    return c0, c1, c2, c3


@kernel
def fill_blocks(blocks, elements, sample, keys, words):
    """`philox_block` of each (block, element), one after the other in `words`.

    Written out, for LLVM unrolls and vectorises the rounds only so: 2 ns a word instead of 4.5.
    """
    first_0, first_1 = keys[0, 0], keys[0, 1]
    for i in range(blocks.size):
        c0, c1, c2, c3 = blocks[i], elements[i], _ZERO, sample
        key_0, key_1 = first_0, first_1
        for _ in range(ROUNDS):
            high_0, high_1 = high(c0, _M0_LOW, _M0_HIGH), high(c2, _M1_LOW, _M1_HIGH)
            c0, c1, c2, c3 = high_1 ^ c1 ^ key_0, c2 * _M1, high_0 ^ c3 ^ key_1, c0 * _M0
            key_0 += _W0
            key_1 += _W1
        words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3] = c0, c1, c2, c3


@kernel
def fill_words(keys, sample, element, first, words):
    """Words first, first + 1, ... of a stream; `first` is a multiple of 4."""
    whole = words.size // 4
    blocks, elements = np.empty(whole, np.uint64), np.empty(whole, np.uint64)
    for i in range(whole):
        blocks[i], elements[i] = np.uint64(first // 4 + i + 1), element
    fill_blocks(blocks, elements, sample, keys, words[: 4 * whole])
    if words.size > 4 * whole:
        rest = philox_block(np.uint64(first // 4 + whole + 1), element, sample, keys)
        for i in range(4 * whole, words.size):
            words[i] = rest[i - 4 * whole]


@kernel
def words_of(first_row, last_row, keys, samples, elements, out):
    """Fill rows of out (samples, n): row i is stream (samples[i], elements[i])."""
    for i in range(first_row, last_row):
        fill_words(keys, samples[i], elements[i], 0, out[i])
