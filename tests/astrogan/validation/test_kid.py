from __future__ import annotations

import json
import re

import numpy as np
import pytest

from astrogan.networks.frozen import WEIGHTS
from astrogan.validation.kid import _mmd2, frozen_features, kernel_distance, kid


def normal(n: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (n, 4))


def test_estimator_is_its_definition() -> None:
    """Gretton et al. (2012), eq. 4, term by term."""
    x, y = normal(7, 1), normal(7, 2, 0.5)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 4 + 1) ** 3)

    terms = [
        k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i in range(7) for j in range(7) if i != j
    ]
    assert _mmd2(x, y) == pytest.approx(np.mean(terms))


def test_it_is_zero_on_average_for_one_distribution_and_its_error_is_true() -> None:
    found = [kernel_distance(normal(300, k), normal(300, 1000 + k), seed=0) for k in range(60)]
    values, errors = np.array([m.value for m in found]), np.array([m.error for m in found])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(60)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.3)


def test_a_shift_is_found_and_grows() -> None:
    small, large = (kernel_distance(normal(300, 1), normal(300, 2, shift), seed=0) for shift in (0.3, 0.6))
    assert small.value > 3 * small.error
    assert large.value > 2 * small.value


def test_features_tell_blurred_and_brighter_galaxies_from_real_ones(galaxies) -> None:
    from astrogan.validation.controls import wrong_sky

    real = galaxies(200, 1, bands=1)
    same = kid(real, galaxies(200, 2, bands=1), seed=0)
    assert abs(same.value) < 4 * same.error
    for other in (wrong_sky(galaxies(200, 2, bands=1)), galaxies(200, 2, bands=1, flux=900.0)):
        found = kid(real, other, seed=0)
        assert found.value > 5 * found.error


def test_features_are_band_by_band_and_stamp_by_stamp(galaxies) -> None:
    stamps = galaxies(6, 3)
    found = frozen_features(stamps)
    assert found.shape == (6, 3 * 64)
    assert np.allclose(found[2:3, 64:128], frozen_features(stamps[2:3, 1:2]), atol=1e-4)


def test_the_shipped_net_is_small_and_its_card_says_that_it_saw_no_real_image() -> None:
    card = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert WEIGHTS.stat().st_size < 2e6
    assert "no real image" in card["trained_on"]
    assert re.match(r"astrogan train features ", card["command"])
    told = card["variance_told"]
    assert told["log flux"] > 0.9
    assert min(told[name] for name in ("log radius", "e1", "e2", "log psf fwhm", "noise correlation")) > 0.25


def test_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="images for the kernel distance = 5"):
        kernel_distance(normal(5, 1), normal(50, 2), seed=0)
    with pytest.raises(ValueError, match="side of the stamps = 20"):
        frozen_features(np.zeros((2, 1, 20, 20)))
