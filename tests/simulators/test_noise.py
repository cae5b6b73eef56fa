"""Noise is what the survey says: its variance, its mean, its autocorrelation; and it is nothing when it is off."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import correlate2d

from catalogs.schema import Band
from simulators import noise, streams
from simulators._kernels._jit import JIT_ENABLED, set_threads, threads
from simulators._kernels.noise import HALO
from simulators._kernels.threefry import fill_words

in_kernel_runs = pytest.mark.kernels
needs_compiled = pytest.mark.skipif(
    not JIT_ENABLED, reason="many pixels need compiled kernels (NUMBA_DISABLE_JIT is set)"
)


def table(array):
    return tuple(tuple(float(value) for value in row) for row in array)


ROW3, ROW5 = np.array([0.3, 1.0, 0.3]), np.array([-0.05, 0.25, 1.0, 0.25, -0.05])
ACFS = {
    "white": np.ones((1, 1)),
    "neighbours 0.3": np.outer(ROW3, ROW3),
    "longer": np.outer(ROW5, ROW5),
    "one axis": np.array([[0.0, 0.0, 0.0], [0.3, 1.0, 0.3], [0.0, 0.0, 0.0]]),
    "diagonal": np.array([[0.2, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.2]]),
}
QUIET = Band("r", 0.7, 0.0)
PHOTONS = Band("g", 0.7, 2.0, electrons_per_unit=5.0, sky=20.0)  # sky photons alone make the background
MIXED = Band("i", 0.7, 3.0, electrons_per_unit=4.0, sky=9.0, autocorrelation=table(ACFS["neighbours 0.3"]))
SMOOTH = Band("z", 0.7, 3.0, autocorrelation=table(ACFS["longer"]))
SOURCE = Band("u", 0.7, 0.0, electrons_per_unit=5.0)  # no background
BANDS = (QUIET, PHOTONS, MIXED, SMOOTH)


def scene(samples=6, bands=4, ny=11, nx=13):
    """An expected image with faint, bright and negative pixels."""
    ramp = np.linspace(-2.0, 40.0, ny * nx, dtype=np.float32).reshape(ny, nx)
    return np.broadcast_to(ramp, (samples, bands, ny, nx)).copy()


def noise_of(band, samples=400, size=64, level=0.0, seed=3):
    expected = np.full((samples, 1, size, size), level, np.float32)
    image, _ = noise.add_noise(expected, [band], seed, np.arange(samples))
    return image[:, 0].astype(np.float64) - level


def measured_acf(fields, half):
    """Mean products at lags up to `half` and their errors (from the scatter between fields), shape (2 half + 1)^2."""
    inner = fields[:, half : -half or None, half : -half or None]
    ny, nx = inner.shape[1:]
    lags = range(2 * half + 1)
    products = np.array([[(inner * fields[:, j : j + ny, i : i + nx]).mean(axis=(1, 2)) for i in lags] for j in lags])
    return products.mean(axis=-1), products.std(axis=-1) / math.sqrt(len(fields))


@in_kernel_runs
def test_off_is_the_identity_bit_for_bit():
    expected = scene(bands=2)
    expected[0, 0, 0, :3] = [-0.0, 1e-42, 1e30]
    image, variance = noise.add_noise(expected, [QUIET, replace(QUIET, name="i", sky=5.0)], 1, np.arange(6))
    assert image.tobytes() == expected.tobytes()
    assert image.dtype == variance.dtype == np.float32
    assert not variance.any()
    assert not np.shares_memory(image, expected)


@needs_compiled
@pytest.mark.parametrize("name", ACFS)
def test_background_has_the_autocorrelation_asked_for(name):
    band = Band("r", 0.7, 3.0, autocorrelation=table(ACFS[name]))
    half = len(ACFS[name]) // 2 + 2
    measured, error = measured_acf(noise_of(band) / 3.0, half)
    wanted = np.zeros_like(measured)
    wanted[2:-2, 2:-2] = ACFS[name]
    assert np.all(np.abs(measured - wanted) < 4.5 * error + noise._ACF_TOLERANCE)
    assert abs(measured[half, half] - 1.0) < 4 * error[half, half]


@needs_compiled
def test_sky_photons_and_gaussian_rest_together_have_it_too():
    measured, error = measured_acf(noise_of(MIXED) / 3.0, 2)
    wanted = np.zeros((5, 5))
    wanted[1:4, 1:4] = ACFS["neighbours 0.3"]
    assert np.all(np.abs(measured - wanted) < 4.5 * error + noise._ACF_TOLERANCE)


@pytest.mark.parametrize("name", ACFS)
def test_filter_makes_the_exact_variance(name):
    weights = noise.noise_filter(Band("r", 0.7, 3.0, autocorrelation=table(ACFS[name])))
    assert np.sum(weights**2) == pytest.approx(9.0, rel=1e-12)
    assert len(weights) % 2 == 1
    assert np.allclose(weights, weights[::-1, ::-1], atol=1e-12)


def test_impossible_autocorrelation_keeps_its_variance():
    """No noise has neighbours of +0.9 and second neighbours of 0: the power spectrum would be negative."""
    band = Band("r", 0.7, 2.0, autocorrelation=table(np.array([[0.0] * 3, [0.9, 1.0, 0.9], [0.0] * 3])))
    assert np.sum(noise.noise_filter(band) ** 2) == pytest.approx(4.0, rel=1e-12)


@needs_compiled
@pytest.mark.parametrize(
    ("band", "level"),
    [(band, level) for band in (PHOTONS, MIXED, SMOOTH) for level in (0.0, 0.05, 30.0, 1e5)]
    + [(SOURCE, level) for level in (0.05, 30.0, 1e5)],
    ids=lambda value: getattr(value, "name", value),
)
def test_mean_and_variance_are_the_models(band, level):
    residual = noise_of(band, samples=200, level=level)
    model = noise.variance_map(np.full((1, 1, 1, 1), level), [band]).item()
    assert model == pytest.approx(band.background_sigma**2 + level / band.electrons_per_unit, rel=1e-6)
    correlation = measured_acf(residual[:50], 3)[0].sum() / residual.var()
    independent = residual.size / max(correlation, 1.0)
    assert abs(residual.mean()) < 4 * math.sqrt(model / independent) + 1e-7 * level
    per_field = np.square(residual).mean(axis=(1, 2))
    assert abs(per_field.mean() - model) < 4 * per_field.std() / math.sqrt(len(per_field)) + 1e-4 * model


@in_kernel_runs
def test_variance_map_counts_no_negative_photons():
    variance = noise.variance_map(scene(), BANDS)
    positive = np.maximum(scene(), 0)
    for index, band in enumerate(BANDS):
        model = band.background_sigma**2 + positive[:, index] / band.electrons_per_unit
        assert np.allclose(variance[:, index], model, rtol=1e-6)


def test_negative_pixels_keep_their_deterministic_part():
    expected = scene()[:, :1] - 100.0
    image, _ = noise.add_noise(expected, [SOURCE], 1, np.arange(6))
    assert np.array_equal(image, expected)


@in_kernel_runs
def test_photon_noise_is_the_stream_of_its_band():
    """The kernel equals the formula written with the public streams, across the seams between its jobs too."""
    ny, nx = (150, 70) if JIT_ENABLED else (9, 10)
    expected, ids = scene(2, 1, ny, nx), [5, 9]
    image, _ = noise.add_noise(expected, [PHOTONS], 4, ids)
    rates = (np.maximum(expected.astype(float), 0) + 20.0) * 5.0
    counts = streams.poisson(4, ids, "noise.poisson.g", rates)
    assert np.array_equal(image, (counts * (1.0 / 5.0) - 20.0 + np.minimum(expected, 0)).astype(np.float32))


def white_field(seed, sample, effect, ny, nx, reach):
    """The normals around an image, written with raw words: word (HALO + x) / 2 of element HALO + y makes two."""
    start = (HALO - reach) // 8 * 8
    rows = []
    for y in range(HALO - reach, HALO + ny + reach):
        words = np.empty((nx // 2 + reach) // 4 * 4 + 12, np.uint64)
        fill_words(streams.round_keys(seed, effect), np.uint64(sample), np.uint64(y), start // 2, words)
        tops, angles = words >> np.uint64(32), words & np.uint64(2**32 - 1)
        length = np.sqrt(-2.0 * np.log((tops.astype(float) + 0.5) / 2**32))
        pairs = length * np.exp(2j * math.pi / 2**32 * angles.astype(float))
        rows.append(np.stack([pairs.real, pairs.imag], axis=1).ravel()[HALO - reach - start :][: nx + 2 * reach])
    return np.array(rows)


@in_kernel_runs
def test_background_is_the_filtered_stream_of_its_band():
    ny, nx = (150, 70) if JIT_ENABLED else (9, 10)
    expected, ids = scene(2, 1, ny, nx), [5, 9]
    image, _ = noise.add_noise(expected, [SMOOTH], 4, ids)
    weights = noise.noise_filter(SMOOTH)
    reach = len(weights) // 2
    for row, sample in enumerate(ids):
        filtered = correlate2d(white_field(4, sample, "noise.background.z", ny, nx, reach), weights, mode="valid")
        assert np.allclose(image[row, 0], expected[row, 0] + filtered, atol=3e-5)


@in_kernel_runs
@pytest.mark.parametrize("nx", [10, 16, 67])
def test_photons_and_a_white_background_are_their_streams(nx):
    """Together, whether or not the width fits the words, and where pixels are negative."""
    ny = 150 if JIT_ENABLED else 3
    band = replace(PHOTONS, background_sigma=3.0)
    expected, ids = scene(2, 1, ny, nx), [5, 9]
    image, _ = noise.add_noise(expected, [band], 4, ids)
    counts = streams.poisson(4, ids, "noise.poisson.g", (np.maximum(expected.astype(float), 0) + 20.0) * 5.0)
    photons = counts / 5.0 - 20.0 + np.minimum(expected, 0)
    for row, sample in enumerate(ids):
        white = math.sqrt(9.0 - 4.0) * white_field(4, sample, "noise.background.g", ny, nx, 0)
        assert np.allclose(image[row], photons[row] + white, atol=3e-5)


def test_the_white_field_belongs_to_the_pixels():
    """Neither the filter nor the size of the image moves it, so that bands can share it."""
    wide = noise_of(SMOOTH, samples=2, size=20)
    assert np.array_equal(noise_of(SMOOTH, samples=2, size=12), wide[:, :12, :12])
    sharp = noise_of(replace(SMOOTH, autocorrelation=((1.0,),)), samples=2, size=20)
    weights = noise.noise_filter(SMOOTH)
    reach = len(weights) // 2
    inner = slice(reach, -reach)
    filtered = [correlate2d(field / 3.0, weights, mode="valid") for field in sharp]
    assert np.allclose(wide[:, inner, inner], filtered, atol=3e-5)


def test_a_sample_alone_equals_itself_in_any_batch():
    image, variance = noise.add_noise(scene(), BANDS, 1, np.arange(6))
    for ids in ([4], [5, 2]):
        one, its_variance = noise.add_noise(scene()[: len(ids)], BANDS, 1, ids)
        assert one.tobytes() == image[ids].tobytes()
        assert its_variance.tobytes() == variance[ids].tobytes()


@needs_compiled
@pytest.mark.skipif(threads() < 2, reason="numba has one thread here")
def test_threads_change_nothing():
    expected = scene(8, len(BANDS), 150, 90)
    with set_threads(1):
        one, _ = noise.add_noise(expected, BANDS, 1, np.arange(8))
    with set_threads(2):
        two, _ = noise.add_noise(expected, BANDS, 1, np.arange(8))
    assert one.tobytes() == two.tobytes()


def test_choosing_bands_does_not_change_their_noise():
    image, _ = noise.add_noise(scene(), BANDS, 1, np.arange(6))
    chosen, _ = noise.add_noise(scene(bands=2), BANDS[:1:-1], 1, np.arange(6))
    assert np.array_equal(chosen, image[:, :1:-1])
    assert not np.array_equal(image[0], image[1])


@needs_compiled
def test_mixed_bands_share_noise_pixel_by_pixel():
    """Rows of unit length keep each band's variance and autocorrelation; equal filters share exactly what rows say."""
    angle = 0.6
    mixing = np.array([[1.0, 0.0], [math.sin(angle), math.cos(angle)]])
    bands = (SMOOTH, replace(SMOOTH, name="y"))
    image, _ = noise.add_noise(np.zeros((300, 2, 64, 64)), bands, 3, np.arange(300), mixing)
    products = (image[:, :, None] * image[:, None]).mean(axis=(-2, -1), dtype=np.float64) / 9.0
    error = products.std(axis=0) / math.sqrt(300)
    assert np.all(np.abs(products.mean(axis=0) - mixing @ mixing.T) < 4 * error)
    alone, _ = noise.add_noise(np.zeros((300, 2, 64, 64)), bands, 3, np.arange(300))
    assert np.array_equal(image[:, 0], alone[:, 0])
    assert np.allclose(image[:, 1], math.sin(angle) * alone[:, 0] + math.cos(angle) * alone[:, 1], atol=3e-5)


