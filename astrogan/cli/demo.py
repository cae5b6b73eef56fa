"""The demo: real sky in, refined labelled lenses out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from astrogan.cli.judge import judge
from astrogan.cli.progress import Steps
from astrogan.cli.sky import Sky, lens_simulator, read_sky, weak_simulator
from astrogan.cli.work import RealSky, Refined, measure_out, refine, simulate, train
from catalogs.checks import within

if TYPE_CHECKING:
    from astrogan.models import Refiner, RefinerTraining
    from astrogan.validation import Report

__all__ = ["DemoSettings", "run_demo"]

RATE = 1e-3  # half of what training from nothing starts with


@dataclass(frozen=True)
class DemoSettings:
    """What the demo reads, how much it makes, and where it writes."""

    out: Path
    real: str = "hubble"
    bands: str | None = None
    pixel_scale: float | None = None
    galaxies: int = 2000
    lenses: int = 64
    size: int = 32
    lens_size: int = 64
    minutes: float = 1.0
    judge_images: int = 8000
    seed: int = 1
    overwrite: bool = False

    def __post_init__(self) -> None:
        within("galaxies", self.galaxies, 100, 1_000_000)
        within("lenses", self.lenses, 1, 10_000)
        within("size", self.size, 24, 256, "pixels")
        within("lens_size", self.lens_size, 24, 256, "pixels")
        within("judge_images", self.judge_images, 100, 1e9)
        within("minutes", self.minutes, 0.0, 1e4, "min", open_low=True)
        within("seed", self.seed, 0, 2**62)


def run_demo(settings: DemoSettings, steps: Steps) -> tuple[Path, Report]:
    """Run all steps; the output folder appears complete or not at all.

    Raises
    ------
    ValueError, OSError
        For images that cannot be used, or an output folder that exists or cannot be made.
    """
    with whole_folder(settings.out, settings.overwrite) as folder:
        with steps.step("Real sky: detect, calibrate, cut out, fit") as step:
            sky = read_sky(settings.real, settings.size, settings.bands, settings.pixel_scale, step.advance)
            step.done(f"{len(sky.training)} + {len(sky.held_out)} stamps in {', '.join(sky.survey.band_names)}")
        galaxies = simulate(weak_simulator(sky, settings.size), settings.galaxies, settings.seed, steps)
        lenses = simulate(lens_simulator(sky, settings.lens_size), settings.lenses, settings.seed, steps)
        lesson = galaxies.part(slice(0, settings.galaxies // 2))
        real, start = RealSky.of(sky), start_from(sky)
        refiner = train(real, lesson, start, lesson_plan(settings), steps, folder / "training")
        refiner = measure_out(refiner, lesson, real, settings.seed, steps)
        refiner.save(folder / "refiner.safetensors")
        with steps.step(f"Refine {settings.galaxies} galaxies and {settings.lenses} lenses"):
            made = {
                "galaxies": refine(refiner, galaxies, settings.seed),
                "lenses": refine(refiner, lenses, settings.seed),
            }
        report = _write(sky, made, refiner, settings, steps, folder)
    return settings.out, report


def lesson_plan(settings: DemoSettings) -> RefinerTraining:
    """How the demo trains."""
    from astrogan.models import RefinerTraining
    from astrogan.training import Budget

    budget = Budget(seconds=60.0 * settings.minutes)
    return RefinerTraining(budget, learning_rate=RATE, final_rate=0.1 * RATE, seed=settings.seed)


def start_from(sky: Sky) -> Refiner:
    """The shipped refiner, or a new one for another number of bands."""
    from astrogan.models import Refiner, RefinerConfig, shipped_weights

    refiner = Refiner.load(shipped_weights())
    bands = len(sky.survey.bands)
    return refiner if refiner.config.bands == bands else Refiner(RefinerConfig(bands=bands))


@contextmanager
def whole_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary folder that becomes `out` when all went well and vanishes otherwise."""
    from astrogan.dataset.files import check_target

    if out.is_dir() and overwrite and not (out / "report.json").is_file():
        raise FileExistsError(f"{out} is not the folder of an earlier demo; it is not overwritten")
    if out.is_dir() and not overwrite:
        raise FileExistsError(f"{out} exists already; --overwrite replaces an earlier demo, --out names another folder")
    if not out.is_dir():
        check_target(out.absolute())
    part = out.absolute().with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        yield part
        if out.is_dir():
            shutil.rmtree(out)
        os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(
    sky: Sky, made: dict[str, Refined], refiner: Refiner, settings: DemoSettings, steps: Steps, folder: Path
) -> Report:
    """Stores, FITS, pictures and report."""
    from astrogan.dataset import write_samples
    from astrogan.export import to_fits
    from astrogan.validation import write_gallery, write_report

    with steps.step("Judge against held-out real galaxies") as step:
        lesson = slice(0, settings.galaxies // 2)
        content = judge(sky, made, lesson, settings.judge_images, settings.seed, step)
        notes = (
            "Real stamps come from strips of the frame, in turn for training and for judging, each in units of the "
            "noise around it. Galaxies, their neighbours and their number are measured on the training strips.",
            f"The refiner adds {100 * refiner.config.strength:.0f} % of what it would: the share that a judge of the "
            "training strips tells least.",
        )
        log = folder / "training" / "log.jsonl"
        content = replace(content, training_log=log, model_card=refiner.card, notes=notes)
    with steps.step("Write store, FITS, gallery and report") as step:
        exact = "none"  # what the refiner added may be less than a rounding step
        digests = {name: write_samples(one.samples, folder / f"{name}.h5", codec=exact) for name, one in made.items()}
        for name, one in made.items():
            to_fits(one.samples, folder / f"{name}.fits")
        panels = {"Real": content.real, "Simulated": content.simulated, "Refined": content.refined}
        write_gallery(folder / "gallery.png", panels, columns=8, rows=8)
        pair = {"Simulated": made["lenses"].raw.image, "Refined": made["lenses"].image}
        write_gallery(folder / "lenses.png", pair, layout="strips", rows=4)
        report = write_report(folder / "report.html", content)
        step.done(", ".join(f"{name} {value[:12]}" for name, value in digests.items()))
    return report
