"""Subhalo populations: numbers and masses follow the mass function, and every lens is a function of its id."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from scipy import integrate, stats

from simulators.cosmology import concentration, critical_density, nfw_angles, time_delay_distance
from simulators.deflectors import NFW, SubhaloPopulation, Subhalos

COSMOLOGY = FlatLambdaCDM(70, 0.3)
POPULATION = SubhaloPopulation(z_lens=0.5, z_source=1.5, cosmology=COSMOLOGY, sigma_sub=0.01)


def masses(halos):
    """Masses of the clumps [solMass], from their scale radii, one array for each lens."""
    grid = np.geomspace(1e6, 1e11, 4001)
    r_s, _ = nfw_angles(grid, concentration(grid, 0.5, COSMOLOGY), 0.5, 1.5, COSMOLOGY)
    each = zip(halos.r_s, halos.alpha_s > 0, strict=True)
    return [np.exp(np.interp(row[there], r_s, np.log(grid))) for row, there in each]


def test_numbers_are_poisson():
    halos = POPULATION.draw(3, np.arange(400))
    counts = (halos.alpha_s > 0).sum(axis=1)
    mean = POPULATION.expected()
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / 400))
    assert counts.var() == pytest.approx(mean, rel=0.35)


def test_expected_number_is_the_integral_of_the_mass_function():
    kpc = 3.0 / COSMOLOGY.arcsec_per_kpc_proper(0.5).value
    per_mass = lambda log: np.exp(log) * 0.01 / 1e8 * (np.exp(log) / 1e8) ** -1.9
    number = integrate.quad(per_mass, np.log(1e7), np.log(1e10))[0] * np.pi * kpc**2
    assert POPULATION.expected() == pytest.approx(number, rel=1e-8)


def test_masses_and_places():
    halos = POPULATION.draw(4, np.arange(30))
    mass = np.concatenate(masses(halos))
    assert stats.kstest(1 - (mass**-0.9 - 1e10**-0.9) / (1e7**-0.9 - 1e10**-0.9), "uniform").pvalue > 1e-3
    there = halos.alpha_s > 0
    area = (halos.x[there] ** 2 + halos.y[there] ** 2) / 9
    assert stats.kstest(area, "uniform").pvalue > 1e-3
    assert stats.kstest(np.arctan2(halos.y, halos.x)[there] / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-3


def test_a_lens_alone_is_the_lens_of_the_run():
    many, alone = POPULATION.draw(5, np.arange(10)), POPULATION.draw(5, [7])
    most = int((alone.alpha_s > 0).sum())
    for name in ("r_s", "alpha_s", "x", "y"):
        assert np.array_equal(getattr(alone, name)[0, :most], getattr(many, name)[7, :most])
    points = np.linspace(-2, 2, 9)
    together, one = many.deflection(points, points)[0][7], alone.deflection(points, points)[0][0]
    assert np.array_equal(together, one)
    assert not np.array_equal(one, POPULATION.draw(6, [7]).deflection(points, points)[0][0])


def test_no_lenses_and_no_clumps():
    none = SubhaloPopulation(z_lens=0.5, z_source=1.5, cosmology=COSMOLOGY, sigma_sub=0.0).draw(1, [1, 2])
    assert len(none) == 2
    assert not np.any(none.deflection(1.0, 2.0))
    assert len(POPULATION.draw(1, np.arange(0))) == 0


def test_a_clump_of_large_truncation_is_an_nfw_halo():
    x, y = np.linspace(0.2, 3, 20), np.linspace(-1, 1, 20)
    clump, halo = Subhalos(1.2, 0.5, 1000.0), NFW(1.2, 0.5)
    assert np.allclose(np.stack(clump.deflection(x, y)), np.stack(halo.deflection(x, y)), rtol=1e-3, atol=2e-5)
    assert np.allclose(clump.convergence(x, y), halo.convergence(x, y), rtol=2e-3, atol=1e-5)


def test_mass_of_a_halo():
    """Projected mass of an untruncated halo far out against its mass profile, in solar masses."""
    r_s, alpha_s = nfw_angles(1e12, 8.0, 0.5, 1.5, COSMOLOGY)
    lens = NFW(r_s, alpha_s)
    axis = np.geomspace(1e-3, 100, 4000) * r_s
    sigma = lens.convergence(axis, 0 * axis)[0] * critical_density(0.5, 1.5, COSMOLOGY)
    mpc = COSMOLOGY.angular_diameter_distance(0.5).value * np.pi / 648000
    x = 100.0  # projected mass within x scale radii: Bartelmann 1996, A&A 313, 697, eq. 16
    inside = np.log(x / 2) + np.arccos(1 / x) / np.sqrt(x**2 - 1)
    mass = 1e12 * inside / (np.log(9.0) - 8 / 9)
    assert integrate.simpson(2 * np.pi * axis * sigma, x=axis) * mpc**2 == pytest.approx(mass, rel=1e-3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"z_lens": 2.0}, r"z_lens = 2 is outside \(0, z_source = 1.5\)"),
        ({"z_lens": 0.0}, "z_lens = 0"),
        ({"z_source": np.nan}, "z_source = nan"),
        ({"slope": -0.5}, "slope = -0.5"),
        ({"sigma_sub": -1.0}, "sigma_sub = -1"),
        ({"mass": (1e9, 1e8)}, r"mass = \(1e\+09, 1e\+08\)"),
        ({"mass": (1.0, 1e8)}, "mass = 1 "),
        ({"radius": 0.0}, "radius = 0"),
        ({"tau": 0.0}, "tau = 0"),
    ],
)
def test_bad_values_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        SubhaloPopulation(**{"z_lens": 0.5, "z_source": 1.5, "cosmology": COSMOLOGY, **fields})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nfw_angles(0.0, 5.0, 0.5, 1.5, COSMOLOGY), "mass = 0"),
        (lambda: nfw_angles(1e10, 0.0, 0.5, 1.5, COSMOLOGY), "concentration = 0"),
        (lambda: time_delay_distance(0.5, 0.5, COSMOLOGY), "z_lens = 0.5"),
    ],
)
def test_bad_haloes_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
