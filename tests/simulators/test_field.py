"""Fields: what a frame is made of, that nothing but its key decides it, and refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from catalogs import Band, Survey, get_population, get_survey
from simulators import Field, Gaussian, Moffat, WeakLens
from simulators._counts import density, limit_of, places
from simulators._kernels._jit import set_threads
from simulators.psf import PSFField

SURVEY = Survey("test", 0.2, tuple(Band(name, psf_fwhm=0.7, background_sigma=2.0) for name in "gr"))
ONE = {"flux": 1000.0, "radius": 0.4, "n": 1.5, "e1": 0.2, "e2": -0.1, "x": 0.0, "y": 0.0}
SMALL = Field(survey="kids", bands="gri", size=(200, 260), density=60.0, stars=0.5)


@pytest.fixture(scope="module")
def simulated():
    return SMALL.simulate(seed=7, number=3, labels="pixel")


def rows(ds, these):
    """Part of a catalogue as a mapping."""
    names = ("flux", "radius", "n", "e1", "e2", "x", "y", "g1", "g2", "kappa", "star")
    return {name: ds[name].values[these] for name in names}


def test_a_lone_object_is_the_stamp():
    """Field and WeakLens draw one galaxy the same; a star has the PSF's shape."""
    stamp = WeakLens(survey=SURVEY, size=128).render(ONE | {"g1": 0.03, "g2": 0.01, "kappa": 0.02})["image"].values[0]
    frame = Field(survey=SURVEY, size=128).render(ONE | {"g1": 0.03, "g2": 0.01, "kappa": 0.02})["image"].values
    assert np.abs(frame - stamp).max() < 4e-4 * stamp.max()
    point = WeakLens(survey=SURVEY, size=128, light="point")
    stamp = point.render({"flux": 50.0, "x": 3.0, "y": -2.0, "g1": 0, "g2": 0, "kappa": 0})["image"].values[0]
    frame = Field(survey=SURVEY, size=128).render(ONE | {"flux": 50.0, "x": 3.0, "y": -2.0, "star": 1})["image"].values
    assert np.abs(frame - stamp).max() < 4e-4 * stamp.max()


def test_light_adds_up(simulated):
    """The frame of all objects is the sum of the frames of two halves; stars and galaxies apart."""
    star = simulated["star"].values == 1
    parts = [SMALL.render(rows(simulated, these))["image"].values for these in (star, ~star)]
    np.testing.assert_allclose(parts[0] + parts[1], simulated["clean"].values, rtol=0, atol=2e-6 * parts[0].max())
    assert parts[0].max() > 0 < parts[1].max()


def test_only_the_key_decides(simulated):
    """Neither threads nor other fields change a field, and no two share an object or a number."""
    with set_threads(1):
        again = SMALL.simulate(seed=7, number=3, labels="pixel")
    for name in ("image", "clean", "segmentation", "flux", "x"):
        np.testing.assert_array_equal(again[name].values, simulated[name].values)
    other = SMALL.simulate(seed=7, number=4)
    assert not set(other["object_id"].values) & set(simulated["object_id"].values)
    assert not np.intersect1d(other["flux"].values, simulated["flux"].values).size


def test_an_object_keeps_its_labels_in_a_larger_field(simulated):
    """A galaxy's flux, size and shape are functions of seed and object id."""
    larger = Field(survey="kids", bands="gri", size=(400, 260), density=60.0, stars=0.5).draw(seed=7, number=3)
    mine = np.isin(larger["object_id"], simulated["object_id"])
    yours = np.isin(simulated["object_id"], larger["object_id"])
    assert yours.all()
    for name in ("flux", "radius", "n", "e1"):
        np.testing.assert_array_equal(larger[name].values[mine], simulated[name].values)


