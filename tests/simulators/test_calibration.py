"""Calibration recovers what simulated skies were made with, and describes real ones."""

from __future__ import annotations

import math

import galsim
import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import convolve
from scipy.spatial import cKDTree

from catalogs import Band, Survey
from simulators.calibration import calibrate, measured_galaxies
from simulators.detection import STAR, detect

SCALE, SKY, SIGMA, GAIN = 0.25, 200.0, 10.0, 2.2
KERNEL = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0])
KERNEL_ACF = np.outer([1.0, 4.0, 6.0, 4.0, 1.0], [1.0, 4.0, 6.0, 4.0, 1.0]) / 36.0
ZERO_POINT = 27.0


def correlated(rng, shape):
    """White noise under KERNEL, unit rms: its autocorrelation is KERNEL_ACF."""
    noise = convolve(rng.standard_normal(shape), KERNEL, mode="wrap")
    return noise / noise.std()


@pytest.fixture(scope="module")
def sky(scene):
    """White noise and photon noise in g, correlated noise and photon noise in r."""
    rng = np.random.default_rng(4)
    shape = scene.images.shape[1:]
    expected = np.maximum(scene.images, 0.0)
    photons = rng.poisson(expected * GAIN) / GAIN - expected
    noise = np.stack([SIGMA * rng.standard_normal(shape), SIGMA * correlated(rng, shape)])
    values = (scene.images + SKY + photons + noise).astype(np.float32)
    attributes = {"pixel_scale": SCALE, "units": "adu", "zero_point": [ZERO_POINT, ZERO_POINT]}
    return xr.DataArray(values, dims=("band", "y", "x"), coords={"band": ["g", "r"]}, attrs=attributes)


@pytest.fixture(scope="module")
def survey(sky):
    return calibrate(sky, gain={"r": GAIN})


def test_psf_without_the_pixel(survey):
    moffat, gaussian = survey.bands
    assert moffat.psf_fwhm == pytest.approx(0.8, rel=0.03)
    assert moffat.psf_beta == pytest.approx(3.0, rel=0.1)
    assert gaussian.psf_fwhm == pytest.approx(0.7, rel=0.03)
    assert gaussian.psf_beta > 15


def test_sky_level_and_rms(survey):
    for band in survey.bands:
        assert band.background_sigma == pytest.approx(SIGMA, rel=0.02)
        assert abs(band.sky - SKY) < 0.05 * SIGMA


def test_autocorrelation_of_the_sky(survey):
    white, clumped = (band.acf for band in survey.bands)
    assert white.shape == (1, 1)
    truth = np.zeros((13, 13))
    truth[4:9, 4:9] = KERNEL_ACF
    half = len(clumped) // 2
    found = np.pad(clumped, 6 - half)
    assert np.abs(found - truth).max() < 0.02


def test_electrons_per_unit_measured_and_given(survey):
    assert survey.band("g").electrons_per_unit == pytest.approx(GAIN, rel=0.25)
    assert survey.band("r").electrons_per_unit == GAIN
    assert "variance" in survey.references["g.electrons_per_unit"]
    assert survey.references["r.electrons_per_unit"] == "given"


def test_depth_is_that_of_the_true_survey(survey):
    rows = tuple(map(tuple, KERNEL_ACF))
    truth = (
        Band("g", 0.8, SIGMA, psf_beta=3.0, zero_point=ZERO_POINT),
        Band("r", 0.7, SIGMA, zero_point=ZERO_POINT, autocorrelation=rows),
    )
    known = Survey("truth", SCALE, truth, unit="adu")
    for name in survey.band_names:
        assert survey.depth(name) == pytest.approx(known.depth(name), abs=0.05)


def test_references_say_how_and_from_how_much(survey):
    stars, pixels = survey.references["g.psf"], survey.references["g.background"]
    assert "stellar locus" in stars
    assert 15 <= int(stars.split("fitted to ")[1].split()[0]) <= 40
    assert int(pixels.split()[0]) > 300_000
    assert survey.unit == "adu"
    assert "unit" not in survey.references
    assert survey.band_correlation == ()


def test_measured_galaxies_are_the_true_ones(scene, sky, survey):
    sources = detect(sky)
    rows = measured_galaxies(sources, survey)
    truth = scene.galaxies
    kept = sources[~sources.having(7 | STAR) & (sources.snr > 60)]
    clean = measured_galaxies(kept, survey)
    distance, match = cKDTree(np.stack([truth["x"], truth["y"]], 1)).query(np.stack([kept.x, kept.y], 1))
    near = distance < 1.5
    assert near.sum() > 100
    true = {name: values[match[near]] for name, values in truth.items()}
    found = {name: values[near] for name, values in clean.items()}
    assert np.median(found["flux"] / true["flux"], axis=0) == pytest.approx([1.0, 1.0], abs=0.05)
    resolved = true["radius"] > 0.4
    assert np.median((found["radius"] / true["radius"])[resolved]) == pytest.approx(1.0, abs=0.1)
    for n in (1.0, 1.5, 2.5):
        assert np.median(found["n"][resolved & (true["n"] == n)]) == pytest.approx(n, rel=0.2)
    for name in ("e1", "e2"):
        slope = (found[name] * true[name]).sum() / (true[name] ** 2).sum()
        assert slope == pytest.approx(1.0, abs=0.2)
    colour = np.log10(found["flux"][:, 0] / found["flux"][:, 1]) - np.log10(true["flux"][:, 0] / true["flux"][:, 1])
    assert np.median(np.abs(colour)) < 0.03
    assert len(rows["n"]) >= len(clean["n"])


