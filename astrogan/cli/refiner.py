"""The commands `astrogan train refiner` and `astrogan refine`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from astrogan.cli.options import Bands, Minutes, NewDirectory, Overwrite, PixelScale, Resume, Seed, Store, Weights

__all__ = ["refine", "train_refiner"]

MomentsOnly = Annotated[
    bool, typer.Option("--moments-only", help="Keep adaptive moments alone: for samples that no simulator made.")
]


def train_refiner(
    out: Weights,
    real: Annotated[
        str,
        typer.Option(help="Real sky: a sample store, 'hubble', a FITS/HDF5 file, or a folder of FITS files by band."),
    ] = "hubble",
    sim: Annotated[
        str, typer.Option(help="What to refine: a sample store, or a simulator that follows the real sky.")
    ] = "WeakLens",
    bands: Bands = None,
    pixel_scale: PixelScale = None,
    galaxies: Annotated[int, typer.Option(help="Simulated samples to train on; the first of a store.")] = 2000,
    size: Annotated[int, typer.Option(help="Side of the stamps [pixel]; that of the store, where one is given.")] = 32,
    minutes: Minutes = None,
    images: Annotated[int | None, typer.Option(help="Stamps to show in training.")] = None,
    resume: Resume = False,
    loss: Annotated[str, typer.Option(help="r3 (R3GAN) or simgan (local cross-entropy).")] = "r3",
    features: Annotated[str, typer.Option(help="What may not change: identity, blurred or bands.")] = "identity",
    augment: Annotated[
        str, typer.Option(help="Augment for critics: auto (few real stamps), adaptive or off.")
    ] = "auto",
    batch_size: Annotated[int, typer.Option(help="Stamps in a step, of all processes together.")] = 16,
    compile: Annotated[bool, typer.Option("--compile", help="Compile the network; needs a C++ compiler.")] = False,
    moments_only: MomentsOnly = False,
    start: Annotated[Path | None, typer.Option(help="Weights to start from; random ones by default.")] = None,
    rate: Annotated[float, typer.Option(help="Learning rate at the start; it falls to a tenth.")] = 2e-3,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train a refiner on real sky; of whole images, some strips are never looked at.

    Several processes train as one under torchrun: torchrun --nproc-per-node 2 -m astrogan train refiner ...
    """
    from astrogan.cli.train import Method, Source, run_training
    from astrogan.cli.training_run import TrainingRun

    source = Source(real, sim, bands, pixel_scale, galaxies, size, moments_only)
    how = {"loss": loss, "features": features, "augment": augment, "batch_size": batch_size, "compile": compile}
    run_training(TrainingRun(out, minutes, images, resume, seed, overwrite), source, Method(start, rate, how))


def refine(
    store: Store,
    out: NewDirectory,
    model: Annotated[str, typer.Option(help="A model file (.safetensors), or the name of a shipped one.")],
    moments_only: MomentsOnly = False,
    codec: Annotated[
        str,
        typer.Option(help="none keeps the refined pixels as they are; auto rounds them to a sixteenth of their noise."),
    ] = "none",
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    seed: Seed = 0,
) -> None:
    """Refine the samples of a store, shard by shard, into a new one; their labels stay bit for bit."""
    from rich.console import Console

    from astrogan.cli.progress import Steps
    from astrogan.cli.refining import refine_store

    count = refine_store(
        store, out, model, Steps(Console(stderr=True)), moments_only=moments_only, codec=codec, device=device, seed=seed
    )
    print(f"{out}: {count} samples")
