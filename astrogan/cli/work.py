"""Steps that several commands share: simulate with tangents, train."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astrogan.cli.progress import Steps
from astrogan.cli.sky import Sky
from catalogs import Survey

if TYPE_CHECKING:
    import xarray as xr

    from astrogan.models import Refiner, RefinerTraining

__all__ = ["RealSky", "Refined", "Simulated", "differentiated", "measure_out", "refine", "simulate", "train"]

CHUNK = 250
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
MOST = 500  # stamps that choose the strength
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Simulated:
    """Samples, their tangents, and the simulator that made both."""

    simulator: Any
    samples: xr.Dataset
    tangents: xr.DataArray

    @property
    def image(self) -> Array:
        """Pixels (sample, band, y, x)."""
        return np.asarray(self.samples["image"].values)

    def part(self, at: slice) -> Simulated:
        """Some of the samples."""
        return Simulated(self.simulator, self.samples.isel(sample=at), self.tangents.isel(sample=at))


@dataclass(frozen=True)
class Refined:
    """Simulated samples, refined with the label-safe projection and, as `control`, without it."""

    raw: Simulated
    refined: xr.Dataset
    control: Array

    @property
    def image(self) -> Array:
        """Refined pixels (sample, band, y, x)."""
        return np.asarray(self.refined["image"].values)

    @property
    def samples(self) -> xr.Dataset:
        """The refined samples, with the pixels before refinement as `simulated`."""
        plane = self.raw.samples["image"].assign_attrs(long_name="simulated image before refinement")
        return self.refined.assign(simulated=plane)

    def part(self, at: slice) -> Refined:
        """Some of the samples."""
        return Refined(self.raw.part(at), self.refined.isel(sample=at), self.control[at])


@dataclass(frozen=True)
class RealSky:
    """Real stamps (N, band, y, x) in background sigmas, and what is known of them; `digests` as of `RealStamps`."""

    image: Array
    digests: list[str]
    survey: Survey
    source: str
    licence: str

    @classmethod
    def of(cls, sky: Sky) -> RealSky:
        """The training side of a measured sky."""
        from astrogan.dataset.fingerprints import stamp_digests

        return cls(sky.training, stamp_digests(sky.training), sky.survey, sky.source, sky.licence)


def simulate(simulator: Any, count: int, seed: int, steps: Steps, *, tangents: bool = True) -> Simulated:
    """Samples and their tangents, in chunks that tell how far they are."""
    import xarray as xr

    name = type(simulator).__name__
    images = []
    with steps.step(f"Simulate {count} {name} samples") as step:
        begun = steps.seconds
        for start in range(0, count, CHUNK):
            images.append(simulator.simulate(min(CHUNK, count - start), seed, start))
            step.advance((start + CHUNK) / count)
        step.done(f"{count / (steps.seconds - begun):.0f} samples/s, compilation included")
    samples = xr.concat(images, "sample", data_vars="minimal")
    return differentiated(simulator if tangents else None, samples, steps)


def differentiated(simulator: Any, samples: xr.Dataset, steps: Steps) -> Simulated:
    """Samples with their tangents, of which there are none without a simulator."""
    import xarray as xr

    if simulator is None:
        count, *pixels = samples["image"].shape
        ids = ("sample", samples["sample_id"].values)
        dims = ("sample", "label", "band", "y", "x")
        none = np.zeros((count, 0, *pixels), np.float32)
        return Simulated(None, samples, xr.DataArray(none, {"sample_id": ids}, dims))
    parts = []
    with steps.step("Differentiate them by their labels") as step:
        for start in range(0, samples.sizes["sample"], CHUNK):
            parts.append(simulator.tangent(samples.isel(sample=slice(start, start + CHUNK))))
            step.advance(start / samples.sizes["sample"])
        step.done(f"{parts[0].sizes['label']} tangents each")
    return Simulated(simulator, samples, xr.concat(parts, "sample"))


def refine(refiner: Refiner, raw: Simulated, seed: int) -> Refined:
    """Refine samples, and once more at full strength without the projection: the control that must fail."""
    refined = refiner.apply(raw.samples, raw.tangents, seed=seed)
    control = refiner.with_strength(1.0).apply(raw.samples, seed=seed, label_safe=False)
    return Refined(raw, refined, np.asarray(control["image"].values))


def train(
    real: RealSky,
    lesson: Simulated,
    refiner: Refiner,
    settings: RefinerTraining,
    steps: Steps,
    folder: Path | None,
    *,
    resume: bool = False,
) -> Refiner:
    """Train on from `refiner` on samples and their tangents; the result carries a card that says on what."""
    import torch

    from astrogan.models import RealStamps, as_stamps, check_alike, train_refiner
    from astrogan.training import TrainingStopped

    check_alike(Survey.from_json(lesson.samples.attrs["survey"]), real.survey)
    with steps.step("Train the refiner") as step:

        def tell(fraction: float, scalars: dict[str, float]) -> None:
            step.advance(fraction, f"critic {scalars['critic']:.3f}  change {scalars['change']:.3f} sigma")

        stamps = as_stamps(lesson.samples, lesson.tangents)
        goal = RealStamps(torch.from_numpy(real.image), real.digests, real.survey)
        where: dict[str, Any] = {"folder": folder, "resume": resume, "on_progress": tell}
        try:
            trained, summary = train_refiner(
                refiner, stamps, goal, settings, tell=lambda text: steps.say(f"warning: {text}"), **where
            )
        except TrainingStopped as error:
            raise ValueError(str(error)) from error
        trained.card |= _about(refiner, real)
        step.done(f"{summary['images']} images, {summary['images_per_second']:.0f}/s")
    return trained


def measure_out(refiner: Refiner, lesson: Simulated, sky: RealSky, seed: int, steps: Steps) -> Refiner:
    """The refiner at the strength that a judge of features tells least, or at 0 if that does as well within its error.

    Judged on the training side. Training on few stamps, or long, can make a close simulation worse: nothing is then
    added.
    """
    from astrogan.validation import two_sample

    count = min(len(sky.image), len(lesson.image), MOST)
    part, real = lesson.part(slice(0, count)), sky.image[:count]
    sigma = np.array([band.background_sigma for band in sky.survey.bands], dtype=np.float32)[:, None, None]
    scores = {}
    with steps.step("Measure out its strength") as step:
        for index, strength in enumerate(STRENGTHS):
            image = refiner.with_strength(strength).apply(part.samples, part.tangents, seed=seed)["image"].values
            scores[strength] = two_sample(real, image / sigma, seed=seed, classifiers=("features",))[0]
            step.advance((index + 1) / len(STRENGTHS))
        best = min(scores, key=lambda strength: scores[strength].auc)
        helps = scores[0.0].auc > scores[best].auc + scores[best].auc_error
        chosen = best if helps else 0.0
        told = ", ".join(f"{strength:g}: AUC {score.auc:.3f}" for strength, score in scores.items())
        step.done(f"{told}; {chosen:g} of its change is added")
    if chosen == 0.0:
        steps.say("warning: it adds nothing, as at no strength are its stamps told less: train on more images")
    measured = refiner.with_strength(chosen)
    measured.card["strength"] = chosen
    measured.card["strength_auc"] = {f"{strength:g}": round(score.auc, 4) for strength, score in scores.items()}
    return measured


def _about(refiner: Refiner, real: RealSky) -> dict[str, Any]:
    """What the model is called, which real sky it saw, and what it may be used for."""
    return {
        "name": f"refiner-{real.survey.name}",
        "started_from": refiner.card.get("name", "random weights"),
        "bands": list(real.survey.band_names),
        "real_stamps": {
            "source": real.source,
            "count": len(real.image),
            "sha256": sha256(real.image.tobytes()).hexdigest(),
        },
        "licence": real.licence,
    }
