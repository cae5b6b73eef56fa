"""Training a restorer from images, and stores and FITS images restored."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astrogan.cli.progress import Steps
from astrogan.cli.rewriting import batch_size, name_of, rewrite_store
from astrogan.cli.training_run import TrainingRun
from catalogs.checks import within

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["frames_of", "restore_fits", "restore_store", "train_and_save"]

PIXELS = 2**22  # of the samples that are restored together


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


def train_and_save(run: TrainingRun, sources: Sequence[str], bands: str | None, how: dict[str, Any]) -> None:
    """Read the frames, put defects on them, train, write weights and card.

    Raises
    ------
    typer.Exit
        With code 130 if interrupted; the checkpoint is there to resume from.
    ValueError, OSError
        For images that cannot be used, or a file that exists or cannot be made.
    """
    from rich.console import Console

    from astrogan.models import RestorerConfig, RestorerTraining, train_restorer
    from astrogan.training import TrainingStopped

    settings, steps = RestorerTraining(run.budget, seed=run.seed, **how), Steps(Console())
    run.make_room()
    with steps.step(f"Read {', '.join(sources)}") as step:
        frames = [frame for source in sources for frame in frames_of(source, bands)]
        step.done(f"{len(frames)} frames, {sum(frame.size for frame in frames) / 1e6:.1f} Mpx")
    with run.interruptible(steps), steps.step(f"Put defects on {settings.windows} windows, train") as step:
        rest: dict[str, Any] = {"folder": run.folder, "resume": run.resume, "tell": steps.say}
        try:
            restorer, summary = train_restorer(
                frames, settings, RestorerConfig(seed=run.seed), on_progress=lambda part, _: step.advance(part), **rest
            )
        except TrainingStopped as error:
            raise ValueError(str(error)) from error
        step.done(f"{summary['images']} windows shown in {summary['seconds']:.0f} s")
    restorer.card["real"] = list(sources)
    run.save(restorer)


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
    from astrogan.dataset.reading import SampleStore
    from astrogan.models import Restorer

    within("threshold", threshold, 0.0, 1.0, open_low=True)
    restorer, store = Restorer.load(model), SampleStore(path)
    return rewrite_store(
        store,
        out,
        lambda batch: restorer.apply(batch, threshold=threshold, device=device),
        steps,
        said=("Restore", "where no defect was found, pixels are kept bit for bit"),
        batch=batch_size(samples_of(store), PIXELS),
        origin={"restored_from": name_of(store)},
    )


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
