"""What a job file may say: every key with its type, range, unit and default."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from catalogs.checks import nearest

__all__ = ["Export", "Job", "Observe", "Refine", "Simulate", "Store", "Validate", "job_from", "job_sha256"]

MAX_SAMPLE = 2**28  # bytes of one raw sample
MAX_SHARD = 2**36  # bytes of one raw shard
MAX_SHARDS = 1_000_000
PLANES = ("image", "variance", "mask", "clean", "psf")
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Scalar = bool | int | float | Annotated[str, Field(max_length=1000)]
_CONFIG = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def _letters(bands: Any) -> Any:
    """The bands that a word of their letters names, as in Python; whatever else it is stays."""
    return list(bands) if isinstance(bands, str) else bands


class Simulate(BaseModel):
    """Draw labels and render expected images."""

    model_config = _CONFIG
    simulator: Name = "StrongLens"
    """A simulator of this package, or one that another package brings by entry point."""
    samples: Annotated[int, Field(ge=1, le=10**10)]
    """Number of samples."""
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    """Key of all random numbers."""
    start: Annotated[int, Field(ge=0, le=2**61)] = 0
    """Number of the first sample: runs with one seed may follow one another."""
    survey: Name = "lsst"
    """A catalogued survey."""
    bands: (
        Annotated[
            list[Name],
            Field(min_length=1, max_length=64),
            BeforeValidator(_letters, json_schema_input_type=list[Name] | Name),
        ]
        | None
    ) = None
    """Bands in order, ``[g, r, i]`` or, of one letter each, ``gri``; all of the survey by default."""
    size: Annotated[int, Field(ge=8, le=2048)] = 64
    """Side of the stamps [pixel]."""
    population: Name | None = None
    """A catalogued population; the simulator's own by default."""
    pixel_scale: Annotated[float, Field(gt=0, le=100)] | None = None
    """Side of a pixel [arcsec]; the survey's by default."""
    accuracy: Literal["fast", "default", "high"] = "default"
    """Accuracy of the expected image."""
    neighbours: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Other galaxies [1 / arcsec2]."""
    labels: Literal["truth", "pixel"] = "truth"
    """``pixel`` adds segmentation, arc mask, deflection and convergence."""
    options: Annotated[dict[Name, Scalar], Field(max_length=100)] = {}
    """Further options of the simulator."""


class Observe(BaseModel):
    """Add noise: image, variance, mask."""

    model_config = _CONFIG


class Refine(BaseModel):
    """Move observed images onto the look of real ones."""

    model_config = _CONFIG
    model: Name = "refiner-hubble"
    """A shipped refiner, or the path of a .safetensors file."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Hash that the file must have; filled in when the job is read."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Key of the network's noise."""
    tangents: bool = True
    """Keep least-squares labels as well as moments."""
    device: Name = "cpu"
    """``cpu``, ``cuda`` or ``auto``."""


