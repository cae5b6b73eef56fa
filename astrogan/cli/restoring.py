"""Training a restorer from images, and stores and FITS images restored."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astrogan.cli.progress import Steps
from astrogan.cli.refining import name_of
from catalogs.checks import within

if TYPE_CHECKING:
    import xarray as xr

    from astrogan.models import Restorer
    from astrogan.training import Budget

__all__ = ["RestorerSettings", "frames_of", "restore_fits", "restore_store", "run_restorer_training"]

MINUTES = 10.0
PIXELS = 2**22  # of the samples that are restored together


@dataclass(frozen=True)
class RestorerSettings:
    """What to train on, for how long, and where the weights go; beside them a folder takes log and checkpoint."""

    out: Path
    real: tuple[str, ...] = ("hubble",)
    bands: str | None = None
    minutes: float | None = None
    images: int | None = None
    resume: bool = False
    seed: int = 0
    overwrite: bool = False
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


def frames_of(source: str, bands: str | None = None) -> list[NDArray[np.float32]]:
    """Frames (H, W) of each band in units of the local background's rms, the sky at 0, NaN where there is no value.

    Raises
    ------
    ValueError
        For images that cannot be read, or have no noise.
    """
    from astrogan.cli.sky import HUBBLE
    from astrogan.dataset import hubble_deep_field, read_images
    from simulators.detection import read_frames

    frames = read_frames(hubble_deep_field() if source == HUBBLE else read_images(source, bands=bands))
    planes = zip(frames.data, frames.rms, frames.missing, strict=True)
    return [np.where(missing, np.float32(np.nan), data / rms) for data, rms, missing in planes]


def run_restorer_training(settings: RestorerSettings) -> None:
    """Read the frames, put defects on them, train, write weights and card.

    Raises
    ------
    typer.Exit
        With code 130 if interrupted; the checkpoint is there to resume from.
    ValueError, OSError
        For images that cannot be used, or a file that exists or cannot be made.
    """
    import typer
    from rich.console import Console

    from astrogan.cli.train import make_room
    from astrogan.dataset.files import check_target
    from astrogan.models import RestorerConfig, RestorerTraining, train_restorer
    from astrogan.training import TrainingStopped

    how = RestorerTraining(settings.budget, seed=settings.seed, **settings.how)
    steps = Steps(Console())
    check_target(settings.out, settings.overwrite or settings.resume)
    make_room(settings.folder, settings.resume, settings.overwrite)
    with steps.step(f"Read {', '.join(settings.real)}") as step:
        frames = [frame for source in settings.real for frame in frames_of(source, settings.bands)]
        step.done(f"{len(frames)} frames, {sum(frame.size for frame in frames) / 1e6:.1f} Mpx")
    with steps.step(f"Put defects on {how.windows} windows, train") as step:
        rest: dict[str, Any] = {"folder": settings.folder, "resume": settings.resume, "tell": steps.say}
        try:
            restorer, summary = train_restorer(
                frames, how, RestorerConfig(seed=settings.seed), on_progress=lambda part, _: step.advance(part), **rest
            )
        except TrainingStopped as error:
            raise ValueError(str(error)) from error
        except KeyboardInterrupt:
            steps.say(f"interrupted; {settings.folder} keeps what was learnt: run again with --resume")
            raise typer.Exit(130) from None
        step.done(f"{summary['images']} windows shown in {summary['seconds']:.0f} s")
    restorer.card |= {"real": list(settings.real), "command": shlex.join(["astrogan", *sys.argv[1:]])}
    restorer.save(settings.out)


def restore_store(path: Path, out: Path, model: Path, steps: Steps, threshold: float, device: str) -> int:
    """Restore the samples of a store, batch by batch, into a new directory with the same shards; return their number.

    Raises
    ------
    ValueError
        For a file that is no restorer, or samples that cannot be restored.
    OSError
        If there is no store, or `out` exists and is not empty.
    """
    from astrogan.dataset.backend import samples_of
    from astrogan.dataset.folder import StoreFolder, locked, make_folder
    from astrogan.dataset.reading import SampleStore
    from astrogan.dataset.sharding import write_shard
    from astrogan.models import Restorer

    within("threshold", threshold, 0.0, 1.0, open_low=True)
    restorer, store = Restorer.load(model), SampleStore(path)
    samples, origin = samples_of(store), {"restored_from": name_of(store)}
    with steps.step(f"Restore {len(store)} samples of {path}") as step, locked(folder := make_folder(out)):
        made = StoreFolder(folder)
        for number, (start, stop) in enumerate(zip(store.starts[:-1].tolist(), store.starts[1:].tolist(), strict=True)):
            batches = _restored(restorer, samples.isel(sample=slice(start, stop)), threshold, device, origin)
            made.add(*write_shard(batches, folder, number, stop - start, "none"))
            step.advance(stop / len(store))
        made.finish()
    return len(store)


def _restored(
    restorer: Restorer, samples: xr.Dataset, threshold: float, device: str, origin: dict[str, str]
) -> Iterator[xr.Dataset]:
    pixels = samples.sizes["band"] * samples.sizes["y"] * samples.sizes["x"]
    size = max(1, PIXELS // pixels)
    for start in range(0, samples.sizes["sample"], size):
        batch = samples.isel(sample=slice(start, start + size)).load()
        yield restorer.apply(batch, threshold=threshold, device=device).assign_attrs(origin)


def restore_fits(
    path: Path, out: Path, model: Path, steps: Steps, threshold: float, device: str, *, overwrite: bool = False
) -> int:
    """Restore an image of one band or more; return the number of pixels with defects.

    The new file has the cards of the first image and, per band, IMAGE (the unit of the input), MASK (the bits of
    `simulators.sensor.FLAGS`) and PROBABILITY. Sky and noise are measured on the image itself.

    Raises
    ------
    ValueError, OSError
        For an image that cannot be read or has no noise, a file that is no restorer, a target that is there already.
    """
    from astrogan.dataset import read_images
    from astrogan.dataset.files import check_target, replace_file
    from astrogan.models import Restorer
    from simulators.detection import read_frames

    within("threshold", threshold, 0.0, 1.0, open_low=True)
    check_target(out, overwrite)
    restorer, images = Restorer.load(model), read_images(path)
    with steps.step(f"Restore {path}") as step:
        frames = read_frames(images)
        found = restorer.clean(frames.data / frames.rms, ~frames.missing, threshold=threshold, device=device)
        change = np.where(found.replaced, (found.clean * frames.rms) - frames.data, np.float32(0.0))
        pixels = np.where(found.replaced, images.values + change, images.values).astype(np.float32)
        step.done(f"{int((found.flags > 0).sum())} of {found.flags.size} pixels have defects")
    content = BytesIO()
    _hdus(images, pixels, found, path, restorer.provenance(threshold)).writeto(content)
    replace_file(out, content.getbuffer())
    return int((found.flags > 0).sum())


def _hdus(images: xr.DataArray, pixels: NDArray[np.float32], found: Any, path: Path, about: dict[str, Any]) -> Any:
    from astropy.io import fits

    from simulators.sensor import FLAGS

    primary = fits.PrimaryHDU()
    primary.header["HISTORY"] = f"defects removed from {path.name} by astrogan restore: {about}"
    for name, bit in FLAGS.items():
        primary.header[f"BIT{bit}"] = (name, "flag of MASK")
    hdus = fits.HDUList([primary])
    for k, band in enumerate(images["band"].values):
        planes = {"IMAGE": pixels[k], "MASK": found.flags[k], "PROBABILITY": found.probability[k]}
        for name, plane in planes.items():
            hdu = fits.ImageHDU(plane, name=name, ver=k + 1)
            hdu.header["FILTER"] = str(band)
            if name == "IMAGE" and images.attrs.get("units"):
                hdu.header["BUNIT"] = images.attrs["units"]
            hdus.append(hdu)
    return hdus
