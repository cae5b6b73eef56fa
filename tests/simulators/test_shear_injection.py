"""An extra shear in images: the response of galaxies of known shape, places, noise without direction, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.wcs import WCS

from catalogs import Band, Survey
from simulators import Moffat, WeakLens, adaptive_moments, inject_shear

KIDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "kids_viking" / "frame_x0000-2079"
SURVEY = Survey("test", 0.2, (Band("r", psf_fwhm=0.7, background_sigma=2.0),))
TWO = Survey("two", 0.2, tuple(Band(name, psf_fwhm=0.7, background_sigma=2.0) for name in "gr"))
SEEING = Moffat(0.7, 3.5)
SHEARS = ((0.02, 0.01), (-0.02, -0.01))


def galaxies(psf, shear, scale=0.2):
    """Rings of four galaxies (24, 1, 96, 96) under a shear."""
    survey = Survey("test", scale, SURVEY.bands)
    sim = WeakLens(survey=survey, size=96, psf=psf, ring=4, accuracy="high")
    truth = sim.draw(24, seed=2)
    for name, value in zip(("g1", "g2", "kappa", "x", "y"), (*shear, 0.0, 0.0, 0.0), strict=True):
        truth[name] = truth[name] * 0 + value
    return sim.render(truth)["image"].values


def shapes(images):
    """Mean ellipticity (e1, e2) by adaptive moments."""
    moments = adaptive_moments(images[:, 0].astype(float))
    assert moments.converged.all()
    return np.array([moments.e1.mean(), moments.e2.mean()])


@pytest.mark.parametrize(("scale", "seeing"), [(0.2, SEEING), (0.339, Moffat(0.75, 3.5))])
def test_the_response_is_that_of_sheared_galaxies(scale, seeing):
    """m and c without noise: galaxies drawn unsheared, sheared in their pixels, against galaxies drawn sheared."""
    plain = galaxies(seeing, (0.0, 0.0), scale)
    survey = Survey("test", scale, SURVEY.bands)
    done = [inject_shear(plain, survey, *g, seed=1, psf=seeing, fix_noise=False) for g in SHEARS]
    assert done[0].psf == done[1].psf
    assert seeing.fwhm < done[0].psf.fwhm < 2.0 * seeing.fwhm
    ours = [shapes(one.images) for one in done]
    true = [shapes(galaxies(done[0].psf, g, scale)) for g in SHEARS]
    np.testing.assert_allclose((ours[0] - ours[1]) / (true[0] - true[1]), 1.0, rtol=0, atol=1e-3)
    np.testing.assert_allclose(ours[0] + ours[1], true[0] + true[1], rtol=0, atol=2e-6)


@pytest.mark.reference
def test_pixels_are_galsims():
    """GalSim's deconvolution, shear and convolution of the same pixels, for a PSF that is not round."""
    import galsim

    plain = galaxies(SEEING, (0.0, 0.0))[5, 0].astype(float)
    done = inject_shear(plain, SURVEY, 0.05, -0.03, seed=1, psf=SEEING, fix_noise=False)
    pixel = galsim.Pixel(0.2)
    seen = galsim.Convolve(galsim.Moffat(beta=3.5, fwhm=0.7), pixel)
    sky = galsim.Convolve(galsim.InterpolatedImage(galsim.Image(plain, scale=0.2)), galsim.Deconvolve(seen))
    target = galsim.Convolve(galsim.Gaussian(fwhm=done.psf.fwhm), pixel)
    sheared = galsim.Convolve(sky.shear(g1=0.05, g2=-0.03), target)
    theirs = sheared.drawImage(nx=96, ny=96, scale=0.2, method="no_pixel", dtype=float).array
    assert np.abs(done.images - theirs)[8:-8, 8:-8].max() < 1e-3 * theirs.max()


def test_a_psf_that_is_not_round_becomes_so():
    """Stars under an elliptical PSF are round, behind no shear."""
    from simulators.psf import PixelPSF

    y, x = np.indices((41, 41)) - 20.0
    squeezed = PixelPSF(np.exp(-0.5 * ((x / 5.0) ** 2 + (y / 4.0) ** 2)), 0.08)
    sim = WeakLens(survey=SURVEY, size=64, psf=squeezed, light="point")
    star = sim.render({"flux": 100.0, "x": 0.0, "y": 0.0, "g1": 0, "g2": 0, "kappa": 0})["image"].values
    assert abs(shapes(star)[0]) > 0.05
    done = inject_shear(star, SURVEY, 0.0, 0.0, seed=1, psf=squeezed, fix_noise=False)
    assert np.abs(shapes(done.images)).max() < 2e-4
    assert done.images.sum() == pytest.approx(star.sum(), rel=2e-3)


