"""Refusal of bad input, said the same way everywhere: the name, the value, the range, the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["nearest", "one_of", "within"]


def nearest(name: str, valid: Iterable[str]) -> str:
    """The valid name closest to `name` in spelling (case ignored); the first one when nothing is close."""
    names = list(valid)
    lowered = {item.lower(): item for item in reversed(names)}
    close = get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.0)
    return lowered[close[0]] if close else names[0]


def one_of(kind: str, name: str, valid: Iterable[str]) -> str:
    """Return `name` if it is one of `valid`.

    Raises
    ------
    ValueError
        Naming the kind of thing, the nearest valid name and all valid names.
    """
    names = list(valid)
    if name in names:
        return name
    if not names:
        raise ValueError(f"unknown {kind} {name!r}: there is none to choose from")
    raise ValueError(f"unknown {kind} {name!r}: did you mean {nearest(name, names)!r}? Valid: {', '.join(names)}")


def within(
    name: str, value: ArrayLike, low: float, high: float, unit: str = "", *, open_low: bool = False
) -> NDArray[np.float64]:
    """Return `value` as float64 if every element is finite and in [low, high] (or (low, high] with `open_low`).

    Raises
    ------
    ValueError
        Naming the quantity, its first bad value, how many are bad, and the allowed range.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} is not a number") from None
    good = np.isfinite(array) & (array <= high) & ((array > low) if open_low else (array >= low))
    if good.all():
        return array
    bad = array[~good]
    of = f" ({bad.size} of {array.size} values)" if array.size > 1 else ""
    bracket = "(" if open_low else "["
    tail = f" {unit}" if unit else ""
    raise ValueError(f"{name} = {bad.flat[0]:g}{of} is outside {bracket}{low:g}, {high:g}]{tail}")
