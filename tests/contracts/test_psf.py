"""Laws that every PSF obeys; a new PSF is one entry in `simulators.psf.PSFS` and one in EXAMPLES."""

import importlib
import inspect
import math
import pkgutil

import galsim
import numpy as np
import pytest
from scipy.special import j0

import simulators.psf
from simulators import PSF, PixelGrid
from simulators.psf import (
    PSFS,
    Airy,
    GalSimPSF,
    Gaussian,
    Kolmogorov,
    Moffat,
    PixelPSF,
    padding,
    separable_operators,
)


def pixels(theirs, shape, scale):
    """Samples [1/arcsec^2] of a GalSim object, its centre at the array's."""
    return theirs.drawImage(nx=shape[1], ny=shape[0], scale=scale, method="no_pixel", dtype=float).array / scale**2


COMPACT = galsim.Moffat(fwhm=0.6, beta=3.0, trunc=2.5).shear(g1=0.1, g2=-0.2).shift(0.05, -0.03)
EXAMPLES = {
    Gaussian: [Gaussian(0.7), Gaussian(0.1)],
    Moffat: [Moffat(0.7, 3.5), Moffat(1.2, 2.2), Moffat(0.8, 4.765)],
    Airy: [Airy(0.1), Airy(0.2, 0.33)],
    Kolmogorov: [Kolmogorov(0.7)],
    PixelPSF: [PixelPSF(pixels(COMPACT, (81, 81), 0.07), 0.07), PixelPSF(pixels(COMPACT, (70, 64), 0.1), 0.1)],
    GalSimPSF: [
        GalSimPSF(galsim.Moffat(fwhm=0.7, beta=3.5)),
        GalSimPSF(COMPACT),
        GalSimPSF(galsim.Convolve(galsim.Gaussian(fwhm=0.6), galsim.Gaussian(fwhm=0.3).shear(g1=0.3, g2=0.2))),
    ],
}
ALL = [psf for psfs in EXAMPLES.values() for psf in psfs]
CIRCULAR = [psf for psf in ALL if psf.circular and not isinstance(psf, GalSimPSF)]
HEAVY = {psf for psf in CIRCULAR if isinstance(psf, Airy) or getattr(psf, "beta", 9) < 3}


def test_lists_are_complete():
    """Every concrete PSF of the package is on the list of PSFs, and has examples here."""
    modules = [
        importlib.import_module(f"simulators.psf.{m.name}") for m in pkgutil.iter_modules(simulators.psf.__path__)
    ]
    found = {c for m in modules for _, c in inspect.getmembers(m, inspect.isclass) if issubclass(c, PSF)}
    assert found - {PSF} == set(PSFS) == set(EXAMPLES)


@pytest.fixture(params=CIRCULAR, ids=str)
def psf(request):
    return request.param


def integral(function, end, panel):
    """Integral from 0 to `end` by eight Gauss-Legendre nodes for each `panel`."""
    node, weight = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(0.0, end, math.ceil(end / panel) + 1)
    half = np.diff(edges)[:, None] / 2
    r = edges[:-1, None] + half * (node + 1)
    return float((half * weight * function(r)).sum())


def within_radius(psf, radius):
    return integral(lambda r: 2 * math.pi * r * psf.profile(r), radius, psf.fwhm / 2)


def test_full_width_at_half_maximum(psf):
    assert psf.profile(psf.fwhm / 2) == pytest.approx(psf.profile(0.0) / 2, rel=1e-8)


@pytest.mark.parametrize("fraction", [1e-3, 0.3, 0.5, 0.9, 0.99, 0.999])
def test_radius_of_holds_its_fraction_of_a_unit_integral(psf, fraction):
    assert within_radius(psf, psf.radius_of(fraction)) == pytest.approx(fraction, abs=2e-6)


def test_encircled_light_grows(psf):
    radii = [psf.radius_of(fraction) for fraction in (*np.linspace(0, 0.99, 60), 0.999, 1 - 3e-4, 1 - 1e-5)]
    assert radii[0] == 0.0
    assert (np.diff(radii) > 0).all()


