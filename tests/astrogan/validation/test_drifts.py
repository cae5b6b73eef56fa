"""Photometry, astrometry, new objects and the classical baseline, on stamps with a known change."""

from __future__ import annotations

import numpy as np
import pytest

from astrogan.validation import (
    classical_baseline,
    measure_properties,
    moment_change,
    new_objects,
    noise_differences,
    photometry_change,
)  # fmt: skip
from astrogan.validation.controls import changed, invented, wrong_sky


def test_one_per_cent_of_flux_is_one_per_cent(galaxies) -> None:
    raw = galaxies(150, 1)
    for name, found in (
        photometry_change(raw, 1.01 * raw) | {"moments": moment_change(raw, 1.01 * raw)["flux"]}
    ).items():
        assert found.value == pytest.approx(0.01, rel=1e-3), name
        assert found.error < 0.001
    noisy = 1.01 * raw + np.random.default_rng(1).normal(0, 0.3, raw.shape)
    for found in photometry_change(raw, noisy).values():
        assert abs(found.value - 0.01) < 3.5 * found.error


def test_the_control_changes_what_it_says(galaxies) -> None:
    raw = galaxies(60, 2)
    found = moment_change(raw, changed(raw))
    for name, value in (("x", 0.1), ("y", 0.1), ("e1", 0.02), ("e2", 0.02)):
        assert found[name].value == pytest.approx(value, rel=0.1), name
    assert found["flux"].value > 0.045
    assert found["size"].value > 0.01
    nothing = moment_change(raw, raw)
    assert all(m.value == 0 and m.error == 0 for m in nothing.values())


def test_invented_sources_are_counted_and_noise_is_not(galaxies) -> None:
    raw = galaxies(150, 3)
    more = invented(raw, np.ones(3), 0)
    assert (more - raw).std(axis=(1, 2, 3)).min() > 0
    found = new_objects(raw, more)
    assert found.value == pytest.approx(0.5, abs=0.06)  # one new for each known object
    noisy = (raw + np.random.default_rng(2).normal(0, 0.4, raw.shape)).astype(np.float32)
    assert new_objects(raw, noisy).value < 0.01
    assert new_objects(raw, raw).value == 0
    half = new_objects(raw, np.where(np.arange(150)[:, None, None, None] % 5, raw, more))
    assert half.value == pytest.approx(1 / 6, abs=4 * half.error)
    assert new_objects(galaxies(20, 1, flux=0.0), galaxies(20, 1, flux=0.0)).value == 0


def test_a_blend_that_parts_at_the_threshold_is_not_new() -> None:
    y, x = np.mgrid[:48, :48]
    pair = sum(np.exp(-0.25 * ((x - a) ** 2 + (y - 24) ** 2)) for a in (21, 27))
    raw = np.random.default_rng(8).normal(0, 1, (200, 1, 48, 48)) + 2.5 * pair
    assert new_objects(raw, raw).value == 0


def test_noise_differences_see_correlation_and_its_absence(galaxies) -> None:
    real = galaxies(200, 1, correlation=0.5)
    same = noise_differences(real, galaxies(200, 2, correlation=0.5), seed=0)
    other = noise_differences(real, galaxies(200, 2), seed=0)
    assert max(abs(m.value) / m.error for m in same.values()) < 4.5
    assert other["autocorrelation (0, 1)"].value == pytest.approx(-np.exp(-1), abs=0.15)
    assert abs(other["autocorrelation (0, 1)"].value) > 10 * other["autocorrelation (0, 1)"].error


def test_the_classical_baseline_has_the_real_noise_and_psf(galaxies) -> None:
    real = wrong_sky(galaxies(200, 1))
    made = classical_baseline(galaxies(200, 2, noise=0.0), real, seed=0)
    found = noise_differences(real, made, seed=0)
    assert abs(found["log sky rms"].value) < 0.01
    assert max(abs(found[name].value) for name in found if name.startswith("autocorrelation")) < 0.03
    size = [measure_properties(x)["size"].mean() for x in (real, made, galaxies(200, 2))]
    assert size[1] == pytest.approx(size[0], rel=0.1)
    noisy = classical_baseline(galaxies(200, 2, noise=0.6), galaxies(200, 1), seed=0)
    assert abs(noise_differences(galaxies(200, 1), noisy, seed=0)["log sky rms"].value) < 0.01
    again = classical_baseline(galaxies(200, 2, noise=0.0), real, seed=0)
    assert np.array_equal(made, again)


def test_bad_input_is_refused(galaxies) -> None:
    one = galaxies(3, 1)
    for function in (photometry_change, moment_change):
        with pytest.raises(ValueError, match="shapes do not match"):
            function(one, one[:2])
    with pytest.raises(ValueError, match=r"raw \(3, 3, 32, 32\) and refined \(2, 3, 32, 32\) do not match"):
        new_objects(one, one[:2])
    with pytest.raises(ValueError, match="bands differ: simulated has 3, real 1"):
        classical_baseline(one, one[:, :1], seed=0)
    with pytest.raises(ValueError, match="radii = 40"):
        photometry_change(one, one, radii=(40.0,))