class Validate(BaseModel):
    """Fail the job if too many samples are not fit for use (``qc_flag``), or a judge tells them from real ones."""

    model_config = _CONFIG
    max_flagged: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Largest share of samples that may be flagged or quarantined."""
    real: Name | None = None
    """A store of real stamps, of the same size, bands and unit: a report compares the samples with them."""
    max_accuracy: Annotated[float, Field(ge=0.5, le=1)] = 1.0
    """Largest share that a judge may tell right, less twice its error; 0.5 is chance."""
    judges: Annotated[list[Literal["features", "cnn"]], Field(min_length=1, max_length=2)] = ["features"]
    """``features`` compares measurements; ``cnn`` sees pixels, and takes minutes."""
    stamps: Annotated[int, Field(ge=50, le=100_000)] = 2000
    """Stamps of each kind that are compared, at most."""


class Export(BaseModel):
    """Write shards in another format as well."""

    model_config = _CONFIG
    format: Literal["fits"] = "fits"
    """``fits``: one file of cubes and tables for each shard, under ``fits/``."""


class Store(BaseModel):
    """How samples are stored."""

    model_config = _CONFIG
    shard_size: Annotated[int, Field(ge=1, le=1_000_000)] = 4096
    """Samples in a shard."""
    codec: Literal["auto", "none"] = "auto"
    """``auto`` rounds images to 1/24 of their noise."""
    planes: Annotated[list[Literal["image", "variance", "mask", "clean", "psf"]], Field(min_length=1)] | None = None
    """Planes to keep; all that there are by default."""

    @field_validator("planes")
    @classmethod
    def _has_image(cls, planes: list[str] | None) -> list[str] | None:
        if planes is not None and ("image" not in planes or len({*planes}) != len(planes)):
            raise ValueError("planes must name image, and each once")
        return planes


class Job(BaseModel):
    """A job: stages in order, of which later ones may be left out."""

    model_config = _CONFIG
    out: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Directory to make, below the working directory; ``--out`` may be anywhere."""
    simulate: Simulate
    observe: Observe | None = None
    refine: Refine | None = None
    validation: Annotated[Validate | None, Field(alias="validate")] = None
    export: Export | None = None
    store: Store = Store()

    @property
    def sample_bytes(self) -> int:
        """Bytes of a raw sample with four planes, at most."""
        return 4 * self.simulate.size**2 * len(self.simulate.bands or "ugrizy") * 4

    @field_validator("out")
    @classmethod
    def _below(cls, out: str | None) -> str | None:
        if out is None:
            return None
        parts = PurePath(out.replace("\\", "/")).parts
        if out.startswith(("/", "~", "\\")) or ".." in parts or any(sign in out for sign in "\0$%{}*?:") or not parts:
            raise ValueError("out must be a plain path below the working directory, without .., ~, $ or %")
        return out

    @model_validator(mode="after")
    def _fits_together(self) -> Job:
        if self.refine is not None and self.observe is None:
            raise ValueError("refine needs observe: refiners work on noisy images")
        sample = self.sample_bytes
        if sample > MAX_SAMPLE or sample * self.store.shard_size > MAX_SHARD:
            raise ValueError(
                f"a shard of {self.store.shard_size} samples of {sample / 2**20:.3g} MiB is too large; at most "
                f"{MAX_SHARD / 2**30:.3g} GiB: lower store.shard_size"
            )
        if self.simulate.samples > MAX_SHARDS * self.store.shard_size:
            least = -(-self.simulate.samples // MAX_SHARDS)
            raise ValueError(f"more than {MAX_SHARDS:,} shards: raise store.shard_size to {least} at least")
        return self


def job_from(content: Any, name: str = "job file") -> Job:
    """The job that `content` (from `parse_yaml`) describes.

    Raises
    ------
    ValueError
        One line with every fault: the key, what is wrong, and the nearest key that there is.
    """
    try:
        return Job.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(_explain(dict(fault)) for fault in error.errors()[:5])
        raise ValueError(f"{name}: {faults}") from None


def job_sha256(job: Job) -> str:
    """Hash of all that the samples depend on."""
    content = job.model_dump(mode="json", by_alias=True, exclude={"out"})
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _explain(fault: dict[str, Any]) -> str:
    path = [str(part) for part in fault["loc"]]
    key = ".".join(part if part.isprintable() else repr(part) for part in path) or "the job"
    if fault["type"] == "extra_forbidden":
        return f"{key} is unknown; did you mean {nearest(path[-1], _keys(path[:-1]))!r}?"
    if fault["type"] == "missing":
        return f"{key} is missing"
    value = repr(fault["input"])
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    return f"{key} = {shown}: {fault['msg'].removeprefix('Value error, ')}"


def _keys(path: list[str]) -> list[str]:
    """Keys that are allowed below `path`."""
    model: Any = Job
    for part in path:
        stages = {"simulate": Simulate, "observe": Observe, "refine": Refine, "validate": Validate, "export": Export}
        model = {**stages, "store": Store}.get(part, model)
    return [field.alias or name for name, field in model.model_fields.items()] or ["nothing"]
