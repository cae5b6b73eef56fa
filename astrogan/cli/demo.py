"""The demo: real sky in, refined labelled lenses out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astrogan.cli.progress import Step, Steps
from astrogan.cli.sky import Sky, lens_simulator, read_sky, weak_simulator
from astrogan.cli.work import simulate, train
from catalogs.checks import within

if TYPE_CHECKING:
    import xarray as xr

    from astrogan.models import Refiner
    from astrogan.validation import Report

__all__ = ["DemoSettings", "run_demo"]


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
    seed: int = 1
    overwrite: bool = False

    def __post_init__(self) -> None:
        within("galaxies", self.galaxies, 100, 1_000_000)
        within("lenses", self.lenses, 1, 10_000)
        within("size", self.size, 24, 256, "pixels")
        within("lens_size", self.lens_size, 24, 256, "pixels")
        within("minutes", self.minutes, 0.0, 1e4, "min", open_low=True)
        within("seed", self.seed, 0, 2**62)


@dataclass(frozen=True)
class Made:
    """Simulated samples, their tangents, and what the refiner made of them."""

    raw: xr.Dataset
    tangents: xr.DataArray
    refined: xr.Dataset
    control: NDArray[np.float32]

    @property
    def samples(self) -> xr.Dataset:
        """The refined samples, with the pixels before refinement as `simulated`."""
        plane = self.raw["image"].assign_attrs(long_name="simulated image before refinement")
        return self.refined.assign(simulated=plane)


def run_demo(settings: DemoSettings, steps: Steps) -> tuple[Path, Report]:
    """Run all steps; the output folder appears complete or not at all.

    Raises
    ------
    ValueError, OSError
        For images that cannot be used, or an output folder that exists or cannot be made.
    """
    with whole_folder(settings.out, settings.overwrite) as folder:
        with steps.step("Real sky: detect, cut out, calibrate") as step:
            sky = read_sky(settings.real, settings.size, settings.bands, settings.pixel_scale)
            step.done(f"{len(sky.training)} + {len(sky.held_out)} stamps in {', '.join(sky.survey.band_names)}")
        weak, weak_tangents = simulate(weak_simulator(sky, settings.size), settings.galaxies, settings.seed, steps)
        strong, strong_tangents = simulate(
            lens_simulator(sky, settings.lens_size), settings.lenses, settings.seed, steps
        )
        half = slice(0, settings.galaxies // 2)
        lesson = weak.isel(sample=half), weak_tangents.isel(sample=half)
        refiner = train(sky, lesson, start_from(sky), settings.minutes, settings.seed, steps, folder / "training")
        refiner.save(folder / "refiner.safetensors")
        galaxies = _refine(refiner, weak, weak_tangents, settings, steps)
        lenses = _refine(refiner, strong, strong_tangents, settings, steps)
        report = _write(sky, galaxies, lenses, refiner, settings, steps, folder)
    return settings.out, report


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
    if not out.is_dir() or not overwrite:
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


def _refine(refiner: Refiner, raw: xr.Dataset, tangents: xr.DataArray, settings: DemoSettings, steps: Steps) -> Made:
    """Refine with the label-safe projection, and without it as the control that must fail."""
    with steps.step(f"Refine {raw.sizes['sample']} {raw.attrs['simulator']} samples"):
        refined = refiner.apply(raw, tangents, seed=settings.seed)
        control = refiner.apply(raw, seed=settings.seed, label_safe=False)
        return Made(raw, tangents, refined, control["image"].values)


def _write(
    sky: Sky, galaxies: Made, lenses: Made, refiner: Refiner, settings: DemoSettings, steps: Steps, folder: Path
) -> Report:
    """Stores, FITS, pictures and report."""
    from astrogan.dataset import write_samples
    from astrogan.export import to_fits
    from astrogan.validation import write_gallery, write_report

    with steps.step("Judge against held-out real galaxies") as step:
        content = _content(sky, galaxies, lenses, refiner, settings, folder, step)
    with steps.step("Write store, FITS, gallery and report") as step:
        digests = {}
        for name, made in (("galaxies", galaxies), ("lenses", lenses)):
            digests[name] = write_samples(made.samples, folder / f"{name}.h5")
            to_fits(made.samples, folder / f"{name}.fits")
        panels = {"Real": content.real, "Simulated": content.simulated, "Refined": content.refined}
        write_gallery(folder / "gallery.png", panels, columns=8, rows=8)
        pair = {"Simulated": lenses.raw["image"].values, "Refined": lenses.refined["image"].values}
        write_gallery(folder / "lenses.png", pair, layout="strips", rows=4)
        report = write_report(folder / "report.html", content)
        step.done(f"galaxies {digests['galaxies'][:12]}, lenses {digests['lenses'][:12]}")
    return report


def _content(
    sky: Sky, galaxies: Made, lenses: Made, refiner: Refiner, settings: DemoSettings, folder: Path, step: Step
) -> Any:
    """Everything the report shows; galaxies that trained the refiner are left out of its scores."""
    from astrogan.validation import ReportContent, label_drift, moment_drift, two_sample

    sigma = np.array([band.background_sigma for band in sky.survey.bands], dtype=np.float32)[:, None, None]
    judged = slice(galaxies.raw.sizes["sample"] // 2, None)
    raw, refined = (ds["image"].values[judged] for ds in (galaxies.raw, galaxies.refined))
    variance = galaxies.raw["variance"].values[judged]
    scores = []
    half = len(sky.held_out) // 2
    for index, (real, other) in enumerate(
        ((sky.held_out, raw / sigma), (sky.held_out, refined / sigma), (sky.held_out[:half], sky.held_out[half:]))
    ):
        scores.append(two_sample(real, other, seed=settings.seed))
        step.advance((index + 1) / 4)
    tangents = galaxies.tangents.isel(sample=judged)
    names = [str(name) for name in tangents["label"].values]
    control = galaxies.control[judged]
    drift = label_drift(raw, refined, tangents.values, variance, names, control=control)
    moments = moment_drift(raw, refined, control=control)
    step.done(
        "; ".join(f"{a.classifier} {a.accuracy:.3f} -> {b.accuracy:.3f}" for a, b in zip(*scores[:2], strict=True))
    )
    return ReportContent(
        title=f"astrogan demo on {sky.source}",
        survey=sky.survey,
        real=sky.held_out * sigma,
        simulated=raw,
        refined=refined,
        two_sample_before=scores[0],
        two_sample_after=scores[1],
        two_sample_floor=scores[2],
        label_drift=drift,
        moment_drift=moments,
        lenses_simulated=lenses.raw["image"].values,
        lenses_refined=lenses.refined["image"].values,
        training_log=folder / "training" / "log.jsonl",
        provenance={"real sky": sky.source, "seed": settings.seed, **sky.survey.references},
        model_card=refiner.card,
    )
