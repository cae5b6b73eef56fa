"""The labels that a simulator draws or is given: complete, within their ranges, and of their full shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs import Survey
from catalogs.checks import within
from simulators._psf_choice import check_psfs, psf_labels
from simulators.labels import check_labels
from simulators.layout import Layout
from simulators.neighbours import NEIGHBOUR_LABELS
from simulators.population import PopulationLike, draw_labels
from simulators.samples import LabelShapes, labels_of
from simulators.streams import uniform

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["checked_labels", "drawn_labels", "label_shapes"]

Array = NDArray[np.float64]


def label_shapes(layout: Layout, survey: Survey) -> LabelShapes:
    """The dimensions that labels of a layout have, and those of neighbours."""
    seconds = {**layout.dimensions, **dict.fromkeys(NEIGHBOUR_LABELS, "neighbour")}
    return LabelShapes((*layout.flux_labels, NEIGHBOUR_LABELS[0]), seconds, survey.band_names)


def drawn_labels(
    layout: Layout, population: PopulationLike, survey: Survey, seed: int, ids: NDArray[np.int64], tag: str
) -> dict[str, Array]:
    """Labels of samples `ids` by the layout's own populations and `population` over them; what these leave out of the
    discrete labels, with equal chances.
    """
    names = tuple(name for name in layout.given if name not in layout.discrete)
    extras = (*layout.extras, *layout.defaults, *layout.discrete)
    drawn = draw_labels(layout.population, population, survey, names, seed, ids, tag, extras)
    for name, count in layout.discrete.items():
        if name not in drawn:
            drawn[name] = np.floor(uniform(seed, ids, f"label.{name}{tag}") * count)
    return drawn


def checked_labels(
    truth: xr.Dataset | Mapping[str, ArrayLike], layout: Layout, psf: Any, survey: Survey, owner: str
) -> dict[str, Array]:
    """All labels that `truth` gives a simulator named `owner` with the choice of PSFs `psf`.

    Raises
    ------
    ValueError
        For a missing or unknown label, or a value or shape out of range.
    """
    optional = (*layout.extras, *layout.defaults, *layout.derived)
    names = (*layout.given, *(name for name in optional if name in truth))
    names += (NEIGHBOUR_LABELS if NEIGHBOUR_LABELS[0] in truth else ()) + psf_labels(psf)
    given = labels_of(truth, names, label_shapes(layout, survey), owner)
    labels = check_labels(dict(given), names, owner)
    for name, count in layout.discrete.items():
        values = within(f"{owner} label {name}", labels[name], 0, count - 1)
        if (values % 1 != 0).any():
            raise ValueError(f"{owner} label {name} = {values[values % 1 != 0][0]:g} is not a whole number")
    for name, other in layout.defaults.items():
        if name not in labels:
            labels[name] = labels[other][:, 0] if other in layout.dimensions else labels[other]
    return check_psfs(psf, {name: labels[name] for name in (*layout.labels, *labels)}, owner)
