"""What an earlier run of the same job left: shards that are whole, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from astrogan.dataset.files import replace_file
from astrogan.dataset.hdf5 import StoreError
from astrogan.dataset.manifest import Header, Shard, read_manifest, shard_file
from astrogan.dataset.shard_reader import check_file
from astrogan.dataset.verification import examine, file_sha256
from astrogan.jobs.schema import Job, job_from, job_sha256
from astrogan.jobs.shards import Task
from astrogan.jobs.strict_yaml import MAX_SIZE, parse_yaml

__all__ = ["JOB_FILE", "check_kept_job", "keep_job", "whole_shards"]

JOB_FILE = "job.yaml"


def keep_job(folder: Path, job: Job) -> None:
    """Write the resolved job into the folder, or see that the one that is there is the same.

    Raises
    ------
    ValueError
        If another job stands there, with the keys that differ.
    """
    path = folder / JOB_FILE
    content = job.model_dump(mode="json", by_alias=True, exclude={"out"}, exclude_none=True)
    if not path.exists():
        replace_file(path, yaml.safe_dump(content, sort_keys=False).encode())
        return
    other = job_from(parse_yaml(path.read_bytes(), str(path)), str(path))
    if job_sha256(other) != job_sha256(job):
        there = other.model_dump(mode="json", by_alias=True, exclude={"out"}, exclude_none=True)
        keys = [f"{a}.{b}" for a in {**there, **content} for b in _differing(there.get(a), content.get(a))]
        raise ValueError(f"{folder} holds another job; different are: {', '.join(sorted(keys))}")


def check_kept_job(folder: Path, sha256: str) -> None:
    """See that the job that a folder keeps, if it keeps one, is the one of its shards.

    Raises
    ------
    ValueError
        If it is damaged or another.
    """
    path = folder / JOB_FILE
    if not path.is_file():
        return
    if path.stat().st_size > MAX_SIZE or job_sha256(job_from(parse_yaml(path.read_bytes()))) != sha256:
        raise ValueError("not the job that made the shards")


def _differing(first: object, second: object) -> list[str]:
    if not isinstance(first, dict) or not isinstance(second, dict):
        return [] if first == second else ["*"]
    return [key for key in {**first, **second} if first.get(key) != second.get(key)]


def whole_shards(folder: Path, job: Job, tasks: Sequence[Task]) -> tuple[dict[int, Shard], Header | None]:
    """Shards of `tasks` that are on the disk with the right content, and their header.

    Those in the manifest must have its size and SHA-256; others, which a run wrote and did not live to list, are read
    whole. Everything else will be made again.
    """
    try:
        manifest = read_manifest(folder, partial=True)
        listed, header = {shard.shard: shard for shard in manifest.shards}, manifest.header
    except (StoreError, FileNotFoundError):
        listed, header = {}, None
    if header is not None and header.job_sha256 != job_sha256(job):
        listed, header = {}, None
    found = {}
    for task in tasks:
        path = folder / shard_file(task.number)
        shard = listed.get(task.number)
        try:
            if shard is None or check_file(path) != shard.bytes or file_sha256(path) != shard.sha256:
                shard, its_header, _ = examine(path, task.number)
                if its_header.job_sha256 != job_sha256(job) or not (header is None or its_header.same_as(header)):
                    continue
                header = header or replace(its_header.without_varying(), shards=None)
            found[task.number] = shard
        except (StoreError, OSError):
            continue
    return found, header
