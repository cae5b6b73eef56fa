"""Laws of PSFs that need not be circular nor centred: arrays of pixels and GalSim objects."""

import math

import galsim
import numpy as np
import pytest
from scipy.special import j0

from catalogs import Band, Survey
from simulators import StrongLens, WeakLens
from simulators.psf import Airy, GalSimPSF, Gaussian, Moffat, PixelPSF

SURVEY = Survey("test", 0.2, (Band("r", psf_fwhm=0.7, background_sigma=1.0),))
COMPACT = galsim.Moffat(fwhm=0.6, beta=3.0, trunc=2.5).shear(g1=0.1, g2=-0.2).shift(0.05, -0.03)
GALAXY = {"flux": 100.0, "radius": 0.4, "n": 1.5, "e1": 0.2, "e2": -0.1, "x": 0.1, "y": -0.3}


def pixels(theirs, side, scale):
    return theirs.drawImage(nx=side, ny=side, scale=scale, method="no_pixel", dtype=float).array


SHAPES = {
    "pixels": PixelPSF(pixels(COMPACT, 81, 0.07), 0.07),
    "even pixels": PixelPSF(pixels(COMPACT, 58, 0.1)[:50], 0.1),
    "GalSim": GalSimPSF(COMPACT),
    "GalSim convolution": GalSimPSF(galsim.Convolve(COMPACT, galsim.Gaussian(fwhm=0.3).shear(g1=0.3, g2=0.2))),
}


@pytest.fixture(params=SHAPES)
def psf(request):
    return SHAPES[request.param]


def plane(psf):
    """Brightness on a fine grid, and its axis."""
    axis = (np.arange(321) - 160) * 0.025
    return axis, psf.brightness(axis[None, :], axis[:, None])


def test_unit_integral(psf):
    _, image = plane(psf)
    assert image.sum() * 0.025**2 == pytest.approx(1.0, abs=2e-3)
    assert psf.spectrum(0.0, 0.0) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("k", [(1.0, 0.0), (0.0, 2.0), (3.0, -2.0), (-4.0, 1.0), (0.0, -6.0)])
def test_spectrum_is_the_fourier_transform(psf, k):
    axis, image = plane(psf)
    direct = np.exp(-1j * k[1] * axis) @ image @ np.exp(-1j * k[0] * axis) * 0.025**2
    assert abs(psf.spectrum(*k) - direct) < 2e-3
    assert psf.spectrum(-k[0], -k[1]) == pytest.approx(np.conj(psf.spectrum(*k)), abs=1e-12)


def test_points_are_taken_in_any_shape(psf):
    kx, ky = np.array([0.5, 1.0, 2.0]), np.array([-1.0, 3.0])
    grid = psf.spectrum(kx[:, None], ky[None, :])
    assert np.allclose(grid, psf.spectrum(*np.meshgrid(kx, ky, indexing="ij")), atol=1e-13)
    steps = psf.spectrum(0.5 * np.arange(4)[:, None], -0.5 * np.arange(3)[None, :])
    assert steps == pytest.approx(psf.spectrum(*np.mgrid[0:2:0.5, 0:-1.5:-0.5]), abs=1e-5)
    assert grid[2, 1] == pytest.approx(psf.spectrum(2.0, 3.0), abs=1e-13)
    assert psf.brightness(kx[:, None], ky[None, :]).shape == (3, 2)


def test_ring_means_are_each_others_hankel_transforms(psf):
    r = np.linspace(0, 4, 801)
    rings = 2 * math.pi * r * psf.profile(r)
    for k in (0.5, 2.0, 5.0):
        assert psf.transform(k) == pytest.approx(np.trapezoid(rings * j0(k * r), r), abs=2e-3)
    assert psf.radius_of(0.5) == pytest.approx(np.interp(0.5, np.cumsum(rings) * r[1], r), abs=5e-3)
    assert psf.radius_of(0.1) < psf.radius_of(0.9) < psf.radius_of(0.999)


