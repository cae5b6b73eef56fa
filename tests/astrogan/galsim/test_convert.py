"""Samples as GalSim objects, and GalSim's noise and real galaxies as ours: there and back, and drawn by both."""

import dataclasses

import galsim
import numpy as np
import pytest

from astrogan.galsim import galaxy_image, light_object, to_galsim, with_noise
from catalogs import get_survey
from simulators import Gaussian, PixelGrid, WeakLens, add_noise
from simulators.drawing import draw_light
from simulators.light import ImageSource

ACF = ((0.05, 0.2, 0.05), (0.3, 1.0, 0.3), (0.05, 0.2, 0.05))
BAND = dataclasses.replace(get_survey("kids").band("r"), electrons_per_unit=np.inf, sky=0.0, autocorrelation=ACF)


@pytest.fixture(scope="module")
def samples():
    bands = (dataclasses.replace(get_survey("kids").band("g"), autocorrelation=ACF, sky=0.0), BAND)
    survey = dataclasses.replace(get_survey("kids"), bands=bands)
    return WeakLens(survey=survey, size=32).simulate(3, seed=4)


def test_a_stamp_comes_out_as_it_is(samples):
    made = to_galsim(samples, 1, "r")
    image = made.drawImage(nx=32, ny=32, scale=float(samples.attrs["pixel_scale"]), method="no_pixel", dtype=float)
    pixels = samples["image"].values[1, 1].astype(float)
    assert np.abs(image.array - pixels).max() < 1e-3 * np.abs(pixels).max()  # GalSim's kvalue_accuracy
    assert made.flux == pytest.approx(pixels.sum(), rel=1e-6)
    assert made.noise.getVariance() == pytest.approx(samples["variance"].values[1, 1].mean(), rel=1e-4)


def test_its_noise_can_be_whitened(samples):
    blank = np.zeros((1, 1, 256, 256), np.float32)
    pixels = add_noise(blank, [BAND], 3, [0])[0][0, 0]
    image = galsim.Image(pixels.astype(float), scale=float(samples.attrs["pixel_scale"]))
    noise = to_galsim(samples, 0, "r", rng=galsim.BaseDeviate(5)).noise
    before = np.mean(pixels[:, 1:] * pixels[:, :-1]) / pixels.var()
    image.whitenNoise(noise)
    after = np.mean(image.array[:, 1:] * image.array[:, :-1]) / image.array.var()
    assert before > 0.05
    assert abs(after) < 0.02


@pytest.mark.parametrize(
    ("sample", "band", "message"), [(3, "r", "sample = 3"), (0, "q", "'q'"), (0, None, "unknown band 'None'")]
)
def test_what_is_not_there_is_refused(samples, sample, band, message):
    with pytest.raises(ValueError, match=message):
        to_galsim(samples, sample, band)


def test_noise_goes_there_and_back(samples):
    noise = to_galsim(samples, 0, "r").noise.withVariance(4.0)
    back = with_noise(BAND, noise, 0.2)
    assert back.background_sigma == pytest.approx(2.0, rel=1e-6)
    assert back.acf.shape == (3, 3)
    assert np.allclose(back.acf, ACF, atol=1e-4)


def test_noise_that_galsim_measured_is_drawn():
    """White noise seen through a kernel, its correlation measured by GalSim, drawn by our filter."""
    field = galsim.Image(512, 512, scale=0.2, dtype=float)
    field.addNoise(galsim.GaussianNoise(galsim.BaseDeviate(8), sigma=2.0))
    smooth = (field.array + np.roll(field.array, 1, 0) + np.roll(field.array, 1, 1)) / 3
    noise = galsim.CorrelatedNoise(galsim.Image(smooth, scale=0.2))
    band = dataclasses.replace(get_survey("lsst").band("r"), electrons_per_unit=np.inf, sky=0.0)
    drawn = add_noise(np.zeros((1, 1, 512, 512)), [with_noise(band, noise, 0.2, most=3)], 5, [0])[0][0, 0]
    assert drawn.var() == pytest.approx(4.0 / 3.0, rel=0.02)
    for dy, dx, expected in ((0, 1, 1 / 3), (1, 0, 1 / 3), (1, -1, 1 / 3), (1, 1, 0.0), (0, 2, 0.0)):
        shifted = np.roll(drawn, (dy, dx), (0, 1))
        assert np.mean(drawn * shifted) / drawn.var() == pytest.approx(expected, abs=0.02)


def test_other_things_are_no_noise():
    with pytest.raises(ValueError, match="no correlated noise"):
        with_noise(get_survey("lsst").band("r"), 3.0, 0.2)
    with pytest.raises(ValueError, match=r"no galsim\.RealGalaxy"):
        galaxy_image(galsim.Gaussian(sigma=1.0))


def test_real_galaxies_are_the_same_in_both():
    """A RealGalaxy in: drawn by us as GalSim draws it; and back, as a GalSim object of ours."""
    sharp = galsim.Gaussian(fwhm=0.12)
    seen = galsim.Convolve(galsim.Sersic(1.5, half_light_radius=0.4).shear(g1=0.2, g2=0.1), sharp)
    image = seen.drawImage(nx=128, ny=128, scale=0.03, method="no_pixel", dtype=float)
    real = galsim.RealGalaxy.makeFromImage(image, sharp.withScaledFlux(1.0), galsim.UncorrelatedNoise(1e-8, scale=0.03))
    source = ImageSource([galaxy_image(real)], 1e4, angle=0.4, e1=0.1, x=0.05)
    grid, psf = PixelGrid(48, 0.2), Gaussian(0.7)
    ours = np.zeros((1, 1, 48, 48))
    draw_light(source, np.full((1, 1), 1e4), grid, (psf,), "high", ours)
    mine = galsim.Convolve(light_object(source), galsim.Gaussian(fwhm=0.7))
    theirs = galsim.Convolve(
        real.withFlux(1e4).rotate(0.4 * galsim.radians).shear(g1=0.1).shift(0.05, 0), galsim.Gaussian(fwhm=0.7)
    )
    for profile in (mine, theirs):
        drawn = profile.drawImage(nx=48, ny=48, scale=0.2, dtype=float).array
        assert np.abs(drawn - ours[0, 0]).max() < 1e-3 * ours.max()
