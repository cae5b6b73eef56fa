"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Bands",
    "Minutes",
    "NewDirectory",
    "Overwrite",
    "PixelScale",
    "Real",
    "Resume",
    "Seed",
    "ShardSize",
    "Store",
    "Weights",
]

Real = Annotated[str, typer.Option(help="Real sky: 'hubble', or a FITS/HDF5 file, or a folder of FITS files by band.")]
Bands = Annotated[str | None, typer.Option(help="Bands to use, in order, such as 'gri' or 'F814W,F606W'.")]
PixelScale = Annotated[float | None, typer.Option(help="Side of a pixel [arcsec], where the images do not say.")]
Seed = Annotated[int, typer.Option(help="Key of all random numbers.")]
Store = Annotated[Path, typer.Argument(help="A sample store: a directory, or a .h5 file.")]
ShardSize = Annotated[int, typer.Option(help="Samples in each file of a directory.")]
NewDirectory = Annotated[Path, typer.Option("--out", "-o", help="Directory to make.")]
Weights = Annotated[
    Path, typer.Option("--out", "-o", help="Weights to write, ending in .safetensors; the card goes beside them.")
]
Minutes = Annotated[float | None, typer.Option(help="Minutes of training; 10 without --images.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside the weights.")]
Overwrite = Annotated[bool, typer.Option(help="Replace what an earlier run wrote.")]