def test_segmentation_is_the_brightest_objects(simulated):
    """Pixel by pixel against each object drawn alone."""
    field = Field(survey=SURVEY, size=96)
    draw = np.random.default_rng(2)
    drawn = {"flux": draw.uniform(100, 2000, 9), "radius": draw.uniform(0.2, 0.6, 9), "n": np.full(9, 1.0)}
    drawn |= {"e1": np.zeros(9), "e2": np.zeros(9), "x": draw.uniform(-9, 9, 9), "y": draw.uniform(-9, 9, 9)}
    ds = field.render(drawn, "pixel")
    each = [field.render({k: v[i] for k, v in drawn.items()})["image"].values.sum(axis=0) for i in range(9)]
    np.testing.assert_array_equal(ds["image"], field.render(drawn)["image"])  # strips change nothing
    expected = np.where(np.sum(each, axis=0) / 2.0 / np.sqrt(2) >= 1.0, 1 + np.argmax(each, axis=0), 0)
    assert set(np.unique(expected)) == set(range(10))
    assert (ds["segmentation"].values != expected).mean() < 2e-4  # rounding at borders
    assert (simulated["segmentation"].values <= simulated.sizes["object"]).all()


def test_strips_that_are_compared_one_by_one_are_not_seen(simulated, monkeypatch):
    """Of 200 rows: one strip, and seven, whose room is that of the rows after them."""
    monkeypatch.setattr("simulators._painting.LEAST", 2)
    again = SMALL.simulate(seed=7, number=3, labels="pixel")
    for name in ("image", "clean", "segmentation"):
        assert np.array_equal(again[name], simulated[name])


def test_objects_off_the_frame_reach_in():
    """Half of an object on the edge is seen, of one beyond its stamp nothing, and neither is an error."""
    field = Field(survey=SURVEY, size=64)
    whole = field.render(ONE)["image"].values.sum()
    edge = field.render(ONE | {"e1": 0.0, "e2": 0.0, "x": 6.4})["image"].values
    assert edge.sum() == pytest.approx(0.5 * whole, rel=0.01)
    assert edge[0, :, -1].argmax() in (31, 32)
    assert (field.render(ONE | {"x": 500.0, "y": -3e4})["image"].values == 0).all()


def test_a_psf_field_is_nearest_cell():
    """Objects have the PSF of their cell; the widths measured are those of the function at the cells' centres."""
    psf = PSFField(lambda x, y: Gaussian(0.8 + 0.02 * x), cells=(1, 4))
    field = Field(survey=SURVEY, size=(64, 256), psf=psf)
    x = np.array([-20.0, -6.0, 6.0, 20.0])
    stars = {**dict.fromkeys(("radius", "n", "e1", "e2"), 0.0), "flux": 1.0, "x": x, "y": 0.0, "star": 1.0}
    image = field.render(stars)["image"].values[0].astype(float)
    axis = (np.arange(64) - 31.5) * 0.2
    for i, centre in enumerate((-19.2, -6.4, 6.4, 19.2)):
        part = image[:, 64 * i : 64 * (i + 1)]
        width = np.sqrt((part.sum(axis=1) * axis**2).sum() / part.sum() - 0.2**2 / 12) * 2.3548
        assert width == pytest.approx(0.8 + 0.02 * centre, rel=3e-3)
    row = [Gaussian(0.8 + 0.02 * centre) for centre in (-19.2, -6.4, 6.4, 19.2)]
    grid = Field(survey=SURVEY, size=(64, 256), psf=PSFField([row]))
    np.testing.assert_allclose(grid.render(stars)["image"], field.render(stars)["image"], atol=1e-7)


def test_shear_moves_shapes():
    constant = Field(survey=SURVEY, size=64, density=40.0, shear=(0.03, -0.02, 0.05)).draw(1)
    star = constant["star"].values == 1
    assert set(constant["g1"].values[~star]) == {0.03}
    assert set(constant["g2"].values[~star]) == {-0.02}
    assert not constant["kappa"].values[star].any()
    varying = Field(survey=SURVEY, size=64, density=40.0, shear=lambda x, y: (1e-3 * x, -1e-3 * y)).draw(1)
    np.testing.assert_allclose(varying["g2"].values[~star], -1e-3 * varying["y"].values[~star])


