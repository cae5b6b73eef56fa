"""Where labels come from: a user's function, and priors that hang together, against the formulae of their papers."""

import os

import galsim
import galsim.roman
import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from scipy import integrate, stats

import catalogs
from astrogan.dataset import validate_samples
from simulators import Rows, StrongLens, WeakLens, streams
from simulators.cosmology import angular_distance
from simulators.relations import Distances
from simulators.testing import check_batches, check_population

COSMOLOGY = FlatLambdaCDM(70.0, 0.3)
NAME = "galaxy-galaxy-collett"
LSST = catalogs.get_survey("lsst").select("gri")


def shears(seed, sample_ids, survey):
    """A user's population: shears on a circle, brighter galaxies larger."""
    u = streams.uniform(seed, sample_ids, "mine", (2,))
    flux = 1000.0 * (1.0 + u[:, :1]) * np.ones(len(survey.bands))
    angle = 2.0 * np.pi * u[:, 1]
    return {"g1": 0.05 * np.cos(angle), "g2": 0.05 * np.sin(angle), "flux": flux, "radius": 0.3 * (1.0 + u[:, 0])}


def careless(seed, sample_ids, survey):
    """A population that depends on the batch."""
    return {"g1": np.linspace(0.0, 0.1, len(sample_ids))}


def stubborn(seed, sample_ids, survey):
    """A population that does not look at the seed."""
    return {"g1": 0.01 * np.asarray(sample_ids, dtype=float) % 0.1}


def test_a_function_gives_the_labels_that_it_names():
    check_population(shears, LSST)
    simulator = WeakLens(survey=LSST, size=24, population=shears)
    truth = simulator.draw(50, seed=3)
    assert np.allclose(np.hypot(truth["g1"], truth["g2"]), 0.05)
    assert np.allclose(truth["radius"] / truth["flux"][:, 0], 0.3 / 1000.0)
    assert np.array_equal(truth["n"], WeakLens(survey=LSST, size=24).draw(50, seed=3)["n"])
    check_batches(simulator)


def test_a_function_and_other_populations_are_layers():
    rows = Rows({"radius": [0.7]}, scatter=0.0)
    assert (WeakLens(survey=LSST, population=(shears, rows)).draw(5, seed=1)["radius"] == 0.7).all()
    assert (WeakLens(survey=LSST, population=(rows, shears)).draw(5, seed=1)["radius"] < 0.61).all()


def test_a_function_may_give_several_sources():
    def two(seed, sample_ids, survey):
        return {
            "source_x": streams.uniform(seed, sample_ids, "two", (2,)),
            "source_flux": np.ones((len(sample_ids), 2, 3)),
        }

    truth = StrongLens(survey=LSST, size=24, population=two).draw(4, seed=1)
    assert truth["source_flux"].dims == ("sample", "component", "band")
    assert (truth["source_x"][:, 0] != truth["source_x"][:, 1]).all()


def test_neighbours_from_a_function_differ_from_each_other():
    truth = WeakLens(survey=LSST, size=48, neighbours=0.3, neighbour_population=shears).draw(3, seed=1)
    assert len(np.unique(truth["neighbour_radius"])) == truth["neighbour_radius"].size


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (careless, "g1 depends on the batch"),
        (stubborn, "g1 does not depend on the seed"),
        (lambda s, i, v: {"g1": s * i * 1.0} if len(i) > 1 else {}, "depend on the batch"),
    ],
)
def test_the_contract_check_finds_faults(give, words):
    with pytest.raises(AssertionError, match=words):
        check_population(give, LSST)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([1.0], "population <lambda> gave list, not a mapping"),
        ({"gee1": np.zeros(3)}, "unknown label of population <lambda> 'gee1': did you mean"),
        ({"theta_E": np.zeros(3)}, "unknown label of this simulator 'theta_E'"),
        ({"g1": np.zeros(2)}, r"g1 has shape \(2,\); its first dimension must be that of 3 sample ids"),
        ({"g1": 0.0}, r"g1 has shape \(\)"),
        ({"g1": np.full(3, np.nan)}, "population <lambda>: g1 = nan"),
        ({"radius": np.full(3, -1.0)}, r"population <lambda>: radius = -1 .* is outside \[0.0001, 1000\] arcsec"),
    ],
)
def test_what_a_function_gives_is_checked(given, words):
    with pytest.raises(ValueError, match=words):
        WeakLens(survey=LSST, population=lambda seed, ids, survey: given).draw(3, seed=1)


def test_populations_of_another_kind_are_refused():
    with pytest.raises(ValueError, match=r"population 3\.0 is neither a name"):
        WeakLens(survey=LSST, population=(3.0,))


@pytest.fixture(scope="module")
def truth():
    return StrongLens(survey=LSST, size=24, population=NAME).draw(20_000, seed=5)


def cumulative(density, low, high):
    """The cumulative distribution of a density on [low, high], by quadrature."""
    x = np.linspace(low, high, 20_001)
    total = integrate.cumulative_simpson(density(x), x=x, initial=0.0)
    return lambda at: np.interp(at, x, total / total[-1])


