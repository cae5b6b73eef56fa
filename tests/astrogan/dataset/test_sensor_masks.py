"""Flags of a sensor on the way through stores and jobs."""

import numpy as np

import astrogan
from astrogan.dataset.masks import hole_pixels
from astrogan.jobs.schema import job_from
from astrogan.jobs.stages import Batches, check_job
from simulators import WeakLens
from simulators.sensor import FLAGS

CONTENT = {
    "simulate": {"simulator": "WeakLens", "survey": "sdss", "bands": ["r"], "size": 32, "samples": 60, "seed": 5,
                 "options": {"sensor": "des"}},
    "observe": {},
}  # fmt: skip


def check(ds, samples):
    mask = ds["mask"]
    assert np.array_equal(mask.values, samples["mask"].values)
    assert np.asarray(mask.attrs["flag_masks"]).tolist() == list(FLAGS.values())
    assert mask.attrs["flag_meanings"].split() == list(FLAGS)
    assert np.allclose(ds["variance"].values, samples["variance"].values, rtol=1.3e-4, atol=0)


def test_masks_survive_files_stores_and_jobs(tmp_path):
    job = job_from(CONTENT)
    check_job(job)
    samples = WeakLens(survey="sdss", bands="r", size=32, sensor="des").simulate(60, seed=5)
    assert (samples["mask"].values != 0).any()
    assert np.array_equal(hole_pixels(samples), samples["mask"].values != 0)
    check(Batches(job).make(0, 60), samples)
    astrogan.write_samples(samples, tmp_path / "stamps.h5")
    check(astrogan.read_samples(tmp_path / "stamps.h5"), samples)
    astrogan.write_store(samples, tmp_path / "store", shard_size=32)
    check(astrogan.open_samples(tmp_path / "store"), samples)
    assert astrogan.verify_store(tmp_path / "store") == []
