"""Rings: turned copies of a galaxy whose mean ellipticity is the shear."""

import numpy as np
import pytest

from catalogs import Band, Survey
from simulators import Gaussian, Rows, WeakLens, adaptive_moments
from simulators.testing import check_batches
from simulators.weak_lens import lensed_sersic

SURVEY = Survey("sharp", 0.1, (Band("i", psf_fwhm=0.2, background_sigma=1.0),))


def rings(k, n=20, **options):
    simulator = WeakLens(survey=SURVEY, size=48, ring=k, **options)
    truth = simulator.draw(n * k, seed=3)
    return simulator, truth, {name: truth[name].values.reshape(n, k, -1)[..., 0] for name in simulator.labels}


@pytest.mark.parametrize("k", [2, 3, 4])
def test_members_are_turned_copies(k):
    _, _, of = rings(k)
    for name in ("flux", "radius", "n", "x", "y", "g1", "g2", "kappa"):
        assert (of[name] == of[name][:, :1]).all(), name
    e = of["e1"] + 1j * of["e2"]
    assert np.allclose(e, e[:, :1] * np.exp(2j * np.pi * np.arange(k) / k), atol=1e-15)
    assert len(np.unique(of["radius"])) == 20


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_mean_ellipticity_is_the_shear_to_order_k(k):
    """e' = (e + g) / (1 + g* e) is a power series in e, of which a ring keeps every k-th power."""
    _, truth, of = rings(k)
    labels = {name: truth[name].values for name in truth.variables if truth[name].dims[:1] == ("sample",)}
    light, _ = lensed_sersic({name: np.asarray(value, dtype=float) for name, value in labels.items()})
    mean = (np.asarray(light.e1) + 1j * np.asarray(light.e2)).reshape(-1, k).mean(axis=1)
    g, e = (of["g1"] + 1j * of["g2"])[:, 0], (of["e1"] + 1j * of["e2"])[:, 0]
    first = (1.0 - abs(g) ** 2) * (-np.conj(g)) ** (k - 1) * e**k
    assert np.allclose(mean, g + first / (1.0 - (-np.conj(g) * e) ** k), atol=1e-14)
    assert (abs(mean - g) <= 1.01 * abs(g) ** (k - 1) * abs(e) ** k + 1e-15).all()
    alone = np.asarray(light.e1).reshape(-1, k)[:, 0]
    assert np.std(alone - g.real) > 20 * np.std(mean.real - g.real)


def test_measured_on_images_too():
    """Adaptive moments of noise-free images behind a narrow PSF, whose blur costs a per cent of the shear."""
    rows = Rows({"radius": [0.6], "n": [1.0], "e1": [0.15], "e2": [0.0], "x": [0.0], "y": [0.0]}, scatter=0.0)

    def same(seed, sample_ids, survey):
        return {"g1": np.full(len(sample_ids), 0.04), "g2": np.full(len(sample_ids), -0.02)}

    simulator, truth, _ = rings(4, n=3, population=(rows, same), psf=Gaussian(fwhm=0.05))
    images = simulator.render(truth)["image"].values[:, 0].astype(float)
    moments = adaptive_moments(images)
    e = (np.asarray(moments.e1) + 1j * np.asarray(moments.e2)).reshape(3, 4)
    assert np.allclose(e.mean(axis=1), 0.04 - 0.02j, atol=6e-4)
    assert abs(e - (0.04 - 0.02j)).min() > 0.1


def test_a_member_is_the_same_alone_and_has_its_own_noise():
    simulator, _, _ = rings(2, neighbours=0.05)
    check_batches(simulator)
    seen = simulator.simulate(2, seed=1)
    noise = seen["image"].values - seen["clean"].values
    assert not np.allclose(noise[0], noise[1], atol=0.1)


def test_one_is_no_ring_and_bad_rings_are_refused():
    assert WeakLens(survey=SURVEY, ring=1).draw(4, seed=1).identical(WeakLens(survey=SURVEY).draw(4, seed=1))
    for ring in (0, -2, 1.5):
        with pytest.raises(ValueError, match=f"ring = {ring}"):
            WeakLens(survey=SURVEY, ring=ring)
    with pytest.raises(ValueError, match="select would break rings"):
        WeakLens(survey=SURVEY, ring=2, select=lambda truth, images: np.ones(len(truth["g1"]), dtype=bool))
