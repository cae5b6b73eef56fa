"""Shear from a catalogue of points."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators.labels import LABELS
from simulators.shear_fields.base import Array, ShearField

__all__ = ["ShearCatalogue"]


@dataclass(frozen=True, eq=False)
class ShearCatalogue(ShearField):
    """Reduced shear and convergence given at N points: linear between them (Delaunay), beyond their hull the nearest's.

    Parameters
    ----------
    x, y : array_like, shape (N,)
        Places [arcsec] from the frame's centre; at least 3, not on one line.
    g1, g2 : array_like, shape (N,)
        Reduced shear.
    kappa : array_like, shape (N,) or one value
        Convergence.

    Raises
    ------
    ValueError
        For values that are not finite or out of range, lengths that differ, or points that span no area.
    """

    x: ArrayLike
    y: ArrayLike
    g1: ArrayLike
    g2: ArrayLike
    kappa: ArrayLike = 0.0

    def __post_init__(self) -> None:
        columns = [within(f"ShearCatalogue {k}", getattr(self, k), -1e6, 1e6, "arcsec") for k in ("x", "y")]
        for name in ("g1", "g2", "kappa"):
            columns.append(within(f"ShearCatalogue {name}", getattr(self, name), LABELS[name].low, LABELS[name].high))
        if columns[0].ndim != 1 or any(column.shape not in ((), columns[0].shape) for column in columns):
            raise ValueError(f"ShearCatalogue columns have shapes {[column.shape for column in columns]}, not one (N,)")
        within("ShearCatalogue |g|", np.hypot(columns[2], columns[3]), 0.0, 0.9)
        for name, column in zip(("x", "y", "g1", "g2", "kappa"), columns, strict=True):
            object.__setattr__(self, name, np.array(np.broadcast_to(column, columns[0].shape)))
        self._interpolators  # noqa: B018  # refuses points that span no area

    @functools.cached_property
    def _interpolators(self) -> tuple[Any, Any]:
        from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
        from scipy.spatial import QhullError

        points = np.stack([np.asarray(self.x), np.asarray(self.y)], axis=1)
        values = np.stack([np.asarray(getattr(self, name)) for name in ("g1", "g2", "kappa")], axis=1)
        try:
            return LinearNDInterpolator(points, values), NearestNDInterpolator(points, values)
        except (QhullError, ValueError):
            raise ValueError(
                f"the {len(points)} points of ShearCatalogue span no area: give three off a line"
            ) from None

    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
        """See `ShearField.at`."""
        linear, nearest = self._interpolators
        px, py = np.atleast_1d(x), np.atleast_1d(y)
        values = linear(px, py)
        outside = np.isnan(values[:, 0])
        values[outside] = nearest(px[outside], py[outside])
        return values[:, 0], values[:, 1], values[:, 2]
