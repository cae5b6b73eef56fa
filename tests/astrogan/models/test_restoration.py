"""The restorer's face: what it may change, what it says, and what it refuses."""

import dataclasses
import json

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.ndimage import median_filter

from astrogan.dataset.sharding import write_store
from astrogan.models import Restorer, RestorerConfig
from astrogan.models.defects import KINDS
from astrogan.networks.medians import median_of_nine
from simulators.sensor import FLAGS

SMALL = RestorerConfig(width=4, levels=3, critic_width=4)


def wild(seed=5, config=SMALL):
    """A restorer with large random weights: it sees defects everywhere and nowhere."""
    restorer = Restorer(config)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in restorer.networks["restorer"].parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=rng))
        restorer.networks["restorer"].trunk.exit.bias[1] += 6.0  # of nothing
    return restorer


@pytest.fixture(scope="module")
def sky(simulated):
    """Stamps with a bright pixel, without a mask."""
    samples = simulated[0].drop_vars("mask", errors="ignore").copy(deep=True)
    samples["image"].values[:, :, 5, 20] += 500.0
    return samples


@pytest.mark.parametrize("step", [1, 2])
def test_the_median_is_scipys(step):
    x = np.random.default_rng(0).normal(size=(3, 40, 31)).astype(np.float32)
    around = np.zeros((1, 2 * step + 1, 2 * step + 1), bool)
    around[:, ::step, ::step] = True
    assert np.array_equal(median_of_nine(torch.from_numpy(x), step), median_filter(x, footprint=around, mode="wrap"))


def test_pixels_without_a_finding_are_returned_bit_for_bit(sky):
    found = wild().apply(sky)
    probability = found["defect_probability"].values
    quiet = probability < 0.5
    assert 0.05 < quiet.mean() < 0.95
    before, after = sky["image"].values, found["image"].values
    assert np.array_equal(before[quiet], after[quiet])
    assert (before[~quiet] != after[~quiet]).any()
    assert np.array_equal(found["mask"].values > 0, ~quiet)
    saturated = found["mask"].values == FLAGS["saturated"]
    assert np.array_equal(before[saturated], after[saturated])
    assert np.array_equal(sky["variance"], found["variance"])
    assert found.attrs["restored_by"] == "restorer"


def test_a_new_restorer_finds_what_is_likelier_than_not_to_be_something():
    """All logits zero: each of the kinds, and none, is as likely as the others; nothing is added to the median."""
    x = np.zeros((1, 32, 32), np.float32)
    x[0, 10, 10] = 50.0
    found = Restorer(SMALL).clean(x, threshold=0.9)
    assert np.allclose(found.probability, len(KINDS) / (1 + len(KINDS)))
    assert not found.flags.any()
    assert np.allclose(found.clean, 0.0, atol=1e-5)


def test_what_is_not_looked_for_is_not_found(sky):
    rays = wild().apply(sky, kinds=["cosmic_ray", "hot_pixel"])
    assert set(np.unique(rays["mask"])) == {0, FLAGS["hot_pixel"], FLAGS["cosmic_ray"]}
    assert (rays["defect_probability"] <= wild().apply(sky)["defect_probability"]).all()
    quiet = rays["mask"].values == 0
    assert np.array_equal(rays["image"].values[quiet], sky["image"].values[quiet])
    with pytest.raises(ValueError, match="kind of defect"):
        wild().apply(sky, kinds=["ray"])


def test_bands_are_restored_each_by_itself(sky):
    other = sky.copy(deep=True)
    other["image"].values[:, 0] = 1e4
    one, two = (wild().apply(samples).isel(band=1) for samples in (sky, other))
    for name in ("image", "mask", "defect_probability"):
        assert np.array_equal(one[name], two[name])


def test_a_frame_is_restored_in_tiles_as_at_once():
    x = np.random.default_rng(2).normal(size=(1, 150, 203)).astype(np.float32)
    restorer = wild()
    whole = restorer.clean(x, device="cpu")
    restorer.networks["restorer"].tile = 48
    tiled = restorer.clean(x, device="cpu")
    assert np.allclose(tiled.probability, whole.probability, atol=1e-5)
    assert np.allclose(np.arcsinh(tiled.clean), np.arcsinh(whole.clean), atol=1e-4)


