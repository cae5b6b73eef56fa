from __future__ import annotations

import numpy as np
import pytest

from astrogan.validation.noise import as_stamps, autocorrelation, band_correlation, power_spectrum, sky_pixels


def white(n: int = 400, bands: int = 2, size: int = 32, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, bands, size, size)).astype(np.float32)


def test_autocorrelation_of_white_noise_and_of_a_moving_average() -> None:
    lags = ((0, 0), (0, 1), (1, 0), (1, 1), (1, -1))
    noise = white()
    assert np.abs(autocorrelation(noise, lags).mean(axis=0) - [1, 0, 0, 0, 0]).max() < 0.01
    along_x = (noise + np.roll(noise, 1, axis=-1)) / np.sqrt(2)
    assert np.abs(autocorrelation(along_x, lags).mean(axis=0) - [1, 0.5, 0, 0, 0]).max() < 0.015
    along_diagonal = (noise + np.roll(noise, (1, 1), axis=(-2, -1))) / np.sqrt(2)
    assert np.abs(autocorrelation(along_diagonal, lags).mean(axis=0) - [1, 0, 0, 0.5, 0]).max() < 0.015


def test_autocorrelation_ignores_sky_level_and_a_neighbour() -> None:
    noise = white()
    spoilt = noise + 7.0
    spoilt[:, :, :5, :5] += 200.0
    clean, dirty = (autocorrelation(x, ((0, 1),)).mean() for x in (noise, spoilt))
    assert abs(clean) < 0.01
    assert abs(dirty) < 0.02


def test_power_spectrum_of_white_noise_is_its_variance_at_every_frequency() -> None:
    frequency, power = power_spectrum(3 * white(1500))
    assert np.all(np.diff(frequency) > 0)
    assert frequency[-1] < 0.5
    assert np.abs(power.mean(axis=0) / 9 - 1).max() < 0.05


def test_power_spectrum_falls_as_the_smoothing_kernel_squared() -> None:
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(white(1000, 1), (0, 0, 0.8, 0.8), mode="wrap", truncate=6)
    frequency, power = power_spectrum(smooth, bins=16)
    expected = np.exp(-((2 * np.pi * frequency * 0.8) ** 2))
    low = frequency < 0.25
    assert np.abs(power.mean(axis=(0, 1))[low] / expected[low] - 1).max() < 0.08


def test_band_correlation_is_recovered() -> None:
    noise = white(400, 3)
    noise[:, 1] = 0.6 * noise[:, 0] + 0.8 * noise[:, 1]
    assert band_correlation(noise).mean(axis=0) == pytest.approx([0.6, 0.0], abs=0.02)


def test_sky_pixels_are_the_quiet_border() -> None:
    stamps = white(3, 1)
    stamps[:, :, 0, 0] = 50.0
    weight = sky_pixels(stamps)[1]
    assert not weight[:, :, 0, 0].any()
    assert not weight[:, :, 10:-10, 10:-10].any()
    assert weight[:, :, :3].mean() > 0.95


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (np.zeros((4, 32, 32)), r"real has shape \(4, 32, 32\); it must be \(stamp, band, y, x\)"),
        (np.zeros((4, 1, 12, 32)), "sides of at least 16"),
        (np.zeros((0, 1, 32, 32)), "must be"),
        (np.full((4, 1, 32, 32), np.nan), "real: 4 of 4 stamps contain NaN"),
    ],
)
def test_bad_stamps_are_refused(stamps: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_stamps("real", stamps)
