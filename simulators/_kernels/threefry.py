"""Threefry4x64 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.2).

The bits of noise: a third of the time of Philox, whose 64-bit products no vector register makes in one step. Keys are
(seed, effect, 0, 0), counters (block, element, 0, sample); four words come from each.
"""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import inline_kernel, kernel, step_kernel

__all__ = ["digit", "fill_blocks", "fill_words", "threefry_block"]

_PARITY = np.uint64(0x1BD11BDAA9FC1A22)
_64 = np.uint64(64)
_ZERO = np.uint64(0)
# Rotations of rounds 1 to 4 and of rounds 5 to 8, two a round (those of Threefish-256, Ferguson et al. 2010, table 4).
_FIRST = tuple(np.uint64(n) for n in (14, 16, 52, 57, 23, 40, 5, 37))
_SECOND = tuple(np.uint64(n) for n in (25, 33, 46, 12, 58, 22, 32, 32))


@inline_kernel
def rotated(x, n):
    """x with its bits moved n places up, those above the top to the bottom."""
    return (x << n) | (x >> (_64 - n))


@inline_kernel
def two_rounds(a, b, c, d, n0, n1, n2, n3):
    """Two rounds; the words b and d change places between them."""
    a, c = a + b, c + d
    b, d = rotated(b, n0) ^ a, rotated(d, n1) ^ c
    a, c = a + d, c + b
    return a, rotated(b, n3) ^ c, c, rotated(d, n2) ^ a


@inline_kernel
def four_rounds(a, b, c, d, n):
    """Four rounds with the rotations n (8,)."""
    a, b, c, d = two_rounds(a, b, c, d, n[0], n[1], n[2], n[3])
    return two_rounds(a, b, c, d, n[4], n[5], n[6], n[7])


@inline_kernel
def mixed(a, b, c, d, k0, k1, k2, k3, k4):
    """13 rounds, a part of the key added before the first and after every fourth."""
    a, b, c, d = four_rounds(a + k0, b + k1, c + k2, d + k3, _FIRST)
    a, b, c, d = four_rounds(a + k1, b + k2, c + k3, d + k4 + np.uint64(1), _SECOND)
    a, b, c, d = four_rounds(a + k2, b + k3, c + k4, d + k0 + np.uint64(2), _FIRST)
    a, b, c, d = a + k3, b + k4, c + k0, d + k1 + np.uint64(3)
    a, c = a + b, c + d
    return a, rotated(b, _SECOND[0]) ^ a, c, rotated(d, _SECOND[1]) ^ c


@kernel
def threefry_block(block, element, sample, keys):
    """The four words of one block; `keys` (10, 2) are those of Philox, of which the first are seed and effect."""
    k0, k1 = keys[0, 0], keys[0, 1]
    return mixed(block, element, _ZERO, sample, k0, k1, _ZERO, _ZERO, k0 ^ k1 ^ _PARITY)


@step_kernel
def fill_blocks(blocks, elements, first_element, sample, keys, words):
    """`threefry_block` of each (block, first_element + element), one after the other in `words`."""
    k0, k1 = keys[0, 0], keys[0, 1]
    k4 = k0 ^ k1 ^ _PARITY
    for i in range(blocks.size):
        a, b, c, d = mixed(blocks[i], elements[i] + first_element, _ZERO, sample, k0, k1, _ZERO, _ZERO, k4)
        words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3] = a, b, c, d


@step_kernel
def fill_words(keys, sample, element, first, words):
    """Words first, first + 1, ... of a stream; `first` and the size of `words` are multiples of 4."""
    k0, k1 = keys[0, 0], keys[0, 1]
    k4, start = k0 ^ k1 ^ _PARITY, np.uint64(first // 4)
    for i in range(words.size // 4):
        a, b, c, d = mixed(start + np.uint64(i), element, _ZERO, sample, k0, k1, _ZERO, _ZERO, k4)
        words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3] = a, b, c, d


@kernel
def digit(keys, sample, element, index, bits):
    """The `bits` (16 or 32) bits number `index` of a stream, lowest bits of a word first, in a word of their own."""
    share = 64 // bits
    word = index // share
    block = threefry_block(np.uint64(word // 4), element, sample, keys)
    return (block[word % 4] >> np.uint64(bits * (index % share))) & np.uint64((1 << bits) - 1)