def test_counts_follow_the_survey():
    """Number and faintest magnitude follow the depth, the slope is that of the counts, bright and faint."""
    kids, lsst = get_survey("kids").select("i"), get_survey("lsst").select("i")
    population = get_population("field")
    assert limit_of(lsst, population) > limit_of(kids, population) + 0.5
    survey = seeing_to(lsst, 26.4)
    ds = Field(survey=survey, size=2048, clustering=0.0).draw(5)
    galaxies = ds["star"].values == 0
    area = (2048 * 0.2 + 12.0) ** 2 / 3600
    for name, count in (("field", galaxies.sum()), ("stars", (~galaxies).sum())):
        expected = density(name, survey) * area
        assert count == pytest.approx(expected, abs=5 * np.sqrt(expected))
    magnitude = 31.4 - 2.5 * np.log10(ds["flux"].values[galaxies, 0])
    assert 26.35 < magnitude.max() <= 26.4
    counts = np.log10(np.histogram(magnitude, [22.4, 23.4, 24.4, 25.4, 26.4])[0])
    assert np.diff(counts)[[0, 2]].tolist() == pytest.approx([0.37, 0.31], abs=0.06)
    deep, deeper = (density("field", seeing_to(lsst, limit)) for limit in (24.5, 25.5))
    assert deeper - deep == pytest.approx(0.8 * 46 * (10**0.155 - 10**-0.155), rel=2e-3)  # the published law


def seeing_to(survey, limit):
    """The survey's only band with noise that lets it see galaxies to the magnitude `limit`."""
    band, off = survey.bands[0], limit - limit_of(survey, get_population("field"))
    noise = band.background_sigma * 10 ** (-0.4 * off)
    return dataclasses.replace(survey, bands=(dataclasses.replace(band, background_sigma=noise, sky=0.0),))


def test_colours_scatter_along_one_line():
    """Red galaxies are red in both colours, bright ones redder, stars redder still; i is the counts' own band."""
    ds = Field(survey="lsst", bands="gri", size=2048, density=600.0, clustering=0.0).draw(5)
    g, r, i = 31.4 - 2.5 * np.log10(ds["flux"].values.T)
    star = ds["star"].values == 1
    bright, faint = (~star & (i > low) & (i < low + 1) for low in (21.0, 25.0))
    for these, middle in ((bright, 0.82), (faint, 0.49)):
        assert np.median((g - r)[these]) == pytest.approx(middle, abs=0.05)
        assert (g - r)[these].std() == pytest.approx(0.30, abs=0.05)
        assert (r - i)[these].std() == pytest.approx(0.12, abs=0.03)
        assert np.corrcoef((g - r)[these], (r - i)[these])[0, 1] > 0.95
    assert np.median((g - r)[star & (i > 20)]) > 1.1


def test_sizes_follow_the_magnitude():
    ds = Field(survey="lsst", bands="i", size=1024, stars=0.0).draw(5)
    magnitude = 31.4 - 2.5 * np.log10(ds["flux"].values[:, 0])
    slope, at = np.polyfit(magnitude - 23.0, np.log10(ds["radius"].values), 1)
    assert slope == pytest.approx(-0.117, abs=0.02)
    assert at == pytest.approx(-0.333, abs=0.03)


def pairs(x, y, thetas):
    """Pairs closer than each of `thetas` [arcsec]."""
    tree = cKDTree(np.stack([x, y], axis=1))
    return np.array([len(tree.query_pairs(theta)) for theta in thetas])


def test_pairs_have_the_correlation_function():
    """Neighbours within theta in excess of chance: one for each satellite times (theta / 20)^1.2."""
    count, side, share, thetas = 40_000, 4000.0, 0.3, np.array([3.0, 10.0])
    found, chance = (pairs(*places(3, np.arange(count), (side, side), part), thetas) for part in (share, 0.0))
    expected = 0.5 * count**2 * np.pi * thetas**2 / side**2
    assert (np.abs(chance - expected) < 4 * np.sqrt(expected)).all()
    with_host = share * count * (thetas / 20.0) ** 1.2
    ratio = (found - expected) / with_host  # and pairs of satellites of one host
    assert (ratio > 0.9).all()
    assert (ratio < 1.3).all()


