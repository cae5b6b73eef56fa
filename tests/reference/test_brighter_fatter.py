"""The brighter-fatter effect against GalSim's SiliconSensor, from the same Poisson solver's sensor."""

import galsim
import numpy as np
import pytest

from simulators.sensor import BrighterFatter, Sensor, sensor_of

FLUXES = (2e5, 8e5)
SPOT = galsim.Gaussian(sigma=1.9)  # of a star in 0.8" seeing, in pixels of 0.2"


def sizes(image):
    """Adaptive second moments along x and y [pixel^2]."""
    found = galsim.hsm.FindAdaptiveMom(galsim.ImageD(np.asarray(image, dtype=float)))
    e1, e2 = found.observed_e1, found.observed_e2
    trace = found.moments_sigma**2 / np.sqrt(1.0 - e1**2 - e2**2)
    return trace * np.array([1.0 + e1, 1.0 - e1])


def galsims(flux, strength):
    """The same photons on a sensor of the strength given."""
    sensor = galsim.SiliconSensor("lsst_itl_50_8", strength=strength, rng=galsim.BaseDeviate(5), diffusion_factor=0.0)
    image = galsim.ImageF(31, 31, scale=1.0)
    SPOT.withFlux(flux).drawImage(image, method="phot", sensor=sensor, rng=galsim.BaseDeviate(7))
    return sizes(image.array)


def ours(flux):
    expected = SPOT.withFlux(flux).drawImage(nx=31, ny=31, scale=1.0).array
    image = Sensor((BrighterFatter(),)).expose(expected, 1)[0]
    assert image.sum(dtype=np.float64) == pytest.approx(expected.sum(dtype=np.float64), rel=1e-7)
    return sizes(image) - sizes(expected)


@pytest.mark.reference
def test_stars_grow_with_flux_as_galsims_along_both_axes():
    theirs = np.array([galsims(flux, 1.0) - galsims(flux, 1e-6) for flux in FLUXES])
    growth = np.array([ours(flux) for flux in FLUXES])
    assert growth.min() > 0
    assert np.diff(growth, axis=0) == pytest.approx(np.diff(theirs, axis=0), rel=0.08)
    assert np.diff(growth[:, 1] - growth[:, 0]) == pytest.approx(np.diff(theirs[:, 1] - theirs[:, 0]), rel=0.2)


def test_full_wells_push_no_harder():
    """Thousands of full wells in one pixel: what cannot be held there moves no border, and no pixel is left below 0."""
    star = galsim.Moffat(beta=3.0, fwhm=4.0, flux=1e9).drawImage(nx=64, ny=64, scale=1.0).array.clip(min=0.0)
    fatter = next(effect for effect in sensor_of("des").effects if isinstance(effect, BrighterFatter))
    image = Sensor((fatter,)).expose(star, 1)[0]
    assert image.min() >= 0.0
    assert abs(image - star).max() < 0.1 * star.max()
    assert image.sum(dtype=float) == pytest.approx(star.sum(dtype=float), rel=1e-6)
