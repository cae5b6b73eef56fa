"""Profiles fitted to galaxies of a simulated sky are the ones it was drawn with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from catalogs import Band, Survey
from simulators import detect, fitted_galaxies, measured_galaxies
from simulators.detection import SATURATED

SCALE, SIGMA, SIZE = 0.25, 5.0, 40


@pytest.fixture(scope="module")
def survey():
    """The truth: fits are judged here, not calibration."""
    bands = (Band("g", 0.8, SIGMA, psf_beta=3.0), Band("r", 0.7, SIGMA))
    return Survey("true", SCALE, bands)


@pytest.fixture(scope="module")
def sky(scene):
    rng = np.random.default_rng(11)
    return (scene.images + SIGMA * rng.standard_normal(scene.images.shape)).astype(np.float32)[:, :700, :700]


def matched(scene, sources, rows, chosen):
    """True and fitted labels of the galaxies that are found within a pixel and a half of their place."""
    truth = scene.galaxies
    distance, match = cKDTree(np.stack([truth["x"], truth["y"]], 1)).query(
        np.stack([sources.x[chosen], sources.y[chosen]], 1)
    )
    near = distance < 1.5
    return (
        {name: values[match[near]] for name, values in truth.items()},
        {name: values[near] for name, values in rows.items()},
        sources[chosen[near]],
    )


@pytest.fixture(scope="module")
def found(scene, sky, survey):
    sources = detect(sky)
    done = []
    rows, chosen = fitted_galaxies(sky, sources, survey, 60.0, SIZE, on_progress=done.append)
    assert done == sorted(done)
    assert done[-1] == 1.0
    return matched(scene, sources, rows, chosen)


def scatter(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def test_labels_are_the_true_ones(found):
    true, fit, sources = found
    assert len(sources) > 80
    flux = fit["flux"] / true["flux"]
    assert np.median(flux, axis=0) == pytest.approx([1.0, 1.0], abs=0.02)
    assert scatter(flux[:, 0]) < 0.05
    radius = fit["radius"] / true["radius"]
    assert np.median(radius) == pytest.approx(1.0, abs=0.03)
    assert scatter(radius) < 0.1
    assert np.median(np.log(fit["n"] / true["n"])) == pytest.approx(0.0, abs=0.1)
    for name in ("e1", "e2"):
        assert (fit[name] * true[name]).sum() / (true[name] ** 2).sum() == pytest.approx(1.0, abs=0.05)
        assert scatter(fit[name] - true[name]) < 0.04
    for name in ("x", "y"):
        corner = np.rint(getattr(sources, name) - (SIZE - 1) / 2)
        place = fit[name] / SCALE + corner + (SIZE - 1) / 2
        assert np.abs(np.median(place - true[name])) < 0.02
        assert scatter(place - true[name]) < 0.1


def test_fits_are_closer_than_growth_curves(scene, sky, survey, found):
    true, fit, sources = found
    start = measured_galaxies(sources, survey, snr=0.0)
    for name in ("radius", "n"):
        grown, fitted = (np.abs(np.log(rows[name] / true[name])) for rows in (start, fit))
        assert np.median(fitted) < np.median(grown)


def test_saturated_galaxies_have_their_light_before_saturation(scene, sky, survey, found):
    white = float(np.quantile(sky.max(0), 0.996))
    bands = tuple(replace(band, ceiling=white) for band in survey.bands)
    clipped = np.minimum(sky, np.float32(white))
    sources = detect(clipped)
    rows, chosen = fitted_galaxies(clipped, sources, replace(survey, bands=bands), 60.0, SIZE)
    true, fit, fitted = matched(scene, sources, rows, chosen)
    burnt = fitted.having(SATURATED)
    assert burnt.sum() > 5
    lost = fitted.flux[burnt, 0] / true["flux"][burnt, 0]
    assert np.median(lost) < 0.9
    assert np.median(fit["flux"][burnt, 0] / true["flux"][burnt, 0]) == pytest.approx(1.0, abs=0.1)
