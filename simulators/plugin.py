"""Simulators by name: those of this package and those that other installed packages bring.

A package brings one by an entry point of the group ``astrogan.simulators``, whose object is called with the options of
the simulator and gives something with ``simulate(n, seed, start=0)`` (`simulators.testing.SimulatesSamples`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from catalogs.checks import one_of

__all__ = ["GROUP", "get_simulator", "list_simulators"]

GROUP = "astrogan.simulators"
_OWN = {"StrongLens": "simulators.strong_lens", "WeakLens": "simulators.weak_lens"}


def list_simulators() -> tuple[str, ...]:
    """Names that `get_simulator` takes: ours, then those of other packages in alphabetical order."""
    return (*_OWN, *sorted(_brought()))


def get_simulator(name: str) -> Callable[..., Any]:
    """What makes the simulator called `name`: a class or function to call with its options.

    Raises
    ------
    ValueError
        For an unknown name (the nearest valid one is given), one that two packages bring, one that cannot be imported
        or is not callable.
    """
    one_of("simulator", name, list_simulators())
    if name in _OWN:
        return getattr(importlib.import_module(_OWN[name]), name)  # type: ignore[no-any-return]  # a class, by name
    entry = _brought()[name]
    try:
        made = entry.load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"simulator {name!r}: {entry.value} of {_owner(entry)} cannot be imported: {error}") from error
    if not callable(made):
        raise ValueError(f"simulator {name!r}: {entry.value} of {_owner(entry)} is {made!r}, which is not callable")
    return made  # type: ignore[no-any-return]  # a class, by name


def _brought() -> dict[str, EntryPoint]:
    """Name -> entry point of every other package; asked for anew each time, since packages may be installed."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = found.setdefault(entry.name, entry)
        if entry.name in _OWN or other.value != entry.value:
            owners = sorted({_owner(entry), "astrogan" if entry.name in _OWN else _owner(other)})
            raise ValueError(f"simulator {entry.name!r} is brought by {' and by '.join(owners)}: remove one")
    return found


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
