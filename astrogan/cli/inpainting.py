"""An inpainter trained from the command line, and a store of samples with their holes filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrogan.cli.progress import Steps
from astrogan.cli.rewriting import batch_size, is_store, name_of, rewrite_store
from astrogan.cli.training_run import TrainingRun
from catalogs import Survey
from catalogs.checks import within

if TYPE_CHECKING:
    from astrogan.models import Holes

__all__ = ["Lesson", "inpaint_store", "train_and_save"]

PIXELS = 2**21  # of the samples, draws included, that are filled together
SPARE = 1.5  # side of training stamps over that of the windows cut from them


@dataclass(frozen=True)
class Lesson:
    """What to train on, and how."""

    real: str = "hubble"
    bands: str | None = None
    pixel_scale: float | None = None
    size: int = 32
    width: int = 24
    how: dict[str, Any] = field(default_factory=dict)


def train_and_save(run: TrainingRun, lesson: Lesson) -> None:
    """Read the sky, train, write weights and card.

    Raises
    ------
    typer.Exit
        With code 130 if interrupted; the checkpoint is there to resume from.
    ValueError, OSError
        For images that cannot be used, training that cannot succeed, or a file that exists or cannot be made.
    """
    from rich.console import Console

    from astrogan.models import InpainterConfig, InpainterTraining, train_inpainter
    from astrogan.training import TrainingStopped

    settings, steps = InpainterTraining(run.budget, seed=run.seed, **lesson.how), Steps(Console())
    run.make_room()
    real, survey = _real(lesson, steps)
    config = InpainterConfig(bands=len(survey.bands), size=lesson.size, width=lesson.width, seed=run.seed)
    with run.interruptible(steps), steps.step("Train the inpainter") as step:

        def tell(fraction: float, scalars: dict[str, float]) -> None:
            step.advance(fraction, "  ".join(f"{name} {scalars[name]:.3f}" for name in list(scalars)[:2]))

        where: dict[str, Any] = {"folder": run.folder, "resume": run.resume, "on_progress": tell}
        try:
            trained, summary = train_inpainter(
                config, real, settings, tell=lambda text: steps.say(f"warning: {text}"), **where
            )
        except TrainingStopped as error:
            raise ValueError(str(error)) from error
        step.done(f"{summary['images']} images, {summary['images_per_second']:.0f}/s")
    trained.card |= {"name": f"inpainter-{survey.name}", "bands": list(survey.band_names), "real": lesson.real}
    run.save(trained)


def _real(lesson: Lesson, steps: Steps) -> tuple[Holes, Survey]:
    """Real stamps: those of a store, or of the galaxies of a field, on its training side."""
    import torch

    from astrogan.cli.sky import read_sky
    from astrogan.models import Holes, as_holes

    if is_store(lesson.real):
        from astrogan.dataset.backend import open_samples

        samples = open_samples(lesson.real).load()
        return as_holes(samples), Survey.from_json(samples.attrs["survey"])
    side = 2 * round(SPARE * lesson.size / 2)
    with steps.step("Real sky: detect, calibrate, cut out, fit") as step:
        sky = read_sky(lesson.real, side, lesson.bands, lesson.pixel_scale, step.advance)
        step.done(f"{len(sky.training)} stamps in {', '.join(sky.survey.band_names)}")
    image = torch.from_numpy(sky.training)
    sizes = torch.tensor([band.psf_fwhm / sky.survey.pixel_scale for band in sky.survey.bands])
    unit = torch.tensor([band.background_sigma for band in sky.survey.bands])
    known = torch.ones_like(image, dtype=torch.bool)
    psf = sizes.repeat(len(image), 1)
    return Holes(image, torch.ones_like(image), known, psf, torch.arange(len(image)), unit), sky.survey


def inpaint_store(
    path: Path,
    out: Path,
    model: Path,
    steps: Steps,
    draws: int = 0,
    *,
    flags: Sequence[str] | None = None,
    device: str = "auto",
    seed: int = 0,
) -> int:
    """Fill the holes of a store's samples, batch by batch, into a new directory with the same shards.

    Returns
    -------
    int
        The number of samples.

    Raises
    ------
    ValueError
        If the model does not fit the samples or is no model; before anything is written.
    OSError
        If there is no store, or `out` exists and is not empty.
    """
    from astrogan.dataset.backend import samples_of
    from astrogan.dataset.masks import hole_pixels
    from astrogan.dataset.reading import SampleStore
    from astrogan.models import Inpainter

    within("samples", draws, 0, 4096)
    inpainter, store = Inpainter.load(model), SampleStore(path)
    samples = samples_of(store)
    bands = Survey.from_json(samples.attrs["survey"]).band_names
    if len(bands) != inpainter.config.bands:
        raise ValueError(f"{model} fills {inpainter.config.bands} bands, {path} has {len(bands)}: {', '.join(bands)}")
    hole_pixels(samples.isel(sample=slice(0, 1)).load(), flags)
    return rewrite_store(
        store,
        out,
        lambda batch: inpainter.apply(batch, draws, flags=flags, device=device, seed=seed),
        steps,
        said=("Fill holes in", "what was observed is kept bit for bit"),
        batch=batch_size(samples, PIXELS, draws + 2),
        origin={"inpainted_from": name_of(store), "inpainted_with": model.name},
    )
