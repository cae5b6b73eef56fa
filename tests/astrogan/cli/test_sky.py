"""Real sky, measured: the split, and the company of galaxies."""

from types import SimpleNamespace

import numpy as np
import pytest

from astrogan.cli.sky import company_density, read_sky, with_fainter
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


def test_company_is_counted_around_galaxies():
    """A Poisson field has its mean density everywhere; where each galaxy has a companion, its stamp holds one more."""
    rng = np.random.default_rng(7)
    survey, size = get_survey("kids"), 48
    x, y = rng.uniform(0, 2000, (2, 4000))
    inner = np.flatnonzero((np.abs(x - 1000) < 900) & (np.abs(y - 1000) < 900))[:800]
    sources = SimpleNamespace(x=x, y=y)
    scale = survey.pixel_scale
    density = company_density(sources, inner, np.arange(4000), size, survey)
    assert density == pytest.approx(4000 / (2000 * scale) ** 2, rel=0.06)
    angle = rng.uniform(0, 2 * np.pi, len(inner))
    beside = SimpleNamespace(
        x=np.append(x, x[inner] + 12 * np.cos(angle)), y=np.append(y, y[inner] + 12 * np.sin(angle))
    )
    more = company_density(beside, inner, np.arange(4000 + len(inner)), size, survey) - density
    crowded = 1 + len(inner) / 1800**2 * size**2  # its own, and those of galaxies that happen to be near
    assert more == pytest.approx(crowded / (size * scale) ** 2, rel=0.1)


def test_the_edge_given_parts_the_sky(monkeypatch):
    from astrogan.dataset import hubble_deep_field
    from simulators import detect

    monkeypatch.setattr("astrogan.cli.sky._measured", lambda *_: (None, None, 0.0))  # the fits, which take long
    sky = read_sky("hubble", 32, "g", edges=[600.0], snr=30.0)
    sources = detect(hubble_deep_field().sel(band=["g"]))
    x = sources.x[sources.galaxies(30.0) & (sources.radius < 32 / 7)]
    for stamps, there in ((sky.training, x < 600 - 17), (sky.held_out, x > 600 + 17)):
        assert 0.8 * there.sum() < len(stamps) <= there.sum() + 3
