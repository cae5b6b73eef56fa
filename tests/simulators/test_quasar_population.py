"""The population of lensed quasars against the luminosity function of its paper, integrated here with astropy."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from catalogs import get_survey
from simulators import StrongLens

COSMOLOGY = FlatLambdaCDM(70, 0.3)
DRAWN = 6000
M, Z = np.linspace(17.0, 25.5, 500), np.linspace(0.1, 5.5, 600)


def luminosity_function(m, z):
    """Oguri & Marshall 2010, eqs. 11 and 12: quasars per volume and magnitude, up to a factor."""
    zeta, xi, z_star = 2.98, 4.05, 1.60
    f = np.exp(zeta * z) * (1 + np.exp(xi * z_star)) / (np.sqrt(np.exp(xi * z)) + np.sqrt(np.exp(xi * z_star))) ** 2
    star = -20.90 + 5 * np.log10(0.7) - 2.5 * np.log10(f)
    absolute = m - COSMOLOGY.distmod(z).value + 1.25 * np.log10(1 + z)
    bright = np.where(z < 3, -3.31, -2.58)
    return 1 / (10 ** (0.4 * (bright + 1) * (absolute - star)) + 10 ** (0.4 * (-1.45 + 1) * (absolute - star)))


@pytest.fixture(scope="module")
def drawn():
    """Magnitudes in i and redshifts; drawing does not look for images when there is no quasar to draw."""
    survey = get_survey("lsst").select("i")
    truth = StrongLens(survey=survey, size=24, population=only_sources).draw(DRAWN, seed=3)
    return truth["source_flux"].values[:, 0], truth["z_source"].values


def only_sources(seed, sample_ids, survey):
    from catalogs import get_population
    from simulators.relations import relate

    population = get_population("lensed-quasar")
    (quasars,) = (one for one in population.relations if one.kind == "lensed_quasars")
    values = relate(quasars, population, {}, {}, seed, sample_ids)
    return {"source_flux": values["quasar_flux"][:, None], "z_source": values["z_source"]}


def test_magnitudes_and_redshifts_follow_the_luminosity_function(drawn):
    volume = COSMOLOGY.differential_comoving_volume(Z).value
    optical_depth = COSMOLOGY.comoving_distance(Z).value ** 3
    density = luminosity_function(M[:, None], Z) * volume * optical_depth
    for values, grid, axis in ((drawn[0], M, 1), (drawn[1], Z, 0)):
        cumulative = np.cumsum(density.sum(axis=axis))
        expected = np.interp(np.sort(values), grid, cumulative / cumulative[-1])
        gap = np.abs(expected - (np.arange(DRAWN) + 0.5) / DRAWN).max()
        assert gap < 1.63 / np.sqrt(DRAWN) + 2e-3  # Kolmogorov-Smirnov at 1 %, and the sum's steps


def test_bright_quasars_are_nearer_than_faint_ones(drawn):
    magnitude, redshift = drawn
    assert np.median(redshift[magnitude < 20]) < np.median(redshift[magnitude > 24])
