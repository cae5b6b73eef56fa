"""Light profiles drawn under PSFs, against GalSim; every class of `simulators.light.LIGHTS` is here."""

import galsim
import numpy as np
import pytest

from astrogan.dataset import read_real_galaxies
from simulators import Gaussian as GaussianPSF
from simulators import Moffat, PixelGrid
from simulators.drawing import draw_light
from simulators.light import (
    LIGHTS,
    BulgeDisk,
    GalaxyImage,
    Gaussian,
    ImageSource,
    Knots,
    PointSource,
    Sersic,
    Sum,
    sersic_b,
)

pytestmark = pytest.mark.reference
GRID = PixelGrid(64, 0.2)
FINE = galsim.GSParams(folding_threshold=1e-4, maxk_threshold=1e-5, kvalue_accuracy=1e-6, maximum_fft_size=16384)
PSFS = {
    "ground": (Moffat(0.7, 3.5), galsim.Moffat(fwhm=0.7, beta=3.5, gsparams=FINE)),
    "sharp": (GaussianPSF(0.35), galsim.Gaussian(fwhm=0.35, gsparams=FINE)),
}
G1, G2, MU, SHIFT = 0.06, -0.1, 1.2, (0.13, -0.31)
MAP = np.array([[1 + G1, G2], [G2, 1 - G1]]) * np.sqrt(MU / (1 - G1**2 - G2**2))


def sersic(n, radius, e1=0.0, e2=0.0, x=0.0, y=0.0):
    return galsim.Sersic(n, half_light_radius=radius, gsparams=FINE).shear(g1=e1, g2=e2).shift(x, y)


def knots_of(light):
    """The same disk and knots, one GalSim object each."""
    small = galsim.Gaussian(half_light_radius=0.1, gsparams=FINE)
    parts = [galsim.Exponential(half_light_radius=0.6, gsparams=FINE).shear(g1=0.2, g2=0.1).withFlux(0.3)]
    parts += [small.shift(*map(float, place)).withFlux(0.7 / light.count) for place in light.places()[0]]
    return galsim.Sum(parts)


KNOTS = Knots(1.0, 0.6, 0.7, 0.1, 3, 0.2, 0.1, count=6)
SPIRAL = np.random.Generator(np.random.PCG64(2)).uniform(0, 1, (33, 40)) * np.hanning(33)[:, None] * np.hanning(40)
PAIRS = {
    Sersic: (Sersic(1.0, 0.6, 2.5, 0.3, -0.2), sersic(2.5, 0.6, 0.3, -0.2)),
    Gaussian: (
        Gaussian(1.0, 0.5, 0.1, 0.3),
        galsim.Gaussian(half_light_radius=0.5, gsparams=FINE).shear(g1=0.1, g2=0.3),
    ),
    PointSource: (PointSource(1.0), galsim.DeltaFunction(gsparams=FINE)),
    BulgeDisk: (
        BulgeDisk(1.0, 0.4, 0.3, 0.9, 4.0, 0.1, 0.0, 0.3, 0.2),
        0.4 * sersic(4.0, 0.3, 0.1, 0.0) + 0.6 * sersic(1.0, 0.9, 0.3, 0.2),
    ),
    Knots: (KNOTS, knots_of(KNOTS)),
    ImageSource: (
        ImageSource([GalaxyImage(SPIRAL, 0.06)]),
        galsim.InterpolatedImage(galsim.Image(SPIRAL), scale=0.06, flux=1.0, pad_factor=8, gsparams=FINE),
    ),
    Sum: (
        Sum([Sersic(0.7, 0.5, 1.5), PointSource(0.3, 0.1, 0.2)]),
        0.7 * sersic(1.5, 0.5) + 0.3 * galsim.DeltaFunction(gsparams=FINE).shift(0.1, 0.2),
    ),
}


