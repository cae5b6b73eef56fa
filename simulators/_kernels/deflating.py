"""Bytes into a zlib stream (RFC 1950, 1951), each plane of them as a block with a Huffman code of its own.

No search for repetitions but of one byte: those of noise are chance, and runs are what else a plane holds.
"""

from __future__ import annotations

import numpy as np

from simulators._kernels._jit import inline_kernel, kernel
from simulators._kernels.huffman import LONGEST, code_lengths, codes_of

__all__ = ["adler32", "deflate_planes", "most_bytes"]

_END, _SYMBOLS = 256, 286
_LONG_RUN, _SHORT_RUN, _MOD = 258, 3, 65521
_U = tuple(np.uint64(x) for x in range(64))
_4, _5, _7, _31, _32 = _U[4], _U[5], _U[7], _U[31], _U[32]
_LOW, _ZLIB = np.uint64(2**32 - 1), np.uint64(0x0178)  # a zlib stream begins 78 01
# Lengths of codes are written in codes of four bits each: 0 … 12 and 16 … 18, the last two of which are runs of zeros.
_HEAD = np.uint64(sum(4 << 3 * k for k in (*range(14), 15, 17)))
_REVERSED = np.array([int(f"{k:04b}"[::-1], 2) for k in range(16)], np.uint64)
_ZEROS_3, _ZEROS_11 = _REVERSED[14], _REVERSED[15]


