"""Prefix codes as short as possible for symbols that are counted, and no longer than a limit."""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import kernel

__all__ = ["LONGEST", "code_lengths", "codes_of"]

LONGEST = 10  # bits of a code, so that three fit beside what waits to be written
_SYMBOL, _DIGIT = 9, 127  # bits of a symbol in a key; bits of the count that are sorted at a time
_32 = np.uint64(32)


@kernel
def _sorted_symbols(counts, keys, other):
    """Keys (count, symbol) of the symbols that occur, ascending, by a radix sort; their number."""
    used, most = 0, 0
    for symbol in range(counts.size):
        if counts[symbol]:
            keys[used] = counts[symbol] << _SYMBOL | symbol
            most = max(most, counts[symbol])
            used += 1
    places, shift = np.empty(_DIGIT + 2, np.int64), _SYMBOL
    while most >> (shift - _SYMBOL):
        places[:] = 0
        for k in range(used):
            places[(keys[k] >> shift & _DIGIT) + 1] += 1
        for digit in range(_DIGIT):
            places[digit + 1] += places[digit]
        for k in range(used):
            digit = keys[k] >> shift & _DIGIT
            other[places[digit]] = keys[k]
            places[digit] += 1
        keys[:used] = other[:used]
        shift += 7
    return used


@kernel
def _depths(a, n):
    """Counts a[:n], n > 1, ascending, become depths in the Huffman tree (Moffat & Katajainen 1995, WADS, 393)."""
    a[0] += a[1]
    root, leaf = 0, 2
    for node in range(1, n - 1):
        for first in range(2):
            if leaf >= n or (root < node and a[root] < a[leaf]):
                weight = a[root]
                a[root] = node
                root += 1
            else:
                weight = a[leaf]
                leaf += 1
            a[node] = weight if first == 0 else a[node] + weight
    a[n - 2] = 0
    for node in range(n - 3, -1, -1):
        a[node] = a[a[node]] + 1
    open_, used, depth, root, node = 1, 0, 0, n - 2, n - 1
    while open_ > 0:
        while root >= 0 and a[root] == depth:
            used += 1
            root -= 1
        while open_ > used:
            a[node] = depth
            node -= 1
            open_ -= 1
        open_, used = 2 * used, 0
        depth += 1


@kernel
def code_lengths(counts, keys, depths, many, lengths):
    """Lengths, up to `LONGEST`, of a prefix code for symbols that occur `counts` times, two of them at least.

    Codes that are too long are cut, and others made longer until Kraft's sum is 1.
    """
    used = _sorted_symbols(counts, keys, depths)
    for k in range(used):
        depths[k] = keys[k] >> _SYMBOL
    _depths(depths, used)
    many[:] = 0
    space = 0
    for k in range(used):
        length = min(depths[k], LONGEST)
        many[length] += 1
        space += 1 << (LONGEST - length)
    while space > 1 << LONGEST:
        length = LONGEST - 1
        while not many[length]:
            length -= 1
        many[LONGEST] -= 1
        many[length] -= 1
        many[length + 1] += 2
        space -= 1
    lengths[:] = 0
    at = 0
    for length in range(LONGEST, 0, -1):
        for _ in range(many[length]):
            lengths[keys[at] & 511] = length
            at += 1


@kernel
def codes_of(lengths, many, codes):
    """Canonical codes of these lengths, their first bit lowest, the length above bit 32."""
    following = np.zeros(LONGEST + 1, np.int64)
    for length in range(2, LONGEST + 1):
        following[length] = (following[length - 1] + many[length - 1]) << 1
    for symbol in range(lengths.size):
        length = lengths[symbol]
        code, turned = following[length], 0
        following[length] += length > 0
        for _ in range(length):
            turned = turned << 1 | code & 1
            code >>= 1
        codes[symbol] = np.uint64(length) << _32 | np.uint64(turned)
