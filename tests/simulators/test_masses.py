"""Lenses made of named masses: groups, haloes, subhaloes, planes; their labels and what they bend."""

import dataclasses
import re

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

import catalogs
from catalogs import Band, Survey
from simulators import StrongLens, streams
from simulators.cosmology import concentration, nfw_angles
from simulators.deflectors import EPL, MASSES, NFW, SIE, ExternalShear, MultiPlane, SubhaloPopulation
from simulators.testing import check_population, check_simulator

SURVEY = Survey("one band", 0.15, (Band("i", 0.5, background_sigma=1.0),))
COSMOLOGY = FlatLambdaCDM(70, 0.3)
GROUP = StrongLens(survey=SURVEY, size=40, accuracy="fast", mass=("epl", "shear", "nfw", "members"))
CLUMPS = SubhaloPopulation(z_lens=0.5, z_source=2.0, cosmology=COSMOLOGY, mass=(1e8, 1e10), radius=2.0)
CLUMPY = StrongLens(
    survey=SURVEY, size=40, accuracy="fast", mass=("epl", "shear", "subhalos"), population=CLUMPS, cosmology=COSMOLOGY
)
AXIS = GROUP.grid.axis()
POINTS = np.meshgrid(AXIS, AXIS)


@dataclasses.dataclass(frozen=True)
class Labelled:
    """A simulator that always adds labels of pixels."""

    inner: object

    def simulate(self, n, seed, start=0):
        return self.inner.simulate(n, seed, start, labels="pixel")


@pytest.fixture(scope="module")
def group():
    return GROUP.simulate(4, seed=3, labels="pixel")


def columns(samples, prefix, names):
    return [samples[f"{prefix}_{name}"].values for name in names.split()]


def test_the_default_is_what_it_was():
    names = "theta_E gamma lens_e1 lens_e2 lens_x lens_y shear_g1 shear_g2"
    light, source = (
        [f"{of}_{name}" for name in ["flux", "radius", "n", "e1", "e2", "x", "y"]] for of in ("light", "source")
    )
    assert StrongLens(survey=SURVEY).labels == (*names.split(), *light, *source)
    assert StrongLens(survey=SURVEY, mass=["epl", "shear"]) == StrongLens(survey=SURVEY)


