"""Commands on sample stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astrogan.dataset.verification import Fault

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
            faults = [*verify_store(store, step.advance), *_faults_of_job(store)]
            step.done(f"{len(faults)} faults" if faults else "as it was written")
    for fault in faults:
        print(fault)
    if faults:
        raise typer.Exit(1)


def _faults_of_job(store: Path) -> list[Fault]:
    from astrogan.dataset.hdf5 import StoreError
    from astrogan.dataset.manifest import read_manifest
    from astrogan.dataset.verification import Fault
    from astrogan.jobs.resume import JOB_FILE, check_kept_job

    try:
        made = read_manifest(store).header.job_sha256
    except (StoreError, OSError):  # which has been told already
        return []
    try:
        check_kept_job(store, made)
    except (ValueError, OSError) as error:
        return [Fault(JOB_FILE, str(error))]
    return []