def test_transform_is_the_hankel_transform(psf):
    assert psf.transform(0.0) == 1.0
    for k in (0.5 / psf.fwhm, 2.0 / psf.fwhm, 5.0 / psf.fwhm):
        total = integral(lambda r, k=k: 2 * math.pi * r * psf.profile(r) * j0(k * r), 60 * psf.fwhm, psf.fwhm / 4)
        assert psf.transform(k) == pytest.approx(total, abs=2e-3 if psf in HEAVY else 1e-5)


def test_transform_is_largest_at_the_origin(psf):
    values = psf.transform(np.linspace(0, 30 / psf.fwhm, 500))
    assert (values >= -1e-15).all()
    assert (values[1:] < 1).all()
    if not isinstance(psf, Airy):
        assert (np.diff(values) < 0).all()


def test_brightness_and_spectrum_are_those_of_a_circle(psf):
    x, y = np.array([[0.0, 0.3]]), np.array([[0.4], [-0.1]])
    assert np.array_equal(psf.brightness(x, y), psf.profile(np.hypot(x, y)))
    assert np.array_equal(psf.spectrum(x, y), psf.transform(np.hypot(x, y)))


@pytest.mark.parametrize("psf", ALL, ids=str)
def test_separable_operators_are_the_psf_and_the_pixel(psf):
    grid = PixelGrid(8, psf.fwhm * 0.4)
    operators, first, last = separable_operators(psf, grid, 3, 6, 1e-6)
    fine = grid.axis(3, 6)
    point = np.zeros((len(fine), len(fine)))
    point[25, 30] = 1.0 / (grid.scale / 3) ** 2
    pixels = sum(row.T @ point @ column for column, row in operators)
    step = np.linspace(-0.5, 0.5, 41)[:-1] + 1 / 80
    axis = grid.axis()
    x = axis[:, None] + step * grid.scale - fine[30]
    y = axis[:, None] + step * grid.scale - fine[25]
    direct = psf.brightness(x[None, :, None, :], y[:, None, :, None]).mean(axis=(2, 3)) * grid.scale**2
    assert np.abs(pixels - direct).max() < 3e-4 * direct.max()
    for k, (column, _) in enumerate(operators):
        for cell in range(len(fine)):
            outside = np.r_[column[cell, : first[k, cell]], column[cell, last[k, cell] :]]
            assert not outside.any()


@pytest.mark.parametrize("psf", [Moffat(0.8, 1.3), Moffat(0.8, 2.08), Airy(0.1), Kolmogorov(0.7)], ids=str)
def test_flat_wings_need_no_endless_frame(psf):
    """The frame ends a quarter of a stamp out, and the light of a central cell still falls where the PSF takes it."""
    grid = PixelGrid(48, 0.25 * psf.fwhm)
    pad = padding((psf,), grid)
    assert 2 <= pad <= 12
    operators, _, _ = separable_operators(psf, grid, 1, pad, 1e-7)
    middle = operators.shape[2] // 2
    stamp = sum(np.outer(row[middle], column[middle]) for column, row in operators) / grid.scale**2
    offset = grid.axis() - grid.axis(1, pad)[middle]
    far = [(0, 0), (24, 0), (40, 40), (47, 23), (2, 2)]
    node, weight = np.polynomial.legendre.leggauss(12)
    for i, j in far:
        y, x = offset[i] + node * grid.scale / 2, offset[j] + node * grid.scale / 2
        direct = weight @ psf.brightness(x[None, :], y[:, None]) @ weight * grid.scale**2 / 4
        assert stamp[i, j] == pytest.approx(direct, rel=2e-2, abs=1e-6 * stamp.max())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Gaussian(0.0), "fwhm = 0 is outside"),
        (lambda: Gaussian(math.nan), "fwhm = nan is outside"),
        (lambda: Moffat(0.7, 1.0), "beta = 1 is outside"),
        (lambda: Moffat(-1.0), "fwhm = -1 is outside"),
        (lambda: Airy(0.1, 1.0), r"obscuration = 1 is outside \[0, 0.95\]"),
        (lambda: Airy.of_aperture(0.0, 2.4), r"wavelength = 0 is outside .* nm"),
        (lambda: Airy.of_aperture(800.0, -2.4), r"diameter = -2.4 is outside .* m"),
        (lambda: Kolmogorov(math.inf), "fwhm = inf is outside"),
    ],
)
def test_bad_values_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
