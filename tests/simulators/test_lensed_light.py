"""Any light behind lenses: what consists of Sersics, and the pixels of galaxies."""

import numpy as np
import pytest

from simulators import EPL, ExternalShear, Gaussian, Moffat, PixelGrid, Sersic
from simulators.deflectors import SIE, Sum
from simulators.drawing import draw_light, draw_sersic
from simulators.light import BulgeDisk, GalaxyImage, ImageSource, Knots, PointSource
from simulators.light import Gaussian as GaussianLight
from simulators.raytracing import draw_lensed

GRID, PSF = PixelGrid(32, 0.15), Gaussian(0.6)
LENS = Sum([EPL(1.1, 2.1, 0.15, -0.1), ExternalShear(0.05, -0.03)])
NOTHING = Sum([EPL(0.0), ExternalShear(0.0, 0.0)])
SHAPE = dict(e1=0.2, e2=-0.1, x=0.12, y=-0.06)


class _Bare:
    """A light of which no more is known than its brightness and how far it reaches."""

    def __init__(self, light):
        self.light, self.x, self.y, self.reach = light, light.x, light.y, light.reach

    def take(self, index):
        return _Bare(self.light.take(index))

    def components(self):
        return ((self, np.ones(len(self.light))),)

    def brightness(self, x, y):
        return self.light.brightness(x, y)


def lensed(*sources, lens=LENS, accuracy="default"):
    out = np.zeros((1, 1, GRID.size, GRID.size))
    flux = np.array([[[float(source.flux[0])] for source in sources]])
    draw_lensed(lens, sources, flux, GRID, (PSF,), accuracy, out)
    return out[0, 0]


def pixels_of(profile, scale=0.04, side=121):
    axis = (np.arange(side) - (side - 1) / 2) * scale
    return profile.brightness(axis[None, :], axis[:, None])[0]


def test_a_galaxy_of_parts_is_its_parts():
    galaxy = BulgeDisk(2.0, 0.3, 0.15, 0.5, 2.5, 0.0, 0.1, 0.2, -0.1, 0.12, -0.06)
    parts = Sersic(0.6, 0.15, 2.5, 0.0, 0.1, 0.12, -0.06), Sersic(1.4, 0.5, 1.0, **SHAPE)
    assert np.allclose(lensed(galaxy), lensed(*parts), atol=1e-6 * lensed(galaxy).max())
    knots = Knots(1.0, 0.3, 0.6, 0.1, 4, count=3)
    each = [part._with(flux=share) for part, share in knots.components()]
    assert np.allclose(lensed(knots), lensed(*each), atol=1e-6 * lensed(knots).max())


@pytest.mark.parametrize(("accuracy", "limit"), [("fast", 1e-2), ("default", 2e-3), ("high", 5e-4)])
def test_an_image_of_a_galaxy_is_lensed_as_the_galaxy(accuracy, limit):
    profile = GaussianLight(1.0, 0.25, 0.2, -0.1)
    image = ImageSource([GalaxyImage(pixels_of(profile), 0.04)], x=0.12, y=-0.06)
    expected = lensed(profile._with(x=0.12, y=-0.06), accuracy="high")
    assert np.abs(lensed(image, accuracy=accuracy) - expected).max() < limit * expected.max()


def test_images_in_kernels_and_one_by_one_are_the_same():
    """A power law of slope 2 is an SIE, which kernels do not trace; other profiles are seen by their brightness."""
    count, shape = 5, (0.15, -0.1)
    shear = ExternalShear(np.full(count, 0.05), -0.03)
    profiles = Sersic(1.0, 0.3, 1.0), Sersic(1.0, 0.2, 2.0)
    galaxies = [GalaxyImage(pixels_of(profile), scale) for profile, scale in zip(profiles, (0.04, 0.05), strict=True)]
    image = ImageSource(galaxies, np.ones(count), [0, 1, 1, 0, 1], np.linspace(0.5, 1.5, count), 0.4, 0.2, -0.1, 0.1)
    lenses = Sum([EPL(np.full(count, 1.1), 2.0, *shape), shear]), Sum([SIE(np.full(count, 1.1), *shape), shear])
    together, each, plain = np.zeros((3, count, 2, GRID.size, GRID.size))
    flux = np.random.default_rng(1).uniform(1, 2, (count, 1, 2))
    for lens, source, out in (lenses[0], image, together), (lenses[1], image, each), (lenses[1], _Bare(image), plain):
        draw_lensed(lens, [source], flux, GRID, (PSF, Moffat(0.7)), "default", out)
    assert np.allclose(each, together, atol=2e-5 * together.max())
    assert np.allclose(plain, together, atol=3e-3 * together.max())


