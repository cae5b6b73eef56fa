"""The commands `astrogan train inpainter` and `astrogan inpaint`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from astrogan.cli.options import Bands, Minutes, NewDirectory, Overwrite, PixelScale, Resume, Seed, Store, Weights

__all__ = ["inpaint", "train_inpainter"]


def train_inpainter(
    out: Weights,
    real: Annotated[
        str,
        typer.Option(help="Real sky: a sample store, 'hubble', a FITS/HDF5 file, or a folder of FITS files by band."),
    ] = "hubble",
    bands: Bands = None,
    pixel_scale: PixelScale = None,
    size: Annotated[int, typer.Option(help="Side of the windows that the networks see [pixel].")] = 32,
    width: Annotated[int, typer.Option(help="Channels of the networks at full resolution.")] = 24,
    minutes: Minutes = None,
    images: Annotated[int | None, typer.Option(help="Windows to show in training.")] = None,
    resume: Resume = False,
    masks: Annotated[str | None, typer.Option(help="Kinds of holes, such as 'columns,block'; all by default.")] = None,
    loss: Annotated[str, typer.Option(help="Of the draws: r3 (R3GAN) or simgan (local cross-entropy).")] = "r3",
    windows: Annotated[int, typer.Option(help="Windows with holes drawn from the real stamps.")] = 8000,
    batch_size: Annotated[int, typer.Option(help="Windows in a step, of all processes together.")] = 16,
    rate: Annotated[float, typer.Option(help="Learning rate at the start.")] = 1e-3,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train an inpainter on real sky; of whole images, some strips are never looked at."""
    from astrogan.cli.inpainting import Lesson, train_and_save
    from astrogan.cli.training_run import TrainingRun

    how = {"loss": loss, "windows": windows, "batch_size": batch_size, "learning_rate": rate}
    if masks is not None:
        how["masks"] = tuple(name.strip() for name in masks.split(","))
    run = TrainingRun(out, minutes, images, resume, seed, overwrite)
    train_and_save(run, Lesson(real, bands, pixel_scale, size, width, how))


def inpaint(
    store: Store,
    out: NewDirectory,
    model: Annotated[Path, typer.Option(help="A model file (.safetensors).")],
    samples: Annotated[int, typer.Option(help="Draws from the posterior of every sample.")] = 0,
    flags: Annotated[
        str | None, typer.Option(help="Flags of the mask that make a hole, such as 'trail,no_data'; all by default.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    seed: Seed = 0,
) -> None:
    """Fill the holes of a store's samples, shard by shard, into a new one; observed pixels stay bit for bit."""
    from rich.console import Console

    from astrogan.cli.inpainting import inpaint_store
    from astrogan.cli.progress import Steps

    names = None if flags is None else [name.strip() for name in flags.split(",")]
    count = inpaint_store(
        store, out, model, Steps(Console(stderr=True)), samples, flags=names, device=device, seed=seed
    )
    print(f"{out}: {count} samples")
