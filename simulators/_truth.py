"""The labels that a simulator is given: complete, within their ranges, and of their full shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs import Survey
from simulators._psf_choice import check_psfs, psf_labels
from simulators.labels import check_labels
from simulators.layout import Layout
from simulators.neighbours import NEIGHBOUR_LABELS
from simulators.samples import LabelShapes, labels_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["checked_labels", "label_shapes"]

Array = NDArray[np.float64]


def label_shapes(layout: Layout, survey: Survey) -> LabelShapes:
    """The dimensions that labels of a layout have, and those of neighbours."""
    seconds = {**layout.dimensions, **dict.fromkeys(NEIGHBOUR_LABELS, "neighbour")}
    return LabelShapes((*layout.flux_labels, NEIGHBOUR_LABELS[0]), seconds, survey.band_names)


def checked_labels(
    truth: xr.Dataset | Mapping[str, ArrayLike], layout: Layout, psf: Any, survey: Survey, owner: str
) -> dict[str, Array]:
    """All labels that `truth` gives a simulator named `owner` with the choice of PSFs `psf`.

    Raises
    ------
    ValueError
        For a missing or unknown label, or a value or shape out of range.
    """
    names = layout.labels + tuple(name for name in layout.extras if name in truth)
    names += (NEIGHBOUR_LABELS if NEIGHBOUR_LABELS[0] in truth else ()) + psf_labels(psf)
    given = labels_of(truth, names, label_shapes(layout, survey), owner)
    return check_psfs(psf, check_labels(dict(given), names, owner), owner)
