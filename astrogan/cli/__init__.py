"""The command line: the only place that knows everything. Commands import what they need when they run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app", "main"]

app = typer.Typer(
    name="astrogan",
    help="Simulated galaxies and lenses, refined towards real sky without moving a label.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

Real = Annotated[str, typer.Option(help="Real sky: 'hubble', or a FITS/HDF5 file, or a folder of FITS files by band.")]
Bands = Annotated[str | None, typer.Option(help="Bands to use, in order, such as 'gri' or 'F814W,F606W'.")]
PixelScale = Annotated[float | None, typer.Option(help="Side of a pixel [arcsec], where the images do not say.")]
Seed = Annotated[int, typer.Option(help="Key of all random numbers.")]
Overwrite = Annotated[bool, typer.Option(help="Replace what an earlier run wrote.")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("astrogan-demo"),
    real: Real = "hubble",
    bands: Bands = None,
    pixel_scale: PixelScale = None,
    galaxies: Annotated[int, typer.Option(help="Weakly lensed galaxies to simulate.")] = 2000,
    lenses: Annotated[int, typer.Option(help="Strong lenses to simulate.")] = 64,
    minutes: Annotated[float, typer.Option(help="Minutes of training.")] = 1.0,
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
        seed=seed,
        overwrite=overwrite,
    )
    folder, report = run_demo(settings, steps)
    console.print(summary_table(report))
    for name in ("report.html", "gallery.png", "lenses.png", "galaxies.h5", "galaxies.fits", "lenses.fits"):
        console.print(f"{folder / name}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{steps.seconds:.0f} s in all", highlight=False)


def main() -> None:
    """Run the command line; what went wrong is one line on stderr and exit code 1."""
    try:
        app()
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"astrogan: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
