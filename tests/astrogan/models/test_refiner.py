"""The refiner keeps labels whatever its weights, and depends on the samples alone."""

import dataclasses

import galsim
import numpy as np
import pytest
import torch

from astrogan.models import Refiner, RefinerConfig, as_stamps
from astrogan.models.refiner import RefinerNetwork
from astrogan.training import mixed_precision
from astrogan.validation import label_drift, shear_bias
from simulators import Rows, WeakLens


def test_labels_stay_with_the_projection_and_move_without(simulated, wild):
    samples, tangents = simulated
    before, variance = samples["image"].values, samples["variance"].values
    safe = wild().apply(samples, tangents)["image"].values
    loose = wild().apply(samples, label_safe=False)["image"].values
    assert np.abs(safe - before).max() > 5 * np.sqrt(variance.min())
    for labels in WeakLens(survey="lsst").fits:
        names = [n for n in tangents["label"].values if n in labels or n.split("_")[0] in labels]
        jacobian = tangents.sel(label=names).values
        kept = label_drift(before, safe, jacobian, variance, names, control=loose)
        assert max(row.worst_sigma for row in kept) < 1e-3  # float32 pixels of a source of 1000 sigma
        assert max(row.control_median_sigma for row in kept) > 0.5


def hsm(image):
    shape = galsim.hsm.FindAdaptiveMom(galsim.Image(np.ascontiguousarray(image, dtype=float)))
    return np.array([shape.moments_amp, shape.moments_sigma, shape.observed_shape.g1, shape.observed_shape.g2])


def test_galsim_measures_the_same_moments_and_colours(simulated, wild):
    samples, tangents = simulated
    refined = wild().apply(samples, tangents)
    loose = wild().apply(samples, label_safe=False)
    for i in range(len(samples["sample_id"])):
        one, other, control = (
            np.array([hsm(ds["image"].values[i, b]) for b in range(2)]) for ds in (samples, refined, loose)
        )
        assert np.allclose(one, other, rtol=2e-5, atol=2e-5)
        colours = [measured[0, 0] / measured[1, 0] for measured in (one, other, control)]
        assert colours[1] == pytest.approx(colours[0], rel=2e-5)
        assert abs(colours[2] / colours[0] - 1.0) > 1e-3


def test_shear_stays_in_company(wild):
    """Where neighbours make other fixed points, the one kept is the one that is measured: of the object."""
    spread = np.linspace(0.5, 1.5, 50)
    galaxies = Rows({"flux": 6000 * spread[:, None], "radius": 0.4 + 0.2 * spread, "n": 1 + 0 * spread})
    company = {"neighbours": 0.03, "population": galaxies, "neighbour_population": galaxies}
    simulator = WeakLens(survey="lsst", bands="r", size=40, **company)
    refiner = wild(1).with_strength(0.2)

    def bias(safe):
        return shear_bias(lambda ds: refiner.apply(ds, label_safe=safe), simulator, rings=40, seed=2)

    kept, moved = bias(True), bias(False)
    assert max(abs(one.value) for one in (kept.m1, kept.m2, kept.c1, kept.c2)) < 1e-6
    assert max(abs(one.value) for one in (moved.m1, moved.m2)) > 1e-3


@pytest.mark.parametrize(("bands", "shape"), [(1, (24, 24)), (9, (25, 31)), (2, (200, 200)), (3, (33, 24))])
def test_any_number_of_bands_and_any_size(bands, shape):
    network = RefinerNetwork(RefinerConfig(bands=bands, width=4, blocks=1))
    x = torch.randn(2, bands, *shape)
    z = torch.randn(2, 2, *shape)
    torch.nn.init.normal_(network.trunk.exit.weight)
    out = network(x, torch.ones_like(x), torch.full((2, bands), 3.0), z)
    assert out.shape == x.shape
    assert out.abs().amin(dim=(1, 2, 3)).max() < out.abs().amax() < 3 * 1.2 * x.abs().max()
    with pytest.raises(ValueError, match=r"image size = 23 .*\[24"):
        network(x[..., :23, :], torch.ones(2, bands, 23, shape[1]), torch.ones(2, bands), z[..., :23, :])


