"""Train a refiner from the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrogan.cli.progress import Steps
from astrogan.cli.refining import simulator_of
from astrogan.cli.rewriting import is_store
from astrogan.cli.sky import lens_simulator, read_sky, weak_simulator
from astrogan.cli.training_run import TrainingRun
from astrogan.cli.work import RealSky, Simulated, differentiated, measure_out, simulate, train
from catalogs.checks import one_of, within

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Method", "Source", "run_training"]

FOLLOWING = {"WeakLens": weak_simulator, "StrongLens": lens_simulator}  # simulators that follow a measured sky
RATE_END = 0.1  # of the learning rate at the start


@dataclass(frozen=True)
class Source:
    """What to train on."""

    real: str = "hubble"
    sim: str = "WeakLens"
    bands: str | None = None
    pixel_scale: float | None = None
    galaxies: int = 2000
    size: int = 32
    moments_only: bool = False

    def __post_init__(self) -> None:
        from simulators import list_simulators

        within("galaxies", self.galaxies, 64, 1_000_000)
        within("size", self.size, 24, 256, "pixels")
        if not is_store(self.sim):
            if Path(self.sim).exists() or "/" in self.sim or self.sim.endswith(".h5"):
                raise ValueError(f"--sim {self.sim}: there is no sample store of this name")
            one_of("simulator", self.sim, list_simulators())


@dataclass(frozen=True)
class Method:
    """How to train: what to start from, the learning rate at the start, and more of `RefinerTraining`."""

    start: Path | None = None
    rate: float = 2e-3
    rest: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        within("rate", self.rate, 0.0, 1.0, open_low=True)


def run_training(run: TrainingRun, source: Source, method: Method) -> None:
    """Read the sky, simulate, train, write weights and card; the first of several processes tells and writes.

    Raises
    ------
    typer.Exit
        With code 130 if interrupted; the checkpoint is there to resume from.
    TrainingStopped
        If training cannot succeed.
    ValueError, OSError
        For images that cannot be used, weights that do not fit, or a file that exists or cannot be made.
    """
    from rich.console import Console

    from astrogan.models import Refiner, RefinerConfig, RefinerTraining
    from astrogan.training import process_group

    how = RefinerTraining(
        run.budget,
        learning_rate=method.rate,
        final_rate=RATE_END * method.rate,
        seed=run.seed,
        **method.rest,
    )
    with process_group() as rank:
        steps = Steps(Console(quiet=rank > 0))
        if rank == 0:
            run.make_room()
        real, lesson = data_of(source, run.seed, steps)
        bands = len(real.survey.bands)
        refiner = Refiner.load(method.start) if method.start else Refiner(RefinerConfig(bands=bands))
        with run.interruptible(steps):
            trained = train(real, lesson, refiner, how, steps, run.folder, resume=run.resume)
        if rank == 0:
            run.save(measure_out(trained, lesson, real, run.seed, steps))


def data_of(source: Source, seed: int, steps: Steps) -> tuple[RealSky, Simulated]:
    """Real stamps, and simulated samples with what keeps their labels; all that can be refused is, before simulating.

    Raises
    ------
    ValueError
        For real stamps that teach nothing, bands or pixel scales that differ, a simulator that there is not or whose
        samples have no tangents.
    """
    if is_store(source.real):
        real, follow = _real_store(source, steps), None
    else:
        real, follow = _real_images(source, steps)
    if is_store(source.sim):
        return real, _sim_store(source, real, steps)
    make = follow or _plain(source, real)
    return real, simulate(make(), source.galaxies, seed, steps, tangents=not source.moments_only)


def _real_store(source: Source, steps: Steps) -> RealSky:
    from astrogan.dataset.backend import open_samples
    from astrogan.models import real_stamps

    with steps.step(f"Read real stamps of {source.real}") as step:
        real = real_stamps(open_samples(source.real), source.real)
        step.done(f"{len(real.image)} stamps in {', '.join(real.survey.band_names)}")
    return RealSky(real.image.numpy(), real.digests, real.survey, source.real, "that of the images it was trained on")


def _real_images(source: Source, steps: Steps) -> tuple[RealSky, Callable[[], Any] | None]:
    """Stamps of a field's galaxies, and the simulator that follows them, where there is one of that name."""
    with steps.step("Real sky: detect, calibrate, cut out, fit") as step:
        sky = read_sky(source.real, source.size, source.bands, source.pixel_scale, step.advance)
        step.done(f"{len(sky.training)} + {len(sky.held_out)} stamps in {', '.join(sky.survey.band_names)}")
    follow = FOLLOWING.get(source.sim)
    return RealSky.of(sky), None if follow is None else lambda: follow(sky, source.size)


def _plain(source: Source, real: RealSky) -> Callable[[], Any]:
    """A simulator of the real stamps' survey and size."""
    from simulators import get_simulator

    maker = get_simulator(source.sim)
    return lambda: maker(survey=real.survey, size=real.image.shape[-1])


def _sim_store(source: Source, real: RealSky, steps: Steps) -> Simulated:
    """The first samples of a store, and their tangents by the simulator that made them."""
    from astrogan.dataset.backend import open_samples
    from astrogan.models import check_alike
    from catalogs import Survey

    samples = open_samples(source.sim).isel(sample=slice(0, source.galaxies))
    check_alike(Survey.from_json(samples.attrs["survey"]), real.survey)
    if samples["image"].shape[1:] != real.image.shape[1:]:
        raise ValueError(
            f"{source.sim} has stamps of {samples['image'].shape[2:]} pixels, the real ones have {real.image.shape[2:]}"
        )
    simulator = None if source.moments_only else simulator_of(source.sim, samples)
    with steps.step(f"Read {samples.sizes['sample']} samples of {source.sim}"):
        loaded: xr.Dataset = samples.load()
    return differentiated(simulator, loaded, steps)
