"""The codec against its promises: what it costs measurements, what it leaves alone, and damage it must notice."""

from __future__ import annotations

import zlib
from contextlib import suppress

import h5py
import numpy as np
import pytest

from astrogan.dataset import codec, read_samples, write_samples
from astrogan.dataset.hdf5 import StoreError
from simulators import StrongLens, WeakLens

SIGMA = 5.0


def stars(n=200, sigma=SIGMA, bands=1, size=64, seed=1):
    """Noisy exponential discs of a wide range of fluxes, and their noise-free images."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size)) - (size - 1) / 2
    flux = sigma * rng.lognormal(4, 2, (n, bands, 1, 1))
    clean = flux * np.exp(-np.hypot(x, y) / 3) / (2 * np.pi * 9)
    return (clean + rng.normal(0, sigma, (n, bands, size, size))).astype(np.float32), clean


def test_steps_are_powers_of_two_up_to_a_24th_of_the_noise():
    for sigma in (1e-12, 0.013, 1.0, 777.0, 1e20):
        image, _ = stars(50, sigma)
        assert np.allclose(codec.noise(image), sigma, rtol=0.3)
        steps = codec.rounding_steps(image)
        assert np.all(np.frexp(steps)[0] == 0.5)
        assert np.all(steps <= codec.noise(image) / 24)
        assert np.all(steps > codec.noise(image) / 48.001)


@pytest.mark.parametrize("coarse", [1.0, 1.1, 1.5, 1.9])
def test_measurements_keep_their_values(coarse):
    """Aperture fluxes move by 0.02 of their errors (rms), by 0.05 at worst; the noise's variance by less than 1e-3.

    The noise is 24 times a power of two, where steps are largest for it, or `coarse` times as much.
    """
    sigma = 24 * 0.25 * coarse
    image, clean = stars(1500, sigma)
    stored = codec.round_to(image, codec.rounding_steps(image))
    y, x = np.indices(image.shape[2:]) - 31.5
    edge = np.hypot(x, y) > 25
    for radius in (2, 4, 8, 16):
        inside = np.hypot(x, y) < radius
        shift = (stored.astype(float) - image)[:, 0, inside].sum(axis=1) / (sigma * np.sqrt(inside.sum()))
        assert np.sqrt(np.mean(shift**2)) <= 0.02
        assert np.abs(shift).max() <= 0.05
    change = np.var((stored - clean)[:, 0, edge]) / np.var((image - clean)[:, 0, edge]) - 1
    assert abs(change) <= 1e-3


def test_variances_keep_four_digits(samples, tmp_path):
    """13 significant bits, the nearest, over all that float32 holds; nothing is done to what is no plain number."""
    rng = np.random.default_rng(6)
    many = (rng.uniform(1, 2, 20_000) * 2.0 ** rng.integers(-120, 126, 20_000)).astype(np.float32)
    stored = codec.round_significant(many)
    fraction, power = np.frexp(many.astype(float))
    assert np.array_equal(stored, np.ldexp(np.rint(fraction * 2**13), power - 13))
    assert np.abs(stored / many - 1).max() <= 2.0**-13
    assert np.array_equal(codec.round_significant(stored), stored)
    odd = np.array([0.0, np.inf, np.nan, -1.7, -np.inf], np.float32)
    assert codec.round_significant(odd).tobytes() == odd.tobytes()
    write_samples(samples, tmp_path / "auto.h5")
    write_samples(samples, tmp_path / "none.h5", codec="none")
    kept = [read_samples(tmp_path / f"{name}.h5")["variance"].values for name in ("auto", "none")]
    assert np.array_equal(kept[0], codec.round_significant(samples["variance"].values))
    assert np.array_equal(kept[1], samples["variance"].values)


def test_kernels_round_as_numpy_does():
    """Bit for bit, whatever the pixels; and what they deflate is what they rounded."""
    image = np.concatenate([stars(20, sigma, bands=3, size=19)[0] for sigma in (1e-3, 1.0, 3e7)])
    image[3, 1, :2, :3] = np.nan, np.inf, -np.inf
    image[4, 0] = np.nan
    image[5, :, 2:4] = 3e38
    image[6, 2] = np.arange(19)
    slow, fast = codec.Rounder(0), codec.Rounder(codec.LARGE)
    steps = fast.steps(image)
    assert np.array_equal(steps, slow.steps(image))
    assert 0 < np.count_nonzero(steps == 0) < 30
    made = []
    for rounder in (slow, fast):
        out, back = np.empty_like(image), np.zeros_like(image)
        for stamp, chunk in zip(back, rounder.chunks(image, steps, out), strict=True):
            codec.inflate(bytes(chunk), stamp)
        assert out.tobytes() == back.tobytes()
        made.append(out.tobytes())
    assert made[0] == made[1]


def test_large_stores_hold_the_same_samples(make_samples, tmp_path, monkeypatch):
    """Compiled kernels or numpy: the same digests, and h5py reads both."""
    samples = make_samples(40, size=(32, 32))
    names = {}
    for large in (2**26, 1):
        monkeypatch.setattr(codec, "LARGE", large)
        names[large] = write_samples(samples, tmp_path / f"{large}.h5")
        assert read_samples(tmp_path / f"{large}.h5").equals(read_samples(tmp_path / f"{2**26}.h5"))
    assert names[1] == names[2**26]
    images = [h5py.File(tmp_path / f"{large}.h5")["image"][()] for large in names]
    assert images[0].tobytes() == images[1].tobytes()
    assert (tmp_path / "1.h5").read_bytes() != (tmp_path / f"{2**26}.h5").read_bytes()


@pytest.mark.parametrize("simulator", [StrongLens, WeakLens])
def test_noise_free_images_stay_bit_for_bit(simulator):
    simulator = simulator(survey="lsst", bands="gri", size=64)
    clean = simulator.render(simulator.draw(40, seed=3))
    seen = simulator.observe(clean, seed=3)
    assert not codec.rounding_steps(clean["image"].values).any()
    assert codec.rounding_steps(seen["image"].values).all()


@pytest.mark.parametrize("pixels", ["constant", "nan", "inf", "ramp", "tiny", "one"])
def test_pixels_without_noise_stay(pixels):
    image = np.zeros((2, 1, 16, 16), np.float32)
    if pixels in ("nan", "inf"):
        image[:] = float(pixels)
    elif pixels == "ramp":
        image += np.arange(16, dtype=np.float32)
    elif pixels == "tiny":
        image[:] = np.random.default_rng(0).normal(0, 1e-40, image.shape)
    elif pixels == "one":
        image = np.full((2, 1, 1, 1), 3.3, np.float32)
    steps = codec.rounding_steps(image)
    assert not steps.any()
    assert codec.round_to(image, steps).tobytes() == image.tobytes()


def test_a_few_bad_pixels_neither_stop_rounding_nor_are_touched():
    image, _ = stars(3)
    image[0, 0, 0, :3] = np.nan, 6e4 * SIGMA, -6e4 * SIGMA
    steps = codec.rounding_steps(image)
    stored = codec.round_to(image, steps)
    assert steps.all()
    assert stored[0, 0, 0, :3].tobytes() == image[0, 0, 0, :3].tobytes()
    assert not (np.signbit(stored) & (stored == 0)).any()


def test_a_stamp_is_rounded_by_itself(samples, make_samples, tmp_path):
    many = make_samples(40)
    write_samples(many, tmp_path / "many.h5")
    write_samples(many.isel(sample=[17]), tmp_path / "one.h5")
    together, alone = read_samples(tmp_path / "many.h5"), read_samples(tmp_path / "one.h5")
    for name in ("image", "image_step"):
        assert together[name][17].values.tobytes() == alone[name][0].values.tobytes()


def test_rounding_twice_is_rounding_once_until_the_image_changes(make_samples, tmp_path):
    many = make_samples(40, size=(32, 32))
    first = write_samples(many, tmp_path / "a.h5")
    once = read_samples(tmp_path / "a.h5")
    for kind in ("auto", "none"):
        assert write_samples(once, tmp_path / "b.h5", codec=kind, overwrite=True) == first
    changed = once.assign(image=once["image"] * np.float32(1.37))
    write_samples(changed, tmp_path / "c.h5")
    again = read_samples(tmp_path / "c.h5")
    assert np.array_equal(codec.round_to(again["image"].values, again["image_step"].values), again["image"])
    write_samples(changed, tmp_path / "d.h5", codec="none")
    exact = read_samples(tmp_path / "d.h5")
    assert np.array_equal(exact["image"], changed["image"])
    assert not exact["image_step"].any()


def test_size_on_disk(make_samples, tmp_path):
    """A third of the raw pixels, where lossless compression gains next to nothing."""
    samples = make_samples(200, size=(64, 64)).drop_vars(["variance", "mask", "psf"])
    samples["image"].values[:] = np.random.default_rng(5).normal(0, SIGMA, samples["image"].shape)
    sizes = {}
    for kind in codec.CODECS:
        write_samples(samples, tmp_path / f"{kind}.h5", codec=kind)
        sizes[kind] = samples["image"].nbytes / (tmp_path / f"{kind}.h5").stat().st_size
    assert sizes["auto"] >= 3.2
    assert sizes["none"] < 1.3


def test_plain_h5py_reads_rounded_pixels(make_samples, tmp_path):
    samples = make_samples(20, size=(32, 32))
    write_samples(samples, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        image, steps = file["image"][()], file["image_step"][()]
        assert {key for k in range(20) for key in [file["image"].id.get_chunk_info(k).filter_mask]} == {0}
    assert image.dtype == np.float32
    assert np.abs(image - samples["image"].values).max() <= steps.max() / 2
    assert np.array_equal(codec.round_to(image, steps), image)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16", "int64"])
def test_chunks_round_trip_and_either_library_reads_the_other(dtype, monkeypatch):
    values = np.random.default_rng(2).integers(0, 100, (3, 7, 5)).astype(dtype)
    packed = codec.deflate(values)
    monkeypatch.setattr(codec, "_zlib", zlib)
    slow = codec.deflate(values)
    assert np.array_equal(inflated(packed, values), values)
    monkeypatch.undo()
    assert np.array_equal(inflated(slow, values), values)


def inflated(data, like):
    """A chunk in an array like `like`."""
    out = np.zeros_like(like)
    codec.inflate(data, out)
    return out


@pytest.mark.parametrize("piecewise", [False, True])
@pytest.mark.parametrize("library", ["fastest", "zlib"])
def test_damaged_chunks_are_refused(library, piecewise, monkeypatch):
    if library == "zlib":
        monkeypatch.setattr(codec, "_zlib", zlib)
    if piecewise:  # as large chunks are inflated
        monkeypatch.setattr(codec, "MOST_AT_ONCE", 0)
    image, _ = stars(1, size=16)
    image = codec.round_to(image, codec.rounding_steps(image))[0]
    packed, harmless = codec.deflate(image), 0
    for bit in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        with suppress(StoreError):  # padding between blocks carries nothing: what is read must be what was written
            assert inflated(bytes(damaged), image).tobytes() == image.tobytes()
            harmless += 1
    assert harmless < 10
    wrong = [packed[:cut] for cut in range(len(packed))] + [packed + b"\0", zlib.compress(bytes(2**24)), b""]
    for data in wrong:
        with pytest.raises(StoreError, match="damaged chunk"):
            inflated(data, image)


def test_an_unknown_codec_is_named(samples, tmp_path):
    with pytest.raises(ValueError, match="unknown codec 'atuo': did you mean 'auto'"):
        write_samples(samples, tmp_path / "a.h5", codec="atuo")
    assert not list(tmp_path.iterdir())