def theirs(profile, psf, grid=GRID):
    lensed = galsim.Convolve(profile.lens(G1, G2, MU).shift(*SHIFT), psf, gsparams=FINE)
    return lensed.drawImage(nx=grid.size, ny=grid.size, scale=grid.scale, dtype=float).array


def ours(light, psf, flux=1.0, grid=GRID, accuracy="default"):
    out = np.zeros((1, 1, grid.size, grid.size))
    draw_light(light.transformed(MAP, SHIFT), np.array([[flux * MU]]), grid, (psf,), accuracy, out)
    return out[0, 0]


@pytest.mark.parametrize("psf", PSFS)
@pytest.mark.parametrize("kind", LIGHTS, ids=lambda kind: kind.__name__)
def test_lensed_light(kind, psf):
    light, profile = PAIRS[kind]
    our_psf, their_psf = PSFS[psf]
    image, stamp = ours(light, our_psf), theirs(profile, their_psf)
    assert np.abs(image - stamp).max() < 3e-4 * stamp.max()
    assert image.sum() == pytest.approx(stamp.sum(), rel=3e-4)


def test_knots_are_scattered_as_galsims():
    """Places of many knots and GalSim's RandomKnots of the same disk: the same light within any radius."""
    profile = galsim.Exponential(half_light_radius=0.6)
    knots = galsim.RandomKnots(20000, profile=profile, rng=galsim.BaseDeviate(5)).points
    places = np.concatenate(Knots(1.0, 0.6, knot_seed=np.arange(200), count=100).places())
    quantiles = [np.quantile(np.hypot(*points.T), [0.1, 0.5, 0.9]) for points in (places, knots)]
    assert np.allclose(*quantiles, rtol=0.03)
    assert np.hypot(*places.mean(axis=0)) < 0.02
    assert quantiles[0][1] == pytest.approx(0.6, rel=0.02)
    assert sersic_b(1.0) == pytest.approx(1.678347, abs=1e-6)  # Ciotti & Bertin 1999


@pytest.fixture(scope="module")
def cosmos(shared_data):
    path = shared_data / "hst_cosmos" / "real_galaxy_catalog_26_extension_example.fits"
    return read_real_galaxies(path), galsim.RealGalaxyCatalog(str(path))


def test_real_galaxies(cosmos):
    """All 100 Hubble stamps: their PSF taken out, turned, lensed, moved, and seen from the ground."""
    galaxies, catalog = cosmos
    psf, their_psf = PSFS["ground"]
    worst = []
    for i in range(catalog.nobjects):
        real = galsim.RealGalaxy(catalog, index=i, pad_factor=8, gsparams=FINE)
        stamp = theirs(real.rotate(0.7 * galsim.radians), their_psf)
        image = ours(ImageSource(galaxies, 1.0, i, angle=0.7), psf, catalog.getGalImage(i).array.sum(dtype=float))
        worst.append((np.abs(image - stamp).max() / stamp.max(), abs(image.sum() / stamp.sum() - 1.0)))
    error, flux = np.max(worst, axis=0)
    assert error < 3e-4
    assert flux < 1e-4


def test_real_galaxies_under_a_sharp_psf(cosmos):
    """Twice Hubble's width: nearer to it the noise of lost modes decides, and the two codes cut it off differently."""
    galaxies, catalog = cosmos
    psf, their_psf = GaussianPSF(0.2), galsim.Gaussian(fwhm=0.2)
    grid = PixelGrid(96, 0.05)
    for i in range(0, 100, 7):
        real = galsim.RealGalaxy(catalog, index=i, pad_factor=8)
        stamp = theirs(real, their_psf, grid)
        image = ours(ImageSource(galaxies, 1.0, i), psf, catalog.getGalImage(i).array.sum(dtype=float), grid)
        assert np.abs(image - stamp).max() < 1e-3 * stamp.max()
        assert image.sum() == pytest.approx(stamp.sum(), rel=1e-4)