def test_measured_galaxies_hold_no_stars_and_fit_the_labels(scene, sky, survey):
    sources = detect(sky)
    rows = measured_galaxies(sources, survey, snr=20.0)
    assert {name: values.shape[1:] for name, values in rows.items()} == {
        "flux": (2,), "radius": (), "n": (), "e1": (), "e2": (),
    }  # fmt: skip
    assert len(rows["n"]) < len(sources) - 30
    assert np.isfinite(np.concatenate([values.ravel() for values in rows.values()])).all()
    assert rows["flux"].min() >= 0
    assert np.hypot(rows["e1"], rows["e2"]).max() <= 0.8
    with pytest.raises(ValueError, match="no galaxy among"):
        measured_galaxies(sources, survey, snr=1e5)
    with pytest.raises(ValueError, match="2 bands"):
        measured_galaxies(sources, survey.select("g"))


def test_few_stars_are_admitted(scene):
    """Without stars the PSF is an upper limit from the most compact sources, and the survey says so."""
    rng = np.random.default_rng(3)
    starless = galsim.ImageD(scene.images[1].copy(), xmin=0, ymin=0, scale=SCALE)
    for x, y, flux in zip(scene.stars["x"], scene.stars["y"], scene.stars["flux"][:, 1], strict=True):
        stamp = (scene.psfs[1] * flux).drawImage(
            nx=128, ny=128, scale=SCALE, center=galsim.PositionD(x, y), dtype=float
        )
        shared = stamp.bounds & starless.bounds
        starless[shared] -= stamp[shared]
    survey = calibrate(starless.array + SIGMA * rng.standard_normal(starless.array.shape), SCALE)
    assert "most compact" in survey.references["band0.psf"]
    assert 0.7 < survey.bands[0].psf_fwhm < 1.2
    assert "display" in survey.references["unit"]
    assert math.isnan(survey.bands[0].zero_point)
    assert math.isinf(survey.bands[0].electrons_per_unit)


@pytest.mark.parametrize("factor", [1e-12, 1e7])
def test_units_only_scale_the_numbers(sky, factor):
    corner = sky.values[:1, :600, :600]
    one, other = calibrate(corner, SCALE).bands[0], calibrate(corner * np.float32(factor), SCALE).bands[0]
    assert other.background_sigma == pytest.approx(one.background_sigma * factor, rel=1e-3)
    assert other.sky == pytest.approx(one.sky * factor, rel=1e-3)
    assert other.electrons_per_unit == pytest.approx(one.electrons_per_unit / factor, rel=0.02)
    assert other.psf_fwhm == pytest.approx(one.psf_fwhm, rel=1e-3)


def test_gaps_of_nan_or_zeros_change_nothing_else(sky, survey):
    holed = sky.copy(deep=True)
    holed[0, :, 400:460] = np.nan
    holed[0, 700:760, :] = 0.0
    holed.values[0, ::37, ::41] = np.nan
    band, whole = calibrate(holed, bands="g").band("g"), survey.band("g")
    assert band.background_sigma == pytest.approx(whole.background_sigma, rel=0.01)
    assert band.sky == pytest.approx(whole.sky, abs=0.05 * SIGMA)
    assert band.psf_fwhm == pytest.approx(whole.psf_fwhm, rel=0.03)
    assert band.acf.shape == (1, 1)


def test_attributes_and_arguments(sky):
    corner = sky[:, :500, :500].assign_attrs(gain=[3.0, math.nan], units="nJy", zero_point=math.nan)
    survey = calibrate(corner, bands=["r", "g"], name="mine")
    assert (survey.name, survey.unit, survey.pixel_scale, survey.band_names) == ("mine", "nJy", SCALE, ("r", "g"))
    assert survey.band("g").electrons_per_unit == 3.0
    assert survey.band("g").zero_point == pytest.approx(31.4)
    assert Survey.from_json(survey.to_json()) == survey
    pedestal = calibrate(corner, bands="g", gain=0.5, unit="adu")
    assert pedestal.band("g").sky == 0.0
    assert "pedestal" in pedestal.references["g.background"]


@pytest.mark.parametrize("scale", [None, 0.0, -0.2, 1e3, math.nan, "wide"])
def test_refuses_a_pixel_scale(scale):
    with pytest.raises(ValueError, match=r"pixel.scale"):
        calibrate(np.random.default_rng(0).standard_normal((64, 64)), scale)


def test_refuses_what_it_cannot_measure(sky):
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((64, 64))
    with pytest.raises(ValueError, match="'g' of the images has no finite pixel"):
        calibrate(sky * np.nan, SCALE)
    with pytest.raises(ValueError, match="no noise"):
        calibrate(np.ones((64, 64)), SCALE)
    with pytest.raises(ValueError, match="blank sky"):
        calibrate(sky[:, 20:60, 20:60], SCALE)
    with pytest.raises(ValueError, match="source"):
        calibrate(noise, SCALE)
    with pytest.raises(ValueError, match="did you mean 'g'"):
        calibrate(sky, gain={"G": 1.0})
    with pytest.raises(ValueError, match="3 values for 2 bands"):
        calibrate(sky, gain=[1.0, 2.0, 3.0])
    apart = sky.copy(deep=True)
    apart[0, :, 500:], apart[1, :, :500] = np.nan, np.nan
    assert calibrate(apart, gain=GAIN).band_correlation == ()
    with pytest.raises(ValueError, match="gain of band 'g'"):
        calibrate(sky, gain=-1.0)
