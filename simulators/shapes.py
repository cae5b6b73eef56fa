"""Shears, ellipticities and magnification as 2x2 matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["axis_ratio", "ellipse", "magnification", "semi_axes", "shape_matrix"]

Array = NDArray[np.float64]


def shape_matrix(g1: Array, g2: Array) -> Array:
    """Area-preserving matrices [[1+g1, g2], [g2, 1-g1]] / sqrt(1-|g|^2), shape (..., 2, 2) (Bernstein & Jarvis
    2002).
    """
    norm = 1.0 / np.sqrt(1.0 - g1**2 - g2**2)
    return np.stack([np.stack([1.0 + g1, g2], -1), np.stack([g2, 1.0 - g1], -1)], -2) * norm[..., None, None]


def magnification(g1: Array, g2: Array, kappa: Array) -> Array:
    """Magnification 1 / ((1-kappa)^2 (1-|g|^2)) of a reduced shear and a convergence (Bartelmann & Schneider 2001)."""
    return 1.0 / ((1.0 - kappa) ** 2 * (1.0 - g1**2 - g2**2))


def axis_ratio(e1: Array, e2: Array) -> tuple[Array, Array]:
    """Axis ratio q and position angle [rad, counter-clockwise from +x] of an ellipticity |e| = (1-q)/(1+q)."""
    modulus = np.hypot(e1, e2)
    return (1.0 - modulus) / (1.0 + modulus), 0.5 * np.arctan2(e2, e1)


def ellipse(matrix: Array) -> tuple[Array, Array, Array]:
    """Radius on the geometric mean axis and e1, e2 of the ellipses that `matrix` (..., 2, 2) makes of the unit circle.

    From M M^T = Q: e = (Q11 - Q22 + 2i Q12) / (Q11 + Q22 + 2 sqrt(det Q)) (Seitz & Schneider 1997, eq. 2.4).
    """
    q = matrix @ np.swapaxes(matrix, -1, -2)
    area = np.abs(np.linalg.det(matrix))
    size = q[..., 0, 0] + q[..., 1, 1] + 2.0 * area
    return np.sqrt(area), (q[..., 0, 0] - q[..., 1, 1]) / size, 2.0 * q[..., 0, 1] / size


def semi_axes(matrix: Array) -> Array:
    """Semi-axes (..., 2), the larger first, of the ellipses that `matrix` (..., 2, 2) makes of the unit circle: its
    singular values, by the lengths of its conformal and anticonformal parts.
    """
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    turned, mirrored = np.hypot(a + d, c - b), np.hypot(a - d, c + b)
    return np.stack([turned + mirrored, np.abs(turned - mirrored)], axis=-1) / 2.0
