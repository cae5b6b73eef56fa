"""Adaptive ray shooting against slow, obvious versions; small enough to run without compilation."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from simulators import EPL, ExternalShear, Gaussian, PixelGrid, Sersic
from simulators._kernels import cells, convolving, rays, refining, single, tracing
from simulators._kernels._jit import JIT_ENABLED, kernel
from simulators._lens_rays import lens_rows
from simulators.raytracing import RayAccuracy, _plan, _source_rows

spec = importlib.util.spec_from_file_location("naive", Path(__file__).parents[1] / "naive.py")
naive = importlib.util.module_from_spec(spec)
spec.loader.exec_module(naive)
pytestmark = pytest.mark.kernels
RNG = np.random.Generator(np.random.PCG64(4))
LENS = (0.5, 2.1, 0.3, 0.1, 0.05, -0.02)  # theta_E, gamma, e1, e2, x, y
SHEAR = (0.04, -0.03)


@kernel
def on_all(function, x, out):
    for i in range(x.shape[0]):
        out[i] = function(x[i])


def test_single_precision_logarithm_and_exponential():
    x = np.geomspace(1e-30, 1e30, 301).astype(np.float32)
    found = np.array([single.log2(value) for value in x]) if not JIT_ENABLED else np.empty_like(x)
    if JIT_ENABLED:
        on_all(single.log2, x, found)
    assert np.abs(found - np.log2(x.astype(float))).max() < 5e-6  # a float32 of 100 is that coarse
    near = np.linspace(0.7, 1.5, 101).astype(np.float32)
    assert np.abs([single.log2(value) - np.log2(float(value)) for value in near]).max() < 2e-7
    y = np.linspace(-125.9, 127.4, 301).astype(np.float32)
    assert np.allclose([single.exp2(value) for value in y], np.exp2(y.astype(float)), rtol=2e-7)
    assert single.exp2(np.float32(-1e30)) == 2.0**-126


def traced(x, y, lens, shear, tolerance=1e-7):
    count = -(-len(x) // tracing.BLOCK) * tracing.BLOCK
    px, py = (np.pad(axis, (0, count - len(axis)), mode="edge").astype(np.float32) for axis in (x, y))
    rows, terms = lens_rows(EPL(*lens), ExternalShear(*shear), tolerance)
    bx, by = np.empty((2, count), np.float32)
    tracing.trace(px, py, count, rows[0], terms[0], np.empty(tracing.SCRATCH, np.float32), bx, by)
    return np.stack([bx, by])[:, : len(x)]


@pytest.mark.parametrize("shape", [(0.0, 0.0), (0.1, -0.2), (0.5, 0.6)])
def test_rays_meet_the_source_plane_where_they_should(shape):
    x, y = RNG.uniform(-3, 3, (2, 70))
    lens = (1.2, 2.2, *shape, 0.1, -0.05)
    theta, t, q, c, s, x0, y0 = EPL(*lens).packed()[0, :7]
    expected = np.stack(naive.source_plane(x, y, theta, t, q, c, s, x0, y0, *SHEAR))
    assert np.abs(traced(x, y, lens, SHEAR) - expected).max() < (3e-6 if q > 0.3 else 3e-5)


def test_rays_of_a_list_do_not_depend_on_its_length():
    x, y = RNG.uniform(-3, 3, (2, 130))
    assert np.array_equal(traced(x, y, LENS, SHEAR)[:, :40], traced(x[:40], y[:40], LENS, SHEAR))


def test_quintics_are_interpolated_exactly_and_cubics_are_not_rough():
    x, y = np.meshgrid(np.arange(12.0), np.arange(12.0), indexing="ij")
    fine_x, fine_y = np.meshgrid(*[np.repeat(np.arange(12.0), 2) + np.tile([-0.25, 0.25], 12)] * 2, indexing="ij")

    def cubic(x, y):
        return (x**3 - 4 * x**2 + x * y**2 - y**3 + 3) / 100

    def quintic(x, y):
        return cubic(x, y) + (x - 5) ** 5 / 1000 - (y - 4) ** 4 * (x - 6) / 1000

    fine, row = np.empty((24, 24), np.float32), np.empty(18, np.float32)
    cells.interpolate(quintic(x, y).astype(np.float32), row, fine)
    assert np.allclose(fine[6:-6, 6:-6], quintic(fine_x, fine_y)[6:-6, 6:-6], atol=2e-5)
    cells.rough_row(cubic(x, y).astype(np.float32), 4, row[:12])
    assert np.abs(row[2:10]).max() < 1e-6
    spike = np.zeros((12, 12), np.float32)
    spike[4, 5] = 1.0
    cells.rough_row(spike, 4, row[:12])
    assert row[2:10].argmax() == 3
    assert (row[3:8] > 0.02).all()


@pytest.mark.parametrize(("n", "radius"), [(4.0, 0.05), (1.0, 0.3), (8.0, 1.0), (0.5, 0.02)])
def test_cores_keep_flux_value_and_slope(n, radius):
    settings = RayAccuracy(cells=3.0, tolerance=2e-3, level=2, series=1e-6, rank=1e-4, pairs=1.0)
    plan = _plan(PixelGrid(8, 0.3), (Gaussian(0.9),), settings)
    source = Sersic(1.0, radius, n)
    row = _source_rows([source], plan)[0, 0]
    edge = radius / np.sqrt(row[9])
    r = (np.arange(64 * 40) + 0.5) / (64 * 40) * 1.5 * edge
    seen = np.empty(r.size, np.float32)
    for start in range(0, r.size, 64):
        part = slice(start, start + 64)
        tracing.brightness_block(r[part].astype(np.float32), np.zeros(64, np.float32), row, seen[part])
    exact = source.brightness(r, 0 * r)[0]
    outside = r > 1.001 * edge
    assert np.allclose(seen[outside], exact[outside], rtol=1e-4)
    beside = np.abs(r / edge - 1) < 0.02
    assert np.allclose(seen[beside], exact[beside], rtol=1e-2)
    fine = (np.arange(200_000) + 0.5) / 200_000
    within = fine**4  # radii that crowd at the cusp
    flux = (source.brightness(edge * within, 0 * within)[0] * 2 * np.pi * edge**2 * within * 4 * fine**3).mean()
    mine = (2 * np.pi * r * seen)[r < edge].sum() * (r[1] - r[0])
    assert mine == pytest.approx(flux, rel=3e-3)


def test_rays_of_a_pattern_have_the_moments_of_a_cell():
    pattern = np.stack(refining.gauss_pattern())
    for level in range(refining.LEVELS):
        first, count = refining.rays_of(level)
        assert count == 4 ** (level + 1)
        moments = np.empty(6, np.float32)
        refining.sum_moments(np.ones(count, np.float32), pattern[:, first : first + count], moments)
        assert np.allclose(moments, [1, 0, 0, 1 / 12, 1 / 12, 0], atol=1e-6)


def test_deposited_light_has_its_moments():
    moments = np.array([2.0, 0.3, -0.4, 0.2, 0.1, 0.05], np.float32)
    plane = np.zeros((5, 5), np.float32)
    refining.deposit(plane, 2, 2, moments)
    x, y = np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij")
    assert np.allclose([(plane * f).sum() for f in (x**0, x, y, x * x, y * y, x * y)], moments, atol=1e-6)


def test_smooth_light_leaves_nothing_to_deposit():
    x, y = np.meshgrid(np.arange(-2.0, 3), np.arange(-2.0, 3), indexing="ij")

    def smooth(x, y):
        return 1 + 0.02 * x - 0.03 * y + 0.002 * x * x - 0.001 * y * y

    pattern = np.stack(refining.gauss_pattern())[:, 20:84]
    moments = np.empty(6, np.float32)
    refining.sum_moments(smooth(*pattern).astype(np.float32), pattern, moments)
    refining.take_smooth(smooth(x, y).astype(np.float32), 2, 2, np.float32(1.0), moments)
    assert np.abs(moments).max() < 2e-4


@pytest.mark.parametrize("amount", [1.0, 3.0])
def test_a_source_in_a_cell_is_missed_until_it_is_looked_for(amount):
    source = np.array([0.03, 0.02, 20.0, 0.0, 0.0, 20.0, 0.5, 2.4, amount], np.float32)
    at = np.array([[-0.1, -0.1, 0.1, 0.1], [-0.1, 0.1, -0.1, 0.1]], np.float32)
    errors = [refining.cusp(at[0], at[1], quarter, source) for quarter in range(4)]
    assert max(errors) > 0.1 * amount
    assert refining.cusp(at[0] + np.float32(1.0), at[1], 0, source) == 0


def test_operators_are_applied_as_matrices():
    operators = np.zeros((2, 2, 12, 8), np.float32)
    operators[..., :5] = RNG.uniform(0, 1, (2, 2, 12, 5))
    low, high = np.array([0, 4]), np.array([8, 12])
    for four in range(2):
        operators[..., : low[four], 4 * four : 4 * four + 4] = 0
        operators[..., high[four] :, 4 * four : 4 * four + 4] = 0
    plane = RNG.uniform(0, 1, (12, 12)).astype(np.float32)
    scratch = [np.empty(shape, np.float32) for shape in ((8, 12), (12, 5), (8, 5))]
    out = np.ones((5, 5))
    convolving.add_image(plane, operators, low, high, *scratch, out)
    assert np.allclose(out - 1, sum((row.T @ plane.T @ column)[:5, :5] for column, row in operators), rtol=1e-5)


def lensed_case(grid, settings, samples=2):
    psfs = (Gaussian(0.9), Gaussian(0.7))
    plan = _plan(grid, psfs, settings)
    lens = EPL(*(np.array([value, 0.9 * value])[:samples] for value in LENS))
    shear = ExternalShear(*(np.array([value, value])[:samples] for value in SHEAR))
    sources = [Sersic(1.0, np.array([0.3, 0.12])[:samples], n, 0.1, 0.2, 0.1, -0.05) for n in (1.0, 2.0)]
    flux = np.array([[[1.0, 2.0], [0.3, 0.1]], [[2.0, 1.0], [1.0, 0.0]]])[:samples]
    rows, terms = lens_rows(lens, shear, settings.series)
    weights = flux.mean(axis=-1).astype(np.float32)
    return (plan, rows, terms, _source_rows(sources, plan), weights, flux.astype(np.float32)), (
        lens,
        shear,
        sources,
        psfs,
    )


def test_images_are_those_of_a_very_fine_grid():
    grid = PixelGrid(8, 0.3)
    settings = RayAccuracy(cells=3.0, tolerance=2e-3, level=2, series=1e-6, rank=1e-4, pairs=1.0)
    case, (lens, shear, sources, psfs) = lensed_case(grid, settings)
    flux = case[-1].astype(float)
    out = np.zeros((2, 2, 8, 8), np.float32)
    rays.add_lensed(0, 2, *case, out)
    from scipy.special import erf

    fine = grid.axis(16, 6)
    for b, psf in enumerate(psfs):
        offset = grid.axis()[None, :] - fine[:, None]
        low, high = ((offset + side * grid.scale / 2) / (psf.sigma * np.sqrt(2)) for side in (-1, 1))
        operator = 0.5 * (erf(high) - erf(low)) * grid.scale / 16
        for s in range(2):
            mass = (*lens.packed()[s, :7], np.asarray(shear.g1)[s], np.asarray(shear.g2)[s])
            rows = [source.packed()[s] for source in sources]
            one = naive.lensed_image(fine, mass, rows, flux[s, :, b], operator, operator)
            assert np.abs(out[s, b] - one).max() < 4e-3 * one.max()


def test_no_samples_are_no_work():
    settings = RayAccuracy(cells=1.0, tolerance=1e-2, level=0, series=1e-4, rank=1e-2, pairs=1.0)
    case, _ = lensed_case(PixelGrid(8, 0.3), settings, samples=1)
    rays.add_lensed(0, 0, case[0], *(part[:0] for part in case[1:]), np.zeros((0, 2, 8, 8), np.float32))
