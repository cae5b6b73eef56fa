"""Which samples kill the process that makes them: found by making them one by one in a process that may die."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from astrogan.jobs.schema import Job
from astrogan.jobs.shards import Task, time_limit
from astrogan.jobs.stages import FEW, Batches

__all__ = ["find_killers", "make_each"]


def find_killers(content: str, task: Task, timeout: float | None = None) -> list[int]:
    """Samples of a shard during which a process of their own crashes, is killed or takes longer than `timeout` seconds.

    Each death costs the start of one process; samples that merely raise are no killers.

    Raises
    ------
    ValueError
        If each of the first few kills: then it is not the samples' fault.
    """
    found: list[int] = []
    at, stop = task.start, task.start + task.count
    while at < stop:
        made = _made_before_death(json.dumps([content, at, stop, timeout]))
        at += made
        if made < 0:  # it did not get as far as to make a sample
            break
        if at < stop:
            found.append(at)
            at += 1
        if len(found) == FEW == at - task.start:
            raise ValueError(f"each of the samples {task.start} … {at - 1} ends the process that makes it")
    return found


def _made_before_death(order: str) -> int:
    """Samples that a process made before it ended; -1 if it could not begin."""
    code = f"from {__name__} import make_each; make_each()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line, pipe = [sys.executable, "-c", code], subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment) as child:
        said, _ = child.communicate(order.encode())
    return said.count(b"\n") - 1


def make_each() -> None:
    """Make the samples that stdin asks for and throw them away; stdout gets a line first, and one after each."""
    content, start, stop, timeout = json.load(sys.stdin)
    out, batches = os.dup(1), Batches(Job.model_validate_json(content))
    os.dup2(2, 1)  # lines of others do not count
    os.write(out, b"\n")
    for number in range(start, stop):
        with time_limit(timeout):
            for _ in batches.between(number, number + 1):
                pass
        os.write(out, b"\n")
