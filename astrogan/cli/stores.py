"""Commands on sample stores."""

from __future__ import annotations

from pathlib import Path

__all__ = ["run_verify"]


def run_verify(store: Path, rebuild_manifest: bool) -> None:
    """Print every fault of a store, one on a line, or that there is none.

    Raises
    ------
    typer.Exit
        With code 1 if there are faults.
    ValueError, OSError
        If there is no store, or no shard to rebuild a manifest from.
    """
    import typer
    from rich.console import Console

    from astrogan.cli.progress import Steps
    from astrogan.dataset.verification import rebuild, verify_store

    if not store.exists():
        raise FileNotFoundError(f"{store}: there is nothing at this name")
    with Steps(Console(stderr=True)).step(f"Verify {store}") as step:
        if rebuild_manifest:
            manifest, faults = rebuild(store)
            step.done(f"manifest of {len(manifest.shards)} whole shards written")
        else:
            faults = verify_store(store, step.advance)
            step.done(f"{len(faults)} faults" if faults else "as it was written")
    for fault in faults:
        print(fault)
    if faults:
        raise typer.Exit(1)
