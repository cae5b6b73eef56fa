"""PSFs against GalSim's, point by point."""

import galsim
import numpy as np
import pytest

from simulators.psf import Airy, Gaussian, Kolmogorov, Moffat
from simulators.psf.kolmogorov import FWHM

pytestmark = pytest.mark.reference
PAIRS = {
    "Gaussian": (Gaussian(0.7), galsim.Gaussian(fwhm=0.7)),
    "Moffat": (Moffat(0.8, 2.3), galsim.Moffat(fwhm=0.8, beta=2.3)),
    "Airy": (Airy.of_aperture(800.0, 2.4), galsim.Airy(lam=800, diam=2.4)),
    "Airy, obscured": (Airy.of_aperture(800.0, 2.4, 0.33), galsim.Airy(lam=800, diam=2.4, obscuration=0.33)),
    "Kolmogorov": (Kolmogorov(0.7), galsim.Kolmogorov(fwhm=0.7)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_transform_and_profile(name):
    ours, theirs = PAIRS[name]
    k = np.linspace(0.0, 8.0, 33)[1:] / ours.fwhm
    assert np.allclose(ours.transform(k), [theirs.kValue(0.6 * v, 0.8 * v).real for v in k], atol=2e-5)
    r = np.geomspace(0.01, 8.0, 33) * ours.fwhm
    their_profile = np.array([theirs.xValue(0.6 * v, -0.8 * v) for v in r])
    assert np.allclose(ours.profile(r), their_profile, rtol=1e-3, atol=2e-5 * ours.profile(0.0))


@pytest.mark.parametrize("name", PAIRS)
def test_widths(name):
    ours, theirs = PAIRS[name]
    if "obscured" not in name:  # GalSim does not say
        assert ours.fwhm == pytest.approx(theirs.fwhm, rel=1e-5)
    assert ours.radius_of(0.5) == pytest.approx(theirs.calculateHLR(scale=ours.fwhm / 60, size=2048), rel=0.02)


def test_kolmogorov_width_is_that_of_fried():
    """FWHM = 0.9759 lambda / r0 with exp(-3.44 (lambda k / 2 pi r0)^(5/3)) (Fried 1966)."""
    k0 = 2 * np.pi * 3.4418 ** (-3 / 5)
    assert FWHM / k0 == pytest.approx(0.97586, rel=1e-4)
