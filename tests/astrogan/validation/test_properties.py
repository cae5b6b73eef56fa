from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from astrogan.validation import measure_properties, property_distances
from astrogan.validation.properties import PROPERTIES, _floor, distances_of, wasserstein


def test_wasserstein_distance_is_scipys() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=70).round(1), rng.normal(0.5, 2, 113).round(1)
    assert wasserstein(a, b) == pytest.approx(wasserstein_distance(a, b))


def test_shifted_gaussians_are_their_shift_apart() -> None:
    rng = np.random.default_rng(2)
    real = {name: rng.normal(size=2000) for name in PROPERTIES}
    other = {name: rng.normal(0.7, 1, 2000) for name in PROPERTIES}
    for row in distances_of(real, other, seed=0):
        assert row.distance.value == pytest.approx(0.7, abs=4 * row.distance.error)
        assert row.distance.error == pytest.approx(np.sqrt(2 / 2000), rel=0.3)
        assert row.scatter == pytest.approx(1.0, rel=0.1)


def test_the_floor_is_what_equal_distributions_have() -> None:
    rng = np.random.default_rng(3)
    found = [wasserstein(rng.normal(size=400), rng.normal(size=900)) for _ in range(100)]
    floor = _floor(rng.normal(size=400), 900, 0)
    assert floor.value == pytest.approx(np.mean(found), rel=0.25)
    assert floor.error == pytest.approx(np.std(found), rel=0.6)


def test_a_planted_difference_shows_in_its_property_alone(galaxies) -> None:
    rows = {row.name: row for row in property_distances(galaxies(250, 1), galaxies(250, 2, flux=450.0), seed=0)}
    flux, shape = rows["flux"], rows["ellipticity"]
    assert flux.distance.value == pytest.approx(np.log(1.5), abs=4 * flux.distance.error)
    assert flux.distance.value > flux.floor.value + 5 * flux.distance.error
    assert shape.distance.value < shape.floor.value + 4 * shape.distance.error


def test_properties_have_the_conventions(galaxies) -> None:
    y, x = np.mgrid[:33, :33] - 16.0
    stamp = 1e4 * np.exp(-0.5 * (x**2 / 16 + y**2 / 4))[None, None]
    found = measure_properties(stamp)
    assert found["ellipticity"][0] == pytest.approx((1 - 0.5) / (1 + 0.5), abs=2e-3)
    assert np.sinh(found["flux"][0]) == pytest.approx(stamp.sum(), rel=0.03)


def test_too_few_measured_are_refused() -> None:
    values = {name: np.full(20, np.nan) for name in PROPERTIES}
    with pytest.raises(ValueError, match="flux: 0 real and 0 synthetic images have it"):
        distances_of(values, values, seed=0)
