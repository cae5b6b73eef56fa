"""Priors against scipy.stats, packaged populations against the label table, and refusals."""

import re

import numpy as np
import pytest
from scipy import stats

import catalogs
from catalogs.population import DISTRIBUTIONS, Prior
from simulators.labels import LABELS

U = np.concatenate([[1e-12, 1e-6], np.linspace(0.001, 0.999, 201), [1 - 1e-6]])


def truncated(law, low, high):
    """Inverse cumulative of a scipy law cut to [low, high]."""
    a, b = law.cdf(low), law.cdf(high)
    return lambda u: law.ppf(a + u * (b - a))


ORACLES = [
    (Prior("uniform", {"low": -2.0, "high": 3.0}, "", "test"), stats.uniform(-2, 5).ppf),
    (Prior("normal", {"mean": 1.0, "sigma": 2.0}, "", "test"), stats.norm(1, 2).ppf),
    (
        Prior("normal", {"mean": 1.0, "sigma": 2.0, "low": -1.0, "high": 6.0}, "", "test"),
        stats.truncnorm(-1.0, 2.5, loc=1, scale=2).ppf,
    ),
    (
        Prior("normal", {"mean": 0.0, "sigma": 1.0, "low": 7.0, "high": 9.0}, "", "test"),
        stats.truncnorm(7.0, 9.0).ppf,
    ),
    (Prior("lognormal", {"median": 0.3, "sigma": 0.5}, "", "test"), stats.lognorm(0.5, scale=0.3).ppf),
    (
        Prior("lognormal", {"median": 0.3, "sigma": 0.5, "low": 0.1, "high": 0.9}, "", "test"),
        truncated(stats.lognorm(0.5, scale=0.3), 0.1, 0.9),
    ),
    (Prior("power_law", {"index": 2.0, "low": 0.0, "high": 4.0}, "", "test"), stats.powerlaw(3.0, scale=4.0).ppf),
    (
        Prior("power_law", {"index": -2.5, "low": 0.5, "high": 4.0}, "", "test"),
        truncated(stats.pareto(1.5, scale=0.5), 0.5, 4.0),
    ),
    (Prior("power_law", {"index": -1.0, "low": 0.5, "high": 4.0}, "", "test"), stats.loguniform(0.5, 4.0).ppf),
    (
        Prior("counts", {"slope": 0.36, "low": 20.0, "high": 24.5}, "mag", "test"),
        lambda u: 44.5 - stats.truncexpon(0.36 * np.log(10) * 4.5, loc=20.0, scale=1 / (0.36 * np.log(10))).ppf(1 - u),
    ),
    (Prior("counts", {"slope": 0.0, "low": 20.0, "high": 24.0}, "mag", "test"), stats.uniform(20, 4).ppf),
    (Prior("rayleigh", {"sigma": 0.25}, "", "test"), stats.rayleigh(scale=0.25).ppf),
    (
        Prior("rayleigh", {"sigma": 0.25, "high": 0.7}, "", "test"),
        truncated(stats.rayleigh(scale=0.25), 0.0, 0.7),
    ),
    (
        Prior("gamma", {"index": 5.32, "scale": 161.0, "power": 2.67}, "km / s", "test"),
        stats.gengamma(6.32 / 2.67, 2.67, scale=161.0).ppf,
    ),
    (
        Prior("gamma", {"index": 2.0, "scale": 0.3, "power": 1.0, "low": 0.2, "high": 2.0}, "", "test"),
        truncated(stats.gamma(3.0, scale=0.3), 0.2, 2.0),
    ),
    (Prior("constant", {"value": 2.5}, "", "test"), lambda u: np.full_like(u, 2.5)),
]


@pytest.mark.parametrize(("prior", "ppf"), ORACLES, ids=[f"{p.distribution}{i}" for i, (p, _) in enumerate(ORACLES)])
def test_quantile_is_scipys(prior, ppf):
    np.testing.assert_allclose(prior.quantile(U), ppf(U), rtol=2e-7, atol=1e-9)
    assert np.all(np.diff(prior.quantile(U)) >= 0)
    low, high = prior.support
    assert low <= prior.quantile(1e-9) <= prior.quantile(1 - 1e-9) <= high


def test_every_distribution_has_an_oracle():
    assert {prior.distribution for prior, _ in ORACLES} == set(DISTRIBUTIONS)


def test_quantile_keeps_shape_and_refuses_outside_the_unit_interval():
    prior = ORACLES[1][0]
    assert prior.quantile(np.full((3, 4), 0.5)).shape == (3, 4)
    for bad in (1.5, -0.1, np.nan):
        with pytest.raises(ValueError, match="u = "):
            prior.quantile(bad)


