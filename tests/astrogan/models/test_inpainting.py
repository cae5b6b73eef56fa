"""What an inpainter returns, and what it does with samples that are not as they should be."""

import numpy as np
import pytest
import torch

from astrogan.dataset import validate_samples
from astrogan.dataset.masks import draw_masks, with_mask
from astrogan.models import Inpainter, InpainterConfig, InpainterTraining, as_holes, train_inpainter
from astrogan.training import Budget
from catalogs import Band, Survey
from simulators import WeakLens

SIZE = 24
BANDS = (
    Band("g", psf_fwhm=0.7, background_sigma=2.0, electrons_per_unit=3.0),
    Band("r", psf_fwhm=0.6, background_sigma=3.0, electrons_per_unit=2.0),
)
SURVEY = Survey("test", 0.2, BANDS)
QUICK = InpainterTraining(Budget(images=16 * 6), windows=96, masks=("block", "columns"), batch_size=16)
SMALL = InpainterConfig(bands=2, size=SIZE, width=6, levels=2, critic_width=6, rank=64)


def simulate(count, size=SIZE, seed=1):
    labels = WeakLens(survey=SURVEY, size=size)
    return labels.simulate(count, seed=seed)[["image", "variance", "sample_id", "qc_flag"]]


@pytest.fixture(scope="module")
def trained():
    """An inpainter after a few steps of both heads, of simulated stamps that are larger than its windows."""
    return train_inpainter(SMALL, as_holes(simulate(80, 28)), QUICK)[0]


@pytest.fixture(scope="module")
def samples():
    return simulate(6)


@pytest.fixture(scope="module")
def holed(samples):
    holes = draw_masks(["block", "columns", "scatter"], samples["sample_id"].values, (2, SIZE, SIZE), seed=3)
    return with_mask(samples, holes), holes


def test_observed_pixels_come_back_bit_for_bit(trained, holed):
    ds, holes = holed
    out = trained(ds, n=3)
    before, after = ds["image"].values, out["image"].values
    assert np.array_equal(after[~holes].view(np.uint32), before[~holes].view(np.uint32))
    assert np.isfinite(after).all()
    assert (after[holes] != before[holes]).all()
    assert not out["image_std"].values[~holes].any()
    assert (out["image_std"].values[holes] > 0).all()
    draws = out["image_draws"].values
    assert draws.shape == (6, 3, 2, SIZE, SIZE)
    seen = np.broadcast_to(~holes[:, None], draws.shape)
    assert np.array_equal(draws[seen], np.broadcast_to(before[:, None], draws.shape)[seen])
    assert (draws.std(axis=1)[holes] > 0).all()
    for name in ("variance", "mask", "sample_id", "qc_flag"):
        assert out[name].identical(ds[name])
    validate_samples(out)


def test_a_stamp_is_filled_alike_in_any_company(trained, holed):
    ds, _ = holed
    whole = trained(ds, n=2, seed=5)
    one = trained(ds.isel(sample=[4]), n=3, seed=5)
    assert np.allclose(one["image"][0], whole["image"][4], rtol=1e-3, atol=1e-2)
    assert np.allclose(one["image_draws"][0, :2], whole["image_draws"][4], rtol=1e-3, atol=1e-2)
    other = trained(ds, n=1, seed=6)
    assert np.array_equal(other["image"], whole["image"])
    assert not np.allclose(other["image_draws"][:, 0], whole["image_draws"][:, 0], atol=0.1)


def test_without_holes_nothing_changes(trained, samples):
    out = trained(samples, n=2)
    assert np.array_equal(out["image"], samples["image"])
    assert np.array_equal(out["image_draws"], np.repeat(samples["image"].values[:, None], 2, axis=1))
    assert not out["image_std"].values.any()


def test_where_nothing_was_observed_the_prior_is_drawn(trained, samples):
    nothing = with_mask(samples, np.ones(samples["image"].shape, bool))
    out = trained(nothing, n=2)
    assert np.isfinite(out["image"]).all()
    assert np.isfinite(out["image_draws"]).all()
    assert (out["image_std"].values > 0.5).all()
    assert np.allclose(out["image"][1:], out["image"][:1], rtol=0.3, atol=3), "all stamps know the same: nothing"


def test_what_a_hole_holds_does_not_matter(trained, holed):
    ds, holes = holed
    results = []
    for inside in (0.0, np.nan, 1e30, np.inf):
        image = np.where(holes, np.float32(inside), ds["image"].values)
        variance = np.where(holes, np.float32(np.nan if inside else 0.0), ds["variance"].values)
        spoilt = ds.assign(image=ds["image"].copy(data=image), variance=ds["variance"].copy(data=variance))
        results.append(trained(spoilt, n=1))
    for other in results[1:]:
        for name in ("image", "image_std", "image_draws"):
            assert np.array_equal(other[name], results[0][name])


def test_pixels_that_are_not_finite_are_holes_wherever_they_are(trained, samples):
    image = samples["image"].values.copy()
    image[2, 1, 5:7, 9] = np.nan
    out = trained(samples.assign(image=samples["image"].copy(data=image)))
    assert np.isfinite(out["image"]).all()
    assert np.argwhere(out["image_std"].values > 0).tolist() == [[2, 1, 5, 9], [2, 1, 6, 9]]


