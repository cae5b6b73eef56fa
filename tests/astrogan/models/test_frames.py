"""Frames: tiles leave no seam, and no catalogued object changes its moments."""

import galsim
import numpy as np
import pytest
import torch

from astrogan.models import as_stamps, refine_frame
from astrogan.models.frames import frame_constraints, project_frame
from astrogan.networks.label_safe import constraint_basis, moment_templates, project
from simulators import Field, WeakLens
from simulators.moments import object_moments

SIZE = 48


@pytest.fixture(scope="module")
def frame():
    return Field(survey="lsst", bands="gr", size=(150, 210), density=60.0, stars=0.2).simulate(seed=4)


@pytest.fixture(scope="module")
def refiner(wild):
    return wild(fraction=0.05)


def cut(image, frame, k):
    left, low = (int(np.rint(frame[n].values[k] - (SIZE - 1) / 2)) for n in ("column", "row"))
    padded = np.pad(image, SIZE)
    return padded[low + SIZE : low + 2 * SIZE, left + SIZE : left + 2 * SIZE]


def test_tiled_is_whole_label_safe_step_and_all(frame, refiner, monkeypatch):
    whole = refiner.apply(frame, seed=1)
    monkeypatch.setattr(refiner.networks["refiner"], "tile", 64)
    tiled = refiner.apply(frame, seed=1)
    change = np.abs(whole["image"] - frame["image"]).values
    assert change.max() > 5 * np.sqrt(frame["variance"].values.min())
    assert np.allclose(tiled["image"], whole["image"], rtol=1e-5, atol=1e-4 * np.sqrt(frame["variance"].values.min()))
    for name in frame.variables:
        if name != "image":
            assert whole[name].identical(frame[name])
    assert whole.attrs["label_safe"] == "moments of the catalogue"


def hsm(stamp, start):
    """Amplitude, size and shape that GalSim finds from where the moments were; NaN where it finds none."""
    guess = {
        "guess_sig": float(start.sigma),
        "guess_centroid": galsim.PositionD(float(start.x) + 1, float(start.y) + 1),
    }
    shape = galsim.hsm.FindAdaptiveMom(galsim.Image(stamp.astype(float)), strict=False, **guess)
    if shape.error_message:
        return np.full(4, np.nan)
    return np.array([shape.moments_amp, shape.moments_sigma, 1 + shape.observed_shape.g1, 1 + shape.observed_shape.g2])


def hsm_changes(frame, other):
    """Largest relative change of every object and band whose moments converge; infinite where they do no longer."""
    changes = []
    for k in inside(frame):
        for band in range(2):
            before, after = (cut(ds["image"].values[band], frame, k) for ds in (frame, other))
            start = object_moments(before)
            if start.converged:
                changes.append(np.nan_to_num(np.abs(hsm(after, start) / hsm(before, start) - 1).max(), nan=np.inf))
    return np.array(changes)


def inside(frame):
    return np.flatnonzero((frame["column"] > 0) & (frame["column"] < 209) & (frame["row"] > 0) & (frame["row"] < 149))


def weighted_sums(frame, other):
    """What was added, summed under the templates of every object's moments, over the noise of each sum."""
    change, sigma = (other["image"] - frame["image"]).values.astype(float), np.sqrt(frame["variance"].values)
    for k in inside(frame):
        for band in range(2):
            weight = object_moments(cut(frame["image"].values[band], frame, k)).weight
            templates = moment_templates(torch.from_numpy(weight)[None, None], (SIZE, SIZE))[0, 0].numpy()
            if templates.any():
                noise = np.sqrt((templates**2 * cut(sigma[band], frame, k) ** 2).sum((1, 2)))
                yield np.abs((templates * cut(change[band], frame, k)).sum((1, 2)) / noise).max()


def test_every_object_keeps_every_moment(frame, refiner):
    safe, loose = (
        np.array(list(weighted_sums(frame, refiner.apply(frame, seed=1, label_safe=on)))) for on in (True, False)
    )
    assert len(safe) > 30
    assert safe.max() < 1e-3  # float32 pixels
    assert np.median(loose) > 5


@pytest.mark.reference
def test_galsim_measures_objects_as_before_also_those_that_overlap(wild):
    x, y = np.array([-14, -8, 0, 6.0, 12, 13, -15]), np.array([-9, 8, -4, -3.0, 10, 6.5, 1])
    labels = {"radius": 0.6, "n": 1.0, "e1": 0.1, "e2": -0.1, "x": x, "y": y}
    field = Field(survey="lsst", bands="gr", size=(150, 210))
    frame = field.observe(field.render({**labels, "flux": np.full((7, 2), 2e4)}), seed=1)
    refiner = wild(fraction=0.01)
    safe = hsm_changes(frame, refiner.apply(frame, seed=1))
    loose = hsm_changes(frame, refiner.apply(frame, seed=1, label_safe=False))
    assert len(safe) == 14
    assert safe.max() < 1e-4
    assert loose.min() > 1e-3


def test_one_object_is_projected_as_a_stamp_is():
    stamps = as_stamps(WeakLens(survey="lsst", bands="r", size=SIZE).simulate(1, seed=2))
    image, sigma = stamps.image[0, 0], stamps.sigma[0, 0]
    residual = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    middle = np.array([[(SIZE - 1) / 2, (SIZE - 1) / 2]])
    rows = frame_constraints(image.numpy(), sigma.numpy(), np.ones(image.shape, bool), middle, SIZE)
    basis = constraint_basis(None, moment_templates(stamps.moments, (SIZE, SIZE)), stamps.sigma)
    dense = project(residual[None, None], basis, stamps.sigma)[0, 0]
    assert torch.allclose(project_frame(residual, rows, sigma), dense, atol=1e-5)
    assert (residual - dense).abs().max() > 0.05


def test_objects_that_share_pixels_or_a_place_are_kept_together():
    rng = np.random.default_rng(1)
    y, x = np.indices((60, 60))
    blob = lambda cx, cy: 80 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 18)
    image = (blob(25, 30) + blob(35, 31) + rng.normal(size=(60, 60))).astype(np.float32)
    places = np.array([[25.0, 30.0], [35.0, 31.0], [25.3, 30.2]])  # the last one again: its templates are the first's
    ones = np.ones_like(image)
    rows = frame_constraints(image, ones, ones > 0, places, SIZE)
    white = torch.from_numpy(rng.normal(size=(60, 60)))
    kept = project_frame(white, rows, torch.ones(60, 60))
    assert rows.shape == (18, 3600)
    assert np.abs(rows @ kept.numpy().ravel()).max() < 1e-8 < 1e-2 < np.abs(rows @ white.numpy().ravel()).max()
    dense = np.linalg.pinv(rows.toarray(), rcond=1e-6)
    expected = white.numpy().ravel() - dense @ (rows @ white.numpy().ravel())
    assert np.allclose(kept.numpy().ravel(), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.drop_vars("variance"), "no variable 'variance'"),
        (lambda f: f.drop_vars("column"), "no variable 'column'"),
        (lambda f: f.isel(band=[0]), "has 2 bands, the samples have 1"),
    ],
)
def test_what_is_no_frame_is_refused(frame, refiner, spoil, words):
    with pytest.raises(ValueError, match=words):
        refiner.apply(spoil(frame))
    with pytest.raises(ValueError, match="size = 2 "):
        refine_frame(refiner, frame, size=2)