def test_frames_and_stamps_give_the_same(sky):
    frame = sky.isel(sample=0, drop=True)
    alone = wild().apply(frame)
    assert alone["image"].dims == ("band", "y", "x")
    stamp = wild().apply(sky.isel(sample=[0]))
    assert np.array_equal(alone["image"].values, stamp["image"].values[0])


def test_bad_pixels_stay_and_are_not_judged(sky):
    bad = sky.copy(deep=True)
    bad["image"].values[0, 0, 3, 3] = np.nan
    bad["variance"].values[0, 0, 4, 4] = 0.0
    bad["variance"].values[0, 1] = 0.0  # a whole band without a noise map
    bad["mask"] = xr.zeros_like(bad["image"], dtype=np.uint8)
    bad["mask"].values[1, 0, 6, 6] = 128
    found = wild().apply(bad)
    probability, mask = found["defect_probability"].values, found["mask"].values
    places = [(0, 0, 3, 3), (0, 0, 4, 4), (1, 0, 6, 6)]
    assert all(probability[place] == 0 for place in places)
    assert not probability[0, 1].any()
    assert mask[1, 0, 6, 6] == 128
    same = found["image"].values == bad["image"].values
    assert all(same[place] or np.isnan(bad["image"].values[place]) for place in places)
    assert same[0, 1].all()
    assert np.isfinite(probability).all()


def test_a_bad_pixel_tells_nothing(sky):
    """What a flagged pixel holds must not matter, be it NaN or a million."""
    masked = sky.copy(deep=True)
    masked["mask"] = xr.zeros_like(masked["image"], dtype=np.uint8)
    masked["mask"].values[..., 10:14, 10:14] = 4
    other = masked.copy(deep=True)
    other["image"].values[..., 10:14, 10:14] = np.array([np.nan, 1e9, -1e9, np.inf])
    one, two = (wild().apply(ds)["defect_probability"].values for ds in (masked, other))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.drop_vars("image"), "needs a variable 'image'"),
        (lambda ds: ds.assign(image=ds["image"].transpose("band", "sample", "y", "x")), "needs a variable 'image'"),
        (lambda ds: ds.assign(image=ds["image"] * np.nan), "no pixel of these images is"),
        (lambda ds: ds.assign(variance=ds["variance"] * 0), "no pixel of these images is"),
        (
            lambda ds: ds.assign(mask=(("sample", "band", "my", "mx"), np.zeros((12, 2, 30, 32), np.uint8))),
            "mask of shape .* does not belong",
        ),
        (lambda ds: ds.isel(x=slice(0, 20)), "image size"),
        (lambda ds: ds.isel(band=[1]), "1 bands, their survey has 2"),
    ],
)
def test_bad_input_is_refused(sky, change, message):
    with pytest.raises(ValueError, match=message):
        wild().apply(change(sky))


@pytest.mark.parametrize("threshold", [0.0, 1.5, float("nan")])
def test_thresholds_are_probabilities(sky, threshold):
    with pytest.raises(ValueError, match="threshold"):
        wild().apply(sky, threshold=threshold)


def test_saved_and_loaded_it_does_the_same(sky, tmp_path):
    restorer, path = wild(), tmp_path / "m.safetensors"
    restorer.save(path)
    again = Restorer.load(path)
    assert again.config == SMALL
    found = again.apply(sky)
    assert np.array_equal(found["image"], restorer.apply(sky)["image"])
    assert found.attrs["restorer_sha256"] == again.card["weights_sha256"]
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "config": {**card["config"], "width": 6}}))
    with pytest.raises(ValueError, match="does not fit its card"):
        Restorer.load(path)
    assert path.stat().st_size < 2e6


def test_restored_samples_can_be_stored(sky, tmp_path):
    write_store(wild().apply(sky), tmp_path / "store")


def test_sizes_are_checked():
    for name, value in {"width": 1, "levels": 0, "layers": 99, "critic_width": 1}.items():
        with pytest.raises(ValueError, match=f"restorer {name}"):
            dataclasses.replace(SMALL, **{name: value})