@pytest.mark.parametrize(
    ("distribution", "parameters", "message"),
    [
        ("gaussian", {}, "unknown distribution 'gaussian': did you mean"),
        ("normal", {"mean": 0.0}, "normal: missing parameter sigma"),
        ("normal", {"mean": 0.0, "sigma": 1.0, "median": 1.0}, "unknown parameter of normal 'median': did you mean"),
        ("normal", {"mean": 0.0, "sigma": 0.0}, "normal sigma = 0 is outside"),
        ("normal", {"mean": np.nan, "sigma": 1.0}, "normal mean = nan"),
        ("uniform", {"low": 1.0, "high": 1.0}, "low = 1 is not below high = 1"),
        ("lognormal", {"median": -1.0, "sigma": 1.0}, "lognormal median = -1 is outside"),
        ("power_law", {"index": -2.0, "low": 0.0, "high": 1.0}, "power_law low = 0 is outside"),
        ("power_law", {"index": 2.0, "low": -1.0, "high": 1.0}, "power_law low = -1 is outside"),
        ("gamma", {"index": -1.0, "scale": 1.0, "power": 1.0}, "gamma index = -1 is outside"),
        ("gamma", {"index": 1.0, "scale": 0.0, "power": 1.0}, "gamma scale = 0 is outside"),
        ("gamma", {"index": 1.0, "scale": 1.0, "power": 1.0, "low": -1.0}, "gamma low = -1 is outside"),
    ],
)
def test_bad_priors_are_refused(distribution, parameters, message):
    with pytest.raises(ValueError, match=message):
        Prior(distribution, parameters, "", "test")


def test_a_prior_without_reference_is_refused():
    with pytest.raises(ValueError, match="reference is empty"):
        Prior("uniform", {"low": 0.0, "high": 1.0}, "", " ")


WANTED = {
    "weak-lensing": "flux radius n e1 e2 x y g1 g2 kappa",
    "galaxy-galaxy": "theta_E gamma lens_e1 lens_e2 lens_x lens_y shear_g1 shear_g2 light_flux light_radius light_n "
    "light_e1 light_e2 light_x light_y source_flux source_radius source_n source_e1 source_e2 source_x source_y",
}


@pytest.mark.parametrize("name", catalogs.list_populations())
def test_packaged_populations(name):
    """Labels are the simulators', within their ranges, in their units, and every number has a source."""
    population = catalogs.get_population(name)
    if name in WANTED:
        assert sorted(population.labels) == sorted(WANTED[name].split())
    assert population is catalogs.get_population(name)
    for label, prior in population.priors.items():
        unit = LABELS[label].unit
        assert prior.unit in (("mag", "nJy") if unit == "flux" else (unit,))
        if prior.unit != "mag":
            assert LABELS[label].low <= prior.support[0] <= prior.support[1] <= LABELS[label].high
    for pair, prior in population.pairs.items():
        for label in pair:
            if prior.times:
                assert LABELS[prior.times].unit == LABELS[label].unit
            else:
                assert prior.unit == LABELS[label].unit
                assert prior.support[1] <= LABELS[label].high
    for relation in population.relations:
        magnitudes = relation.unit == "mag" and any(label.endswith("flux") for label in relation.labels)
        for label in relation.labels:
            assert magnitudes or relation.unit in {"arcsec": ("arcsec", "kpc")}.get(LABELS[label].unit, ("",))
    for label, source in population.ties.items():
        assert LABELS[label].unit == LABELS[source].unit
    sources = catalogs.references(name)
    tables = (population.priors, population.pairs, population.relations, population.colours)
    tables += (population.tracks, population.repeats, population.scatters)
    assert len(sources) == sum(map(len, tables)) + bool(population.cosmology)
    assert all(len(text) > 20 for text in sources.values())


def test_weak_lensing_magnitudes_follow_the_counts():
    """d log10 N / dm = 0.36: a magnitude fainter is 10^0.36 times as many."""
    m = catalogs.get_population("weak-lensing").priors["flux"].quantile(np.random.default_rng(5).random(400_000))
    bright, faint = (np.count_nonzero((m >= low) & (m < low + 1)) for low in (22.0, 23.0))
    assert faint / bright == pytest.approx(10**0.36, rel=0.02)


