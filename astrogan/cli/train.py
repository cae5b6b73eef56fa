"""Train a refiner from the command line."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from astrogan.cli.progress import Steps
from astrogan.cli.sky import read_sky, weak_simulator
from astrogan.cli.work import measure_out, simulate, train
from catalogs.checks import within

__all__ = ["TrainSettings", "run_training"]


@dataclass(frozen=True)
class TrainSettings:
    """What to train on, for how long, and where the weights go."""

    out: Path
    real: str = "hubble"
    bands: str | None = None
    pixel_scale: float | None = None
    galaxies: int = 2000
    size: int = 32
    minutes: float = 10.0
    start: Path | None = None
    rate: float = 2e-3
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        within("galaxies", self.galaxies, 64, 1_000_000)
        within("size", self.size, 24, 256, "pixels")
        within("minutes", self.minutes, 0.0, 1e4, "min", open_low=True)
        within("seed", self.seed, 0, 2**62)
        if self.out.suffix != ".safetensors":
            raise ValueError(f"{self.out.name}: a model file ends in .safetensors")


def run_training(settings: TrainSettings, steps: Steps) -> None:
    """Read the sky, simulate, train, write weights and card.

    Raises
    ------
    ValueError, OSError
        For images that cannot be used, weights that do not fit, or a file that exists or cannot be made.
    """
    from astrogan.dataset.files import check_target
    from astrogan.models import Refiner, RefinerConfig

    check_target(settings.out, settings.overwrite)
    with steps.step("Real sky: detect, calibrate, cut out, fit") as step:
        sky = read_sky(settings.real, settings.size, settings.bands, settings.pixel_scale, step.advance)
        step.done(f"{len(sky.training)} + {len(sky.held_out)} stamps in {', '.join(sky.survey.band_names)}")
    bands = len(sky.survey.bands)
    refiner = Refiner.load(settings.start) if settings.start else Refiner(RefinerConfig(bands=bands))
    lesson = simulate(weak_simulator(sky, settings.size), settings.galaxies, settings.seed, steps)
    trained = train(sky, lesson, refiner, settings.minutes, settings.rate, settings.seed, steps, folder=None)
    trained = measure_out(trained, lesson, sky, settings.seed, steps)
    trained.card["command"] = shlex.join(["astrogan", *sys.argv[1:]])
    trained.save(settings.out)