@pytest.mark.parametrize("what", ["noise map", "psf", "z"])
def test_the_network_is_told_of_noise_map_psf_and_noise(what):
    torch.manual_seed(0)
    network = RefinerNetwork(RefinerConfig(bands=2, width=4, blocks=1))
    torch.nn.init.normal_(network.trunk.exit.weight)
    x, sigma, psf, z = (
        torch.randn(1, 2, 24, 24),
        torch.ones(1, 2, 24, 24),
        torch.full((1, 2), 3.0),
        torch.randn(1, 2, 24, 24),
    )
    before = network(x, sigma, psf, z) / sigma
    changed = {
        "noise map": (x, sigma * 1.5, psf, z),
        "psf": (x, sigma, psf * 1.5, z),
        "z": (x, sigma, psf, z.flip(0, 3)),
    }
    after = network(*changed[what]) / changed[what][1]
    assert (after - before).abs().mean() > 1e-3


def test_psf_size_comes_from_the_samples_own_psf_or_the_survey(simulated):
    samples, _ = simulated
    assert torch.allclose(as_stamps(samples).psf, torch.tensor([0.7 / 0.2, 0.6 / 0.2]).expand(12, 2))
    fwhm = np.linspace(3.0, 6.0, 24).reshape(12, 2)
    planes = np.array(
        [
            [galsim.Gaussian(fwhm=f).drawImage(nx=33, ny=33, scale=1, method="no_pixel").array for f in row]
            for row in fwhm
        ]
    )
    own = samples.assign(psf=(("sample", "band", "psf_y", "psf_x"), planes.astype(np.float32)))
    assert np.allclose(as_stamps(own).psf, fwhm, rtol=0.01)
    shared = samples.assign(psf=(("band", "psf_y", "psf_x"), planes[3].astype(np.float32)))
    assert np.allclose(as_stamps(shared).psf, fwhm[3], rtol=0.01)


def test_half_precision_changes_what_is_added_and_no_label(simulated, wild, monkeypatch):
    samples, tangents = simulated
    before, variance = samples["image"].values, samples["variance"].values
    images = []
    for half in (False, True):
        context = lambda device, half=half: mixed_precision(device, half)
        monkeypatch.setattr("astrogan.models.refiner.mixed_precision", context)
        images.append(wild().apply(samples, tangents)["image"].values)
    assert 1e-3 < np.abs(images[1] - images[0]).max() < 0.2 * np.abs(images[0] - before).max()
    names = ["flux_g", "flux_r", "radius", "n", "e1", "e2", "x", "y"]
    drift = label_drift(before, images[1], tangents.sel(label=names).values, variance, names)
    assert max(row.worst_sigma for row in drift) < 1e-3


def test_untrained_refiner_changes_nothing(simulated):
    samples, tangents = simulated
    refined = Refiner(RefinerConfig(bands=2)).apply(samples, tangents)
    assert np.array_equal(refined["image"], samples["image"])


def test_strength_scales_what_is_added(simulated, wild):
    samples, tangents = simulated
    before = samples["image"].values.astype(np.float64)
    none, half, full = (
        wild().with_strength(s).apply(samples, tangents)["image"].values.astype(np.float64) for s in (0.0, 0.5, 1.0)
    )
    assert np.array_equal(none, before)
    assert np.allclose(half - before, 0.5 * (full - before), atol=1e-3)
    with pytest.raises(ValueError, match=r"strength = 1\.5 is outside"):
        wild().with_strength(1.5)


def test_a_sample_is_refined_alike_alone_and_in_a_batch(simulated, wild):
    samples, tangents = simulated
    together = wild().apply(samples, tangents, seed=1)["image"].values
    alone = wild().apply(samples.isel(sample=[4]), tangents.isel(sample=[4]), seed=1)["image"].values
    assert np.allclose(together[4], alone[0], rtol=1e-4, atol=1e-3)
    other = wild().apply(samples, tangents, seed=2)["image"].values
    assert not np.allclose(together, other, rtol=1e-3)


def test_everything_but_the_pixels_is_returned_as_it_came(simulated, wild):
    samples, tangents = simulated
    refined = wild().apply(samples, tangents)
    for name in samples.variables:
        if name != "image":
            assert refined[name].identical(samples[name])
    assert refined.attrs["label_safe"] == "moments, tangents"