def test_memory_order_and_precision_of_the_input_do_not_matter():
    expected = scene()
    image, _ = noise.add_noise(expected, BANDS, 1, np.arange(6))
    for other in (np.asfortranarray(expected), expected.astype(np.float64), expected[:, :, ::-1][:, :, ::-1]):
        assert np.array_equal(noise.add_noise(other, BANDS, 1, np.arange(6))[0], image)


@pytest.mark.parametrize("shape", [(0, 4, 5, 5), (2, 4, 0, 5), (1, 4, 1, 1)])
def test_empty_and_tiny_images(shape):
    image, variance = noise.add_noise(np.ones(shape), BANDS, 1, np.arange(shape[0]))
    assert image.shape == variance.shape == shape


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e31])
def test_bad_pixels_are_named(bad):
    expected = scene().astype(np.float64)
    expected[3, 1, 4, 4] = bad
    with pytest.raises(ValueError, match=r"expected image of band 'g' = .*\[-1e\+30, 1e\+30\]"):
        noise.add_noise(expected, BANDS, 1, np.arange(6))
    with pytest.raises(ValueError, match="band 'g'"):
        noise.variance_map(expected, BANDS)


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match=r"\(samples, 3 bands, y, x\)"):
        noise.add_noise(scene(), BANDS[:3], 1, np.arange(6))
    with pytest.raises(ValueError, match="it must be"):
        noise.variance_map(scene()[0], BANDS)
    with pytest.raises(ValueError, match="5 sample_ids for 6"):
        noise.add_noise(scene(), BANDS, 1, np.arange(5))
    with pytest.raises(ValueError, match="seed = -1"):
        noise.add_noise(scene(), BANDS, -1, np.arange(6))
    with pytest.raises(ValueError, match="band 'g': electrons expected in a pixel"):
        noise.add_noise(scene() + 1e16, BANDS, 1, np.arange(6))
    with pytest.raises(ValueError, match="band 'r': variance of a pixel"):
        noise.variance_map(scene(bands=1), [replace(QUIET, background_sigma=1e25)])
