"""Labels from pixels by linear least squares: how far a change of an image moves each label."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within

__all__ = ["label_shift"]

RANK_TOLERANCE = 1e-12  # eigenvalue of the Fisher matrix with unit diagonal below which the pixels say nothing
CHUNK_PIXELS = 1 << 22


def label_shift(
    difference: ArrayLike, tangents: ArrayLike, variance: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Change of the labels' weighted least-squares estimate when `difference` is added to the images, and its noise.

    shift = (J^T W J)^+ J^T W d with W = 1 / variance; error = square root of the diagonal of (J^T W J)^+, the
    Cramer-Rao bound for noise of that variance, independent from pixel to pixel.

    Parameters
    ----------
    difference : array_like
        Change of the images, shape (S, B, y, x) [image unit].
    tangents : array_like
        d image / d label, shape (S, K, B, y, x) [image unit per label unit].
    variance : array_like
        Noise variance, broadcast to the shape of `difference` [image unit squared]; infinity masks a pixel.

    Returns
    -------
    shift, error : array
        Shape (S, K) [label unit]. Where labels are degenerate `shift` is the shortest solution in units of the labels'
        single errors, and the `error` of every label involved is infinite.

    Raises
    ------
    ValueError
        Shapes that do not match, differences or tangents that are not finite, a variance that is not positive.
    """
    d, j = np.asarray(difference), np.asarray(tangents)
    if d.ndim != 4 or j.ndim != 5 or (j.shape[0], *j.shape[2:]) != d.shape:
        raise ValueError(f"difference {d.shape} and tangents {j.shape} must be (S, B, y, x) and (S, K, B, y, x)")
    d = within("difference", d, -np.inf, np.inf)
    noise = np.asarray(variance, dtype=np.float64)
    if not (noise > 0).all():
        raise ValueError("variance must be positive (infinity masks a pixel)")
    try:
        noise = np.broadcast_to(noise, d.shape)
    except ValueError:
        raise ValueError(f"variance {noise.shape} does not fit difference {d.shape}") from None
    shift, error = np.empty(j.shape[:2]), np.empty(j.shape[:2])
    step = max(1, CHUNK_PIXELS // max(1, j[0].size if len(j) else 1))
    for start in range(0, len(d), step):
        part = slice(start, start + step)
        root = np.sqrt(noise[part])
        rows = within("tangents", j[part], -np.inf, np.inf) / root[:, None]
        white = rows.reshape(*rows.shape[:2], d[0].size)
        shift[part], error[part] = _solve(white, (d[part] / root).reshape(len(root), -1))
    return shift, error


def _solve(white: NDArray[np.float64], data: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares of data (S, P) on rows white (S, K, P): solution and error, both (S, K)."""
    fisher = white @ white.mT
    size = np.sqrt(np.diagonal(fisher, axis1=1, axis2=2))
    scale = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
    value, vector = np.linalg.eigh(fisher * scale[:, :, None] * scale[:, None])
    keep = value > RANK_TOLERANCE
    inverse = np.divide(1.0, value, out=np.zeros_like(value), where=keep)
    right = (white @ data[:, :, None])[..., 0] * scale
    shift = scale * np.einsum("skr,sr,slr,sl->sk", vector, inverse, vector, right, optimize=True)
    error = scale * np.sqrt(np.einsum("skr,sr->sk", vector**2, inverse))
    lost = np.einsum("skr,sr->sk", vector**2, ~keep) > 1e-6
    return shift, np.where(lost, np.inf, error)
