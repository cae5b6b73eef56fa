"""The commands `astrogan train restorer` and `astrogan restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from astrogan.cli.options import Bands, Minutes, Overwrite, Resume, Seed, Weights

__all__ = ["restore", "train_restorer"]


def train_restorer(
    out: Weights,
    real: Annotated[
        list[str] | None,
        typer.Option(help="Real frames without defects: 'hubble' or FITS/HDF5 files or folders; repeat it for more."),
    ] = None,
    bands: Bands = None,
    minutes: Minutes = None,
    images: Annotated[int | None, typer.Option(help="Windows to show in training.")] = None,
    windows: Annotated[int, typer.Option(help="Windows with simulated defects to make before.")] = 1600,
    size: Annotated[int, typer.Option(help="Side of the windows [pixel].")] = 112,
    loss: Annotated[str, typer.Option(help="r3 (R3GAN) or simgan (cross-entropy, as in ID-CGAN).")] = "r3",
    resume: Resume = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train a restorer: simulated cosmic rays, trails, bleeding and hot pixels over real frames."""
    from astrogan.cli.restoring import train_and_save
    from astrogan.cli.training_run import TrainingRun

    how = {"windows": windows, "size": size, "loss": loss}
    train_and_save(TrainingRun(out, minutes, images, resume, seed, overwrite), real or ["hubble"], bands, how)


def restore(
    source: Annotated[Path, typer.Argument(help="A sample store (directory or .h5), or a FITS image.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory (of a store) or FITS file to make.")],
    model: Annotated[Path, typer.Option(help="A model file (.safetensors).")],
    threshold: Annotated[float, typer.Option(help="Probability of a defect from which on a pixel is replaced.")] = 0.5,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Remove cosmic rays, trails, bleeding and hot pixels that nobody has masked; all other pixels stay as they are."""
    from rich.console import Console

    from astrogan.cli.progress import Steps
    from astrogan.cli.restoring import restore_fits, restore_store
    from astrogan.cli.rewriting import is_store

    steps = Steps(Console(stderr=True))
    if is_store(source):
        print(f"{out}: {restore_store(source, out, model, steps, threshold, device)} samples")
    else:
        found = restore_fits(source, out, model, steps, threshold, device, overwrite=overwrite)
        print(f"{out}: {found} pixels were replaced or flagged")
