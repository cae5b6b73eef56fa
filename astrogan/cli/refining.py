"""A store of samples into a refined one, and the simulator that differentiates them by their labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from astrogan.cli.progress import Steps
from astrogan.cli.rewriting import batch_size, name_of, rewrite_store
from catalogs import Survey

if TYPE_CHECKING:
    import xarray as xr

    from astrogan.models import Refiner

__all__ = ["refine_store", "simulator_of"]

PROBED = 4  # samples that are rendered again
SAME = 0.02  # how far a sample may be from what its simulator makes again [σ]
PIXELS = 2**21  # of the samples that are refined together


def simulator_of(path: str | os.PathLike[str], samples: xr.Dataset) -> Any:
    """The simulator that made a store's samples, for their tangents: from its job, or from its attributes alone.

    That it is the one is proved: the first samples, rendered again from their labels, must be what the store holds.

    Raises
    ------
    ValueError
        If it cannot be made again, or makes something else.
    """
    few = samples.isel(sample=slice(0, PROBED)).load()
    remedy = "--moments-only keeps adaptive moments, and no fitted labels"
    try:
        simulator = _made_again(Path(path), few)
        rendered = simulator.render(few)["image"].values
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)}: its simulator cannot be made again ({error}): {remedy}") from None
    off = _distance(few, rendered)
    if not off < SAME:
        raise ValueError(
            f"{os.fspath(path)}: made again by {type(simulator).__name__}, its samples differ by {off:.2g} sigma, so "
            f"the simulator had options that the store does not tell: {remedy}"
        )
    return simulator


def _made_again(path: Path, samples: xr.Dataset) -> Any:
    from simulators import get_simulator

    job = path / "job.yaml"
    if job.is_file():
        from astrogan.jobs.run import load_job
        from astrogan.jobs.stages import simulator_of_job

        return simulator_of_job(load_job(job))
    name = samples.attrs["simulator"]
    if not name:
        raise ValueError("the samples are observed, not simulated")
    survey = Survey.from_json(samples.attrs["survey"])
    return get_simulator(name)(survey=survey, size=samples.sizes["x"])


def _distance(samples: xr.Dataset, rendered: np.ndarray[Any, Any]) -> float:
    """Largest difference from the expected image [σ]; without one, a tenth of that of the noise's rms from 1."""
    variance, image = samples["variance"].values, samples["image"].values
    good = np.isfinite(image) & np.isfinite(variance) & (variance > 0)
    sigma = np.sqrt(variance[good])
    if "clean" in samples.variables:
        return float(np.max(np.abs(samples["clean"].values - rendered)[good] / sigma, initial=0.0))
    return 0.1 * abs(float(np.sqrt(np.mean(np.square((image - rendered)[good] / sigma)))) - 1.0)


def refine_store(
    path: Path,
    out: Path,
    model: str,
    steps: Steps,
    *,
    moments_only: bool = False,
    codec: str = "none",
    device: str = "auto",
    seed: int = 0,
) -> int:
    """Refine the samples of a store, batch by batch, into a new directory with the same shards; return their number.

    Variables other than `image` go through bit for bit; attributes gain what refined them and from which store.

    Raises
    ------
    ValueError
        If the model does not fit the samples, is no model, or the samples have no tangents and `moments_only` is not
        set; before anything is written.
    OSError
        If there is no store, or `out` exists and is not empty.
    """
    from astrogan.dataset.backend import samples_of
    from astrogan.dataset.codec import check_codec
    from astrogan.dataset.reading import SampleStore
    from astrogan.models import Refiner, shipped_weights

    check_codec(codec)
    named = not Path(model).suffix and "/" not in model
    refiner, store = Refiner.load(shipped_weights(model) if named else model), SampleStore(path)
    samples = samples_of(store)
    _check_fit(refiner, samples, model, path)
    simulator = None if moments_only else simulator_of(path, samples)

    def refined(batch: xr.Dataset) -> xr.Dataset:
        tangents = None if simulator is None else simulator.tangent(batch)
        return refiner.apply(batch, tangents, seed=seed, device=device)

    return rewrite_store(
        store,
        out,
        refined,
        steps,
        said=("Refine", "adaptive moments are kept" if moments_only else "fitted labels and adaptive moments are kept"),
        batch=batch_size(samples, PIXELS),  # bounds the memory of their tangents
        origin={"refined_from": name_of(store), "refined_by": Path(model).name},
        codec=codec,
    )


def _check_fit(refiner: Refiner, samples: xr.Dataset, model: str, path: Path) -> None:
    bands = Survey.from_json(samples.attrs["survey"]).band_names
    if len(bands) != refiner.config.bands:
        raise ValueError(f"{model} refines {refiner.config.bands} bands, {path} has {len(bands)}: {', '.join(bands)}")
    if "variance" not in samples.variables:
        raise ValueError(f"{path} has no variance: a refiner needs the noise of every pixel")
