"""The fits under calibration: PSF of stars, autocorrelation under masks, photon transfer."""

from __future__ import annotations

import math

import galsim
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve

from catalogs import Band
from simulators._background import autocorrelation, electrons_per_unit, positive
from simulators._growth import Growth
from simulators._stars import fit_psf

KERNEL = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0])
KERNEL_ACF = np.outer([1.0, 4.0, 6.0, 4.0, 1.0], [1.0, 4.0, 6.0, 4.0, 1.0]) / 36.0


def correlated(rng, shape):
    """White noise under KERNEL, unit rms: its autocorrelation is KERNEL_ACF."""
    noise = convolve(rng.standard_normal(shape), KERNEL, mode="wrap")
    return noise / noise.std()


@pytest.mark.parametrize(
    ("psf", "beta"),
    [
        (galsim.Gaussian(fwhm=1.4), math.inf),
        (galsim.Moffat(beta=2.5, fwhm=2.0), 2.5),
        (galsim.Moffat(beta=4.0, fwhm=3.5), 4.0),
    ],
)
def test_fit_of_undersampled_stars_takes_the_pixel_out(psf, beta):
    """At 1.4 pixels a fit that ignored the pixel response would be 15 % too wide."""
    rng = np.random.default_rng(8)
    offsets = rng.uniform(-0.5, 0.5, (20, 2))
    stamps = [
        (psf * 3e4).drawImage(nx=25, ny=25, scale=1.0, offset=tuple(offset), dtype=np.float64).array
        for offset in offsets
    ]
    noisy = np.stack(stamps) + rng.standard_normal((20, 25, 25))
    fit = fit_psf(noisy, 1.0, 12.0 + offsets[:, 0], 12.0 + offsets[:, 1])
    assert fit.fwhm == pytest.approx(psf.fwhm, rel=0.01)
    assert fit.beta == pytest.approx(beta, rel=0.05) if math.isfinite(beta) else fit.beta > 20
    assert fit.stars == 20


def test_fit_drops_what_is_not_a_star():
    rng = np.random.default_rng(9)
    psf = galsim.Moffat(beta=3.0, fwhm=3.0)
    star, galaxy = psf * 3e4, galsim.Convolve(galsim.Exponential(half_light_radius=4.0), psf) * 1e5
    stamps = [light.drawImage(nx=25, ny=25, scale=1.0, dtype=np.float64).array for light in [star] * 12 + [galaxy] * 3]
    noisy = np.stack(stamps) + rng.standard_normal((15, 25, 25))
    fit = fit_psf(noisy, 1.0, np.full(15, 12.0), np.full(15, 12.0))
    assert fit.stars == 12
    assert fit.fwhm == pytest.approx(3.0, rel=0.01)


def test_autocorrelation_sees_through_masks():
    rng = np.random.default_rng(6)
    noise = correlated(rng, (1000, 1000)).astype(np.float32)
    blank = rng.random(noise.shape) > 0.5
    noise[~blank] = 1e3
    found = autocorrelation(noise, blank)
    assert found.shape == (5, 5)
    assert np.abs(found - KERNEL_ACF).max() < 0.02
    assert np.array_equal(found, found[::-1, ::-1])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_positive_makes_a_covariance(half, seed):
    rng = np.random.default_rng(seed)
    acf = rng.uniform(-0.5, 0.5, (2 * half + 1, 2 * half + 1))
    acf = 0.5 * (acf + acf[::-1, ::-1])
    acf[half, half] = 1.0
    result = positive(acf)
    padded = np.zeros((64, 64))
    padded[np.ix_(*[np.arange(-half, half + 1)] * 2)] = result
    assert np.fft.fft2(padded).real.min() > -1e-9
    assert result[half, half] == 1.0
    assert np.allclose(result, result[::-1, ::-1])


def test_positive_leaves_a_covariance_alone():
    assert np.allclose(positive(KERNEL_ACF), KERNEL_ACF, atol=1e-3)


def test_no_photon_noise_no_gain():
    """Smooth light without photon noise must not be taken for it."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:400, :400]
    light = 300.0 * np.exp(-0.5 * ((x - 200) ** 2 + (y - 200) ** 2) / 60.0**2)
    blank, usable = light < 1.0, np.ones(light.shape, bool)
    quiet = (light + rng.standard_normal(light.shape)).astype(np.float32)
    assert math.isinf(electrons_per_unit(quiet, blank, usable, 1.0))
    noisy = (quiet + np.sqrt(light / 5.0) * rng.standard_normal(light.shape)).astype(np.float32)
    assert electrons_per_unit(noisy, blank, usable, 1.0) == pytest.approx(5.0, rel=0.15)


@pytest.mark.parametrize(("fwhm", "radius", "n"), [(0.3, 0.2, 1.0), (0.5, 0.5, 2.5), (0.6, 0.6, 0.7)])
def test_growth_curves_give_back_the_galaxy(fwhm, radius, n):
    """Radii measured on an undersampled GalSim image lead back to the radius and index it was made with."""
    scale, aperture = 0.2, 6.0 * radius + fwhm
    pixel = galsim.Pixel(scale)  # once in the image, once in sums over pixels
    galaxy = galsim.Sersic(n=n, half_light_radius=radius)
    light = galsim.Convolve(galaxy, galsim.Gaussian(fwhm=fwhm), pixel, pixel)
    image = light.drawImage(nx=401, ny=401, scale=scale / 10, method="no_pixel", dtype=float).array
    distance = np.hypot(*np.mgrid[-200:201, -200:201]).ravel() / 10
    order = np.argsort(distance)
    curve = np.cumsum(image.ravel()[order])
    total = np.interp(aperture / scale, distance[order], curve)
    radii = [np.interp(share * total, curve, distance[order]) for share in (0.2, 0.5, 0.8)]
    growth = Growth.under(Band("g", fwhm, 1.0), scale, np.array([radii[1]]), np.array([aperture / scale]))
    found = growth.index(*(np.array([value]) for value in (*radii, aperture / scale)))
    size, inside = growth.radius(np.array([radii[1]]), np.array([aperture / scale]), found)
    assert found[0] == pytest.approx(n, rel=0.1)
    assert size[0] * scale == pytest.approx(radius, rel=0.03)
    assert inside[0] == pytest.approx(total, abs=0.02)
