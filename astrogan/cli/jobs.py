"""Commands that run jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from astrogan.cli.progress import Steps

if TYPE_CHECKING:
    from astrogan.jobs.run import Summary, Workers
    from astrogan.jobs.schema import Job

__all__ = ["RunSettings", "run"]

SHOWN = 20  # quarantined samples that are printed; the log has all


@dataclass(frozen=True)
class RunSettings:
    """What ``astrogan run`` was asked to do."""

    job: Path
    settings: tuple[str, ...]
    out: Path | None
    workers: Workers
    resume: bool
    dry_run: bool


def run(settings: RunSettings) -> None:
    """Run a job, or say what it would take.

    Raises
    ------
    typer.Exit
        With code 3 if samples are missing, 130 if interrupted.
    ValueError, OSError
        As of `astrogan.jobs.run.run_job`.
    """
    import typer
    from rich.console import Console

    from astrogan.jobs.kernels import keep_kernels
    from astrogan.jobs.run import load_job, run_job

    keep_kernels()
    steps = Steps(Console(stderr=True))
    job = load_job(settings.job, settings.settings)
    out = settings.out or (Path(job.out) if job.out is not None else None)
    if settings.dry_run:
        _tell_plan(job, out, steps)
        return
    if out is None:
        raise ValueError(f"{settings.job}: give a directory, with the key out or --out")
    try:
        with steps.step(f"Run {settings.job} into {out}") as step:
            summary = run_job(job, out, settings.workers, resume=settings.resume, on_progress=step.advance)
            step.done(_line(summary))
    except KeyboardInterrupt:
        steps.console.print("interrupted; the shards that were written stay: run again with --resume", markup=False)
        raise typer.Exit(130) from None
    for one in summary.quarantined[:SHOWN]:
        print(f"quarantined: sample {one['sample_id']}, seed {one['seed']}: {one['error']}")
    _judge(job, summary)
    if summary.missing:
        raise typer.Exit(3)


def _judge(job: Job, summary: Summary) -> None:
    if job.validation is None:
        return
    bad, most = summary.flagged + summary.missing, job.validation.max_flagged
    share = bad / max(1, summary.samples + summary.missing)
    if share > most:
        raise ValueError(
            f"validate: {bad} samples ({100 * share:.3g} %) are flagged or quarantined; allowed are {100 * most:g} %"
        )
    for score in summary.judged:
        told, error, allowed = score["accuracy"], score["error"], job.validation.max_accuracy
        text = f"{score['classifier']} tell {100 * told:.1f} ± {100 * error:.1f} % from {job.validation.real}"
        if told - 2 * error > allowed:
            raise ValueError(f"validate: {text}; allowed are {100 * allowed:g} %")
        print(f"validate: {text}")


def _line(summary: Summary) -> str:
    parts = [f"{summary.samples} samples in {summary.kept + summary.made} of {summary.planned} shards"]
    parts.append(f"{summary.bytes / 2**20:.1f} MiB")
    if summary.kept:
        parts.append(f"{summary.kept} shards were there")
    parts += [f"{summary.flagged} flagged"] * bool(summary.flagged)
    parts += [f"{summary.missing} quarantined, which log.jsonl names"] * bool(summary.missing)
    return ", ".join([*parts, *["other jobs of the array are still to end"] * (not summary.complete)])


def _tell_plan(job: Job, out: Path | None, steps: Steps) -> None:
    from astrogan.jobs.run import estimate

    with steps.step("Make the first samples") as step:
        made = estimate(job)
        step.done("and throw them away")
    print(f"into     {out or 'nowhere yet: give --out'}")
    print(f"samples  {made.samples}")
    print(f"shards   {made.shards} of {job.store.shard_size}")
    print(f"bytes    {made.bytes / 2**20:,.1f} MiB")
    print(f"time     {made.seconds:,.0f} s of one process")
