"""Derivatives of expected images by labels: central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from catalogs import Survey
from simulators.labels import LABELS
from simulators.layout import Layout

__all__ = ["tangents"]

Array = NDArray[np.float64]


def tangents(
    expected: Callable[[dict[str, Array], str], Array],
    values: dict[str, Array],
    names: Iterable[str],
    layout: Layout,
    survey: Survey,
) -> dict[str, Array]:
    """Derivatives (S, B, y, x) by the labels `names`, split by component and, for fluxes, by band.

    Parameters
    ----------
    expected : function
        (labels, the label that moves) -> the part of the expected image that it moves.
    values : mapping of str to array
        All labels.
    names, layout, survey
    """
    columns: dict[str, Array] = {}
    for name in names:
        bands = survey.band_names if name in layout.flux_labels else ()
        step = layout.step(name, survey.pixel_scale)
        columns |= dict(_differences(expected, values, name, step, several=name in layout.dimensions, bands=bands))
    return columns


def _differences(
    expected: Callable[[dict[str, Array], str], Array],
    values: dict[str, Array],
    name: str,
    step: float,
    *,
    several: bool,
    bands: tuple[str, ...],
) -> Iterator[tuple[str, Array]]:
    """(tangent name, derivative) of one label; negative steps are fractions of the value, and none leave its range."""
    value = values[name]
    numbers = range(value.shape[1]) if several else [None]
    for component in numbers:
        move = np.zeros_like(value)
        at = (slice(None), component) if component is not None else slice(None)
        size = np.abs(value[at])
        move[at] = np.where(size > 0.0, -step * size, -step) if step < 0 else np.full_like(size, step)
        label = LABELS[name]
        ends = [np.clip(end, label.low, label.high) for end in (value + move, value - move)]
        up, down = (expected({**values, name: end}, name) for end in ends)
        inside = (ends[0] == value + move) & (ends[1] == value - move)
        width = np.where(inside, 2.0 * move, ends[0] - ends[1])[at]
        tag = name if component is None or len(numbers) == 1 else f"{name}_{component}"
        for b, band in enumerate(bands):
            plane = np.zeros_like(up)
            plane[:, b] = (up[:, b] - down[:, b]) / width[:, b, None, None]
            yield f"{tag}_{band}", plane
        if not bands:
            yield tag, (up - down) / width[:, None, None, None]