def test_counts_bend_at_their_knee():
    """Numbers in half magnitudes follow 10^(0.2 m) up to 22 and 10^(0.5 m) beyond, without a step between."""
    bent = {"slope": 0.5, "bright_slope": 0.2, "knee": 22.0, "low": 20.0, "high": 24.0}
    m = Prior("counts", bent, "mag", "a test").quantile((np.arange(400_000) + 0.5) / 400_000)
    numbers = np.histogram(m, [20.0, 21.0, 22.0, 23.0, 24.0])[0].astype(float)
    bright, faint = 0.2 * np.log(10), 0.5 * np.log(10)
    expected = [np.expm1(bright) / bright * 10**-0.4, np.expm1(bright) / bright * 10**-0.2]
    expected += [np.expm1(faint) / faint, np.expm1(faint) / faint * 10**0.5]
    np.testing.assert_allclose(numbers / numbers[0], np.array(expected) / expected[0], rtol=1e-3)
    single = Prior("counts", {"slope": 0.3, "low": 20.0, "high": 24.0}, "mag", "a test")
    same = Prior("counts", bent | {"slope": 0.3, "bright_slope": 0.3}, "mag", "a test")
    u = np.linspace(0, 1, 101)
    np.testing.assert_allclose(same.quantile(u), single.quantile(u), rtol=1e-12)
    with pytest.raises(ValueError, match="knee and bright_slope need one another"):
        Prior("counts", {"slope": 0.3, "low": 20.0, "high": 24.0, "knee": 22.0}, "mag", "a test")


def test_offset_is_zero_where_nothing_is_known():
    population = catalogs.get_population("weak-lensing")
    assert population.offset("flux", "i") == population.offset("flux", "VIS") == population.offset("radius", "g") == 0
    assert population.offset("flux", "g") > population.offset("flux", "z")


POPULATION = """
[priors.flux]
distribution = "uniform"
low = 20
high = 24.0
unit = "mag"
reference = "a paper"
date = 2026-11-22

[pairs.e]
labels = ["e1", "e2"]
distribution = "rayleigh"
sigma = 0.25
unit = ""
reference = "a paper"
date = 2026-11-22

[ties]
source_e1 = "e1"

[colours.flux]
g = 0.5
unit = "mag"
reference = "a paper"
date = 2026-11-22

[scatter.flux]
g = 0.1
unit = "mag"
reference = "a paper"
date = 2026-11-22
"""


def test_a_users_own_population(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(POPULATION, encoding="utf-8")
    population = catalogs.get_population(str(path))
    assert population.labels == ("flux", "e1", "e2", "source_e1")
    assert population.priors["flux"].support == (20.0, 24.0)
    assert population.offset("flux", "g") == 0.5
    assert catalogs.references(str(path)) == dict.fromkeys(
        ("flux", "e", "colours.flux", "scatter.flux"), "a paper (2026-11-22)"
    )
    assert population.scatters == {"flux": {"g": 0.1}}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"uniform"', '"unifrom"', "flux: unknown distribution 'unifrom': did you mean 'uniform'"),
        ("high = 24.0", "", "flux: uniform: missing parameter high"),
        ("high = 24.0", 'high = "faint"', "flux: high = 'faint' is not a number"),
        ("high = 24.0", "high = true", "flux: high = True is not a number"),
        ('["e1", "e2"]', '["e1"]', "pairs.e: labels must name two labels"),
        ('["e1", "e2"]', '["e1", "flux"]', "label flux has more than one prior"),
        ('source_e1 = "e1"', 'source_e1 = "e3"', "unknown tied label of population 'mine' 'e3': did you mean 'e"),
        ("[colours.flux]", "[colours.fluxes]", "unknown coloured label of population 'mine' 'fluxes'"),
        ("g = 0.5", "g = nan", "colours of flux = nan"),
        ("g = 0.1", "g = inf", "scatter of flux = inf"),
        ("[scatter.flux]", "[scatter.flx]", "unknown coloured label of population 'mine' 'flx'"),
        ("g = 0.5", "at = [20.0, 19.0]\ng = [0.5, 0.6]", "two or more growing values"),
        ("g = 0.5", "at = [20.0, 21.0]\ng = 0.5", "must be a list, one value for each of `at`"),
        ("[ties]", "[knots]", "unknown table 'knots'"),
        ('"a paper"', '""', "reference is empty"),
    ],
)
def test_bad_population_files_are_refused(tmp_path, old, new, message):
    assert old in POPULATION
    path = tmp_path / "mine.toml"
    path.write_text(POPULATION.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as refused:
        catalogs.get_population(str(path))
    assert "mine.toml" in str(refused.value)


def test_unknown_population_names_the_nearest():
    with pytest.raises(ValueError, match="unknown population 'weak_lensing': did you mean 'weak-lensing'"):
        catalogs.get_population("weak_lensing")


@pytest.mark.parametrize("name", catalogs.list_populations())
def test_what_a_paper_gives_says_what_it_was_compared_with(name):
    ours = re.compile("choice|inferred|measured|computed|as of")
    for label, text in catalogs.references(name).items():
        assert ours.match(text) or re.search(r"; checked: .{2,} \(\d{4}-\d\d-\d\d\)$", text), label
