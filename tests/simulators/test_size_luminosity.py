"""The size-luminosity relation of Shen et al. (2003) with the numbers of its table 1."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from scipy import stats

import catalogs
from catalogs.population import Prior
from catalogs.relations import Relation
from simulators import StrongLens

LATE = {"alpha": 0.21, "beta": 0.53, "gamma": -1.31, "break": -20.52, "faint_scatter": 0.48, "bright_scatter": 0.25}
COSMOLOGY = FlatLambdaCDM(70.0, 0.3)
Z = 0.1


def log_kpc(absolute, **changes):
    """log10 of 3000 radii [kpc] of galaxies of one absolute magnitude."""
    apparent = absolute + COSMOLOGY.distmod(Z).value - 2.5 * np.log10(1.0 + Z)
    relation = Relation(
        "size_luminosity", ("source_radius",), ("source_flux", "z_source"), {**LATE, **changes}, "kpc", "t"
    )
    population = catalogs.Population(
        name="shen",
        priors={
            "source_flux": Prior("constant", {"value": apparent}, "mag", "test"),
            "z_source": Prior("constant", {"value": Z}, "", "test"),
        },
        relations=(relation,),
        cosmology={"H0": 70.0, "Om0": 0.3},
    )
    truth = StrongLens(survey="lsst", bands="r", size=24, population=population).draw(3000, seed=1)
    return np.log10(truth["source_radius"].values / COSMOLOGY.arcsec_per_kpc_proper(Z).value)


def test_size_and_scatter_at_the_break():
    """R = 3.24 kpc and sigma(ln R) = 0.365 by hand."""
    log = log_kpc(-20.52)
    assert stats.kstest(log, stats.norm(np.log10(3.243), 0.365 / np.log(10)).cdf).pvalue > 0.01


@pytest.mark.parametrize(("absolute", "slope", "spread"), [(-30.0, 0.53, 0.25), (-10.0, 0.21, 0.48)])
def test_far_from_the_break_it_is_a_power_law(absolute, slope, spread):
    near, far = log_kpc(absolute), log_kpc(absolute - 1.0)
    assert np.mean(far - near) == pytest.approx(0.4 * slope, rel=2e-3)
    assert near.std() == pytest.approx(spread / np.log(10), rel=0.05)


def test_early_types_have_no_break():
    logs = [log_kpc(m, alpha=0.6, beta=0.6, gamma=-4.63).mean() for m in (-18.0, -20.52, -23.0)]
    assert np.diff(logs) == pytest.approx([0.24 * 2.52, 0.24 * 2.48], abs=0.03)


def test_a_flux_that_is_no_magnitude_is_refused():
    relation = Relation("size_luminosity", ("source_radius",), ("z_source", "z_source"), LATE, "kpc", "test")
    priors = {"z_source": Prior("constant", {"value": Z}, "", "test")}
    cosmology = {"H0": 70.0, "Om0": 0.3}
    population = catalogs.Population(name="bad", priors=priors, relations=(relation,), cosmology=cosmology)
    with pytest.raises(ValueError, match="z_source was not drawn as a magnitude"):
        StrongLens(survey="lsst", bands="r", size=24, population=population).draw(2, seed=1)