def test_width(psf):
    _, image = plane(psf)
    area = np.count_nonzero(image > image.max() / 2) * 0.025**2
    assert psf.fwhm == pytest.approx(2 * math.sqrt(area / math.pi), rel=0.05)


@pytest.mark.parametrize("name", [*SHAPES, "Moffat", "Airy"])
def test_rays_and_modes_draw_the_same(name):
    """A source without a lens is drawn by rays, the same galaxy as lens light by modes."""
    psf = SHAPES.get(name) or {"Moffat": Moffat(0.7, 2.08), "Airy": Airy(0.4, 0.3)}[name]
    accuracy, limit = ("high", 3e-4) if name == "Airy" else ("default", 3e-3)
    mass = dict.fromkeys(("theta_E", "lens_e1", "lens_e2", "lens_x", "lens_y", "shear_g1", "shear_g2"), 0.0)
    images = []
    for on, off in (("light", "source"), ("source", "light")):
        there = {f"{on}_{label}": value for label, value in GALAXY.items()}
        gone = {f"{off}_{label}": 0.0 if label == "flux" else value for label, value in GALAXY.items()}
        lens = StrongLens(survey=SURVEY, psf=psf, size=24, accuracy=accuracy)
        images.append(lens.render({**mass, "gamma": 2.0, **there, **gone})["image"].values[0, 0])
    assert np.abs(images[0] - images[1]).max() < limit * images[0].max()


def weak(psf, size=24, **galaxy):
    labels = {**GALAXY, "g1": 0.0, "g2": 0.0, "kappa": 0.0, **galaxy}
    return WeakLens(survey=SURVEY, psf=psf, size=size).render(labels)["image"].values[0, 0]


@pytest.mark.parametrize(("side", "scale"), [(81, 0.05), (60, 0.08), (41, 0.1), (40, 0.1)])
def test_any_supersampling_is_the_psf_that_was_sampled(side, scale):
    exact = weak(Gaussian(0.6))
    sampled = weak(PixelPSF(pixels(galsim.Gaussian(fwhm=0.6), side, scale), scale))
    assert np.abs(sampled - exact).max() < 1e-3 * exact.max()


@pytest.mark.parametrize("scale", [0.2, 0.05])
def test_the_pixel_response_can_be_taken_out(scale):
    """As the docstring of PixelPSF says: an effective PSF, sampled at the pixels or finer."""
    pixel = galsim.Pixel(0.2)
    effective = pixels(galsim.Convolve(galsim.Gaussian(fwhm=0.6), pixel), round(6 / scale) + 1, scale)
    array = galsim.InterpolatedImage(galsim.Image(effective), scale=scale)
    psf = GalSimPSF(galsim.Convolve(array, galsim.Deconvolve(pixel)))
    exact = weak(Gaussian(0.6))
    assert np.abs(weak(psf) - exact).max() < 2e-3 * exact.max()


def test_a_coarse_array_is_interpolated_as_galsim_does():
    rng = np.random.Generator(np.random.PCG64(1))
    image = rng.uniform(0, 1, (9, 12))
    ours = PixelPSF(image, 0.2)
    theirs = galsim.InterpolatedImage(galsim.Image(image), scale=0.2, flux=1.0)
    for x, y in rng.uniform(-1.6, 1.6, (40, 2)):
        assert ours.brightness(x, y) == pytest.approx(theirs.xValue(x, y), abs=1e-12)
        assert ours.spectrum(6 * x, 6 * y) == pytest.approx(theirs.kValue(6 * x, 6 * y), abs=3e-4)


def test_the_origin_may_be_anywhere_in_the_array():
    image = pixels(COMPACT, 41, 0.1)
    middle, aside = PixelPSF(image, 0.1), PixelPSF(image, 0.1, centre=(22.0, 19.0))
    assert np.allclose(middle.brightness(0.3, 0.1), aside.brightness(0.1, 0.2))
    moved = weak(aside, x=0.1 + 0.2, y=-0.3 - 0.1)
    assert np.allclose(moved, weak(middle), atol=1e-5 * moved.max())


