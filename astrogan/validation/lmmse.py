"""The linear estimator of least mean square error: the baseline of inpainting.

With K the covariance of pixels, noise included, and u the hole, k what was observed,

    x̂_u = K_uk K_kk⁻¹ x_k = -(K⁻¹)_uu⁻¹ (K⁻¹)_uk x_k        (Kay 1993, theorem 12.1; the same in terms of K⁻¹)

K is measured on training windows, each divided by its rms, so that bright ones do not outweigh all others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Lmmse"]

RIDGE = 1e-3  # of the mean variance, added to K


class Lmmse:
    """An estimator of windows (y, x) of one band.

    Parameters
    ----------
    training : (N, size, size)
        Whole windows; they are also turned and flipped.
    """

    def __init__(self, training: ArrayLike) -> None:
        windows = np.asarray(training, dtype=np.float64)
        if windows.ndim != 3 or windows.shape[1] != windows.shape[2] or not np.isfinite(windows).all():
            raise ValueError(f"training windows of shape {windows.shape} must be finite and (N, size, size)")
        turned = [np.rot90(windows, k, (1, 2)) for k in range(4)]
        flat = np.concatenate([half for one in turned for half in (one, one[:, :, ::-1])]).reshape(8 * len(windows), -1)
        rms = np.sqrt(np.mean(flat**2, axis=1))
        flat = flat[rms > 0] / rms[rms > 0, None]
        covariance = flat.T @ flat / len(flat)
        covariance[np.diag_indices_from(covariance)] += RIDGE * np.trace(covariance) / len(covariance)
        self._precision = np.linalg.inv(covariance)

    def fill(self, windows: ArrayLike, holes: ArrayLike) -> NDArray[np.float64]:
        """Windows (M, size, size) with the estimate in their `holes` (M, size, size) bool."""
        out = np.array(windows, dtype=np.float64)
        for window, hole in zip(out, np.asarray(holes, dtype=bool), strict=True):
            window[hole] = self._estimate(window.ravel(), hole.ravel())
        return out

    def _estimate(self, x: NDArray[np.float64], u: NDArray[np.bool_]) -> NDArray[np.float64]:
        rows = self._precision[u]
        return np.asarray(-np.linalg.solve(rows[:, u], rows[:, ~u] @ x[~u]))
