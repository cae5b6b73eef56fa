"""Light profiles and deflectors as frozen dataclasses whose fields are checked arrays, one entry per object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators.labels import Label

__all__ = ["rows_at", "set_columns"]


def set_columns(
    owner: Any, ranges: Mapping[str, Label], moduli: Mapping[tuple[str, str], float], dimensions: int = 1
) -> None:
    """Replace the fields named in `ranges` by contiguous float64 arrays of one shape, (N,) or (N, K).

    Parameters
    ----------
    owner : frozen dataclass
    ranges : mapping of str to Label
        Fields, with the range and unit of their values.
    moduli : mapping of (str, str) to float
        Pairs of components and the largest modulus.
    dimensions : int
        Of every field.

    Raises
    ------
    ValueError
        For a value that is not finite or out of range, a modulus out of range, or shapes that do not go together.
    """
    name = type(owner).__name__
    checked = {
        field: within(f"{name} {field}", getattr(owner, field), label.low, label.high, label.unit)
        for field, label in ranges.items()
    }
    shapes = {field: array.shape for field, array in checked.items()}
    try:
        shape = np.broadcast_shapes((1,) * dimensions, *shapes.values())
    except ValueError:
        raise ValueError(f"{name} parameters have shapes that do not go together: {shapes}") from None
    if len(shape) != dimensions:
        allowed = {1: "one dimension is", 2: "two dimensions are"}[dimensions]
        raise ValueError(f"{name} parameters broadcast to shape {shape}; {allowed} allowed")
    for (first, second), largest in moduli.items():
        modulus = np.hypot(*np.broadcast_arrays(checked[first], checked[second]))
        within(f"{name} |{first[:-1]}|", modulus, 0.0, largest)
    for field, array in checked.items():
        object.__setattr__(owner, field, np.ascontiguousarray(np.broadcast_to(array, shape)))


def rows_at(count: int, index: ArrayLike) -> NDArray[np.int64]:
    """Numbers (M,) of the objects at `index`, a whole number or an array of them or of booleans, out of `count`."""
    return np.arange(count)[index].reshape(-1)  # type: ignore[index]  # numpy takes whatever it can index with