def test_nothing_in_front_changes_nothing():
    image = ImageSource([GalaxyImage(pixels_of(Sersic(1.0, 0.3, 1.0)), 0.04)], 3.0, angle=0.4, zoom=1.3, **SHAPE)
    plain = np.zeros((1, 1, GRID.size, GRID.size))
    draw_light(image, np.array([[3.0]]), GRID, (PSF,), "high", plain)
    assert np.abs(lensed(image, lens=NOTHING, accuracy="high") - plain[0, 0]).max() < 2e-3 * plain.max()


def test_sharpened_is_the_galaxy_under_a_chosen_psf():
    """A galaxy seen with one Gaussian, sharpened to a narrower one: what that one alone would have shown."""
    galaxy = GaussianLight(1.0, 0.3, 0.3, 0.1)

    def seen(fwhm):
        """A Gaussian convolved with a circular one."""
        m = Sersic(1.0, 0.3, 0.5, 0.3, 0.1).matrix()[0]
        wide = m @ m.T + np.eye(2) * (fwhm / 2) ** 2  # half-light radius of a circular Gaussian: half its FWHM
        root = np.sqrt(np.linalg.det(wide))
        size = np.trace(wide) + 2 * root
        shape = (wide[0, 0] - wide[1, 1]) / size, 2 * wide[0, 1] / size
        return GaussianLight(1.0, np.sqrt(root), *shape)

    psf = pixels_of(GaussianLight(1.0, 0.1), 0.05, 41)
    image = GalaxyImage(pixels_of(seen(0.2), 0.05, 91), 0.05, psf, 0.05)
    sharp = image.sharpened(0.12)
    axis = np.linspace(-0.8, 0.8, 21)
    expected = seen(0.12).brightness(axis[None, :], axis[:, None])[0]
    assert np.abs(sharp.brightness(axis[None, :], axis[:, None]) - expected).max() < 2e-3 * expected.max()
    assert np.allclose(
        image.spectrum(np.array([2.0]), np.array([-1.0])), galaxy.transform([2.0], [-1.0])[0, 0], atol=1e-3
    )


@pytest.mark.parametrize(("n", "limit"), [(1.0, 8e-3), (4.0, 0.025)])
def test_small_sources_keep_their_flux(n, limit):
    """Rays a tenth of the pixel apart see a source of 0.05 arcsec: wherever it lies, its flux arrives."""
    rng = np.random.Generator(np.random.PCG64(3))
    x, y = rng.uniform(-0.2, 0.2, (2, 30))
    grid, psf = PixelGrid(32, 0.2), Gaussian(0.7)
    source = Sersic(np.ones(30), 0.05, n, 0.1, 0.0, x, y)
    images, plain = np.zeros((2, 30, 1, 32, 32))
    lens = Sum([EPL(np.zeros(30)), ExternalShear(np.zeros(30), 0.0)])
    draw_lensed(lens, [source], np.ones((30, 1, 1)), grid, (psf,), "default", images)
    draw_sersic(source, np.ones((30, 1)), grid, (psf,), "high", plain)
    assert np.abs(images.sum(axis=(1, 2, 3)) / plain.sum(axis=(1, 2, 3)) - 1.0).max() < limit


def test_points_are_refused():
    with pytest.raises(ValueError, match="rays miss a PointSource"):
        lensed(PointSource(1.0))
