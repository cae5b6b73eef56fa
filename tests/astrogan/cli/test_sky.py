"""Company of galaxies: counts below the detection limit."""

import numpy as np
import pytest

from astrogan.cli.sky import with_fainter


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