def test_a_group_bends_light_as_the_sum_of_its_masses(group):
    main = EPL(*(group[name].values for name in ("theta_E", "gamma", "lens_e1", "lens_e2", "lens_x", "lens_y")))
    parts = [
        main,
        ExternalShear(*columns(group, "shear", "g1 g2")),
        NFW(*columns(group, "halo", "r_s alpha_s e1 e2 x y")),
    ]
    fields = columns(group, "member", "theta_E e1 e2 x y")
    parts += [SIE(*(field[:, k] for field in fields)) for k in range(group.sizes["galaxy"])]
    for axis, name in enumerate(("deflection_x", "deflection_y")):
        total = sum(part.deflection(*POINTS)[axis] for part in parts)
        np.testing.assert_allclose(group[name], total, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(group["convergence"], sum(part.convergence(*POINTS) for part in parts), rtol=1e-5)


def test_each_galaxy_of_a_group_has_its_light_and_image(group):
    members = [f"member_{k}" for k in range(group.sizes["galaxy"])]
    assert group["part"].values.tolist() == ["light", "source_0", *members]
    there = group["member_theta_E"].values > 0
    assert set(there.sum(axis=1)) <= {2, 3, 4, 5}
    assert np.array_equal(there, (group["member_flux"] > 0).all("band"))
    images = group["component_image"].sel(part=members).max(("band", "y", "x")).values
    assert np.array_equal(images > 0, there)
    assert np.allclose(group["component_image"].sum("part"), group["clean"], rtol=1e-4, atol=1e-3)
    sigmas = group["component_image"].sel(part="source_0").values[:, 0]  # the background's is 1
    assert np.array_equal(group["arc_mask"], sigmas > 1.0)


def test_the_number_of_galaxies_and_each_galaxy_are_drawn_anew(group):
    many = GROUP.draw(400, seed=1)
    number = (many["member_theta_E"] > 0).sum("galaxy").values
    assert np.array_equal(np.unique(number), [2, 3, 4, 5])
    assert np.allclose(np.bincount(number)[2:] / 400, 0.25, atol=0.08)
    speeds = many["member_sigma_v"].values
    assert len(np.unique(speeds)) == speeds.size
    assert abs(np.corrcoef(speeds[:, 0], speeds[:, 1])[0, 1]) < 0.15
    near, far = (COSMOLOGY.comoving_distance(many[name].values) for name in ("z_lens", "z_source"))
    share = (1 - near / far).value
    radii = 4 * np.pi * (speeds[:, 0] / 299792.458) ** 2 * share * 648000 / np.pi
    assert np.allclose(many["member_theta_E"][:, 0], radii, rtol=1e-6)


def test_haloes_have_the_angles_of_their_mass():
    """Without scatter in concentration, the relation is `nfw_angles` at the mean concentration."""
    population = catalogs.get_population("group")
    (halo,) = (one for one in population.relations if one.kind == "nfw_halo")
    still = dataclasses.replace(halo, parameters={**halo.parameters, "scatter": 0.0})
    relations = tuple(still if one is halo else one for one in population.relations)
    truth = dataclasses.replace(GROUP, population=dataclasses.replace(population, relations=relations)).draw(20, seed=2)
    for one in (truth.isel(sample=s) for s in range(20)):
        mass, near, far = (float(one[name]) for name in ("halo_mass", "z_lens", "z_source"))
        angles = nfw_angles(mass, concentration(mass, near, COSMOLOGY), near, far, COSMOLOGY)
        assert (float(one["halo_r_s"]), float(one["halo_alpha_s"])) == pytest.approx(angles, rel=1e-3)


def test_subhaloes_are_a_function_of_seed_and_sample():
    check_population(CLUMPS, SURVEY)
    check_simulator(Labelled(CLUMPY))
    truth, again = CLUMPY.draw(3, seed=5, start=7), CLUMPY.draw(1, seed=5, start=8)
    for name in ("r_s", "alpha_s", "tau", "x", "y"):
        assert np.array_equal(truth[f"subhalo_{name}"][1], again[f"subhalo_{name}"][0])
    lens = CLUMPS.draw(5, np.arange(7, 10))
    assert np.array_equal(lens.alpha_s, truth["subhalo_alpha_s"].values[:, : lens.alpha_s.shape[1]])
    assert (truth["subhalo_alpha_s"].values[:, lens.alpha_s.shape[1] :] == 0).all()
    count = (CLUMPY.draw(300, seed=1)["subhalo_alpha_s"] > 0).sum("subhalo").values
    assert count.mean() == pytest.approx(CLUMPS.expected(), abs=4 * np.sqrt(CLUMPS.expected() / 300))


def test_subhaloes_move_arcs_and_have_tangents():
    truth = CLUMPY.draw(1, seed=5)
    smooth = truth.copy(deep=True)
    smooth["subhalo_alpha_s"].values[:] = 0.0
    with_clumps, without = (CLUMPY.render(one)["image"].values for one in (truth, smooth))
    assert np.abs(with_clumps - without).max() > 1e-3 * without.max()
    assert not any("subhalo" in name for name in CLUMPY.tangent(truth)["label"].values)
    tangents = CLUMPY.tangent(truth, ["subhalo_x"])
    assert tangents["label"].values.tolist() == [f"subhalo_x_{k}" for k in range(truth.sizes["subhalo"])]


def test_planes_bend_light_as_a_stack():
    masses = StrongLens(survey=SURVEY, size=40, mass=("sie", "line_of_sight"), cosmology=COSMOLOGY)
    truth = dict.fromkeys(masses.labels, 0.0)
    truth |= {
        "theta_E": 1.0,
        "lens_e1": 0.2,
        "light_radius": 1.0,
        "light_n": 1.0,
        "source_radius": 0.2,
        "source_n": 1.0,
    }
    truth |= {"z_lens": [0.5, 0.4], "z_source": [2.0, 1.5], "los_theta_E": [[0.3, 0.2], [0.2, 0.0]]}
    truth |= {"los_x": [[0.7, -0.8]], "los_y": [[0.5, 0.6]], "los_z": [[0.9, 0.2], [0.7, 0.6]]}
    fields = masses.render(truth, labels="pixel")
    main, far = SIE(1.0, 0.2), SIE(0.3, 0.0, 0.0, 0.7, 0.5)
    stacks = [
        MultiPlane([main, far, SIE(0.2, 0.0, 0.0, -0.8, 0.6)], [0.5, 0.9, 0.2], 2.0, COSMOLOGY),
        MultiPlane([main, dataclasses.replace(far, theta_E=0.2)], [0.4, 0.7], 1.5, COSMOLOGY),
    ]
    for s, stack in enumerate(stacks):
        ax, ay = stack.deflection(*POINTS)
        np.testing.assert_allclose(fields["deflection_x"][s], ax[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(fields["deflection_y"][s], ay[0], rtol=1e-5, atol=1e-6)


def test_masses_that_do_nothing_change_nothing():
    """Each mass at no strength: the image of the main lens alone, as the general path draws it."""
    names = ("epl", *(name for name in MASSES if name not in ("epl", "sie")))
    everything = StrongLens(survey=SURVEY, size=40, mass=names, cosmology=COSMOLOGY)
    plain = StrongLens(survey=SURVEY, size=40)
    truth = plain.draw(2, seed=3)
    labels = {name: truth[name].values for name in plain.labels}
    extra = {name: 0.0 for name in everything.labels if name not in labels}
    extra |= {name: 0.5 for name in extra if re.search("_(r_s|radius|n|tau|z)$", name)}
    labels |= extra | {"z_lens": 0.5, "z_source": 2.0}
    still, bare = everything.render(labels)["image"].values, plain.render(truth)["image"].values
    assert np.abs(still - bare).max() < 1e-4 * bare.max()


def halo(seed, sample_ids, survey):
    return {"halo_r_s": 2.0 + streams.uniform(seed, sample_ids, "halo")}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: StrongLens(survey=SURVEY, mass=("epl", "shaer")), "unknown mass 'shaer': did you mean 'shear'"),
        (lambda: StrongLens(survey=SURVEY, mass=()), r"mass = \(\) has no lens"),
        (lambda: StrongLens(survey=SURVEY, mass="line_of_sight"), "has no lens"),
        (lambda: StrongLens(survey=SURVEY, mass=("epl", "sie")), "epl and sie both have the label theta_E"),
        (lambda: StrongLens(survey=SURVEY, mass=("epl", "epl")), "epl and epl both have the label theta_E"),
        (lambda: StrongLens(survey=SURVEY, mass=("epl", "line_of_sight")), "line_of_sight needs a cosmology"),
        (
            lambda: StrongLens(survey=SURVEY, mass=("epl", "nfw")).draw(1, seed=1),
            "no population gives the label halo_r_s",
        ),
        (
            lambda: StrongLens(survey=SURVEY, population=halo).draw(1, seed=1),
            "unknown label of this simulator 'halo_r_s'",
        ),
        (lambda: StrongLens(survey=SURVEY, population=CLUMPS).draw(1, seed=1), "this simulator 'subhalo_r_s'"),
        (lambda: changed({"halo_alpha_s": -1.0}), "StrongLens label halo_alpha_s = -1"),
        (lambda: changed({"member_e1": 0.95}), "StrongLens label member_e1 = 0.95"),
        (lambda: changed({"member_e1": 0.8, "member_e2": 0.8}), r"\|e\| = 1.13"),
        (lambda: changed({"member_x": np.zeros((4, 3))}), "member_x has shape"),
        (lambda: changed({"halo_x": np.nan}), "halo_x = nan"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def changed(labels):
    truth = GROUP.draw(4, seed=3)
    return GROUP.render({**{name: truth[name].values for name in GROUP.labels}, **labels})
