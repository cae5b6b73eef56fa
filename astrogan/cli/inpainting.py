"""An inpainter trained from the command line, and a store of samples with their holes filled."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from astrogan.cli.progress import Steps
from astrogan.cli.refining import is_store, name_of
from catalogs import Survey
from catalogs.checks import within

if TYPE_CHECKING:
    import xarray as xr

    from astrogan.models import Holes, Inpainter
    from astrogan.training import Budget

__all__ = ["Lesson", "inpaint_store", "train_and_save"]

MINUTES = 10.0
PIXELS = 2**21  # of the samples, draws included, that are filled together
SPARE = 1.5  # side of training stamps over that of the windows cut from them


@dataclass(frozen=True)
class Lesson:
    """What to train on, for how long, how, and where the weights go; beside them a folder takes log and checkpoint."""

    out: Path
    real: str = "hubble"
    bands: str | None = None
    pixel_scale: float | None = None
    size: int = 32
    width: int = 24
    minutes: float | None = None
    images: int | None = None
    resume: bool = False
    overwrite: bool = False
    seed: int = 0
    how: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.minutes is not None:
            within("minutes", self.minutes, 0.0, 1e4, "min", open_low=True)
        if self.images is not None:
            within("images", self.images, 1, 1e12)
        within("seed", self.seed, 0, 2**62)
        if self.out.suffix != ".safetensors":
            raise ValueError(f"{self.out.name}: a model file ends in .safetensors")

    @property
    def folder(self) -> Path:
        """Where log and checkpoint go."""
        return self.out.with_suffix(".training")

    @property
    def budget(self) -> Budget:
        """Images, minutes, or both, whichever is spent first; 10 minutes by default."""
        from astrogan.training import Budget

        minutes = MINUTES if self.minutes is None and self.images is None else self.minutes
        return Budget(self.images, None if minutes is None else 60.0 * minutes)


def train_and_save(lesson: Lesson) -> None:
    """Read the sky, train, write weights and card.

    Raises
    ------
    typer.Exit
        With code 130 if interrupted; the checkpoint is there to resume from.
    ValueError, OSError
        For images that cannot be used, training that cannot succeed, or a file that exists or cannot be made.
    """
    import typer
    from rich.console import Console

    from astrogan.cli.train import make_room
    from astrogan.dataset.files import check_target
    from astrogan.models import InpainterConfig, InpainterTraining, train_inpainter
    from astrogan.training import TrainingStopped

    settings, steps = InpainterTraining(lesson.budget, **lesson.how), Steps(Console())
    check_target(lesson.out, lesson.overwrite or lesson.resume)
    make_room(lesson.folder, lesson.resume, lesson.overwrite)
    real, survey = _real(lesson, steps)
    config = InpainterConfig(bands=len(survey.bands), size=lesson.size, width=lesson.width, seed=lesson.seed)
    with steps.step("Train the inpainter") as step:

        def tell(fraction: float, scalars: dict[str, float]) -> None:
            step.advance(fraction, "  ".join(f"{name} {scalars[name]:.3f}" for name in list(scalars)[:2]))

        where: dict[str, Any] = {"folder": lesson.folder, "resume": lesson.resume, "on_progress": tell}
        try:
            trained, summary = train_inpainter(
                config, real, settings, tell=lambda text: steps.say(f"warning: {text}"), **where
            )
        except TrainingStopped as error:
            raise ValueError(str(error)) from error
        except KeyboardInterrupt:
            steps.say(f"interrupted; {lesson.folder} keeps what was learnt: run again with --resume")
            raise typer.Exit(130) from None
        step.done(f"{summary['images']} images, {summary['images_per_second']:.0f}/s")
    trained.card |= {"name": f"inpainter-{survey.name}", "bands": list(survey.band_names), "real": lesson.real}
    trained.card["command"] = shlex.join(["astrogan", *sys.argv[1:]])
    trained.save(lesson.out)


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
    from astrogan.dataset.folder import StoreFolder, locked, make_folder
    from astrogan.dataset.masks import hole_pixels
    from astrogan.dataset.reading import SampleStore
    from astrogan.dataset.sharding import write_shard
    from astrogan.models import Inpainter

    within("samples", draws, 0, 4096)
    inpainter, store = Inpainter.load(model), SampleStore(path)
    samples = samples_of(store)
    bands = Survey.from_json(samples.attrs["survey"]).band_names
    if len(bands) != inpainter.config.bands:
        raise ValueError(f"{model} fills {inpainter.config.bands} bands, {path} has {len(bands)}: {', '.join(bands)}")
    hole_pixels(samples.isel(sample=slice(0, 1)).load(), flags)
    origin = {"inpainted_from": name_of(store), "inpainted_with": model.name}
    with steps.step(f"Fill holes in {len(store)} samples of {path}") as step, locked(folder := make_folder(out)):
        made = StoreFolder(folder)
        for number, (start, stop) in enumerate(zip(store.starts[:-1].tolist(), store.starts[1:].tolist(), strict=True)):
            part = samples.isel(sample=slice(start, stop))
            batches = _filled(inpainter, part, draws, {"flags": flags, "device": device, "seed": seed}, origin)
            made.add(*write_shard(batches, folder, number, stop - start, "none"))
            step.advance(stop / len(store))
        made.finish()
        step.done("what was observed is kept bit for bit")
    return len(store)


def _filled(
    inpainter: Inpainter, samples: xr.Dataset, draws: int, how: dict[str, Any], origin: dict[str, str]
) -> Iterator[xr.Dataset]:
    """Filled batches, of a size that bounds the memory of their draws."""
    pixels = samples.sizes["band"] * samples.sizes["y"] * samples.sizes["x"] * (draws + 2)
    size = int(np.clip(PIXELS // pixels, 1, 256))
    for start in range(0, samples.sizes["sample"], size):
        batch = samples.isel(sample=slice(start, start + size)).load()
        yield inpainter.apply(batch, draws, **how).assign_attrs(origin)
