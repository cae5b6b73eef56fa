"""Drawing through any deflector: the general path is the fast one, and both are what a very fine grid sees."""

import functools

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from scipy.special import erf

from simulators import EPL, ExternalShear, Gaussian, PixelGrid, Sersic
from simulators.deflectors import NFW, SIE, ConvergenceSheet, MultiPlane, PointMass, Sum
from simulators.drawing import draw_light
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


@pytest.mark.parametrize(("accuracy", "limit"), [("fast", 2.5e-2), ("default", 8e-3), ("high", 2e-3)])
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


def test_compact_cusps_keep_flux_and_shape_under_linear_lenses():
    """Behind a sheet and a shear a Sersic is another Sersic, whose transform is known."""
    count, uniform = 40, np.random.Generator(np.random.PCG64(8)).uniform
    shape = (uniform(0.05, 0.1, count), uniform(3.0, 5.0, count), *uniform(-0.3, 0.3, (2, count)))
    source = Sersic(1.0, *shape, *uniform(-0.1, 0.1, (2, count)))
    shear = ExternalShear(*uniform(-0.3, 0.3, (2, count)))
    lens = Sum([EPL(np.zeros(count), 2.0), shear])  # drawn by kernels
    expected, out = np.zeros((2, count, 1, GRID.size, GRID.size))
    image = source.transformed(np.linalg.inv(lens.jacobian(0.3, 0.3)))
    draw_light(image, np.asarray(image.flux)[:, None], GRID, (PSF,), "high", expected)
    for accuracy, limit, bias in (("default", 1.2e-2, 2.5e-3), ("high", 3e-3, 5e-4)):
        out[:] = 0.0
        draw_lensed(lens, [source], np.ones((count, 1, 1)), GRID, (PSF,), accuracy, out)
        worst = np.abs(out - expected).max(axis=(1, 2, 3)) / expected.max(axis=(1, 2, 3))
        assert worst.max() < limit
        assert abs((out.sum(axis=(1, 2, 3)) / expected.sum(axis=(1, 2, 3)) - 1).mean()) < bias


def brute_force(lens, source, fold=14):
    """Cells of half a pixel, split in four `fold` times where they see the centre of the source: 4 x 4 Gauss points
    each, put between the centres of cells of 1/24 pixel."""
    nodes, weights = np.polynomial.legendre.leggauss(4)
    margin, fine = 6, GRID.axis(24, 6)
    plane, step, side = np.zeros((fine.size,) * 2), fine[1] - fine[0], GRID.scale / 2
    x, y = (axis.ravel() for axis in np.meshgrid(*[GRID.axis(2, margin)] * 2, indexing="ij"))
    for level in range(fold + 1):
        ends = [
            np.stack(lens.source(x + dx * side, y + dy * side))[:, 0] for dx, dy in ((0, 0), (0.5, 0.5), (0.5, -0.5))
        ]
        reach = np.hypot(*np.maximum(*(np.abs(end - ends[0]) for end in ends[1:])))
        off = np.hypot(ends[0][0] - np.asarray(source.x), ends[0][1] - np.asarray(source.y))
        split = ((off < 4 * reach) | (level < 3) & (off < 0.3)) & (level < fold)
        points = [axis[~split][:, None, None] + 0 * nodes[:, None] * nodes for axis in (x, y)]
        points[0], points[1] = points[0] + nodes[:, None] * side / 2, points[1] + nodes * side / 2
        light = source.brightness(*(end[0] for end in lens.source(*points)))[0]
        light = light * np.multiply.outer(weights, weights) * (side / 2) ** 2
        at = [(axis.ravel() - fine[0]) / step for axis in points]
        low = [np.floor(axis).astype(int) for axis in at]
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            share = np.prod([np.abs(1 - one - (a - b)) for one, a, b in zip((i, j), at, low, strict=True)], axis=0)
            inside = np.all(
                [(b + one >= 0) & (b + one < fine.size) for one, b in zip((i, j), low, strict=True)], axis=0
            )
            np.add.at(plane, ((low[0] + i)[inside], (low[1] + j)[inside]), (share * light.ravel())[inside])
        quarter = side / 4
        x, y = (
            np.concatenate([axis[split] + sign * quarter for sign in signs])
            for axis, signs in ((x, (-1, -1, 1, 1)), (y, (-1, 1, -1, 1)))
        )
        side /= 2
    offset = GRID.axis()[None, :] - fine[:, None]
    low, high = ((offset + half * GRID.scale / 2) / (PSF.sigma * np.sqrt(2)) for half in (-1, 1))
    operator = 0.5 * (erf(high) - erf(low))
    return (operator.T @ plane @ operator).T


@pytest.mark.parametrize("place", [(0.02, 0.01), (0.1, -0.05), (0.06, 0.08)])
def test_compact_cusps_behind_a_power_law(place):
    lens = LENSES["power law and shear"]
    source = Sersic(1.0, 0.06, 4.0, 0.1, -0.2, *place)
    expected = brute_force(lens, source)
    image = draw(lens, [source], flux=(1.0,))[0]
    assert np.abs(image - expected).max() < 8e-3 * expected.max()
    assert image.sum() == pytest.approx(expected.sum(), rel=2e-3)


def test_no_flux_is_no_light():
    assert (draw(MASS, flux=(0.0, 0.0)) == 0).all()
