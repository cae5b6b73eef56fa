"""Lensed quasars: what is drawn is what the truth says, and what the truth says keeps the laws of lensing."""

import dataclasses

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from astrogan.dataset import read_samples, validate_samples, write_samples
from catalogs import Band, Survey
from simulators import StrongLens
from simulators.deflectors import SIE, MultiPlane
from simulators.lensing import time_delay_distance

SURVEY = Survey("two bands", 0.1, (Band("g", 0.4, background_sigma=1.0), Band("r", 0.35, background_sigma=1.0)))
COSMOLOGY = FlatLambdaCDM(70, 0.3)
SIMULATOR = StrongLens(survey=SURVEY, size=80, quasar=True)
ISOTHERMAL = {"theta_E": 1.2, "gamma": 2.0, "lens_e1": 0.1, "lens_e2": 0.05, "lens_x": 0.0, "lens_y": 0.0}
DARK = {f"{owner}_{name}": 0.0 for owner in ("light", "source") for name in ("flux", "e1", "e2", "x", "y")}
LABELS = {
    **ISOTHERMAL,
    "shear_g1": 0.03,
    "shear_g2": -0.02,
    **DARK,
    "light_radius": 1.0,
    "light_n": 4.0,
    "source_radius": 0.2,
    "source_n": 1.0,
    "quasar_flux": [[100.0, 50.0]],
    "quasar_x": 0.05,
    "quasar_y": 0.03,
}


def images_of(samples, s=0):
    """Columns of the images that sample `s` has."""
    there = samples["image_magnification"].values[s] != 0
    names = ("x", "y", "magnification", "type", "delay")
    return {name: samples[f"image_{name}"].values[s, there] for name in names if f"image_{name}" in samples}


def test_images_are_as_bright_as_their_magnification():
    samples = SIMULATOR.render(LABELS)
    images = images_of(samples)
    total = samples["image"].values[0].sum(axis=(1, 2))
    assert len(images["x"]) == 4
    assert total == pytest.approx(np.array([100.0, 50.0]) * np.abs(images["magnification"]).sum(), rel=2e-3)
    axis = SIMULATOR.grid.axis()
    light = samples["image"].values[0, 1].astype(float)
    for x, y, mu in zip(images["x"], images["y"], images["magnification"], strict=True):
        near = np.hypot(axis - x, (axis - y)[:, None]) < 0.35  # a circle of the FWHM holds 1 - 2^-4 of a Gaussian
        assert light[near].sum() == pytest.approx(50.0 * abs(mu) * (1 - 2**-4), rel=0.05)
        assert (light * (axis - x) * near).sum() / light[near].sum() == pytest.approx(0.0, abs=0.02)


def test_the_quasar_is_what_a_very_small_source_looks_like():
    """A Sersic of a tenth of a pixel in its place, clear of caustics."""
    point = SIMULATOR.render({**LABELS, "quasar_x": 0.4, "quasar_y": -0.2})["image"].values[0]
    small = {"source_radius": 0.01, "source_flux": [[100.0, 50.0]], "source_x": 0.4, "source_y": -0.2}
    source = dataclasses.replace(SIMULATOR, accuracy="high").render({**LABELS, **small, "quasar_flux": [[0.0, 0.0]]})
    assert np.abs(point - source["image"].values[0]).max() < 0.03 * point.max()


@pytest.mark.parametrize(
    ("place", "counts"), [((0.02, 0.01), {1: 2, 2: 2}), ((0.35, 0.2), {1: 1, 2: 1}), ((1.4, 0.9), {1: 1})]
)
def test_images_of_an_isothermal_lens(place, counts):
    """2 minima and 2 saddle points within the astroid, 1 and 1 outside, 1 beyond the cut; none in the centre."""
    images = images_of(SIMULATOR.render({**LABELS, "quasar_x": place[0], "quasar_y": place[1]}))
    assert {int(kind): int(n) for kind, n in zip(*np.unique(images["type"], return_counts=True), strict=True)} == counts
    assert np.array_equal(np.sign(images["magnification"]), np.where(images["type"] == 2, -1.0, 1.0))
    assert images["type"][0] == 1  # a minimum arrives first
    lens = SIMULATOR._lens({name: np.atleast_1d(np.asarray(value, float)) for name, value in LABELS.items()})
    assert np.allclose(np.stack(lens.source(images["x"], images["y"]))[:, 0].T, place, atol=1e-9)


def test_a_soft_lens_has_an_odd_number_of_images():
    """Minima plus maxima exceed saddle points by one, where the potential has no cusp (Burke 1981)."""
    soft = StrongLens(survey=SURVEY, size=80, mass=("nfw",), quasar=True)
    halo = {"halo_r_s": 3.0, "halo_alpha_s": 1.6, "halo_e1": 0.15, "halo_e2": 0.1, "halo_x": 0.0, "halo_y": 0.0}
    rest = {name: value for name, value in LABELS.items() if name in soft.labels}
    places = np.linspace(0.01, 0.9, 9)
    images = soft.render({**rest, **halo, "quasar_x": places, "quasar_y": 0.3 * places})
    kinds = images["image_type"].values
    assert (np.isin(kinds, (1, 3)).sum(axis=1) - (kinds == 2).sum(axis=1) == 1).all()
    assert {1, 3, 5} >= set((kinds > 0).sum(axis=1)) > {3}
    assert (kinds == 3).any()