def _run_table():
    """(symbol, extra bits, their value) of every length up to 258 (RFC 1951, 3.2.5)."""
    table = np.zeros((_LONG_RUN + 1, 3), np.int64)
    bases = [*range(3, 11), *(2**k + (4 + j) * 2 ** (k - 2) - 2**k + 3 for k in range(3, 8) for j in range(4))]
    for number, base in enumerate(bases):
        extra = max(0, (number - 4) // 4)
        for length in range(base, min(base + 2**extra, _LONG_RUN)):
            table[length] = 257 + number, extra, length - base
    table[_LONG_RUN] = 285, 0, 0
    return table


_RUNS = _run_table()


def most_bytes(size, width):
    """Most bytes that `deflate_planes` makes of `size` in `width` planes, in whole words of eight."""
    return (size + size // 64 + 256 * width + 64) // 8 * 8


@kernel
def adler32(data, one, two):
    """Both sums of the Adler-32 checksum after more bytes."""
    for begin in range(0, data.size, 4096):
        part = data[begin : begin + 4096]
        total, weighted = np.uint32(0), np.uint32(0)
        for k in range(part.size):
            total = np.uint32(total + np.uint32(part[k]))
            weighted = np.uint32(weighted + np.uint32(np.uint32(part.size - k) * np.uint32(part[k])))
        two = (two + part.size * one + np.int64(weighted)) % _MOD
        one = (one + np.int64(total)) % _MOD
    return one, two


@inline_kernel
def _adler32_of_run(byte, count, one, two):
    """Both sums after `count` times the same byte."""
    byte = np.int64(byte)
    return (one + count * byte) % _MOD, (two + count * one + count * (count + 1) // 2 % _MOD * byte) % _MOD


@inline_kernel
def _put(value, length, out, word, buffer, bits):
    """Append `length` bits, 32 at most; `bits` are waiting in `buffer`, 31 at most."""
    buffer |= value << bits
    bits += length
    out[word] = np.uint32(buffer & _LOW)
    more = bits >> _5
    return word + np.int64(more), buffer >> (more << _5), bits & _31


@kernel
def _put_head(lengths, count, final, out, word, buffer, bits):
    """The head of a block with `count` symbols and, where those include runs, two distances: 1 and up to 32."""
    runs = count > _END + 1
    head = final | 2 << 1 | (count - 257) << 3 | (9 if runs else 0) << 8 | 14 << 13
    word, buffer, bits = _put(np.uint64(head), _U[17], out, word, buffer, bits)
    word, buffer, bits = _put(_HEAD & _LOW, _32, out, word, buffer, bits)
    word, buffer, bits = _put(_HEAD >> _32, _U[22], out, word, buffer, bits)
    at = 0
    while at < count:
        zeros = 0
        while at + zeros < count and lengths[at + zeros] == 0 and zeros < 138:
            zeros += 1
        if zeros > 10:
            code = _ZEROS_11 | np.uint64(zeros - 11) << _4
            word, buffer, bits = _put(code, _U[11], out, word, buffer, bits)
        elif zeros > 2:
            code = _ZEROS_3 | np.uint64(zeros - 3) << _4
            word, buffer, bits = _put(code, _U[7], out, word, buffer, bits)
        else:
            zeros = 1
            word, buffer, bits = _put(_REVERSED[lengths[at]], _4, out, word, buffer, bits)
        at += zeros
    if not runs:
        return _put(_REVERSED[0], _4, out, word, buffer, bits)
    code = _REVERSED[1] | (_ZEROS_3 | _U[8 - 3] << _4) << _4 | _REVERSED[1] << _U[11]
    return _put(code, _U[15], out, word, buffer, bits)


@kernel
def _put_bytes(data, codes, out, word, buffer, bits):
    """Append the codes of bytes, three at a time: no more than 31 + 3 x 10 bits wait."""
    for three in range(data.size // 3):
        one, two, last = codes[data[3 * three]], codes[data[3 * three + 1]], codes[data[3 * three + 2]]
        first, second = one >> _32, (one >> _32) + (two >> _32)
        all_ = (one & _LOW) | (two & _LOW) << first | (last & _LOW) << second
        word, buffer, bits = _put(all_, second + (last >> _32), out, word, buffer, bits)
    for k in range(data.size // 3 * 3, data.size):
        one = codes[data[k]]
        word, buffer, bits = _put(one & _LOW, one >> _32, out, word, buffer, bits)
    return word, buffer, bits


@inline_kernel
def _run_end(data, at, constant):
    """End of the bytes equal to that at `at`."""
    if constant:
        return data.size
    end = at + 1
    while end < data.size and data[end] == data[at]:
        end += 1
    return end


@kernel
def _count_runs(data, constant, counts):
    """Count the symbols of bytes and of the runs that follow them."""
    counts[:] = 0
    at = 0
    while at < data.size:
        end = _run_end(data, at, constant)
        counts[data[at]] += 1
        left = end - at - 1
        counts[_RUNS[_LONG_RUN, 0]] += left // _LONG_RUN
        left %= _LONG_RUN
        if left < _SHORT_RUN:
            counts[data[at]] += left
        else:
            counts[_RUNS[left, 0]] += 1
        at = end


@kernel
def _put_runs(data, constant, codes, out, word, buffer, bits):
    """Append the codes of bytes and of the runs that follow them.

    A run is copied from 1 byte before, what is longer from 32 bytes before, which inflates much faster.
    """
    at = 0
    while at < data.size:
        end = _run_end(data, at, constant)
        one, left = codes[data[at]], end - at - 1
        word, buffer, bits = _put(one & _LOW, one >> _32, out, word, buffer, bits)
        distance, more = _U[0], _U[1]
        while left >= _SHORT_RUN:
            run = min(left, _LONG_RUN)
            code = codes[_RUNS[run, 0]]
            length = code >> _32
            value = (code & _LOW) | (np.uint64(_RUNS[run, 2]) | distance << np.uint64(_RUNS[run, 1])) << length
            word, buffer, bits = _put(value, length + np.uint64(_RUNS[run, 1]) + more, out, word, buffer, bits)
            left -= run
            distance, more = _U[15], _4  # the other distance, with three more bits
        for _ in range(left):
            word, buffer, bits = _put(one & _LOW, one >> _32, out, word, buffer, bits)
        at = end
    return word, buffer, bits


@kernel
def _constant(data):
    """Whether all bytes are the same."""
    for begin in range(0, data.size, 512):
        part, different = data[begin : begin + 512], np.uint8(0)
        for k in range(part.size):
            different = np.uint8(different | (part[k] ^ data[0]))
        if different:
            return False
    return True


@kernel
def _count_bytes(data, tables, counts):
    """Count bytes, in four tables, since equal bytes one after another would wait for each other; the largest count."""
    tables[:] = 0
    for four in range(data.size // 4):
        tables[0, data[4 * four]] += 1
        tables[1, data[4 * four + 1]] += 1
        tables[2, data[4 * four + 2]] += 1
        tables[3, data[4 * four + 3]] += 1
    for k in range(data.size // 4 * 4, data.size):
        tables[0, data[k]] += 1
    counts[:] = 0
    most = 0
    for symbol in range(256):
        counts[symbol] = tables[0, symbol] + tables[1, symbol] + tables[2, symbol] + tables[3, symbol]
        most = max(most, counts[symbol])
    return most


@kernel
def deflate_planes(planes, width, out):
    """Write `width` planes of bytes, one after another, as a zlib stream into the uint32 words `out`; its bytes.

    A plane of which more than half are the same byte is written as bytes and runs, others as bytes alone.
    """
    size = planes.size // width
    counts, other, many = np.empty(_SYMBOLS, np.int64), np.empty(_SYMBOLS, np.int64), np.empty(LONGEST + 1, np.int64)
    tables = np.empty((4, 256), np.int32)
    keys, lengths, codes = np.empty(_SYMBOLS, np.int64), np.empty(_SYMBOLS, np.int64), np.empty(_SYMBOLS, np.uint64)
    word, buffer, bits, one, two = 0, _ZLIB, _U[16], 1, 0
    for plane in range(width):
        data, final = planes[plane * size : (plane + 1) * size], plane == width - 1
        constant = _constant(data)
        runs = constant or 2 * _count_bytes(data, tables, counts) > size
        if runs:
            _count_runs(data, constant, counts)
        counts[_END] = 1
        code_lengths(counts, keys, other, many, lengths)
        codes_of(lengths, many, codes)
        count = _SYMBOLS if runs else _END + 1
        word, buffer, bits = _put_head(lengths, count, final, out, word, buffer, bits)
        if runs:
            word, buffer, bits = _put_runs(data, constant, codes, out, word, buffer, bits)
        else:
            word, buffer, bits = _put_bytes(data, codes, out, word, buffer, bits)
        word, buffer, bits = _put(codes[_END] & _LOW, codes[_END] >> _32, out, word, buffer, bits)
        one, two = _adler32_of_run(data[0], size, one, two) if constant else adler32(data, one, two)
    word, buffer, bits = _put(_U[0], (_U[0] - bits) & _7, out, word, buffer, bits)
    sum_ = two << 16 | one
    turned = (sum_ & 255) << 24 | (sum_ >> 8 & 255) << 16 | (sum_ >> 16 & 255) << 8 | sum_ >> 24
    word, buffer, bits = _put(np.uint64(turned), _32, out, word, buffer, bits)
    out[word] = np.uint32(buffer & _LOW)
    return 4 * word + np.int64(bits) // 8