def test_places_move():
    """A star of a frame lies where `places` says, in flux what it was."""
    sim = WeakLens(survey=SURVEY, size=96, psf=SEEING, light="point")
    star = sim.render({"flux": 100.0, "x": 4.0, "y": -3.0, "g1": 0, "g2": 0, "kappa": 0})["image"].values[0]
    done = inject_shear(star, SURVEY, 0.1, 0.05, seed=1, psf=SEEING, fix_noise=False)
    row, column = np.indices((96, 96))
    x, y = done.places(47.5 + 20.0, 47.5 - 15.0)
    assert done.images.sum() == pytest.approx(star.sum(), rel=2e-3)
    assert (done.images[0] * column).sum() / done.images.sum() == pytest.approx(float(x), abs=0.02)
    assert (done.images[0] * row).sum() / done.images.sum() == pytest.approx(float(y), abs=0.02)
    assert np.hypot(x - 67.5, y - 32.5) > 1.0


@pytest.mark.parametrize("fix", [False, True])
def test_noise_has_no_direction(fix):
    """Correlations along x and y, and along both diagonals, differ behind a shear unless the noise is fixed."""
    sky = np.random.default_rng(3).normal(0.0, 2.0, (300, 400)).astype(np.float32)
    done = inject_shear(sky, SURVEY, 0.15, 0.1, seed=1, psf=SEEING, fix_noise=fix).images
    variance = done.var()
    plus = ((done[:, 2:] * done[:, :-2]).mean() - (done[2:] * done[:-2]).mean()) / variance
    cross = ((done[2:, 2:] * done[:-2, :-2]).mean() - (done[2:, :-2] * done[:-2, 2:]).mean()) / variance
    if fix:
        assert max(abs(plus), abs(cross)) < 0.025
    else:
        assert min(abs(plus), abs(cross)) > 0.1


def test_what_images_carry_is_kept():
    """WCS, unit and header; NaN spreads as far as its pixel would; the variance is that of the result."""
    data = np.random.default_rng(4).normal(0.0, 2.0, (240, 260))
    data[100, 30] = np.nan
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [150.0, 2.0], [-0.2 / 3600, 0.2 / 3600]
    one = CCDData(data, unit="nJy", wcs=wcs, meta={"A": 1}, uncertainty=StdDevUncertainty(np.full(data.shape, 2.0)))
    done = inject_shear(dict.fromkeys("gr", one), TWO, 0.05, 0.0, seed=1, psf=SEEING)
    red = done.images["r"]
    assert (red.unit, red.meta["A"], red.wcs.wcs.crval.tolist()) == ("nJy", 1, [150.0, 2.0])
    column, row = done.places(30, 100)
    hole = np.argwhere(np.isnan(red.data))
    np.testing.assert_allclose(hole.mean(axis=0), [row, column], atol=0.6)
    assert 300 < len(hole) < 1500
    inside = red.data[20:-20, 60:-20]
    np.testing.assert_allclose(red.uncertainty.array[120, 130] ** 2, inside.var(), rtol=0.05)
    assert np.corrcoef(done.images["g"].data[:, 60:].ravel(), red.data[:, 60:].ravel())[0, 1] < 0.9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"g1": 0.4}, "inject_shear g1 = 0.4 is outside"),
        ({"g1": 0.25, "g2": 0.25}, r"inject_shear \|g\|"),
        ({"g2": np.nan}, "inject_shear g2 = nan"),
        ({"g1": np.full(3, 0.1)}, "for one frame"),
        ({"images": np.zeros((2, 2, 64, 64)), "g1": np.full(3, 0.1)}, r"shapes \[\(3,\), \(\)\] for 2 samples"),
        ({"images": np.zeros((2, 1, 64, 64))}, "1 planes for the 2 bands"),
        ({"images": {"u": np.zeros((64, 64)), "r": np.zeros((64, 64))}}, "unknown band of the survey 'u'"),
        ({"fwhm": 0.5}, r"fwhm = 0.5 is outside \[0.7"),
        ({"psf": Moffat(59.9, 3.0)}, "no Gaussian up to 60 arcsec"),
        ({"psf": Moffat(13.0, 3.0)}, r"psf fwhm = 13 is outside .*the image's shorter side"),
        ({"images": np.zeros((1, 2, 32, 64)), "psf": Moffat(6.5, 3.0)}, "psf fwhm = 6.5 is outside"),
        ({"survey": "lsstt"}, "did you mean 'lsst'"),
    ],
)
def test_bad_shears_are_refused(change, message):
    given = {"images": np.zeros((2, 64, 66)), "survey": TWO, "g1": 0.01, "g2": 0.0, "seed": 1, "psf": SEEING}
    with pytest.raises(ValueError, match=message):
        inject_shear(**(given | change))