def test_delays_of_an_isothermal_sphere():
    """Delta t = D_dt / (2 c) (theta_1^2 - theta_2^2) (Witt, Mao & Keeton 2000, ApJ 544, 98)."""
    simulator = dataclasses.replace(SIMULATOR, mass="sie", cosmology=COSMOLOGY)
    labels = {name: value for name, value in LABELS.items() if name in simulator.labels}
    labels |= {"lens_e1": 0.0, "lens_e2": 0.0, "z_lens": 0.5, "z_source": 2.0, "quasar_x": 0.3, "quasar_y": 0.0}
    images = images_of(simulator.render(labels))
    assert images["x"] == pytest.approx([1.5, -0.9])
    days = 0.0280005 * time_delay_distance(0.5, 2.0, COSMOLOGY)  # Mpc / c x arcsec^2
    assert images["delay"] == pytest.approx([0.0, 0.5 * days * (1.5**2 - 0.9**2)], rel=1e-5)
    assert "image_delay" not in simulator.render({k: v for k, v in labels.items() if k != "z_lens"})


def test_delays_through_planes_are_those_of_the_stack():
    masses = dataclasses.replace(SIMULATOR, mass=("sie", "line_of_sight"), cosmology=COSMOLOGY)
    labels = {name: value for name, value in LABELS.items() if name in masses.labels}
    labels |= {"z_lens": 0.5, "z_source": 2.0}
    labels |= {f"los_{k}": [v] for k, v in {"theta_E": [0.3, 0.0], "e1": 0.1, "e2": 0.0, "x": 0.8, "y": 0.5}.items()}
    images = images_of(masses.render({**labels, "los_z": [[0.9, 0.9]]}))
    stack = MultiPlane([SIE(1.2, 0.1, 0.05), SIE(0.3, 0.1, 0.0, 0.8, 0.5)], [0.5, 0.9], 2.0, COSMOLOGY)
    assert np.allclose(np.stack(stack.source(images["x"], images["y"]))[:, 0].T, (0.05, 0.03), atol=1e-9)
    assert np.allclose(stack.magnification(images["x"], images["y"])[0], images["magnification"], rtol=1e-6)
    assert (np.diff(images["delay"]) > 0).all()


def test_images_follow_the_labels():
    """Labels that were changed by hand have other images; those of the samples before are no hint to trust."""
    truth = SIMULATOR.render(LABELS)
    moved = truth.copy(deep=True)
    moved["quasar_x"].values[:] = 0.6
    again, fresh = SIMULATOR.render(moved), SIMULATOR.render({**LABELS, "quasar_x": 0.6})
    assert len(images_of(again)["x"]) == 2 < len(images_of(truth)["x"])
    assert np.allclose(again["image"], fresh["image"], rtol=1e-6, atol=1e-6)
    for name in ("x", "y", "magnification", "type"):
        assert np.allclose(images_of(again)[name], images_of(fresh)[name], rtol=1e-8)


def test_without_a_place_it_is_its_host_s():
    labels = {name: value for name, value in LABELS.items() if name not in ("quasar_x", "quasar_y")}
    tied = SIMULATOR.render({**labels, "source_x": [[0.05, 0.4]], "source_y": 0.03})
    assert tied["quasar_x"].values.tolist() == [0.05]
    given = SIMULATOR.render({**LABELS, "source_x": [[0.05, 0.4]], "source_y": 0.03})
    assert np.array_equal(tied["image"], given["image"])


def test_drawn_quasars_go_through_files(tmp_path):
    simulator = StrongLens(survey="lsst", bands="gi", size=48, accuracy="fast", quasar=True)
    samples = validate_samples(simulator.simulate(6, seed=2, labels="pixel"))
    assert samples["part"].values.tolist() == ["light", "source_0", "quasar"]
    assert np.array_equal(samples["quasar_x"], samples["source_x"])
    assert samples["image_delay"].dims == ("sample", "lensed_image")
    write_samples(samples, tmp_path / "x.h5", codec="none")
    assert read_samples(tmp_path / "x.h5").identical(samples)
    points = samples["component_image"].sel(part="quasar").values
    assert (points.max(axis=(1, 2, 3)) > 0).all()
    for s in range(6):
        images = images_of(samples, s)
        assert (images["delay"] >= 0).all()
        assert images["delay"][0] == 0.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SIMULATOR.render({**LABELS, "quasar_flux": -1.0}), "StrongLens label quasar_flux = -1"),
        (lambda: SIMULATOR.render({**LABELS, "quasar_x": np.nan}), "StrongLens label quasar_x = nan"),
        (lambda: SIMULATOR.render({**LABELS, "quasar_z": 1.0}), "unknown StrongLens label 'quasar_z'"),
        (lambda: dataclasses.replace(SIMULATOR, cosmology=70.0), "cosmology = 70.0 is not one of astropy"),
        (lambda: StrongLens(survey=SURVEY).render(LABELS), "unknown StrongLens label 'quasar_flux'"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