def test_nothing_lies_outside_the_array():
    psf = PixelPSF(np.ones((5, 7)), 1.0)
    assert not psf.brightness([7.0, 0.0, 1e9], [0.0, -6.0, 0.0]).any()
    assert psf.radius_of(1.0) <= math.hypot(6, 5)


def test_pixels_compare_by_value():
    image = pixels(COMPACT, 41, 0.1)
    same, scaled = PixelPSF(image, 0.1), PixelPSF(3.0 * image.astype(">f8"), 0.1)
    assert same == PixelPSF(image, 0.1)
    assert hash(same) == hash(PixelPSF(image, 0.1))
    assert same == PixelPSF(image.tolist(), 0.1)
    assert np.allclose(scaled.image, same.image)
    assert same not in (PixelPSF(image, 0.11), PixelPSF(image.T, 0.1), PixelPSF(image, 0.1, (20, 21)), Gaussian(0.6))
    with pytest.raises(ValueError, match="read-only"):
        same.image[0, 0] = 1.0


def test_bands_may_mix_kinds():
    survey = Survey("test", 0.2, tuple(Band(name, psf_fwhm=0.7, background_sigma=1.0) for name in "gr"))
    psfs = (Gaussian(0.7), SHAPES["pixels"])
    labels = {**GALAXY, "g1": 0.0, "g2": 0.0, "kappa": 0.0}
    both = WeakLens(survey=survey, psf=psfs, size=24).render(labels)["image"].values[0]
    for image, psf in zip(both, psfs, strict=True):
        alone = weak(psf)
        assert np.abs(image - alone).max() < 1e-4 * alone.max()


@pytest.mark.parametrize("file", ["cosmos_acs_psf_147246.fits.gz", "jwst_nircam_f444w_STARRED_super1.fits.gz"])
def test_real_psfs(shared_data, file):
    from astropy.io import fits

    image = fits.getdata(shared_data / "psf" / file).astype(float)
    psf = PixelPSF(image, 0.03)
    theirs = galsim.InterpolatedImage(galsim.Image(image), scale=0.03, flux=1.0)
    galaxy = galsim.Sersic(n=1.5, half_light_radius=0.4, flux=100.0).shear(g1=0.2, g2=-0.1).shift(0.1, -0.3)
    stamp = galsim.Convolve(galaxy, theirs).drawImage(nx=48, ny=48, scale=0.1, dtype=float).array
    survey = Survey("test", 0.1, (Band("r", psf_fwhm=0.1, background_sigma=1.0),))
    labels = {**GALAXY, "g1": 0.0, "g2": 0.0, "kappa": 0.0}
    ours = WeakLens(survey=survey, psf=psf, size=48).render(labels)["image"].values[0, 0]
    assert np.abs(ours - stamp).max() < 1e-3 * stamp.max()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PixelPSF(np.ones(9), 0.1), r"PixelPSF image has shape \(9,\)"),
        (lambda: PixelPSF(np.ones((2, 9)), 0.1), "sides of 3 to 4096"),
        (lambda: PixelPSF(np.full((9, 9), np.nan), 0.1), "81 values that are not finite"),
        (lambda: PixelPSF(np.zeros((9, 9)), 0.1), "sum of the image = 0 is outside"),
        (lambda: PixelPSF(np.ones((9, 9)), -0.1), "PixelPSF scale = -0.1 is outside .* arcsec"),
        (lambda: PixelPSF(np.ones((9, 9)), 0.1, (9.0, 2.0)), r"centre x = 9 is outside \[0, 8\] pixels"),
        (lambda: GalSimPSF(Gaussian(0.7)), "is not a galsim.GSObject"),
        (lambda: GalSimPSF(galsim.Gaussian(fwhm=0.7, flux=-1.0)), "GalSimPSF flux = -1 is outside"),
    ],
)
def test_bad_values_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
