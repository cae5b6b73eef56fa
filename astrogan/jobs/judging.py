"""The stage validate: samples of a finished run beside real ones, read from the disk by the process that started it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from astrogan.dataset.backend import open_samples
from astrogan.jobs.schema import Job, job_sha256
from astrogan.jobs.stages import Batches, weights_of
from catalogs.schema import Survey

__all__ = ["REPORT", "check_real", "judge"]

FEWEST, SIDE = 50, 24  # stamps of each kind, and pixels of their sides, that a report needs
IMAGES = 16_000  # stamps shown to the network that judges, in each fold
REPORT = "validation.html"


def check_real(job: Job, simulator: Any) -> None:
    """See that the real stamps of a job can be compared with what its simulator makes, before any work.

    Raises
    ------
    ValueError
        If they are too few, too small, of another size, unit, pixel scale or bands, or their store is damaged.
    OSError
        If there is no such store.
    """
    what = job.validation
    if what is None or what.real is None:
        return
    if not Path(what.real).exists():
        raise FileNotFoundError(f"validate.real {what.real}: there is no such store")
    real = open_samples(what.real)
    there, survey = Survey.from_json(real.attrs["survey"]), getattr(simulator, "survey", None)
    size = getattr(simulator, "size", None)
    pairs: dict[str, tuple[Any, Any]] = {"y": (real.sizes["y"], size), "x": (real.sizes["x"], size)}
    if survey is not None:
        pairs["bands"] = (" ".join(there.band_names), " ".join(survey.band_names))
        pairs["unit"] = (there.unit, survey.unit)
        pairs["pixel_scale"] = (f"{there.pixel_scale:.3g} arcsec", f"{survey.pixel_scale:.3g} arcsec")
    for name, (found, wanted) in pairs.items():
        if isinstance(wanted, int | str) and found != wanted:
            raise ValueError(f"validate.real {what.real}: {name} = {found} is not {wanted}, that of the job's samples")
    side = min(real.sizes["y"], real.sizes["x"])
    if side < SIDE:
        raise ValueError(f"validate.real {what.real}: stamps of {side} pixels; a judge needs {SIDE} at least")
    for name, count in ((f"validate.real {what.real}", real.sizes["sample"]), ("the job", job.simulate.samples)):
        if count < FEWEST:
            raise ValueError(f"{name} has {count} samples; a judge needs {FEWEST} at least")


def judge(job: Job, folder: Path) -> list[dict[str, Any]]:
    """Write the page `REPORT` and its numbers (`astrogan.validation.validate`) beside the samples of a finished run.

    Samples of both kinds are drawn at random, without flagged ones; those that were refined are made again without, for
    the classical baseline and for what refinement moved.

    Returns
    -------
    list of dict
        For each judge how large a share it tells right from real ones: ``classifier``, ``accuracy``, ``error``.

    Raises
    ------
    ValueError
        If the model was trained on some of the real images, too few are not flagged, or they cannot judge.
    """
    what = job.validation
    if what is None or what.real is None:
        return []

    from astrogan.models import Refiner
    from astrogan.validation import validate, write_report

    rng = np.random.default_rng(job.simulate.seed)
    real, made = (_drawn(open_samples(path), what.stamps, rng) for path in (what.real, folder))
    raw, card = None, None
    if job.refine is not None:
        raw, card = _raw(job, made["sample_id"].values), Refiner.load(weights_of(job.refine.model)).card
    report = validate(
        real, made, reference=raw, card=card, title=f"{folder.name} beside {what.real}", seed=job.simulate.seed,
        provenance={"real": what.real, "job_sha256": job_sha256(job)}, images=IMAGES if "cnn" in what.judges else 0,
    )  # fmt: skip
    write_report(folder / REPORT, report)
    rows = {row["name"]: row["synthetic"] for table in report.numbers["tables"] for row in table["rows"]}
    found = {name: rows[f"accuracy, {name}"] for name in what.judges}
    return [{"classifier": name, "accuracy": row["value"], "error": row["error"]} for name, row in found.items()]


def _drawn(samples: xr.Dataset, count: int, rng: np.random.Generator) -> xr.Dataset:
    good = np.flatnonzero(samples["qc_flag"].values == 0)
    return samples.isel(sample=np.sort(rng.permutation(good)[:count])).load()


def _raw(job: Job, ids: NDArray[np.int64]) -> xr.Dataset:
    """Samples as they were before they were refined."""
    store = job.store.model_copy(update={"planes": None})
    batches = Batches(job.model_copy(update={"refine": None, "store": store}))
    return xr.concat([batches.make(number, 1) for number in ids.tolist()], "sample", data_vars="minimal")
