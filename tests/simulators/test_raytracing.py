"""Drawing through any deflector: the general path is the fast one, and both are what a very fine grid sees."""

import functools

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from scipy.special import erf

from simulators import EPL, ExternalShear, Gaussian, PixelGrid, Sersic
from simulators.deflectors import NFW, SIE, ConvergenceSheet, MultiPlane, PointMass, Sum
from simulators.raytracing import draw_lensed

GRID, PSF = PixelGrid(32, 0.15), Gaussian(0.6)
SOURCES = [Sersic(1.0, 0.3, 1.2, 0.1, 0.2, 0.12, -0.06), Sersic(1.0, 0.08, 2.0, -0.2, 0.1, 0.05, 0.1)]
MASS = EPL(1.1, 2.1, 0.15, -0.1, 0.02, 0.01)
LENSES = {
    "power law": MASS,
    "power law and shear": Sum([MASS, ExternalShear(0.05, -0.03)]),
    "isothermal": SIE(1.1, 0.15, -0.1),
    "halo": NFW(3.0, 1.6, 0.1, 0.1),
    "point and sheet": Sum([PointMass(1.0), ConvergenceSheet(0.1)]),
    "planes": MultiPlane([MASS, PointMass(0.2, 0.6, 0.7)], [0.5, 0.8], 2.0, FlatLambdaCDM(70, 0.3)),
}


def draw(lens, sources=SOURCES, accuracy="default", flux=(1.0, 0.3)):
    out = np.zeros((len(lens), 1, GRID.size, GRID.size))
    many = [Sersic(1.0, *([value] * len(lens) for value in fields_of(source))) for source in sources]
    amounts = np.broadcast_to(np.reshape(flux, (1, -1, 1)), (len(lens), len(sources), 1))
    draw_lensed(lens, many, amounts, GRID, (PSF,), accuracy, out)
    return out[:, 0]


def fields_of(source):
    return (np.asarray(getattr(source, name))[0] for name in ("radius", "n", "e1", "e2", "x", "y"))


@functools.cache
def very_fine(name, fine=24, margin=6, flux=(1.0, 0.3)):
    """Midpoints of `fine` cells per pixel and axis, exact PSF and pixel: to 1e-3 of the peak."""
    lens = LENSES[name]
    axis = GRID.axis(fine, margin)
    offset = GRID.axis()[None, :] - axis[:, None]
    low, high = ((offset + side * GRID.scale / 2) / (PSF.sigma * np.sqrt(2)) for side in (-1, 1))
    operator = 0.5 * (erf(high) - erf(low)) * GRID.scale / fine
    image = np.zeros((len(axis), GRID.size))
    for at, y in enumerate(axis):
        bx, by = lens.source(axis, np.full_like(axis, y))
        light = sum(a * source.brightness(bx[0], by[0])[0] for a, source in zip(flux, SOURCES, strict=True))
        image[at] = light @ operator
    return operator.T @ image


@pytest.mark.parametrize(("accuracy", "limit"), [("fast", 2e-2), ("default", 8e-3), ("high", 2e-3)])
@pytest.mark.parametrize("name", LENSES)
def test_images_are_those_of_a_very_fine_grid(name, accuracy, limit):
    expected = very_fine(name)
    assert np.abs(draw(LENSES[name], accuracy=accuracy)[0] - expected).max() < limit * expected.max()


def test_the_general_path_is_the_fast_one():
    lens = Sum([EPL([1.1, 0.9], 2.1, 0.15, -0.1, 0.02, 0.01), ExternalShear(0.05, -0.03)])
    nothing = Sum([*lens.parts, ConvergenceSheet(0.0)])  # a sum that the kernels do not know
    fast, general = draw(lens), draw(nothing)
    assert np.abs(fast - general).max() < 1e-4 * fast.max()
    assert not np.array_equal(fast[0], fast[1])


def test_images_do_not_depend_on_their_company():
    lens = Sum([EPL([1.1, 0.9, 1.3], 2.1, 0.15, -0.1), ExternalShear(0.05, -0.03)])
    together = draw(lens)
    for s in range(3):
        assert np.array_equal(together[s], draw(lens.take(s))[0])


@pytest.mark.parametrize("label", ["x", "radius"])
def test_images_change_smoothly(label):
    """Second differences over small steps: no cell may come or go at once."""
    values = np.linspace(-2e-3, 2e-3, 41) + (0.12 if label == "x" else 0.3)
    source = Sersic(**{"flux": 1.0, "radius": 0.3, "n": 1.2, "x": 0.12, "y": -0.06, label: values})
    lens = EPL(np.full(41, 1.1), 2.1, 0.15, -0.1)
    out = np.zeros((41, 1, GRID.size, GRID.size))
    draw_lensed(lens, [source], np.ones((41, 1, 1)), GRID, (PSF,), "default", out)
    bends = np.abs(np.diff(out, n=2, axis=0)).max()
    assert bends < 5e-5 * out.max()


def test_no_flux_is_no_light():
    assert (draw(MASS, flux=(0.0, 0.0)) == 0).all()
