"""Transforms of images at scattered wave numbers against the sums that they are."""

import numpy as np
import pytest
from scipy.special import erf

from simulators import EPL, ExternalShear, Gaussian, PixelGrid
from simulators._image_spectra import ImageSpectrum
from simulators._interpolated import interpolant_transform, interpolate
from simulators._kernels import image_rays
from simulators.deflectors import Sum
from simulators.light import GalaxyImage, ImageSource
from simulators.raytracing import draw_lensed

pytestmark = pytest.mark.kernels
RNG = np.random.Generator(np.random.PCG64(4))


@pytest.mark.parametrize("shape", [(9, 12), (16, 16), (21, 8)], ids=str)
def test_spectrum_is_the_sum_over_pixels(shape):
    image = RNG.uniform(0, 1, shape)
    u, v = RNG.uniform(-4.0, 4.0, (2, 40))
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in shape)
    waves = np.exp(-1j * (v[:, None, None] * rows[:, None] + u[:, None, None] * columns))
    direct = (image * waves).sum(axis=(1, 2))
    direct *= interpolant_transform(u / (2 * np.pi)) * interpolant_transform(v / (2 * np.pi))
    assert np.abs(ImageSpectrum.of(image).at(u, v) - direct).max() < 3e-6 * image.sum()


def test_interpolation_keeps_pixels_and_smooth_functions():
    rows, columns = np.mgrid[:14, :17].astype(float)
    image = np.sin(0.5 * columns) * np.cos(0.4 * rows)
    assert np.allclose(interpolate(image, columns, rows), image, atol=1e-12)
    x, y = RNG.uniform(4, 12, 30), RNG.uniform(4, 9, 30)
    assert np.allclose(interpolate(image, x, y), np.sin(0.5 * x) * np.cos(0.4 * y), atol=2e-3)
    assert not interpolate(image, np.array([-5.0, 30.0]), np.array([3.0, 3.0])).any()


def deposited(moments, side=5, at=(2, 2)):
    plane = np.zeros((side, side), np.float32)
    image_rays.put_moments(*at, moments, plane)
    return plane.astype(float)


def test_light_that_is_spread_over_cells_keeps_its_moments():
    given = 1.0, 0.2, -0.3, 0.11, 0.05, 0.14
    plane = deposited(given)
    x, y = np.mgrid[-2:3, -2:3]
    found = [(plane * weight).sum() for weight in (1, x, y, x * x, x * y, y * y)]
    assert np.allclose(found, given, atol=1e-6)


def test_light_at_the_edge_stays_in_its_cell():
    plane = deposited((1.0, 0.2, -0.3, 0.11, 0.05, 0.14), at=(0, 3))
    assert plane[0, 3] == 1.0
    assert plane.sum() == 1.0


def test_galaxies_behind_lenses_against_a_lens_equation_at_every_ray():
    """A few pixels wide, so that it runs without compilation; midpoints of 1/16 of a pixel instead of Gauss rules."""
    grid, rays = PixelGrid(8, 0.2), 16
    lens = Sum([EPL(0.4, 2.1, 0.1, -0.05), ExternalShear(0.03, 0.02)])
    axis = np.arange(-5, 6) * 0.1
    image = np.exp(-0.5 * ((axis[None, :] / 0.15) ** 2 + (axis[:, None] / 0.2) ** 2))
    source = ImageSource([GalaxyImage(image, 0.1)], x=0.05, y=-0.03, angle=0.3, zoom=0.8)
    out = np.zeros((1, 1, 8, 8))
    draw_lensed(lens, [source], np.ones((1, 1, 1)), grid, (Gaussian(0.4),), "default", out)
    points, width = grid.axis(rays, 4), 0.4 / np.sqrt(4.0 * np.log(2.0))
    x, y = np.meshgrid(points, points, indexing="ij")
    seen = source.brightness(*(ends[0] for ends in lens.source(x, y)))[0]
    edges = (grid.axis()[:, None] - points)[..., None] + grid.scale / 2 * np.array([1.0, -1.0])
    through = -np.diff(erf(edges / width), axis=-1)[..., 0] / 2
    naive = through @ seen.T @ through.T * (points[1] - points[0]) ** 2
    assert np.abs(out[0, 0] - naive).max() < 5e-3 * naive.max()
