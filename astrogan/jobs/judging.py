"""The stage validate: samples of a finished run beside real ones, read from the disk by the process that started it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from astrogan.dataset.backend import open_samples
from astrogan.jobs.schema import Job
from catalogs.schema import Survey

__all__ = ["check_real", "two_sample_scores"]

FEWEST = 40  # stamps of each kind that a judge needs


def check_real(job: Job, simulator: Any) -> None:
    """See that the real stamps of a job can be compared with what its simulator makes, before any work.

    Raises
    ------
    ValueError
        If they are too few, of another size or number of bands, or their store is damaged.
    OSError
        If there is no such store.
    """
    what = job.validation
    if what is None or what.real is None:
        return
    sizes = open_samples(what.real).sizes
    side, survey = getattr(simulator, "size", None), getattr(simulator, "survey", None)
    for dim, length in (("y", side), ("x", side), ("band", survey and len(survey.bands))):
        if isinstance(length, int) and sizes[dim] != length:
            raise ValueError(
                f"validate.real {what.real}: {dim} = {sizes[dim]} is not {length}, that of the job's samples"
            )
    for name, count in ((f"validate.real {what.real}", sizes["sample"]), ("the job", job.simulate.samples)):
        if count < FEWEST:
            raise ValueError(f"{name} has {count} samples; a judge needs {FEWEST} at least")


def two_sample_scores(job: Job, folder: Path) -> list[dict[str, Any]]:
    """How well judges tell samples of a finished run from real ones, as JSON (`astrogan.validation.TwoSample`).

    Stamps of both kinds are drawn at random, without flagged ones, and put in units of their survey's background.

    Raises
    ------
    ValueError
        If a stamp is in both, or too few are not flagged.
    """
    from astrogan.validation import two_sample

    what = job.validation
    if what is None or what.real is None:
        return []
    rng = np.random.default_rng(job.simulate.seed)
    real, made = (_stamps(open_samples(path), what.stamps, rng) for path in (what.real, folder))
    return [asdict(one) for one in two_sample(real, made, seed=job.simulate.seed, classifiers=what.judges)]


def _stamps(samples: xr.Dataset, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    good = np.flatnonzero(samples["qc_flag"].values == 0)
    rows = np.sort(rng.permutation(good)[:count])
    bands = Survey.from_json(samples.attrs["survey"]).bands
    sigma = np.array([band.background_sigma for band in bands], np.float32)
    return np.asarray(samples["image"].variable[rows].values / sigma[:, None, None])