def test_a_missing_band_is_guessed_from_the_other(trained, samples):
    """Of a band never seen, a bright galaxy gets more light than a faint one."""
    holes = np.zeros(samples["image"].shape, bool)
    holes[:, 1] = True
    image = samples["image"].values.copy()
    image[0, 0] += np.float32(300) * np.exp(-np.hypot(*(np.indices((SIZE, SIZE)) - 11.5)) / 2).astype(np.float32)
    out = trained(with_mask(samples.assign(image=samples["image"].copy(data=image)), holes))["image"].values[:, 1]
    assert out[0].max() > 3 * np.median(out.max(axis=(1, 2))[1:])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda ds: ds.isel(band=[0]), "the inpainter has 2 bands, the samples have 1"),
        (lambda ds: ds.assign(variance=ds["variance"] * 0), "variance: 6 samples"),
        (lambda ds: ds.drop_vars("image"), "variable 'image'"),
        (lambda ds: ds.assign(mask=(("sample", "v", "x"), np.zeros((6, 5, SIZE), np.uint8))), "does not belong"),
    ],
)
def test_samples_that_cannot_be_filled_are_refused(trained, samples, spoil, words):
    with pytest.raises(ValueError, match=words):
        trained(spoil(samples))


def test_an_untrained_model_and_bad_settings_are_refused(samples):
    with pytest.raises(ValueError, match="has not been trained"):
        Inpainter(SMALL)(samples)
    with pytest.raises(ValueError, match="inpainter size = 8"):
        InpainterConfig(bands=1, size=8)
    with pytest.raises(ValueError, match="did you mean 'block'"):
        InpainterTraining(Budget(images=1), masks=("blocks",))
    for stamps, words in ((samples, "6 real stamps are too few"), (simulate(60, 20), "smaller than the windows")):
        with pytest.raises(ValueError, match=words):
            train_inpainter(SMALL, as_holes(stamps), QUICK)
    with pytest.raises(ValueError, match="real stamps of 2 bands for an inpainter of 1"):
        train_inpainter(InpainterConfig(bands=1), as_holes(simulate(60, 32)), QUICK)


def test_stamps_of_other_sizes(trained):
    for size in (20, 40):
        ds = simulate(3, size)
        holes = np.zeros(ds["image"].shape, bool)
        holes[..., 7:10] = True
        out = trained(with_mask(ds, holes), n=1)
        assert np.isfinite(out["image"]).all()
        assert np.array_equal(out["image"].values[~holes], ds["image"].values[~holes])
        assert (out["image_std"].values[holes] > 0).all()


def test_a_frame_is_filled_without_seams(trained):
    """Along a gap through a frame of sky, no row stands out where windows begin or end."""
    rng = np.random.default_rng(0)
    ds = simulate(1, 120)
    sky = (rng.normal(size=ds["image"].shape) * np.array([2.0, 3.0])[:, None, None]).astype(np.float32)
    holes = np.zeros(sky.shape, bool)
    holes[..., 58:62] = True
    frame = (
        with_mask(ds.assign(image=ds["image"].copy(data=sky)), holes).drop_vars(["x", "y", "sample_id"]).isel(sample=0)
    )
    out = trained(frame, n=12)
    assert out["image"].dims == ("band", "y", "x")
    assert out["image_draws"].dims == ("draw", "band", "y", "x")
    draws = out["image_draws"].values[..., 58:62] / np.array([2.0, 3.0])[:, None, None]
    steps = np.square(np.diff(draws, axis=2)).mean(axis=(0, 1, 3))
    assert steps.max() < 2.5 * np.median(steps)
    mean = out["image"].values[..., 58:62] / np.array([2.0, 3.0])[:, None, None]
    assert mean.std() < 1.0, "of sky, a mean knows little: it scatters less than its pixels"


def test_file_round_trip_and_kinds_of_models(tmp_path, trained, holed):
    ds, _ = holed
    path = tmp_path / "model.safetensors"
    trained.save(path)
    again = Inpainter.load(path)
    assert again.config == trained.config
    assert np.array_equal(again(ds, n=1)["image_draws"], trained(ds, n=1)["image_draws"])
    assert again(ds).attrs["inpainter_sha256"] == again.card["weights_sha256"]
    assert {"trust", "chi2_held_back", "training_digests"} <= set(again.card)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="changed or damaged"):
        Inpainter.load(path)
    from astrogan.models import Refiner, RefinerConfig

    Refiner(RefinerConfig(bands=1)).save(path)
    with pytest.raises(ValueError, match="not the card of a model of kind inpainter"):
        Inpainter.load(path)


def test_filling_does_not_depend_on_the_layout_of_arrays(trained, samples):
    """Fortran order and strides: `as_holes` and the process read pixels, not memory."""
    holes = as_holes(samples)
    holes.known[..., 5:8, 5:8] = False
    other = type(holes)(
        *(getattr(holes, name).to(memory_format=torch.channels_last) for name in ("image", "sigma", "known")),
        holes.psf,
        holes.ids,
        holes.unit,
    )
    assert np.array_equal(trained.fill(holes).mean, trained.fill(other).mean)
