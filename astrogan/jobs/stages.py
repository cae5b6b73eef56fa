"""The stages of a job, applied to one batch of samples at a time; runs in whatever process the samples are made in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from astrogan.dataset.schema import plane_names, validate_samples
from astrogan.dataset.verification import file_sha256
from astrogan.jobs.schema import PLANES, Job, Simulate
from catalogs.checks import one_of

__all__ = ["FEW", "FLAGS", "Batches", "check_job", "simulator_of_job", "weights_of"]

BATCH = 256  # samples that are made together, at most
MAX_BATCH = 2**28  # bytes of their planes
FEW = 8
FLAGS = {1: "not_finite", 2: "empty"}  # bits of qc_flag
_SIMULATE = ("survey", "bands", "size", "population", "pixel_scale", "accuracy", "neighbours")


@dataclass
class Batches:
    """Makes samples of a job, batch by batch; a sample whose making fails is named and left out.

    Attributes
    ----------
    quarantined
        ``sample_id`` and ``error`` of the samples that failed.
    """

    job: Job
    quarantined: list[dict[str, Any]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Samples that are made together; what they are does not depend on it."""
        return max(1, min(BATCH, MAX_BATCH // self.job.sample_bytes))

    def between(self, start: int, stop: int, skip: Collection[int] = ()) -> Iterator[xr.Dataset]:
        """Samples start … stop-1 without those to `skip`."""
        for first in range(start, stop, self.size):
            last = min(first + self.size, stop)
            if any(first <= number < last for number in skip):
                yield from self._one_by_one(first, last, skip)
                continue
            try:
                yield self.make(first, last - first)
            except (OSError, ImportError):
                raise
            except Exception as error:
                if last - first == 1:
                    self._note(first, error)
                else:
                    yield from self._one_by_one(first, last, skip)

    def _one_by_one(self, start: int, stop: int, skip: Collection[int]) -> Iterator[xr.Dataset]:
        """After a failure: each sample alone, to find the one that fails.

        Raises
        ------
        ValueError
            If every sample of many fails: then it is not the samples' fault.
        """
        failed, last = 0, ValueError("no sample")
        for number in range(start, stop):
            if number in skip:
                continue
            try:
                made = self.make(number, 1)
            except (OSError, ImportError):
                raise
            except Exception as error:
                failed, last = failed + 1, ValueError(f"sample {number}: {error}")
                self._note(number, error)
            else:
                yield made
        if failed == stop - start >= FEW:
            raise last

    def _note(self, number: int, error: Exception) -> None:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
        self.quarantined.append({"sample_id": number, "seed": self.job.simulate.seed, "error": text})

    def make(self, start: int, count: int) -> xr.Dataset:
        """All stages on samples start … start+count-1, as they will be stored."""
        job = self.job
        simulator = simulator_of_job(job)
        if hasattr(simulator, "render"):
            samples = simulator.render(simulator.draw(count, job.simulate.seed, start), job.simulate.labels)
            if job.observe is not None:
                samples = simulator.observe(samples, job.simulate.seed)
        else:
            samples = simulator.simulate(count, job.simulate.seed, start)
        if job.refine is not None:
            tangents = simulator.tangent(samples) if job.refine.tangents else None
            options = {"seed": job.refine.seed, "device": job.refine.device}
            samples = _refiner(job.refine.model, job.refine.sha256).apply(samples, tangents, **options)
        return validate_samples(_flagged(_kept(samples, job)))


def check_job(job: Job) -> None:
    """Build all that the job names, before any work.

    Raises
    ------
    ValueError
        For a simulator, survey, band, population, option, model or plane that there is not.
    OSError
        If a model file cannot be read.
    """
    simulator = simulator_of_job(job)
    if not hasattr(simulator, "render") and job.observe is None:
        raise ValueError(f"{job.simulate.simulator} simulates observed samples only: add the stage observe")
    if job.refine is not None:
        if job.refine.tangents and not hasattr(simulator, "tangent"):
            raise ValueError(f"{job.simulate.simulator} has no tangents: set refine.tangents to false")
        bands = _refiner(job.refine.model, job.refine.sha256).config.bands
        needed = len(simulator.survey.bands) if hasattr(simulator, "survey") else bands
        if bands != needed:
            raise ValueError(f"refine.model {job.refine.model} has {bands} bands, the samples have {needed}")


@lru_cache(maxsize=1)
def _maker(content: str) -> Any:
    from simulators import get_simulator

    what = Job.model_validate_json(content).simulate
    make: Callable[..., Any] = get_simulator(what.simulator)
    known: Mapping[str, Any] | None = getattr(make, "__dataclass_fields__", None)  # unknown for those of other packages
    values = {name: getattr(what, name) for name in _SIMULATE}
    usual = {name: Simulate.model_fields[name].default for name in _SIMULATE}
    given = {name: value for name, value in values.items() if value is not None and (known or value != usual[name])}
    given |= what.options
    if known is not None:
        for name in given:
            one_of(f"option of {what.simulator}", name, known)
    try:
        return make(**given)
    except TypeError as error:
        raise ValueError(f"simulate: {what.simulator} refuses its options: {error}") from None


def simulator_of_job(job: Job) -> Any:
    """The simulator that a job names."""
    return _maker(job.model_dump_json(by_alias=True))


def weights_of(model: str) -> Path:
    """The file of a model's weights, given its path or the name of a shipped one."""
    from astrogan.models.refiner import shipped_weights

    path = Path(model) if model.endswith(".safetensors") else shipped_weights(model)
    if not path.is_file():
        raise FileNotFoundError(f"refine.model {model}: there is no such file")
    return path


@lru_cache(maxsize=1)
def _refiner(model: str, sha256: str | None) -> Any:
    from astrogan.models import Refiner

    path = weights_of(model)
    if sha256 is not None and file_sha256(path) != sha256:
        raise ValueError(f"refine.model {path} is not the file that the job names: its SHA-256 differs")
    return Refiner.load(path)


def _kept(samples: xr.Dataset, job: Job) -> xr.Dataset:
    if job.store.planes is None:
        return samples
    there = [name for name in PLANES if name in samples.variables]
    for name in job.store.planes:
        one_of("plane of these samples", name, there)
    return samples.drop_vars([name for name in there if name not in job.store.planes])


def _flagged(samples: xr.Dataset) -> xr.Dataset:
    """Set the bits of ``qc_flag`` for samples that no pixel measurement should use."""
    count = samples.sizes["sample"]
    flags = np.array(samples["qc_flag"].values, np.int8)
    for name in plane_names(samples):
        values = samples[name].values
        if values.dtype.kind == "f" and samples[name].dims[0] == "sample":
            flat = values.reshape(count, -1)
            bad = ~(np.isfinite(flat) | (np.isposinf(flat) & (name == "variance"))).all(axis=1)
            flags[bad] |= 1
    flags[~samples["image"].values.reshape(count, -1).any(axis=1)] |= 2
    attrs = {"flag_masks": np.array(list(FLAGS), np.int8), "flag_meanings": " ".join(FLAGS.values())}
    return samples.assign(qc_flag=("sample", flags, {**samples["qc_flag"].attrs, **attrs}))
