"""Every light that a stamp may have, a field has: drawn alike, with its labels, and refused alike."""

from __future__ import annotations

import numpy as np
import pytest

from catalogs import Band, Survey
from simulators import Field, WeakLens
from simulators.light import GalaxyImage

SURVEY = Survey("test", 0.2, tuple(Band(name, psf_fwhm=0.7, background_sigma=2.0) for name in "gr"))


def image(turn):
    y, x = np.indices((40, 40)) - 19.5
    return GalaxyImage(np.exp(-np.hypot(x, y * (1 + turn)) / 4) + 0.3 * np.exp(-((x - 5) ** 2 + (y + 4) ** 2) / 8), 0.1)


LIGHTS = {"gaussian": "gaussian", "point": "point", "bulge-disk": "bulge-disk", "knots": "knots"}
LIGHTS["images"] = (image(0.0), image(0.4))


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS)
def test_galaxies_are_those_of_stamps(light):
    """One at a time, and two and a star together, sheared and magnified."""
    stamps = WeakLens(survey=SURVEY, size=160, light=light)
    field = Field(survey=SURVEY, size=160, light=light)
    assert field.labels == (*stamps.labels, "star")
    truth = stamps.draw(2, seed=4)
    labels = {name: truth[name].values for name in stamps.labels}
    labels |= {"g1": np.array([0.05, -0.02]), "g2": np.array([0.01, 0.04]), "kappa": np.array([0.1, -0.05])}
    labels |= {"x": np.array([-4.03, 5.1]), "y": np.array([2.2, -3.33])}
    expected = stamps.render(labels)["image"].values
    for i in range(2):
        one = field.render({name: values[i : i + 1] for name, values in labels.items()})["image"].values
        assert np.abs(one - expected[i]).max() < 4e-4 * expected[i].max()
    with_star = {name: np.concatenate([values, 0 * values[:1]]) for name, values in labels.items()}
    with_star |= {"star": np.array([0, 0, 1])}
    both = field.render(with_star)["image"].values
    assert np.abs(both - expected.sum(axis=0)).max() < 1e-3 * expected.max()


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS)
def test_fields_draw_them(light):
    """Catalogue, frame, segmentation and stamps have the light's labels, whatever else is drawn."""
    field = Field(survey="kids", bands="gr", size=160, light=light, density=40.0, stars=0.3)
    frame = field.simulate(3, labels="pixel")
    assert {name for name in field.labels if name in frame} == set(field.labels)
    galaxies = frame["star"].values == 0
    assert 20 < galaxies.sum() < galaxies.size
    assert len(np.unique(frame["segmentation"])) > 5
    np.testing.assert_array_equal(field.render(frame)["image"], frame["clean"])
    stamps = field.stamps(24, frame)
    assert {name for name in field.labels if name in stamps} == set(field.labels)
    assert not stamps["star"].values.any()


def test_disks_follow_the_magnitude():
    frame = Field(survey="lsst", bands="i", size=1024, light="bulge-disk", stars=0.0).draw(5)
    magnitude = 31.4 - 2.5 * np.log10(frame["flux"].values[:, 0])
    slope, at = np.polyfit(magnitude - 23.0, np.log10(frame["disk_radius"].values), 1)
    assert slope == pytest.approx(-0.117, abs=0.02)
    assert at == pytest.approx(-0.333, abs=0.03)


ONE = {"flux": 100.0, "x": 0.0, "y": 0.0}
IMAGE = ONE | {"zoom": 1.0, "angle": 0.0, "image_index": 0}
KNOTS = ONE | {"radius": 0.5, "e1": 0.0, "e2": 0.0, "knot_fraction": 0.5, "knot_radius": 0.05, "angle": 0.0}


@pytest.mark.parametrize(
    ("light", "labels", "message"),
    [
        ("images", IMAGE | {"image_index": 2}, r"image_index = 2 is outside \[0, 1\]"),
        ("images", IMAGE | {"image_index": 0.5}, "image_index, a whole number"),
        ("images", IMAGE | {"radius": 1.0}, "unknown Field label 'radius'"),
        ("knots", KNOTS, "missing label knot_seed"),
        ("knots", KNOTS | {"knot_seed": 1, "e1": 0.8, "e2": 0.8}, r"Field \|e\| = 1.13"),
    ],
)
def test_bad_labels_are_refused(light, labels, message):
    with pytest.raises(ValueError, match=message):
        Field(survey=SURVEY, size=64, light=LIGHTS[light]).render(labels)


def test_unknown_light_is_refused():
    with pytest.raises(ValueError, match="did you mean 'bulge-disk'"):
        Field(survey=SURVEY, light="bulge_disk")
    with pytest.raises(ValueError, match="one or more GalaxyImage"):
        Field(survey=SURVEY, light=())
