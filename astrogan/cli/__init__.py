"""The command line: the only place that knows everything. Commands import what they need when they run."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from astrogan.cli.inpainter import inpaint, train_inpainter
from astrogan.cli.options import Bands, NewDirectory, Overwrite, PixelScale, Real, Seed, ShardSize, Store
from astrogan.cli.refiner import refine, train_refiner
from astrogan.cli.restorer import restore, train_restorer
from astrogan.cli.validate import train_features, validate

__all__ = ["app", "main"]

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

app = typer.Typer(
    name="astrogan",
    help="Simulated galaxies and lenses, refined towards real sky without moving a label.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")] = Path("astrogan-demo"),
    real: Real = "hubble",
    bands: Bands = None,
    pixel_scale: PixelScale = None,
    galaxies: Annotated[int, typer.Option(help="Weakly lensed galaxies to simulate.")] = 2000,
    lenses: Annotated[int, typer.Option(help="Strong lenses to simulate.")] = 64,
    minutes: Annotated[float, typer.Option(help="Minutes of training.")] = 1.0,
    judge_images: Annotated[int, typer.Option(help="Stamps shown to the network that judges, per fold.")] = 8000,
    seed: Seed = 1,
    overwrite: Overwrite = False,
) -> None:
    """Real sky in, refined labelled lenses out: the whole chain in about three minutes."""
    from rich.console import Console

    from astrogan.cli.demo import DemoSettings, run_demo
    from astrogan.cli.progress import Steps
    from astrogan.cli.tables import summary_table

    console = Console()
    steps = Steps(console)
    settings = DemoSettings(
        out=out,
        real=real,
        bands=bands,
        pixel_scale=pixel_scale,
        galaxies=galaxies,
        lenses=lenses,
        minutes=minutes,
        judge_images=judge_images,
        seed=seed,
        overwrite=overwrite,
    )
    folder, report = run_demo(settings, steps)
    console.print(summary_table(report))
    for name in ("report.html", "gallery.png", "lenses.png", "galaxies.h5", "galaxies.fits", "lenses.fits"):
        console.print(f"{folder / name}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{steps.seconds:.0f} s in all", highlight=False)


train_app = typer.Typer(help="Train a model on real sky.", no_args_is_help=True)
app.add_typer(train_app, name="train")
train_app.command("refiner")(train_refiner)
train_app.command("inpainter")(train_inpainter)
train_app.command("restorer")(train_restorer)
train_app.command("features")(train_features)
app.command()(refine)
app.command()(inpaint)
app.command()(restore)
app.command()(validate)


@app.command()
def info(path: Annotated[Path, typer.Argument(help="Samples (.h5 or a directory) or a model (.safetensors).")]) -> None:
    """Say what is in a sample store or a model."""
    from rich.console import Console

    from astrogan.cli.info import describe

    Console().print(describe(path), markup=False, highlight=False, soft_wrap=True)


@app.command()
def export(
    store: Store,
    out: Annotated[Path, typer.Option("--out", "-o", help="The FITS file to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a sample store as FITS: image cubes and the table of labels."""
    from astrogan.dataset.backend import open_samples
    from astrogan.dataset.files import check_target
    from astrogan.export import to_fits

    check_target(out, overwrite)
    to_fits(open_samples(store).load(), out, overwrite=overwrite)


@app.command()
def verify(
    store: Store,
    rebuild: Annotated[bool, typer.Option(help="Write a new manifest from the shards that are whole.")] = False,
) -> None:
    """Read all of a store and name every damage; exit code 1 if there is any."""
    from astrogan.cli.stores import run_verify

    run_verify(store, rebuild)


@app.command()
def merge(
    stores: Annotated[list[Path], typer.Argument(help="Sample stores, in order.")],
    out: NewDirectory,
    shard_size: ShardSize = 4096,
) -> None:
    """Put the samples of several stores of one run into a new directory."""
    from astrogan.dataset.convert import merge_stores

    print(f"{out}: {merge_stores(stores, out, shard_size=shard_size)} shards")


@app.command()
def subset(
    store: Store,
    out: NewDirectory,
    where: Annotated[
        list[str] | None, typer.Option(help="Condition on a label, such as 'theta_E > 1'; repeat it for more.")
    ] = None,
    start: Annotated[int, typer.Option(help="First place in the store.")] = 0,
    stop: Annotated[int | None, typer.Option(help="Place behind the last.")] = None,
    shard_size: ShardSize = 4096,
) -> None:
    """Put some samples of a store, bit for bit, into a new directory."""
    from astrogan.dataset.convert import subset_store

    count = subset_store(store, out, where=where or (), start=start, stop=stop, shard_size=shard_size)
    print(f"{out}: {count} samples")


@app.command()
def convert(
    store: Store,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="What to make: NAME.h5, NAME.zarr, or NAME for a directory of shards.")
    ],
    overwrite: Overwrite = False,
) -> None:
    """Write a store in another form."""
    from astrogan.dataset.convert import convert_store

    convert_store(store, out, overwrite=overwrite)


@app.command()
def run(
    job: Annotated[Path, typer.Argument(help="The job file, YAML; `astrogan schema` says what may stand in it.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory to make; the job's `out` by default.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Put into the job, such as simulate.seed=3.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes here; 0 is this one alone. One per core by default.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Dask cluster to use: its address, or a scheduler file.")
    ] = None,
    njobs: Annotated[int | None, typer.Option(help="Jobs of an array, each of which makes its share.")] = None,
    index: Annotated[int | None, typer.Option("--job", help="Which of them this is, from 0.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds for a shard, after which its worker is ended.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on in a directory that this job began.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what the job would make and take.")] = False,
) -> None:
    """Make the samples of a job file, shard by shard, here or on a cluster."""
    from astrogan.cli.jobs import RunSettings
    from astrogan.cli.jobs import run as run_settings
    from astrogan.jobs.run import Workers

    if (njobs is None) != (index is None):
        raise ValueError("--njobs and --job go together")
    array = None if njobs is None or index is None else (index, njobs)
    who = Workers(workers, scheduler, array, timeout)
    run_settings(RunSettings(job, tuple(settings or ()), out, who, resume, dry_run))


@app.command()
def schema() -> None:
    """Print the JSON schema of job files, for editors."""
    import json

    from astrogan.jobs.schema import Job

    print(json.dumps(Job.model_json_schema(by_alias=True), indent=2))


def main() -> None:
    """Run the command line; what went wrong is one line on stderr.

    Exit codes: 0 all is well; 1 refused, damaged or failed; 2 the command line itself is wrong; 3 the run ended, but
    without some samples, or with a check that proves nothing; 4 the disk is full or failed; 130 interrupted.
    """
    try:
        app()
    except (ValueError, OSError, FloatingPointError, ImportError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"astrogan: {reason}", file=sys.stderr)
        sys.exit(4 if isinstance(error, OSError) and error.errno in DISK else 1)
