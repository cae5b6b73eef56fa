"""Streams of the deflate kernel against zlib, its codes against Huffman's own algorithm, its noise against sorting."""

import heapq
import zlib

import numpy as np
import pytest

from simulators._kernels import deflating, huffman, rounding

pytestmark = pytest.mark.kernels
F4 = np.float32
LIMITS = tuple(map(F4, (0.5 / 0.318639364, 1.5, 1e-5, 2.0**-100, 1 / 24)))


def deflated(planes, width):
    out = np.full(deflating.most_bytes(planes.size, width) // 4 + 1, 0xABABABAB, np.uint32)
    size = deflating.deflate_planes(planes, width, out[:-1])
    assert out[-1] == 0xABABABAB
    return out.tobytes()[:size]


def huffman_cost(counts):
    """Bits of the best prefix code: the sum of all inner nodes of Huffman's tree."""
    heap, cost = sorted(int(count) for count in counts if count), 0
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        heapq.heappush(heap, both)
        cost += both
    return cost


def lengths_of(counts):
    work = [np.zeros(286, np.int64) for _ in range(3)]
    padded = np.zeros(286, np.int64)
    padded[: len(counts)] = counts
    huffman.code_lengths(padded, work[0], work[1], np.zeros(huffman.LONGEST + 1, np.int64), work[2])
    return work[2][: len(counts)]


CONTENTS = {
    "one byte": np.array([7], np.uint8),
    "zeros": np.zeros(777, np.uint8),
    "ones": np.full(1031, 1, np.uint8),
    "every byte": np.arange(512).astype(np.uint8),
    "two": np.array([0, 255] * 9, np.uint8),
    "noise": np.random.default_rng(1).integers(0, 256, 1500).astype(np.uint8),
    "narrow": np.random.default_rng(2).normal(64, 2, 1500).astype(np.uint8),
    "rare": np.where(np.random.default_rng(3).random(1500) < 0.01, 9, 0).astype(np.uint8),
    "runs of all lengths": np.repeat(np.arange(48) % 2, [*range(1, 40), *range(255, 264)]).astype(np.uint8),
    "long runs": np.repeat([0, 5, 0], [700, 3, 900]).astype(np.uint8),
    "steep": np.repeat(np.arange(11), 2 ** np.arange(11)).astype(np.uint8),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_any_inflater_gives_the_planes_back(name):
    one = CONTENTS[name]
    for width, planes in ((1, one), (2, np.concatenate([one, one])), (4, np.tile(one, 4)[::-1].copy())):
        packed = deflated(planes, width)
        assert zlib.decompress(packed) == planes.tobytes()
        assert len(packed) <= deflating.most_bytes(planes.size, width)


def test_planes_of_different_kinds_side_by_side():
    kinds = [CONTENTS[name] for name in ("noise", "narrow", "rare")]
    planes = np.concatenate([np.zeros(1500, np.uint8), *kinds])
    packed = deflated(planes, 4)
    assert zlib.decompress(packed) == planes.tobytes()
    assert len(packed) < 0.9 * len(zlib.compress(planes, 1))


@pytest.mark.parametrize("seed", range(4))
def test_codes_are_as_short_as_huffman_s(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(10, 40, (2, 60, 200, 286)[seed]) * (rng.random((2, 60, 200, 286)[seed]) < 0.8)
    counts[:2] += 10
    lengths = lengths_of(counts)
    assert np.array_equal(lengths > 0, counts > 0)
    assert (0.5 ** lengths[lengths > 0]).sum() == 1
    assert (counts * lengths).sum() == huffman_cost(counts)


def test_codes_that_would_be_too_long_are_cut():
    counts = np.array([1, 1, *np.cumprod(np.full(18, 2))])
    lengths = lengths_of(counts)
    assert lengths.max() == huffman.LONGEST
    assert (0.5**lengths).sum() == 1
    assert (counts * lengths).sum() < 1.01 * huffman_cost(counts)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 9001])
def test_checksum_is_zlib_s(size):
    data = np.random.default_rng(size).integers(200, 256, size).astype(np.uint8)
    one, two = deflating.adler32(data, 1, 0)
    assert two << 16 | one == zlib.adler32(data.tobytes())


def sorted_steps(image):
    """Steps by sorting, for one stamp and band; the same sums in the same order."""

    def roughness(pixels):
        rows, columns = (length // 2 * 2 for length in pixels.shape)
        a, b, c, d = (pixels[y:rows:2, x:columns:2] for y in (0, 1) for x in (0, 1))
        twists = np.sort(np.abs(a - b + (d - c)).ravel())
        return twists[int(0.25 * twists.size)] * LIMITS[0]

    rows, columns = (length // 2 * 2 for length in image.shape)
    corners = [image[y:rows:2, x:columns:2] for y in (0, 1) for x in (0, 1)]
    binned = (corners[0] + corners[1] + corners[2] + corners[3]) * F4(0.25)
    with np.errstate(invalid="ignore"):
        sigma = roughness(image)
        if not sigma > F4(1e-5) * np.nanmax(np.abs(image)) or not roughness(binned) < F4(1.5) * sigma:
            return 0.0
    return 2.0 ** np.floor(np.log2(float(sigma) / 24)) if np.isfinite(sigma) else 0.0


@pytest.mark.parametrize("content", ["noise", "odd", "nan", "smooth", "constant", "tiny"])
def test_steps_are_those_by_sorting(content):
    rng = np.random.default_rng(4)
    image = rng.normal(0, 3, (2, 2, 13 if content == "odd" else 12, 14)).astype(F4)
    if content == "nan":
        image[0, 0, 2, 3:6] = np.nan, np.inf, -1e30
        image[1] = np.nan
    elif content == "smooth":
        image[:] = np.arange(14)
    elif content == "constant":
        image[:] = 0.1
    elif content == "tiny":
        image *= F4(1e-36)
    steps = np.full((2, 2), -1, F4)
    rounding.measure_steps(image, 0.25, *LIMITS, steps)
    finite = [[0.0 if np.isnan(one).all() else sorted_steps(one) for one in bands] for bands in image]
    assert np.array_equal(steps, np.where(np.array(finite) > 2.0**-101, finite, 0))
    assert content in ("smooth", "constant", "tiny", "nan") or steps.all()


def test_rounded_stamps_inflate_to_what_numpy_rounds_them_to():
    image = np.random.default_rng(5).normal(0, 300, (3, 2, 9, 8)).astype(F4)
    image[0, 0, 0, :4] = np.nan, -0.001, 3e38, np.inf
    steps = np.array([[0.5, 8.0], [0.0, 2.0**-90], [0.0, 0.0]], F4)
    out, sizes = np.zeros((3, deflating.most_bytes(image[0].nbytes, 4) // 4), np.uint32), np.zeros(3, np.int64)
    rounded = np.empty_like(image)
    rounding.deflate_rounded(image, steps, rounded, out, sizes)
    with np.errstate(over="ignore"):
        whole = np.rint(image / np.where(steps > 0, steps, 1)[:, :, None, None]) * steps[:, :, None, None]
    exact = (steps > 0)[:, :, None, None] & np.isfinite(whole)
    assert np.array_equal(rounded, np.where(exact, whole, image), equal_nan=True)
    assert not np.signbit(rounded[rounded == 0]).any()
    for stamp, words, size in zip(rounded, out, sizes.tolist(), strict=True):
        shuffled = zlib.decompress(words.tobytes()[:size])
        assert shuffled == np.ascontiguousarray(stamp.reshape(-1).view(np.uint8).reshape(-1, 4).T).tobytes()
