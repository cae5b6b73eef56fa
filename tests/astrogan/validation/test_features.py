from __future__ import annotations

import numpy as np
import pytest

from astrogan.validation import measure_features

SIZE = 33
Y, X = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2


def gaussian(
    sigma_x: float = 3.0, sigma_y: float = 3.0, dx: float = 0.0, dy: float = 0.0, flux: float = 1e4
) -> np.ndarray:
    profile = np.exp(-0.5 * (((X - dx) / sigma_x) ** 2 + ((Y - dy) / sigma_y) ** 2))
    return (flux * profile / profile.sum()).astype(np.float32)


def rotated(image: np.ndarray) -> np.ndarray:
    from scipy.ndimage import rotate

    return rotate(image, -45, reshape=False, order=3).astype(np.float32)


def features(*images: np.ndarray):
    return measure_features(np.stack(images)[:, None])


def test_growth_radii_of_a_gaussian() -> None:
    measured = features(gaussian(2.0, 2.0), gaussian(3.0, 3.0))
    assert measured["r50"] == pytest.approx(np.array([2.0, 3.0]) * np.sqrt(2 * np.log(2)), rel=0.03)
    assert measured["concentration"] == pytest.approx(5 * np.log10(np.sqrt(np.log(0.2) / np.log(0.8))), abs=0.15)


def test_ellipticity_has_the_sign_of_the_conventions() -> None:
    along_x, along_y = gaussian(4.0, 2.0), gaussian(2.0, 4.0)
    diagonal = rotated(along_x)
    ridge = diagonal[SIZE // 2 + 4, SIZE // 2 + 4] > diagonal[SIZE // 2 + 4, SIZE // 2 - 4]
    assert ridge, "the third stamp must lie along x = y"
    measured = features(along_x, along_y, diagonal)
    assert measured["e1_outer"][0] > 0.1 > -0.1 > measured["e1_outer"][1]
    assert measured["e2_outer"][2] > 0.1
    assert abs(measured["e1_outer"][2]) < 0.02
    assert abs(measured["e2_outer"][0]) < 1e-6


def test_offset_size_and_asymmetry() -> None:
    measured = features(gaussian(), gaussian(dx=2.0), gaussian(4.0, 4.0))
    assert measured["offset_outer"][1] > 10 * measured["offset_outer"][0]
    assert measured["size_outer"][2] > measured["size_outer"][0]
    assert measured["asymmetry"][0] < 1e-5
    assert measured["asymmetry"][1] > 0.3


def test_gini_and_m20_against_their_definitions() -> None:
    rng = np.random.default_rng(3)
    image = gaussian(4.0, 3.0) * rng.uniform(0.5, 1.5, (SIZE, SIZE)).astype(np.float32)
    inside = np.hypot(X, Y) <= 0.45 * SIZE
    light = image[inside].astype(np.float64)
    n = light.size
    spread = np.abs(light[:, None] - light[None, :]).sum()
    assert features(image)["gini"][0] == pytest.approx(spread / (2 * n * (n - 1) * light.mean()), rel=1e-6)
    moment = light * np.hypot(X, Y)[inside] ** 2
    total, bright = 0.0, 0.0
    for k in np.argsort(-light):
        total += light[k]
        if total > 0.2 * light.sum():
            break
        bright += moment[k]
    assert features(image)["m20"][0] == pytest.approx(np.log10(bright / moment.sum()), abs=1e-6)


def test_peaks_and_neighbours_are_counted() -> None:
    lonely = gaussian(1.5, 1.5)
    crowded = lonely + gaussian(1.5, 1.5, 10, 10, 2e3) + gaussian(1.5, 1.5, -10, 8, 2e3)
    measured = features(lonely, crowded)
    assert measured["peaks_6"] ** 2 == pytest.approx([1, 3])
    assert measured["neighbour"][1] > measured["neighbour"][0] + 2


def test_colours_and_fluxes_are_asinh() -> None:
    stamps = np.stack([gaussian(flux=1e3), gaussian(flux=2e3)])[None]
    measured = measure_features(stamps, ("g", "r"))
    assert measured["flux_outer r"][0] == pytest.approx(np.arcsinh(2e3), abs=2e-3)
    assert measured["colour_middle g-r"][0] == pytest.approx(-np.log(2), abs=1e-3)


def test_noise_features_recover_rms_and_correlation(galaxies) -> None:
    measured = measure_features(2 * galaxies(200, 1, size=48, correlation=0.7), ("g", "r", "i"))
    rho = np.exp(-1 / (4 * 0.7**2))  # Gaussian-smoothed noise: exp(-lag^2 / 4 s^2)
    assert 10 ** np.median(measured["sky_rms r"]) == pytest.approx(2.0, rel=0.05)
    assert measured["acf(0,1) r"].mean() == pytest.approx(rho, abs=0.05)
    assert measured["acf(1,0) g"].mean() == pytest.approx(rho, abs=0.05)


def test_every_stamp_is_measured_alone(galaxies) -> None:
    stamps = galaxies(12, 4)
    batch = measure_features(stamps)
    alone = np.concatenate([measure_features(stamp[None]).values for stamp in stamps])
    assert np.allclose(batch.values, alone, rtol=1e-4, atol=1e-4)
    assert len(set(batch.names)) == len(batch.names) == batch.values.shape[1]


@pytest.mark.parametrize("level", [0.0, 1.0, -5.0, 1e12])
def test_flat_stamps_give_finite_numbers(level: float) -> None:
    assert np.isfinite(measure_features(np.full((2, 2, 24, 20), level)).values).all()


def test_band_names_must_match() -> None:
    with pytest.raises(ValueError, match="names 2 bands; the stamps have 1"):
        measure_features(np.zeros((2, 1, 32, 32)), ("g", "r"))
