"""The refiner keeps labels whatever its weights, depends on samples alone, and its files are safe."""

import copy
import json

import galsim
import numpy as np
import pytest
import torch

from astrogan.models import Refiner, RefinerConfig, RefinerTraining, as_stamps, train_refiner
from astrogan.models.training import RefinerRecipe
from astrogan.training import R3GAN, Budget, SimGAN
from astrogan.validation import label_drift
from catalogs import Band, Survey
from simulators import WeakLens

SURVEY = Survey(
    "test",
    0.2,
    (
        Band("g", psf_fwhm=0.7, background_sigma=2.0, electrons_per_unit=3.0),
        Band("r", psf_fwhm=0.6, background_sigma=3.0, electrons_per_unit=2.0),
    ),
)
BRIGHT = {
    "flux": 3000.0,
    "radius": 0.5,
    "n": 1.0,
    "e1": 0.1,
    "e2": -0.2,
    "x": 0.03,
    "y": 0.0,
    "g1": 0.02,
    "g2": 0.0,
    "kappa": 0.0,
}


@pytest.fixture(scope="module")
def simulated():
    sim = WeakLens(survey=SURVEY, size=32)
    spread = np.linspace(0.8, 1.2, 12)
    truth = sim.render({**BRIGHT, "flux": np.outer(3000 * spread, [1, 1.5]), "radius": 0.5 * spread})
    samples = sim.observe(truth, seed=3)
    return samples, sim.tangent(samples)


def wild(bands=2, seed=5):
    """A refiner with large random weights: nothing about it was trained to be gentle."""
    refiner = Refiner(RefinerConfig(bands=bands))
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in refiner.networks["refiner"].parameters():
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=rng))
    return refiner


def test_labels_stay_with_the_projection_and_move_without(simulated):
    samples, tangents = simulated
    before, variance = samples["image"].values, samples["variance"].values
    safe = wild().apply(samples, tangents)["image"].values
    loose = wild().apply(samples, label_safe=False)["image"].values
    assert np.abs(safe - before).max() > 5 * np.sqrt(variance.min())
    for labels in WeakLens(survey=SURVEY).fits:
        names = [n for n in tangents["label"].values if n in labels or n.split("_")[0] in labels]
        jacobian = tangents.sel(label=names).values
        kept = label_drift(before, safe, jacobian, variance, names, control=loose)
        assert max(row.worst_sigma for row in kept) < 1e-3  # float32 pixels of a source of 1000 sigma
        assert max(row.control_median_sigma for row in kept) > 0.5


def test_galsim_measures_the_same_moments(simulated):
    samples, tangents = simulated
    refined = wild().apply(samples, tangents)
    loose = wild().apply(samples, label_safe=False)

    def measured(image):
        shape = galsim.hsm.FindAdaptiveMom(galsim.Image(np.ascontiguousarray(image, dtype=float)))
        return np.array([shape.moments_amp, shape.moments_sigma, shape.observed_shape.g1, shape.observed_shape.g2])

    for i in range(len(samples["sample_id"])):
        for b in range(2):
            one, other, control = (measured(ds["image"].values[i, b]) for ds in (samples, refined, loose))
            assert np.allclose(one, other, rtol=2e-5, atol=2e-5)
            assert not np.allclose(one, control, rtol=1e-3, atol=1e-3)


def test_untrained_refiner_changes_nothing(simulated):
    samples, tangents = simulated
    refined = Refiner(RefinerConfig(bands=2)).apply(samples, tangents)
    assert np.array_equal(refined["image"], samples["image"])


def test_strength_scales_what_is_added(simulated):
    samples, tangents = simulated
    before = samples["image"].values.astype(np.float64)
    none, half, full = (
        wild().with_strength(s).apply(samples, tangents)["image"].values.astype(np.float64) for s in (0.0, 0.5, 1.0)
    )
    assert np.array_equal(none, before)
    assert np.allclose(half - before, 0.5 * (full - before), atol=1e-3)
    with pytest.raises(ValueError, match=r"strength = 1\.5 is outside"):
        wild().with_strength(1.5)


def test_a_sample_is_refined_alike_alone_and_in_a_batch(simulated):
    samples, tangents = simulated
    together = wild().apply(samples, tangents, seed=1)["image"].values
    alone = wild().apply(samples.isel(sample=[4]), tangents.isel(sample=[4]), seed=1)["image"].values
    assert np.allclose(together[4], alone[0], rtol=1e-4, atol=1e-3)
    other = wild().apply(samples, tangents, seed=2)["image"].values
    assert not np.allclose(together, other, rtol=1e-3)


