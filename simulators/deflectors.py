"""Deflectors: arrays of lenses, checked at construction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators._kernels import deflectors as kernels
from simulators.labels import LABELS
from simulators.shapes import axis_ratio

__all__ = ["EPL", "ExternalShear"]

SERIES_TOLERANCE = 1e-12
Array = NDArray[np.float64]


def _columns(owner: str, fields: dict[str, tuple[ArrayLike, str]]) -> dict[str, Array]:
    """Check every field against the range of its label and broadcast all to one dimension."""
    checked = {
        name: np.atleast_1d(within(f"{owner} {name}", value, LABELS[label].low, LABELS[label].high, LABELS[label].unit))
        for name, (value, label) in fields.items()
    }
    arrays = np.broadcast_arrays(*checked.values())
    if arrays[0].ndim != 1:
        raise ValueError(f"{owner} parameters broadcast to shape {arrays[0].shape}; one dimension is allowed")
    return {name: np.ascontiguousarray(array) for name, array in zip(checked, arrays, strict=True)}


@dataclass(frozen=True)
class EPL:
    """Elliptical power-law lenses (Tessore & Metcalf 2015), lenstronomy's EPL convention.

    Parameters
    ----------
    theta_E : array_like
        Einstein radius on the geometric mean axis [arcsec], shape (N,) or one value.
    gamma : array_like
        3-D logarithmic density slope; 2 is isothermal.
    e1, e2 : array_like
        Ellipticity of the mass, |e| = (1-q)/(1+q).
    x, y : array_like
        Centre [arcsec].

    Raises
    ------
    ValueError
        For a value that is not finite or out of range.
    """

    theta_E: ArrayLike
    gamma: ArrayLike = 2.0
    e1: ArrayLike = 0.0
    e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    def __post_init__(self) -> None:
        names = {"theta_E": "theta_E", "gamma": "gamma", "e1": "lens_e1", "e2": "lens_e2", "x": "lens_x", "y": "lens_y"}
        columns = _columns("EPL", {name: (getattr(self, name), label) for name, label in names.items()})
        within("EPL |e|", np.hypot(columns["e1"], columns["e2"]), 0.0, 0.9)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def packed(self) -> Array:
        """Rows [theta_E, t, q, cos, sin, x, y, g1 = 0, g2 = 0, terms] for the kernels, shape (N, 10)."""
        e1, e2 = np.asarray(self.e1), np.asarray(self.e2)
        q, angle = axis_ratio(e1, e2)
        f = np.maximum(np.hypot(e1, e2), 1e-15)
        terms = np.ceil(np.log(SERIES_TOLERANCE) / np.log(f)) + 1.0
        zero = np.zeros_like(q)
        slope = np.asarray(self.gamma) - 1.0
        columns = [self.theta_E, slope, q, np.cos(angle), np.sin(angle), self.x, self.y, zero, zero, terms]
        return np.ascontiguousarray(np.stack([np.asarray(column) for column in columns], axis=-1))

    def deflection(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Deflection [arcsec] at the points x, y [arcsec], two arrays of shape (N, *x.shape)."""
        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        lens = self.packed()
        out_x, out_y = np.empty((2, len(lens), px.size))
        points = np.ascontiguousarray(px.ravel()), np.ascontiguousarray(py.ravel())
        kernels.epl_field_serial(*points, lens, out_x, out_y)
        return out_x.reshape(-1, *px.shape), out_y.reshape(-1, *px.shape)

    def convergence(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Convergence at the points x, y [arcsec], shape (N, *x.shape) (Tessore & Metcalf 2015, eq. 2)."""
        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        dims = (-1, *(1,) * px.ndim)
        theta_e, slope, q, cos, sin, x0, y0 = (column.reshape(dims) for column in self.packed()[:, :7].T)
        u = cos * (px - x0) + sin * (py - y0)
        v = cos * (py - y0) - sin * (px - x0)
        radius = np.sqrt(q**2 * u**2 + v**2) + 1e-12
        return np.asarray((2.0 - slope) / 2.0 * (theta_e * np.sqrt(q) / radius) ** slope)


@dataclass(frozen=True)
class ExternalShear:
    """External shears g1, g2 about the stamp's centre (lenstronomy's SHEAR gamma1, gamma2)."""

    g1: ArrayLike
    g2: ArrayLike

    def __post_init__(self) -> None:
        columns = _columns("ExternalShear", {"g1": (self.g1, "shear_g1"), "g2": (self.g2, "shear_g2")})
        within("ExternalShear |g|", np.hypot(columns["g1"], columns["g2"]), 0.0, 0.5)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def deflection(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Deflection [arcsec] at the points x, y [arcsec], two arrays of shape (N, *x.shape)."""
        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        dims = (-1, *(1,) * px.ndim)
        g1, g2 = np.asarray(self.g1).reshape(dims), np.asarray(self.g2).reshape(dims)
        return g1 * px + g2 * py, g2 * px - g1 * py

    def convergence(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Convergence at the points x, y [arcsec]: zero, shape (N, *x.shape)."""
        px, _ = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        return np.zeros((len(np.asarray(self.g1)), *px.shape))
