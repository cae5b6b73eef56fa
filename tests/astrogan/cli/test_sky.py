"""Real sky, measured: the split, and the company of galaxies."""

from types import SimpleNamespace

import numpy as np
import pytest
import sep

from astrogan.cli.sky import company, read_sky, weak_simulator, with_fainter
from catalogs import get_survey


@pytest.mark.parametrize("slope", [0.6, 0.9, 1.3])
def test_counts_go_on_below_the_limit(slope):
    rng = np.random.default_rng(5)
    total = rng.uniform(size=4000) ** (-1 / slope)  # N(>S) = 4000 S^-slope above 1
    rows = {"flux": total[:, None] * [0.25, 0.75], "radius": 0.1 * total**0.1}
    deep = with_fainter(rows, 8.0)
    flux = deep["flux"].sum(axis=1)
    assert np.array_equal(flux[:4000], total)
    assert np.allclose(deep["flux"][:, 1] / flux, 0.75)
    limit = np.quantile(total, 0.05)
    assert flux.min() == pytest.approx(limit / 8.0, rel=0.01)
    assert flux[4000:].max() < limit
    for level in (0.8, 0.4, 0.2):
        assert (flux > level).sum() == pytest.approx(4000 * level**-slope, rel=0.15)
    assert deep["radius"][4000:].max() <= np.sort(rows["radius"])[1400]


def test_steep_counts_are_held_back():
    rows = {"flux": np.linspace(1.0, 1.2, 500)[:, None], "radius": np.ones(500)}
    assert len(with_fainter(rows, 7.0)["radius"]) < 500 * 7**1.5


def around(x, y, inner, flux=None, segments=None):
    """`company` of sources at x, y in a frame of 2000 pixels."""
    flux = np.ones(len(x)) if flux is None else flux
    segments = np.zeros((2000, 2000), np.int32) if segments is None else segments
    sources = SimpleNamespace(x=x, y=y, flux=flux[:, None])
    return company(sources, segments, inner, np.arange(len(x)), 48, get_survey("kids"))


def poisson(count):
    """Places of sources, and 800 of them that are far from the border."""
    x, y = np.random.default_rng(7).uniform(0, 1999, (2, count))
    return x, y, np.flatnonzero((np.abs(x - 1000) < 900) & (np.abs(y - 1000) < 900))[:800]


def test_company_is_counted_around_galaxies():
    """A Poisson field has its mean density everywhere; where each galaxy has a companion, its stamp holds one more."""
    x, y, inner = poisson(4000)
    scale = get_survey("kids").pixel_scale
    density = around(x, y, inner).sum()
    assert density == pytest.approx(4000 / (2000 * scale) ** 2, rel=0.06)
    angle = np.random.default_rng(8).uniform(0, 2 * np.pi, len(inner))
    beside = np.append(x, x[inner] + 12 * np.cos(angle)), np.append(y, y[inner] + 12 * np.sin(angle))
    more = around(*beside, inner).sum() - density
    crowded = 1 + len(inner) / 1800**2 * 48**2  # its own, and those of galaxies that happen to be near
    assert more == pytest.approx(crowded / (48 * scale) ** 2, rel=0.1)


def test_company_is_of_those_that_are_near():
    """The brightest tenth are beside none that has a stamp."""
    x, y, inner = poisson(4000)
    away = np.full(400, 20.0)
    flux = np.append(np.ones(4000), np.full(400, 100.0))
    each = around(np.append(x, away), np.append(y, away), inner, flux)
    assert each[4000 + 30 :].sum() == 0
    assert each.sum() == pytest.approx(around(x, y, inner).sum(), rel=0.01)


def test_what_brighter_sources_cover_is_counted_elsewhere():
    """Faint sources are hidden in the half of the sky that bright ones own: those seen stand for twice as many."""
    x, y, _ = poisson(8000)
    x, y = x[(y % 8 < 3.4) & (y < 1996)], y[(y % 8 < 3.4) & (y < 1996)]  # away from the rows of bright sources
    segments = np.zeros((2000, 2000), np.int32)
    rows = np.arange(4, 2000, 8)
    for k, row in enumerate(rows):
        segments[row : row + 4] = k + 1
    bright = np.full(len(rows), 5.0), rows + 1.0  # far from the stamps that are counted
    flux = np.append(np.ones(len(x)), np.full(len(rows), 100.0))
    inner = np.flatnonzero((np.abs(x - 1000) < 900) & (np.abs(y - 1000) < 900))[:800]
    places = np.append(x, bright[0]), np.append(y, bright[1])
    hidden, free = around(*places, inner, flux, segments), around(*places, inner, flux)
    assert hidden[: len(x)].sum() == pytest.approx(2 * free[: len(x)].sum(), rel=0.02)


def test_simulated_company_is_seen_as_the_real_one_is():
    """Detections in stamps of the Hubble field and in simulated ones: counts, sizes, and light off centre."""
    sky = read_sky("hubble", 32, "r")
    real = np.concatenate([sky.training, sky.held_out])[:, 0]
    simulated = weak_simulator(sky, 32).simulate(1500, 5)["image"].values[:, 0] / sky.survey.bands[0].background_sigma
    (counts, sizes), (like, other) = seen(real), seen(simulated)
    error = np.hypot(np.sqrt(counts) / len(real), np.sqrt(like) / len(simulated))
    assert np.all(np.abs(counts / len(real) - like / len(simulated)) < 2 * error + 0.05 * counts / len(real))
    assert np.allclose(sizes, other, rtol=0.07)
    outside = np.hypot(*(np.mgrid[:32, :32] - 15.5)) > 10
    most = [np.quantile(stamps[:, outside].sum(axis=1), 0.99) for stamps in (real, simulated)]
    assert most[1] == pytest.approx(most[0], rel=0.25)  # companions drawn from the whole frame: 1.6 times as much


def seen(stamps):
    """Number and median size of what is detected beside the galaxies of stamps in sigmas (N, y, x), by flux."""
    found = [sep.extract(np.ascontiguousarray(one), 1.8, minarea=5) for one in stamps]
    beside = [one[np.hypot(one["x"] - 15.5, one["y"] - 15.5) > 4] for one in found]
    flux, a, b = (np.concatenate([one[name] for one in beside]) for name in ("flux", "a", "b"))
    bins = np.digitize(flux, [200, 600, 2000])
    sizes = [np.median(np.sqrt(a * b)[bins == k]) for k in (1, 2, 3)]
    return np.bincount(bins, minlength=4)[1:], np.array(sizes)


def test_the_edge_given_parts_the_sky(monkeypatch):
    from astrogan.dataset import hubble_deep_field
    from simulators import detect

    monkeypatch.setattr("astrogan.cli.sky._measured", lambda *_: (None, None, 0.0))  # the fits, which take long
    sky = read_sky("hubble", 32, "g", edges=[600.0], snr=30.0)
    sources = detect(hubble_deep_field().sel(band=["g"]))
    x = sources.x[sources.galaxies(30.0) & (sources.radius < 32 / 7)]
    for stamps, there in ((sky.training, x < 600 - 17), (sky.held_out, x > 600 + 17)):
        assert 0.8 * there.sum() < len(stamps) <= there.sum() + 3