@pytest.mark.parametrize("how", ["mask", "infinite variance", "NaN variance", "no variance", "NaN pixel"])
def test_pixels_without_data_stay_and_labels_too(simulated, wild, how):
    samples, tangents = simulated
    bad = np.zeros(samples["image"].shape, bool)
    bad[:, 0, 10:14, 13:17] = True
    bad[:, 1, :, 5] = True
    values = {"infinite variance": np.inf, "NaN variance": np.nan, "no variance": 0.0}
    spoilt = samples.copy(deep=True)
    if how == "mask":
        spoilt["mask"].values[bad] = 128
    elif how == "NaN pixel":
        spoilt["image"].values[bad] = np.nan
    else:
        spoilt["variance"].values[bad] = values[how]
    refined = wild().apply(spoilt, tangents)["image"].values
    before = spoilt["image"].values
    assert np.array_equal(refined[bad], before[bad], equal_nan=True)
    assert np.isfinite(refined[~bad]).all()
    assert np.abs(refined - before)[~bad].max() > 5
    if how != "NaN pixel":
        assert np.allclose(hsm(before[3, 0]), hsm(refined[3, 0]), rtol=2e-5, atol=2e-5)
    variance = np.where(bad, np.inf, samples["variance"].values)
    names = ["flux_g", "flux_r", "radius", "n", "e1", "e2", "x", "y"]
    filled = [np.where(bad, 0.0, one) for one in (before, refined)]
    drift = label_drift(*filled, tangents.sel(label=names).values * ~bad[:, None], np.minimum(variance, 1e30), names)
    assert max(row.worst_sigma for row in drift) < 1e-3


def test_samples_at_the_edge_of_the_stamp_keep_their_moments(wild):
    survey = WeakLens(survey="lsst", bands="r", size=32)
    labels = {"flux": 1e4, "radius": 0.4, "n": 1.0, "e1": 0.1, "e2": 0.0, "g1": 0.0, "g2": 0.0, "kappa": 0.0}
    samples = survey.observe(survey.render({**labels, "x": np.array([2.2, -2.0]), "y": np.array([0.0, 1.6])}), seed=1)
    refined = wild(bands=1).apply(samples, survey.tangent(samples))
    for before, after in zip(samples["image"].values[:, 0], refined["image"].values[:, 0], strict=True):
        assert np.abs(after - before).max() > 5
        assert np.allclose(hsm(before), hsm(after), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("residual", ["noise", "asinh"])
def test_what_limits_a_change(residual, simulated, wild):
    """Of a bright smooth frame: some noise and some tenths of the light, or several times the light."""
    refiner = wild(residual=residual, psf=False)
    with torch.no_grad():
        refiner.networks["refiner"].trunk.exit.bias.fill_(100.0)
    network, x = refiner.networks["refiner"], torch.full((1, 2, 24, 24), 500.0)
    change = network(x, torch.full_like(x, 5.0), torch.ones(1, 2), torch.zeros(1, 2, 24, 24))
    if residual == "noise":
        assert change.max().item() == pytest.approx(3.0 * np.hypot(5.0, 0.1 * 500.0), rel=1e-3)
    else:
        assert change.max().item() == pytest.approx(500.0 * (np.exp(1.5) - 1.0), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda w, s, t: w(bands=3).apply(s, t), "has 3 bands, the samples have 2"),
        (lambda w, s, t: w().apply(s, t.isel(sample=slice(3, 6))), "sample_id differs"),
        (lambda w, s, t: w().apply(s.drop_vars("variance"), t), "no variable 'variance'"),
        (lambda w, s, t: w().apply(s.assign(variance=s["variance"] * np.nan), t), "no pixel of these samples"),
        (lambda w, s, t: RefinerConfig(bands=0), "refiner bands = 0"),
        (lambda w, s, t: RefinerConfig(bands=1, residual="asin"), "did you mean 'asinh'"),
        (lambda w, s, t: dataclasses.replace(w().config, fraction=-1), "refiner fraction = -1"),
    ],
)
def test_bad_input_is_refused(simulated, wild, call, words):
    with pytest.raises(ValueError, match=words):
        call(wild, *simulated)
