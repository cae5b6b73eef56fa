"""The brighter-fatter effect against GalSim's SiliconSensor, from the same Poisson solver's sensor."""

import galsim
import numpy as np
import pytest

from simulators.sensor import BrighterFatter, Sensor

FLUXES = (2e5, 6e5)
SPOT = galsim.Gaussian(sigma=1.9)  # of a star in 0.8" seeing, in pixels of 0.2"


def size(image):
    """Square [pixel^2] of the width of the adaptive moments."""
    return galsim.hsm.FindAdaptiveMom(galsim.ImageD(np.asarray(image, dtype=float))).moments_sigma ** 2


def galsims(flux, strength):
    """The same photons on a sensor of the strength given."""
    sensor = galsim.SiliconSensor("lsst_itl_50_8", strength=strength, rng=galsim.BaseDeviate(5), diffusion_factor=0.0)
    image = galsim.ImageF(31, 31, scale=1.0)
    SPOT.withFlux(flux).drawImage(image, method="phot", sensor=sensor, rng=galsim.BaseDeviate(7))
    return size(image.array)


def ours(flux):
    expected = SPOT.withFlux(flux).drawImage(nx=31, ny=31, scale=1.0).array
    image = Sensor((BrighterFatter(),)).expose(expected, 1)[0]
    assert image.sum(dtype=np.float64) == pytest.approx(expected.sum(dtype=np.float64), rel=1e-7)
    return size(image) - size(expected)


@pytest.mark.reference
def test_size_grows_with_flux_as_galsims():
    theirs = [galsims(flux, 1.0) - galsims(flux, 1e-6) for flux in FLUXES]
    growth = [ours(flux) for flux in FLUXES]
    assert min(growth) > 0
    assert np.diff(growth) == pytest.approx(np.diff(theirs), rel=0.2)