def test_galaxies_of_a_field_cluster_and_stars_do_not():
    """Pairs within a few arcsec of drawn catalogues against chance, in errors of chance, and the power -0.8 of w."""
    thetas, area = np.array([2.0, 4.0, 8.0]), (4096 * 0.2 + 12.0) ** 2
    pull, chance = {}, {}
    for share in (0.5, 0.0):
        ds = Field(survey=SURVEY, size=4096, density=60.0, stars=0.5, clustering=share).draw(2)
        for kind in (0, 1):
            x, y = (ds[name].values[ds["star"].values == kind] for name in ("x", "y"))
            expected = chance[share, kind] = 0.5 * len(x) ** 2 * np.pi * thetas**2 / area
            pull[share, kind] = (pairs(x, y, thetas) - expected) / np.sqrt(expected)
    assert (pull[0.5, 0] > 8).all()
    assert max(np.abs(pull[key]).max() for key in ((0.5, 1), (0.0, 0), (0.0, 1))) < 4
    excess = pull[0.5, 0] * np.sqrt(chance[0.5, 0])
    assert np.polyfit(np.log(thetas), np.log(excess), 1)[0] == pytest.approx(2.0 - 0.8, abs=0.15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 4.5}, "size = 4.5 is not whole"),
        ({"size": (64, 64, 3)}, "neither a number of pixels nor two"),
        ({"size": 8}, r"size = 8 .*outside \[32"),
        ({"survey": "lsstt"}, "did you mean 'lsst'"),
        ({"accuracy": "hihg"}, "did you mean 'high'"),
        ({"psf": Moffat(20.0, 3.0)}, "psf fwhm = 20 is outside .*shorter side"),
        ({"psf": PSFField(lambda x, y: 3.0)}, "entry 0 holds 3.0, which is not a PSF"),
        ({"density": -1.0}, "density = -1 is outside"),
        ({"clustering": 1.5}, "clustering = 1.5 is outside"),
        ({"stars": -0.1}, "stars = -0.1 is outside"),
        ({"centre": (0.0, 91.0)}, "declination = 91 is outside"),
        ({"shear": (0.8, 0.8)}, r"shear \|g\|"),
        ({"shear": 0.1}, "shear = 0.1 is neither"),
        ({"shear": lambda x, y: (np.full(3, 0.1), 0.0)}, "shear g1 has shape"),
    ],
)
def test_bad_fields_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Field(**{"survey": SURVEY, "size": 64, **options})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"x": np.nan}, "Field label x = nan is outside"),
        ({"y": [0.0, np.inf]}, "Field label y = inf"),
        ({"flux": -3.0}, "Field label flux = -3"),
        ({"n": 0.1}, "Field label n = 0.1"),
        ({"e1": 0.9, "e2": 0.9}, r"\|e\|"),
        ({"star": 0.5}, "star"),
        ({"fluxx": 1.0}, "did you mean 'flux'"),
        ({"flux": np.ones((4, 3))}, "Field label flux has shape"),
        ({"x": [0.0, 1.0], "y": [0.0, 1.0, 2.0]}, "must broadcast"),
    ],
)
def test_bad_catalogues_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        Field(survey=SURVEY, size=64).render(ONE | labels)


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="missing label radius"):
        Field(survey=SURVEY, size=64).render({k: v for k, v in ONE.items() if k != "radius"})
    nameless = Survey("jpeg", 0.2, (Band("r", psf_fwhm=0.7, background_sigma=1.0, zero_point=np.nan),), unit="")
    with pytest.raises(ValueError, match="'jpeg' has no zero point"):
        Field(survey=nameless, size=64).draw(1)
    with pytest.raises(ValueError, match="rows of"):
        PSFField([[Gaussian(1.0)], [Gaussian(1.0), Gaussian(2.0)]])