def test_velocity_dispersions_follow_choi_park_vogeley_times_sigma_to_the_fourth(truth):
    def density(s):  # the form and the numbers of the paper, times the cross section
        x = s / 161.0
        return x**2.32 * np.exp(-(x**2.67)) / s * s**4

    assert stats.kstest(truth["sigma_v"].values, cumulative(density, 100.0, 400.0)).pvalue > 0.01


def test_einstein_radii_are_lenstronomys(truth):
    lenstronomy = pytest.importorskip("lenstronomy.Cosmo.lens_cosmo", reason="needs lenstronomy, in the dev extra")
    for k in range(10):
        one = truth.isel(sample=k)
        cosmo = lenstronomy.LensCosmo(float(one["z_lens"]), float(one["z_source"]), cosmo=COSMOLOGY)
        assert float(one["theta_E"]) == pytest.approx(cosmo.sis_sigma_v2theta_E(float(one["sigma_v"])), rel=2e-6)


def test_lens_redshifts_are_volume_times_cross_section(truth):
    """dV/dz (D_ls / D_s)^2 by astropy, for the share of the source's distance that a lens lies at."""
    z_s = 1.5
    at = np.linspace(1e-4, z_s, 300)
    volume = COSMOLOGY.differential_comoving_volume(at).value
    behind = np.array([angular_distance(COSMOLOGY, z, z_s) for z in at])
    weight = volume * (behind / angular_distance(COSMOLOGY, 0.0, z_s)) ** 2
    total = integrate.cumulative_simpson(weight, x=at, initial=0.0)
    lens, source = (COSMOLOGY.comoving_distance(truth[name].values).value for name in ("z_lens", "z_source"))
    comoving = COSMOLOGY.comoving_distance(at).value
    expected = np.interp(lens / source * comoving[-1], comoving, total)
    assert stats.kstest(expected / total[-1], "uniform").pvalue > 0.01
    assert (truth["z_lens"] < truth["z_source"]).all()


def lensed(i):
    """Density of redshifts of sources of magnitude i times counts and optical depth, with its normalisation."""
    z0 = 0.0417 * i - 0.744
    return lambda z: 10 ** (0.31 * i) * z**2 * np.exp(-z / z0) / (2 * z0**3) * COSMOLOGY.comoving_distance(z).value ** 3


def test_sources_follow_counts_and_redshifts_times_the_optical_depth(truth):
    i = 31.4 - 2.5 * np.log10(truth["source_flux"].sel(band="i").values)
    grid, z = np.linspace(20.0, 26.5, 261), np.linspace(0.05, 6.0, 1001)
    total = integrate.cumulative_simpson([integrate.simpson(lensed(m)(z), x=z) for m in grid], x=grid, initial=0.0)
    assert stats.kstest(np.interp(i, grid, total / total[-1]), "uniform").pvalue > 0.01
    for low, high in ((24.0, 24.2), (26.0, 26.2)):
        chosen = truth["z_source"].values[(i > low) & (i < high)]
        assert len(chosen) > 300
        assert stats.kstest(chosen, cumulative(lensed((low + high) / 2.0), 0.05, 6.0)).pvalue > 0.01


def test_lens_light_follows_hyde_and_bernardi(truth):
    v = np.log10(truth["sigma_v"].values)
    kpc = truth["light_radius"].values / COSMOLOGY.arcsec_per_kpc_proper(truth["z_lens"].values).value
    residual = np.log10(kpc) - (2.46 - 2.79 * v + 0.84 * v**2)
    assert stats.kstest(residual, stats.norm(0.0, 0.11).cdf).pvalue > 0.01
    z = truth["z_lens"].values
    offset = catalogs.get_population(NAME).tracks["light_flux"].offset("r", z)
    m = 31.4 - 2.5 * np.log10(truth["light_flux"].sel(band="r").values)
    absolute = m - offset - COSMOLOGY.distmod(z).value
    mean = (-0.37 + np.sqrt(0.37**2 - 4 * 0.006 * (2.97 + v))) / (2 * 0.006)
    assert stats.kstest(absolute - mean, stats.norm(0.0, 0.0625).cdf).pvalue > 0.01


def test_source_sizes_follow_luminosity_and_redshift(truth):
    z = truth["z_source"].values
    i = 31.4 - 2.5 * np.log10(truth["source_flux"].sel(band="i").values)
    absolute = i - COSMOLOGY.distmod(z).value + 2.5 * np.log10(1.0 + z)
    kpc = truth["source_radius"].values / COSMOLOGY.arcsec_per_kpc_proper(z).value
    residual = np.log10(kpc) + (absolute + 18.0) / 4.0 + 1.2 * np.log10((1.0 + z) / 1.6)
    assert stats.kstest(residual, stats.norm(0.0, 0.35).cdf).pvalue > 0.01


