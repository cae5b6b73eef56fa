"""Weakly lensed stamps of random galaxies against GalSim, under every PSF: pixels, flux, shape and shear response."""

import functools

import galsim
import numpy as np
import pytest

from catalogs import Band, Survey
from simulators import WeakLens
from simulators.psf import Airy, GalSimPSF, Gaussian, Kolmogorov, Moffat, PixelPSF

pytestmark = pytest.mark.reference
SIZE, SCALE = 64, 0.2
MANY, FEW = 125, 36  # galaxies under each PSF
FINE = galsim.GSParams(folding_threshold=2e-3, maxk_threshold=1e-4, kvalue_accuracy=1e-6, maximum_fft_size=16384)


def pixels_of(psf, side, scale):
    return psf.drawImage(nx=side, ny=side, scale=scale, method="no_pixel", dtype=float).array


CORE = galsim.Moffat(fwhm=0.6, beta=3.0, trunc=3.0).shear(g1=0.08, g2=-0.05).shift(0.03, -0.02)
SAMPLES = pixels_of(CORE, 92, 0.07)
TILTED = galsim.Convolve(galsim.Kolmogorov(fwhm=0.6), galsim.Gaussian(fwhm=0.3).shear(g1=0.1, g2=0.2).shift(0.05, 0.0))
PSFS = {
    "Gaussian": (Gaussian(0.7), galsim.Gaussian(fwhm=0.7)),
    "Moffat": (Moffat(0.7, 3.0), galsim.Moffat(fwhm=0.7, beta=3.0)),
    "Kolmogorov": (Kolmogorov(0.7), galsim.Kolmogorov(fwhm=0.7)),
    "Airy": (Airy(0.35, 0.3), galsim.Airy(lam_over_diam=Airy(0.35, 0.3).lam_over_diam, obscuration=0.3)),
    "pixels": (PixelPSF(SAMPLES, 0.07), galsim.InterpolatedImage(galsim.Image(SAMPLES), scale=0.07, flux=1.0)),
    "GalSim object": (GalSimPSF(TILTED), TILTED),
}


def galaxies(count, seed):
    """Labels of `count` galaxies; n on a grid of 0.25, which keeps GalSim's tables few."""
    rng = np.random.Generator(np.random.PCG64(seed))
    e, angle = 0.7 * np.sqrt(rng.uniform(0, 1, count)), rng.uniform(0, 2 * np.pi, count)
    return {
        "flux": 10 ** rng.uniform(2, 5, count),
        "radius": np.exp(rng.uniform(np.log(0.15), np.log(1.2), count)),
        "n": np.round(rng.uniform(0.5, 6, count) * 4) / 4,
        "e1": e * np.cos(angle),
        "e2": e * np.sin(angle),
        **{name: rng.uniform(-0.2, 0.2, count) for name in ("x", "y")},
        **{name: rng.uniform(-0.1, 0.1, count) for name in ("g1", "g2", "kappa")},
    }


@functools.cache
def sersic(n, params):
    return galsim.Sersic(n=n, half_light_radius=1.0, gsparams=params)


def theirs(labels, psf, params=None):
    """GalSim's stamps of the same galaxies."""
    stamps = []
    for i in range(len(labels["n"])):
        at = {name: float(values[i]) for name, values in labels.items()}
        mu = 1 / ((1 - at["kappa"]) ** 2 * (1 - at["g1"] ** 2 - at["g2"] ** 2))
        galaxy = sersic(at["n"], params).dilate(at["radius"]).withFlux(at["flux"]).shear(g1=at["e1"], g2=at["e2"])
        galaxy = galaxy.lens(at["g1"], at["g2"], mu).shift(at["x"], at["y"])
        stamp = galsim.Convolve(galaxy, psf, gsparams=params).drawImage(nx=SIZE, ny=SIZE, scale=SCALE, dtype=float)
        stamps.append(stamp.array)
    return np.array(stamps)


def ours(labels, psf, accuracy="default"):
    survey = Survey("test", SCALE, (Band("r", psf_fwhm=0.7, background_sigma=1.0),))
    simulator = WeakLens(survey=survey, psf=psf, size=SIZE, accuracy=accuracy)
    return simulator._expected(simulator._checked(labels))[:, 0]


def error(images, stamps):
    """Largest difference of each stamp, in units of its peak."""
    return np.abs(images - stamps).max(axis=(1, 2)) / stamps.max(axis=(1, 2))


def shapes(stamps):
    """GalSim's adaptive-moment ellipticities, shape (S, 2)."""
    found = [galsim.hsm.FindAdaptiveMom(galsim.Image(stamp)) for stamp in stamps]
    return np.array([(shape.observed_e1, shape.observed_e2) for shape in found])


@pytest.fixture(scope="module", params=PSFS)
def drawn(request):
    """Galaxies, our PSF, and GalSim's stamps; 500 of them under the four PSFs with closed forms."""
    our_psf, their_psf = PSFS[request.param]
    count = MANY if isinstance(our_psf, Gaussian | Moffat | Kolmogorov | Airy) else FEW
    labels = galaxies(count, seed=list(PSFS).index(request.param))
    return labels, our_psf, theirs(labels, their_psf, FINE)


def test_default_accuracy(drawn):
    labels, psf, stamps = drawn
    images = ours(labels, psf)
    wrong = error(images, stamps)
    assert wrong.max() <= 1e-3
    assert np.median(wrong) <= 3e-4
    assert np.abs(images.sum(axis=(1, 2)) / stamps.sum(axis=(1, 2)) - 1).max() <= 5e-4
    assert np.abs(shapes(images) - shapes(stamps)).max() <= 2e-4


def test_high_accuracy(drawn):
    labels, psf, stamps = drawn
    count = MANY if psf.circular else FEW // 3  # large boxes of the others take long
    some = {name: values[:count] for name, values in labels.items()}
    assert error(ours(some, psf, "high"), stamps[:count]).max() <= 1e-4


RING = {"radius": [0.3, 0.5, 0.8], "n": [1.0, 2.5, 4.0], "e": [0.3, 0.5, 0.2]}


def ring_response(draw):
    """(m-like slopes, c) of both shear components: means over rings of four orientations, at shears of +-0.02."""
    angle = np.arange(4) * np.pi / 4 + 0.2
    e = np.multiply.outer(RING["e"], np.exp(2j * angle)).ravel()
    base = {name: np.repeat(RING[name], 4) for name in ("radius", "n")}
    base |= {"flux": np.full(12, 1e3), "e1": e.real, "e2": e.imag, "kappa": np.zeros(12)}
    base |= {"x": np.full(12, 0.03), "y": np.full(12, -0.05)}
    mean = {}
    for component in range(2):
        for g in (0.02, -0.02):
            shear = np.zeros((2, 12))
            shear[component] = g
            mean[component, g] = shapes(draw({**base, "g1": shear[0], "g2": shear[1]})).mean(axis=0)[component]
    slope = np.array([(mean[i, 0.02] - mean[i, -0.02]) / 0.04 for i in range(2)])
    return slope, np.array([(mean[i, 0.02] + mean[i, -0.02]) / 2 for i in range(2)])


@pytest.mark.parametrize("name", PSFS)
def test_shear_response(name):
    our_psf, their_psf = PSFS[name]
    slope, offset = ring_response(lambda labels: ours(labels, our_psf))
    their_slope, their_offset = ring_response(lambda labels: theirs(labels, their_psf, FINE))
    assert np.abs(slope / their_slope - 1).max() <= 1e-4
    assert np.abs((offset - their_offset) / their_slope).max() <= 1e-4
