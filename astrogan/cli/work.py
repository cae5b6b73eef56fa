"""Steps that several commands share: simulate with tangents, train."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astrogan.cli.progress import Steps
from astrogan.cli.sky import Sky

if TYPE_CHECKING:
    import xarray as xr

    from astrogan.models import Refiner
    from astrogan.validation import Drift
    from simulators.simulator import Simulator

__all__ = ["fitted_drift", "simulate", "train"]

CHUNK = 250
Array = NDArray[np.float32]


def simulate(simulator: Simulator, count: int, seed: int, steps: Steps) -> tuple[xr.Dataset, xr.DataArray]:
    """Samples and their tangents, in chunks that tell how far they are."""
    import xarray as xr

    name = type(simulator).__name__
    images, tangents = [], []
    with steps.step(f"Simulate {count} {name} samples") as step:
        begun = steps.seconds
        for start in range(0, count, CHUNK):
            images.append(simulator.simulate(min(CHUNK, count - start), seed, start))
            step.advance((start + CHUNK) / count)
        step.done(f"{count / (steps.seconds - begun):.0f} samples/s, compilation included")
    with steps.step("Differentiate them by their labels") as step:
        for index, part in enumerate(images):
            tangents.append(simulator.tangent(part))
            step.advance((index + 1) / len(images))
        step.done(f"{tangents[0].sizes['label']} tangents each")
    return xr.concat(images, "sample", data_vars="minimal"), xr.concat(tangents, "sample")


def train(
    sky: Sky,
    lesson: tuple[xr.Dataset, xr.DataArray],
    refiner: Refiner,
    minutes: float,
    seed: int,
    steps: Steps,
    folder: Path | None,
) -> Refiner:
    """Train on from `refiner` on samples and their tangents; the result carries a card that says on what."""
    import torch

    from astrogan.models import RefinerTraining, as_stamps, train_refiner
    from astrogan.training import Budget

    with steps.step("Train the refiner") as step:
        settings = RefinerTraining(Budget(seconds=60.0 * minutes), seed=seed)

        def tell(fraction: float, scalars: dict[str, float]) -> None:
            step.advance(fraction, f"critic {scalars['critic']:.3f}  change {scalars['change']:.3f} sigma")

        stamps, real = as_stamps(*lesson), torch.from_numpy(sky.training)
        trained, summary = train_refiner(refiner, stamps, real, settings, folder=folder, on_progress=tell)
        trained.card = _card(refiner, sky, seed, summary)
        step.done(f"{summary['images']} images, {summary['images_per_second']:.0f}/s")
    return trained


def _card(refiner: Refiner, sky: Sky, seed: int, summary: dict[str, Any]) -> dict[str, Any]:
    """What the model is, what it saw, and what it may be used for."""
    return {
        "name": f"refiner-{sky.survey.name}",
        "started_from": refiner.card.get("name", "random weights"),
        "bands": list(sky.survey.band_names),
        "scaling": "asinh of pixels in background sigmas of each band",
        "training": {key: summary[key] for key in ("images", "seconds", "steps")},
        "seed": seed,
        "real_stamps": {
            "source": sky.source,
            "count": len(sky.training),
            "sha256": sha256(sky.training.tobytes()).hexdigest(),
        },
        "licence": sky.licence,
    }


def fitted_drift(
    simulator: Simulator, tangents: xr.DataArray, before: Array, after: Array, variance: Array, control: Array
) -> list[Drift]:
    """Drift of every label, each in the first of the simulator's fits that holds it."""
    from astrogan.validation import label_drift

    rows: dict[str, Drift] = {}
    for labels in simulator.fits:
        names = [str(n) for n in tangents["label"].values if any(_is_of(str(n), label) for label in labels)]
        jacobian = tangents.sel(label=names).values
        for row in label_drift(before, after, jacobian, variance, names, control=control):
            rows.setdefault(row.quantity, row)
    return [rows[name] for name in map(str, tangents["label"].values)]


def _is_of(tangent: str, label: str) -> bool:
    """Whether a tangent's name is the label's, perhaps with a band or a component after it."""
    return tangent == label or (tangent.startswith(f"{label}_") and tangent.rsplit("_", 1)[0] in (label, f"{label}_0"))