def test_axis_ratios_are_rayleigh(truth):
    for owner, scale in (("lens", 0.378 - 0.000572 * truth["sigma_v"].values), ("source", 0.3)):
        e = np.hypot(truth[f"{owner}_e1"], truth[f"{owner}_e2"]).values
        flattening = 1.0 - (1.0 - e) / (1.0 + e)
        assert flattening.max() <= 0.8
        inside = stats.rayleigh.cdf(flattening / scale) / stats.rayleigh.cdf(0.8 / scale)
        assert stats.kstest(inside, "uniform").pvalue > 0.01
        angle = np.arctan2(truth[f"{owner}_e2"], truth[f"{owner}_e1"]).values
        assert stats.kstest(angle, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_sources_lie_evenly_within_the_einstein_radius(truth):
    share = np.hypot(truth["source_x"], truth["source_y"]) / truth["theta_E"]
    assert stats.kstest(share.values**2, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    ("label", "template", "reference"),
    [("light_flux", "CWW_E_ext", ("r", 0.0)), ("source_flux", "CWW_Im_ext", ("i", None))],
)
def test_colours_are_those_of_the_spectrum(label, template, reference):
    """Every second redshift again, with GalSim."""
    folder = galsim.meta_data.share_dir
    spectrum = galsim.SED(os.path.join(folder, "SEDs", f"{template}.sed"), "Ang", "flambda")
    bands = {
        name: galsim.Bandpass(os.path.join(folder, "bandpasses", f"LSST_{name}.dat"), "nm").withZeropoint("AB")
        for name in "ugrizy"
    }
    for name in ("F435W", "F606W", "F775W", "F814W", "F850LP", "F105W", "F125W", "F160W"):
        file = f"{'WFC3_ir' if name in ('F105W', 'F125W', 'F160W') else 'ACS_wfc'}_{name}.dat"
        bands[name] = galsim.Bandpass(os.path.join(folder, "bandpasses", file), "nm").withZeropoint("AB")
    romans = {"F106": "Y106", "F129": "J129", "F158": "H158", "F184": "F184"}
    for name, theirs in romans.items():
        bands[name] = galsim.roman.getBandpasses(AB_zeropoint=True)[theirs]
    track = catalogs.get_population(NAME).tracks[label]
    for k in range(0, len(track.at), 4):
        z = track.at[k]
        seen = spectrum.atRedshift(z)
        zero = (spectrum if reference[1] == 0.0 else seen).calculateMagnitude(bands[reference[0]])
        magnitudes = {name: seen.calculateMagnitude(band) - zero for name, band in bands.items()}
        for name, magnitude in magnitudes.items():
            assert track.bands[name][k] == pytest.approx(magnitude, abs=0.02), (z, name)
        assert track.bands["VIS"][k] == pytest.approx(np.mean([magnitudes[b] for b in "riz"]), abs=0.02)


def test_redshifts_and_dispersions_stay_in_the_truth():
    simulator = StrongLens(survey=LSST, size=24, accuracy="fast", population=NAME)
    samples = validate_samples(simulator.simulate(2, seed=5))
    assert samples["sigma_v"].attrs["units"] == "km / s"
    for name in ("z_lens", "z_source", "sigma_v"):
        assert samples[name].dims == ("sample",)
        assert name not in StrongLens(survey=LSST).draw(1, seed=1)
    labels = {name: samples[name].values for name in (*simulator.labels, "z_lens", "sigma_v")}
    assert np.array_equal(simulator.render(labels)["image"], samples["clean"])
    with pytest.raises(ValueError, match=r"StrongLens label z_lens = -1 .* is outside \[0, 20\]"):
        simulator.render({**labels, "z_lens": -1.0})
    check_batches(simulator)


def test_a_layer_above_moves_what_follows_from_it():
    """A fixed Einstein radius is kept, and source positions scale with it."""
    truth = StrongLens(survey=LSST, population=(NAME, Rows({"theta_E": [2.0]}, scatter=0.0))).draw(200, seed=2)
    assert (truth["theta_E"] == 2.0).all()
    assert 1.5 < np.hypot(truth["source_x"], truth["source_y"]).max() <= 2.0
    with pytest.raises(ValueError, match="follows the magnitude of source_flux, which was given as a flux: give"):
        StrongLens(survey=LSST, population=(NAME, Rows({"source_flux": [5.0]}))).draw(1, seed=2)


def test_a_band_without_colours_is_refused():
    with pytest.raises(ValueError, match="unknown band of the colours 'F444W'"):
        StrongLens(survey="jwst_nircam_lw", bands=["F444W"], population=NAME).draw(1, seed=1)


def test_distances_are_astropys():
    ours, z = Distances(70.0, 0.3), np.array([1e-3, 0.1, 1.0, 5.0, 19.0])
    np.testing.assert_allclose(ours.comoving(z), COSMOLOGY.comoving_distance(z).value, rtol=1e-8)
    np.testing.assert_allclose(ours.redshift(ours.comoving(z)), z, rtol=1e-8)
    np.testing.assert_allclose(ours.modulus(z), COSMOLOGY.distmod(z).value, rtol=1e-8)
    np.testing.assert_allclose(ours.arcsec_per_kpc(z), COSMOLOGY.arcsec_per_kpc_proper(z).value, rtol=1e-8)
