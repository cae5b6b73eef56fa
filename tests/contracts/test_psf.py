"""Laws that every PSF obeys; a new PSF is one entry in PSFS."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j0

from simulators import Gaussian, Moffat, PixelGrid
from simulators.psf import separable_operators

PSFS = [Gaussian(0.7), Gaussian(0.1), Moffat(0.7, 3.5), Moffat(1.2, 2.2), Moffat(0.8, 4.765)]


@pytest.fixture(params=PSFS, ids=str)
def psf(request):
    return request.param


def test_unit_integral(psf):
    far = 2000 * psf.fwhm
    parts = [0, psf.fwhm, 10 * psf.fwhm, 100 * psf.fwhm, far]
    total = sum(quad(lambda r: 2 * math.pi * r * psf.profile(r), a, b)[0] for a, b in itertools.pairwise(parts))
    assert total == pytest.approx(1.0, abs=1e-4)


def test_full_width_at_half_maximum(psf):
    assert psf.profile(psf.fwhm / 2) == pytest.approx(psf.profile(0.0) / 2)


def test_transform_is_the_hankel_transform(psf):
    assert psf.transform(0.0) == 1.0
    for k in (0.5 / psf.fwhm, 2.0 / psf.fwhm, 5.0 / psf.fwhm):
        radii = [0, *np.arange(0.5, 60, 0.5) * psf.fwhm]
        kernel = lambda r, k=k: 2 * math.pi * r * psf.profile(r) * j0(k * r)
        total = sum(quad(kernel, a, b)[0] for a, b in itertools.pairwise(radii))
        assert psf.transform(k) == pytest.approx(total, abs=2e-3 if getattr(psf, "beta", 9) < 3 else 1e-5)


def test_transform_falls_monotonically_and_stays_positive(psf):
    values = psf.transform(np.linspace(0, 30 / psf.fwhm, 500))
    assert (np.diff(values) < 0).all()
    assert (values > 0).all()


def test_radius_of_holds_its_fraction(psf):
    for fraction in (0.5, 0.9):
        inside = quad(lambda r: 2 * math.pi * r * psf.profile(r), 0, psf.radius_of(fraction))[0]
        assert inside == pytest.approx(fraction, abs=1e-6)


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
    r = np.hypot(y[:, None, :, None], x[None, :, None, :])
    direct = psf.profile(r).mean(axis=(2, 3)) * grid.scale**2
    assert np.abs(pixels - direct).max() < 3e-4 * direct.max()
    for k, (column, _) in enumerate(operators):
        for cell in range(len(fine)):
            outside = np.r_[column[cell, : first[k, cell]], column[cell, last[k, cell] :]]
            assert not outside.any()


@pytest.mark.parametrize(
    "make", [lambda: Gaussian(0.0), lambda: Gaussian(math.nan), lambda: Moffat(0.7, 1.0), lambda: Moffat(-1.0)]
)
def test_bad_values_are_refused(make):
    with pytest.raises(ValueError, match="is outside"):
        make()
