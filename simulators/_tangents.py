"""Derivatives of expected images by labels: central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["differences"]

Array = NDArray[np.float64]


def differences(
    expected: Callable[[dict[str, Array], str], Array],
    values: dict[str, Array],
    name: str,
    step: float,
    *,
    components: bool,
    bands: tuple[str, ...],
) -> Iterator[tuple[str, Array]]:
    """(tangent name, derivative (S, B, y, x)) of one label, split by component and, for fluxes, by band.

    Parameters
    ----------
    expected : function
        (labels, the label that moves) -> the part of the expected image that it moves.
    values : mapping of str to array
        All labels.
    step : float
        Half the difference; negative ones are fractions of the value.
    components : bool
        The label has a component dimension.
    bands : tuple of str
        Band names of a flux; empty for other labels.
    """
    value = values[name]
    numbers = range(value.shape[1]) if components else [None]
    for component in numbers:
        move = np.zeros_like(value)
        at = (slice(None), component) if component is not None else slice(None)
        move[at] = np.maximum(-step * np.abs(value[at]), 1e-9) if step < 0 else np.full_like(value[at], step)
        up, down = (expected({**values, name: end}, name) for end in (value + move, value - move))
        width = 2.0 * move[at]
        tag = name if component is None or len(numbers) == 1 else f"{name}_{component}"
        for b, band in enumerate(bands):
            plane = np.zeros_like(up)
            plane[:, b] = (up[:, b] - down[:, b]) / width[:, b, None, None]
            yield f"{tag}_{band}", plane
        if not bands:
            yield tag, (up - down) / width[:, None, None, None]
