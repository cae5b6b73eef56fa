"""The command `astrogan validate`, and the training of the features that it measures with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from astrogan.cli.options import Weights

__all__ = ["train_features", "validate"]


def validate(
    real: Annotated[Path, typer.Argument(help="Real images that no training saw: a store, FITS cube or .npy.")],
    synthetic: Annotated[Path, typer.Argument(help="Images to judge, in the same unit: a store, FITS cube or .npy.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write; its numbers go beside it, as .json.")],
    raw: Annotated[
        Path | None, typer.Option(help="The simulation that they were made from, in the same order.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="The model that made them (.safetensors): its card is checked for leaks.")
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="The real images that it was trained on, for the memorisation test.")
    ] = None,
    most: Annotated[int, typer.Option(help="Images of each set that are read.")] = 4000,
    images: Annotated[int, typer.Option(help="Stamps shown to the network that judges, per fold; 0: none.")] = 16_000,
    seed: Annotated[int, typer.Option(help="Key of all random numbers.")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if a check fails.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace what an earlier run wrote.")] = False,
) -> None:
    """Judge synthetic images beside real ones; exit code 3 if a control passes, so that the page proves nothing."""
    import sys

    from rich.console import Console

    from astrogan.cli.judging import ValidateSettings, run_validate, verdict_table
    from astrogan.cli.progress import Steps

    console = Console()
    settings = ValidateSettings(real, synthetic, out, raw, model, training, most, images, seed, overwrite)
    report = run_validate(settings, Steps(console))
    console.print(verdict_table(report))
    console.print(f"{settings.page}", markup=False, highlight=False, soft_wrap=True)
    for warning in report.numbers["warnings"]:
        print(f"astrogan: {warning}", file=sys.stderr)
    verdict = report.numbers["verdict"]
    if report.numbers["warnings"]:
        raise typer.Exit(3)
    if strict and verdict["passed"] < verdict["checks"]:
        raise typer.Exit(1)


def train_features(
    out: Weights,
    galaxies: Annotated[int, typer.Option(help="Simulated galaxies to train on.")] = 15_000,
    images: Annotated[int, typer.Option(help="Stamps shown in all.")] = 200_000,
    seed: Annotated[int, typer.Option(help="Key of all random numbers.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace what an earlier run wrote.")] = False,
) -> None:
    """Train the frozen features of the kernel distance, on simulations only."""
    from rich.console import Console

    from astrogan.cli.features import FeatureSettings, run_feature_training
    from astrogan.cli.progress import Steps

    run_feature_training(FeatureSettings(out, galaxies, images, seed, overwrite), Steps(Console()))
