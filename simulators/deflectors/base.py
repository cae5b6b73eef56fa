"""What a deflector is: arrays of lenses, checked at construction, and all that follows from their formulas."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators._columns import rows_at, set_columns
from simulators._kernels._jit import run
from simulators.labels import LABELS, Label

__all__ = ["CENTRE", "SHAPE", "Array", "Deflector", "evaluate", "offsets"]

Array = NDArray[np.float64]
Gradient = tuple[Array, Array, Array, Array]
CENTRE = {"x": LABELS["lens_x"], "y": LABELS["lens_y"]}
SHAPE = {"e1": LABELS["lens_e1"], "e2": LABELS["lens_e2"]}
_SHARE = 2**14  # points worth a thread


class Deflector(ABC):
    """N lenses; points x, y [arcsec] of any one shape are looked at through each of them.

    A deflector is a frozen dataclass whose fields named in `ranges` are arrays of shape (N,), and three formulas for
    points of shape (N, P), row n for lens n: `_deflection`, `_gradient` and `_potential`.

    Raises
    ------
    ValueError
        For a field that is not finite or out of range, two components whose modulus is out of range, or fields
        whose shapes do not go together.
    """

    ranges: ClassVar[Mapping[str, Label]]  # fields and their unit, meaning and range
    moduli: ClassVar[Mapping[tuple[str, str], float]] = {}  # pairs of components and the largest modulus
    dimensions: ClassVar[int] = 1  # of every field
    irrotational: ClassVar[bool] = True  # the deflection is the gradient of the potential

    def __post_init__(self) -> None:
        set_columns(self, self.ranges, self.moduli, self.dimensions)

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.ranges))))

    def take(self, index: ArrayLike) -> Self:
        """The lenses at `index` (a whole number, or an array of them or of booleans)."""
        rows = rows_at(len(self), index)
        fields = {name: getattr(self, name)[rows] for name in self.ranges}
        return dataclasses.replace(self, **fields)  # type: ignore[type-var]  # every subclass is a dataclass

    @abstractmethod
    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Deflection [arcsec] at x, y (N, P)."""

    @abstractmethod
    def _gradient(self, x: Array, y: Array) -> Gradient:
        """Derivatives (alpha_x by x, alpha_x by y, alpha_y by x, alpha_y by y) at x, y (N, P)."""

    @abstractmethod
    def _potential(self, x: Array, y: Array) -> Array:
        """Potential [arcsec^2] at x, y (N, P)."""

    def _points(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, tuple[int, ...]]:
        """x, y as (N, P), the same points for every lens, and the shape (N, *x.shape) of the answer."""
        px, py = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        try:
            px, py = np.broadcast_arrays(px, py)
        except ValueError:
            raise ValueError(f"points x of shape {px.shape} and y of shape {py.shape} do not go together") from None
        shape = (len(self), px.size)
        return np.broadcast_to(px.ravel(), shape), np.broadcast_to(py.ravel(), shape), (len(self), *px.shape)

    def deflection(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Deflection [arcsec] at the points x, y [arcsec], two arrays of shape (N, *x.shape)."""
        px, py, shape = self._points(x, y)
        ax, ay = self._deflection(px, py)
        return ax.reshape(shape), ay.reshape(shape)

    def source(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Where the points x, y [arcsec] lie without the lens [arcsec], two arrays of shape (N, *x.shape)."""
        ax, ay = self.deflection(x, y)
        return np.asarray(x) - ax, np.asarray(y) - ay

    def potential(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Potential [arcsec^2] at the points x, y [arcsec], shape (N, *x.shape)."""
        px, py, shape = self._points(x, y)
        return self._potential(px, py).reshape(shape)

    def gradient(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Derivatives d alpha_i / d theta_j at the points x, y [arcsec], shape (N, *x.shape, 2, 2)."""
        px, py, shape = self._points(x, y)
        return np.stack(self._gradient(px, py), axis=-1).reshape(*shape, 2, 2)

    def jacobian(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Lens equation: d beta_i / d theta_j at the points x, y [arcsec], shape (N, *x.shape, 2, 2)."""
        jacobian: Array = np.eye(2) - self.gradient(x, y)
        return jacobian

    def convergence(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Convergence at the points x, y [arcsec], shape (N, *x.shape)."""
        px, py, shape = self._points(x, y)
        xx, _, _, yy = self._gradient(px, py)
        return np.asarray(0.5 * (xx + yy)).reshape(shape)

    def shear(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Shear gamma1, gamma2 at the points x, y [arcsec], two arrays of shape (N, *x.shape)."""
        px, py, shape = self._points(x, y)
        xx, xy, yx, yy = self._gradient(px, py)
        return np.asarray(0.5 * (xx - yy)).reshape(shape), np.asarray(0.5 * (xy + yx)).reshape(shape)

    def magnification(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Magnification at the points x, y [arcsec], negative where parity flips, inf on critical curves, shape
        (N, *x.shape).
        """
        px, py, shape = self._points(x, y)
        xx, xy, yx, yy = self._gradient(px, py)
        with np.errstate(divide="ignore"):
            return np.asarray(1.0 / ((1.0 - xx) * (1.0 - yy) - xy * yx)).reshape(shape)


def offsets(lens: Any, x: Array, y: Array) -> tuple[Array, Array]:
    """Points (N, P) seen from the centre of each lens."""
    return x - lens.x[:, None], y - lens.y[:, None]


def evaluate(loop: Callable[..., None], count: int, x: Array, y: Array, rows: Array) -> Any:
    """`count` quantities of a kernel made by `field_loop` for lenses `rows` (N, ...) at x, y (N, P)."""
    out = np.empty((count, *x.shape))
    share = max(1, _SHARE // max(x.shape[1], 1))
    run(loop, len(x), np.ascontiguousarray(x), np.ascontiguousarray(y), rows, out, share=share)
    return out
