"""What a shear field is: reduced shear and convergence anywhere in a frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators.labels import LABELS

__all__ = ["Array", "ShearField", "ShearLike", "reduced", "shear_at"]

Array = NDArray[np.float64]


class ShearField(ABC):
    """Reduced shear and convergence as functions of place, in arcsec from the frame's centre."""

    @abstractmethod
    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
        """Reduced shear g1, g2 and convergence kappa at x, y (N,) [arcsec], (N,) each."""


ShearLike = ShearField | Sequence[float] | Callable[[Array, Array], Any] | None


def reduced(gamma1: Array, gamma2: Array, kappa: Array) -> tuple[Array, Array, Array]:
    """Reduced shear and convergence: g = gamma / (1 - kappa)."""
    return gamma1 / (1.0 - kappa), gamma2 / (1.0 - kappa), kappa


def shear_at(shear: ShearLike, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """g1, g2 and kappa (N,) that `shear` has at x, y (N,) [arcsec]: none, one for all, a function's or a field's.

    Raises
    ------
    ValueError
        For what is none of these, a number out of range, |g| above 0.9, or shapes that do not fit.
    """
    if shear is None:
        given: Any = (0.0, 0.0)
    elif isinstance(shear, ShearField):
        given = shear.at(x, y)
    else:
        given = shear(x, y) if callable(shear) else shear
    parts = tuple(given) if hasattr(given, "__len__") else ()
    if len(parts) not in (2, 3):
        raise ValueError(
            f"shear = {shear!r} is neither (g1, g2), (g1, g2, kappa), a function that gives them, nor a field"
        )
    columns = []
    for name, value in zip(("g1", "g2", "kappa"), (*parts, 0.0)[:3], strict=True):
        checked = within(f"shear {name}", value, LABELS[name].low, LABELS[name].high)
        if checked.shape not in ((), x.shape):
            raise ValueError(f"shear {name} has shape {checked.shape} at {x.shape} points")
        columns.append(np.array(np.broadcast_to(checked, x.shape)))
    within("shear |g|", np.hypot(columns[0], columns[1]), 0.0, 0.9)
    return columns[0], columns[1], columns[2]
