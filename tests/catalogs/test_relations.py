"""Populations whose labels follow from one another: what the file may say, and what is refused."""

import numpy as np
import pytest

import catalogs
from catalogs.relations import RELATIONS, ColourTrack, Relation

POPULATION = """
[cosmology]
H0 = 70.0
Om0 = 0.3
unit = "km / (Mpc s)"
reference = "a paper"
date = 2026-11-24

[priors.sigma_v]
distribution = "gamma"
index = 5.32
scale = 161.0
power = 2.67
unit = "km / s"
reference = "a paper"
date = 2026-11-24

[priors.z_lens]
distribution = "uniform"
low = 0.2
high = 1.0
unit = ""
reference = "a paper"
date = 2026-11-24

[relations.light_radius]
relation = "size"
of = ["sigma_v", "z_lens"]
c0 = 2.46
c1 = -2.79
unit = "kpc"
reference = "a paper"
date = 2026-11-24

[pairs.place]
labels = ["source_x", "source_y"]
distribution = "power_law"
index = 1.0
low = 0.0
high = 1.0
times = "light_radius"
unit = ""
reference = "a paper"
date = 2026-11-24

[relations.light_flux]
relation = "luminosity"
of = ["sigma_v", "z_lens"]
c0 = -2.97
c1 = -0.37
unit = "mag"
reference = "a paper"
date = 2026-11-24

[colours.light_flux]
redshift = "z_lens"
at = [0.0, 1.0]
g = [1.0, 2.0]
unit = "mag"
reference = "a paper"
date = 2026-11-24
"""


def read(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return catalogs.get_population(str(path))


def test_a_file_with_relations(tmp_path):
    population = read(tmp_path, POPULATION)
    assert population.labels == ("sigma_v", "z_lens", "source_x", "source_y", "light_radius", "light_flux")
    size, luminosity = population.relations
    assert size.inputs == ("sigma_v", "z_lens")
    assert size.parameters == {"c0": 2.46, "c1": -2.79, "c2": 0.0, "scatter": 0.0, "evolution": 0.0, "pivot": 1.0}
    assert luminosity.labels == ("light_flux",)
    assert population.cosmology == {"H0": 70.0, "Om0": 0.3}
    assert population.pairs["source_x", "source_y"].times == "light_radius"
    assert np.allclose(population.tracks["light_flux"].offset("g", [0.0, 0.25, 1.0, 3.0]), [1.0, 1.25, 2.0, 2.0])
    assert set(population.references) == {
        *("cosmology", "sigma_v", "z_lens", "place", "colours.light_flux"),
        *("relations.light_radius", "relations.light_flux"),
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"size"', '"sise"', "relations.light_radius: unknown relation 'sise': did you mean 'size'"),
        ("c0 = 2.46", "", "relations.light_radius: size: missing parameter c0"),
        ("c0 = 2.46", "c0 = nan", "size c0 = nan"),
        ("c0 = 2.46", "c0 = 2.46\nscater = 0.1", "unknown parameter of size 'scater': did you mean 'scatter'"),
        ("c0 = 2.46", "c0 = 2.46\nscatter = -0.1", "size scatter = -0.1 is outside"),
        ('of = ["sigma_v", "z_lens"]\nc0 = 2.46', 'of = ["sigma_v"]\nc0 = 2.46', "of names 1 labels"),
        ('of = ["sigma_v", "z_lens"]\nc0 = 2.46', 'of = "sigma_v"\nc0 = 2.46', "must be lists of labels"),
        ('"sigma_v", "z_lens"]\nc0 = 2.46', '"sigma", "z_lens"]\nc0 = 2.46', "'sigma': did you mean 'sigma_v'"),
        (
            '"sigma_v", "z_lens"]\nc0 = 2.46',
            '"light_flux", "z_lens"]\nc0 = 2.46',
            "needs above it .* 'light_flux'",
        ),
        ('times = "light_radius"', 'times = "theta_E"', "unknown factor of source_x in population 'mine' 'theta_E'"),
        ("at = [0.0, 1.0]", "at = [1.0, 0.0]", "must be two or more growing values"),
        ("g = [1.0, 2.0]", "g = [1.0]", "colours of g: 1 values for 2 of `at`"),
        ("g = [1.0, 2.0]", "g = 1.0", "g = 1.0 must be a list"),
        ('redshift = "z_lens"', 'redshift = "z_source"', "unknown redshift of the colours"),
        ("Om0 = 0.3", "Om0 = 1.3", "Om0 = 1.3 is outside"),
        ("Om0 = 0.3", "", "its relations need a cosmology with Om0"),
        ("Om0 = 0.3", "Om0 = 0.3\nOde0 = 0.7", "unknown cosmological parameter 'Ode0'"),
    ],
)
def test_bad_relations_are_refused(tmp_path, old, new, message):
    assert old in POPULATION
    with pytest.raises(ValueError, match=message) as refused:
        read(tmp_path, POPULATION.replace(old, new, 1))
    assert "mine.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bright": 27.0}, "lensed_sources: bright = 27 is not below faint = 26"),
        ({"low": 7.0}, "lensed_sources: low = 7 is not below high = 6"),
        ({"power": 0.0}, "lensed_sources power = 0 is outside"),
        ({"low": -0.1}, "lensed_sources low = -0.1 is outside"),
    ],
)
def test_bad_sources_are_refused(change, message):
    good = {"counts": 0.3, "bright": 20.0, "faint": 26.0, "intercept": 0.3, "low": 0.1, "high": 6.0}
    Relation("lensed_sources", ("source_flux", "z_source"), (), good, "mag", "test")
    with pytest.raises(ValueError, match=message):
        Relation("lensed_sources", ("source_flux", "z_source"), (), {**good, **change}, "mag", "test")


def test_a_relation_without_reference_is_refused():
    with pytest.raises(ValueError, match="reference is empty"):
        Relation("axis_ratio", ("e1", "e2"), (), {"intercept": 0.3, "lowest": 0.2}, "", " ")


def test_a_band_without_colours_names_the_nearest():
    with pytest.raises(ValueError, match=r"unknown band of the colours 'G': did you mean 'g'"):
        ColourTrack("z_lens", (0.0, 1.0), {"g": (0.0, 1.0), "r": (0.0, 0.0)}).offset("G", 0.5)


def test_every_relation_is_drawn():
    from simulators.relations import _RELATIONS

    assert set(_RELATIONS) == set(RELATIONS)
