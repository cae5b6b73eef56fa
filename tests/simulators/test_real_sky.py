"""Calibration and detection on observed sky: the Hubble deep field of scikit-image, and KiDS where it is at hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, uniform_filter

from simulators.calibration import calibrate, measured_galaxies
from simulators.detection import SATURATED, detect
from simulators.noise import add_noise


def variance_and_lag(plane):
    """Variance and lag-1 correlation of pixels away from anything above 4 sigma, or 1 sigma over 5 x 5 pixels."""
    values = plane.astype(np.float64)
    level, rms = np.median(values), values.std()
    for _ in range(10):
        inside = values[np.abs(values - level) < 3 * rms]
        level, rms = inside.mean(), inside.std() / 0.98658
    values -= level
    blank = ~maximum_filter((values > 4 * rms) | (uniform_filter(values, 5) > rms), 9) & (values > -5 * rms)
    values -= values[blank].mean()
    variance = (values[blank] ** 2).mean()
    across = (values[:, 1:] * values[:, :-1])[blank[:, 1:] & blank[:, :-1]].mean()
    along = (values[1:] * values[:-1])[blank[1:] & blank[:-1]].mean()
    return variance, (across + along) / 2 / variance


def check_real_sky(survey, images, tolerance):
    """Sky simulated from the survey has the variance and lag-1 correlation of the real blank sky."""
    simulated, _ = add_noise(np.zeros((4, len(survey.bands), 256, 256)), survey.bands, 1, np.arange(4))
    for index, real in enumerate(images):
        ours, known = variance_and_lag(np.concatenate(simulated[:, index])), variance_and_lag(real)
        assert ours[0] == pytest.approx(known[0], rel=0.1)
        assert ours[1] == pytest.approx(known[1], abs=tolerance)


def test_hubble_deep_field():
    from skimage.data import hubble_deep_field

    images = np.moveaxis(hubble_deep_field(), -1, 0)[:, :600, :700].astype(np.float32)
    survey = calibrate(images, 0.14, bands="rgb")
    for band in survey.bands:
        assert 0.15 < band.psf_fwhm < 0.35
        assert 4.0 < band.background_sigma < 6.0
        half = len(band.acf) // 2
        assert 0.1 < band.acf[half, half + 1] < 0.3
        assert math.isinf(band.electrons_per_unit)
    assert "display" in survey.references["unit"]
    assert 0.5 < survey.band_correlation[0][1] < 0.9  # JPEG codes the brightness common to all bands
    check_real_sky(survey, images, 0.06)
    sources = detect(images, bands="rgb")
    assert 1000 < len(sources) < 2000
    assert sources.having(SATURATED).sum() > 5
    rows = measured_galaxies(sources, survey)
    assert 350 < len(rows["n"]) < 1200
    assert 0.05 < np.median(rows["radius"]) < 0.5


def test_kids(shared_data):
    from astropy.io import fits

    folder = shared_data / "kids_viking" / "frame_x0000-2079"
    images = np.stack([fits.getdata(folder / f"{band}.fits")[:1300, :1000] for band in "gri"]).astype(np.float32)
    survey = calibrate(images, 0.339, bands="gri", zero_point=0.0)
    for band, depth in zip(survey.bands, (24.5, 24.6, 23.8), strict=True):
        assert 0.65 < band.psf_fwhm < 1.1
        assert survey.depth(band.name) == pytest.approx(depth, abs=0.2)
        assert "stellar locus" in survey.references[f"{band.name}.psf"]
        assert 2e12 < band.electrons_per_unit < 4e13  # 1e13 from the telescope's zero points and exposure times
    check_real_sky(survey, images, 0.03)
    rows = measured_galaxies(detect(images, bands="gri"), survey)
    assert 0.4 < np.median(rows["radius"]) < 0.9
    assert 0.8 < np.median(rows["n"]) < 2.0