def test_everything_but_the_pixels_is_returned_as_it_came(simulated):
    samples, tangents = simulated
    refined = wild().apply(samples, tangents)
    for name in samples.variables:
        if name != "image":
            assert refined[name].identical(samples[name])
    assert refined.attrs["label_safe"] == "moments, tangents"


@pytest.mark.parametrize("loss", [R3GAN(every=2), SimGAN()], ids=["r3gan", "simgan"])
def test_training_moves_the_images_towards_the_real_ones(simulated, loss):
    """Real stamps that are noisier in one direction: the critic must notice and the refiner must follow."""
    samples, tangents = simulated
    stamps = as_stamps(samples, tangents)
    rng = torch.Generator().manual_seed(0)
    stripes = torch.randn(24, 2, 32, 1, generator=rng).expand(-1, -1, -1, 32)
    real = stamps.image.repeat(2, 1, 1, 1) + 1.5 * stripes
    settings = RefinerTraining(Budget(images=16 * 25), batch_size=16)
    small = Refiner(RefinerConfig(bands=2, width=8, blocks=1, critic_width=8))
    trained, summary = train_refiner(small, stamps, real, settings, loss=loss)
    assert summary["steps"] == 25
    assert summary["scalars"]["change"] > 0.01
    assert not any(p.any() for p in small.networks["refiner"].trunk.exit.parameters()), "the refiner given was changed"
    changed = trained.apply(samples, tangents)["image"].values
    assert not np.allclose(changed, samples["image"].values, rtol=1e-3)


def test_history_feeds_the_critic_and_survives_a_restart(simulated):
    stamps = as_stamps(*simulated)
    settings = RefinerTraining(Budget(images=1), batch_size=4, history=6)
    make = lambda: RefinerRecipe(Refiner(RefinerConfig(bands=2, width=8, blocks=1, critic_width=8)), settings, R3GAN())
    recipe = make()
    part = stamps[slice(0, 4)]
    frame = {name: getattr(part, name) for name in ("image", "sigma", "low", "high")}
    batch = {"sim": {**frame, "basis": part.basis()}, "real": {"image": part.image.flip(0)}}
    for count in (2, 4, 6, 6):
        recipe.step(batch, 0.1)
        assert len(recipe.history) == count
    twin = make()
    twin.load_state_dict(recipe.state_dict())
    twin.networks.load_state_dict(recipe.networks.state_dict())
    for name, optimizer in twin.optimizers.items():
        optimizer.load_state_dict(copy.deepcopy(recipe.optimizers[name].state_dict()))
    assert twin.step(batch, 0.2) == recipe.step(batch, 0.2)


@pytest.mark.parametrize("spoil", ["card", "weights", "nan", "kind", "missing card", "pickle"])
def test_damaged_or_foreign_model_files_are_refused(tmp_path, spoil):
    path = tmp_path / "model.safetensors"
    refiner = wild()
    if spoil == "nan":
        with torch.no_grad():
            refiner.networks["refiner"].trunk.exit.bias.fill_(float("nan"))
    refiner.save(path)
    card = path.with_suffix(".json")
    if spoil == "card":
        card.write_text("{")
    elif spoil == "weights":
        data = bytearray(path.read_bytes())
        data[-10] ^= 1
        path.write_bytes(data)
    elif spoil == "kind":
        card.write_text(json.dumps({**json.loads(card.read_text()), "model": "inpainting"}))
    elif spoil == "missing card":
        card.unlink()
    elif spoil == "pickle":
        torch.save(refiner.networks.state_dict(), path)
    with pytest.raises((ValueError, FileNotFoundError), match="model"):
        Refiner.load(path)


def test_file_round_trip(tmp_path, simulated):
    samples, tangents = simulated
    refiner = wild()
    refiner.save(tmp_path / "model.safetensors")
    again = Refiner.load(tmp_path / "model.safetensors")
    assert again.config == refiner.config
    assert np.array_equal(again.apply(samples, tangents)["image"], refiner.apply(samples, tangents)["image"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s, t: wild(bands=3).apply(s, t), "has 3 bands, the samples have 2"),
        (lambda s, t: wild().apply(s, t.isel(sample=slice(3, 6))), "sample_id differs"),
        (lambda s, t: wild().apply(s.drop_vars("variance"), t), "no variable 'variance'"),
        (lambda s, t: RefinerConfig(bands=0), "refiner bands = 0"),
        (lambda s, t: wild().save("model.pt"), "ends in .safetensors"),
    ],
)
def test_bad_input_is_refused(simulated, call, words):
    with pytest.raises(ValueError, match=words):
        call(*simulated)
