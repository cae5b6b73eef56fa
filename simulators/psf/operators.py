"""A PSF and the pixel response as a sum of separable operators, from the cells of a fine grid to pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulators.grid import PixelGrid
from simulators.psf.base import PSF, Array, band_limit
from simulators.streams import normal

__all__ = ["padding", "separable_operators"]

_WING = 3e-4  # light of a PSF that may be left out
_LARGE, _RANGE, _ROUNDING = 1024, 192, 1e-9  # side of a table; singular values looked for; what may be left of it


def padding(psfs: tuple[PSF, ...], grid: PixelGrid) -> int:
    """Pixels to add around the stamp, so that what lies outside it and is smeared into it is drawn.

    As far as the PSFs hold all but 3e-4 of their light, but no more than a quarter of a stamp (or 8 pixels): flat wings
    would ask for any number. Of an object outside that frame, the light is missed that the PSF takes farther than a
    quarter of a stamp; light inside the frame is smeared over the whole stamp in any case.
    """
    wing = max(psf.radius_of(1.0 - _WING) for psf in psfs) / grid.scale
    return max(2, min(math.ceil(min(wing, 1e6)) + 1, max(8, grid.size // 4)))


def separable_operators(
    psf: PSF, grid: PixelGrid, oversample: int, pad: int, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """PSF and pixel response as a sum of column times row operators from fine cells to pixels.

    The PSF, tabulated on eight points per half wave of its band limit, is split by its singular value decomposition;
    each singular vector is integrated over the pixel exactly (spline). The pixel sum of a fine image f (surface
    brightness) is ``sum_k R_k^T f C_k``. The PSF is cut at a square that holds all but 3e-4 of its light, or where
    the padded stamp ends, two stamps out at the most.

    Returns
    -------
    operators : (K, 2, cells, size)
        Along x and along y, cell areas included; K is the least with the neglected singular values below `tolerance`
        of the first.
    first, last : (K, cells)
        The pixels [first, last) that a cell reaches.
    """
    from scipy.interpolate import CubicSpline

    cell = grid.scale / oversample
    reach = max((pad - 0.5) * grid.scale, min(psf.radius_of(1.0 - _WING), (grid.size + pad) * grid.scale))
    reach = min(reach, 2.0 * grid.size * grid.scale)
    step = math.pi / (8.0 * band_limit(psf, 1e-4, 8.0 * math.pi / grid.scale))
    axis = np.linspace(-reach, reach, 2 * max(64, math.ceil(reach / step)) + 1)
    along_y, s, along_x = _split(psf, axis)
    rank = max(1, int(np.count_nonzero(s > tolerance * s[0])))
    offset = grid.axis()[None, :] - grid.axis(oversample, pad)[:, None]
    lower = np.clip(offset - grid.scale / 2.0, -reach, reach)
    upper = np.clip(offset + grid.scale / 2.0, -reach, reach)
    operators = np.empty((rank, 2, *offset.shape))
    for k in range(rank):
        for side, vector in enumerate((along_x[k], along_y[:, k])):
            integral = CubicSpline(axis, vector * math.sqrt(s[k])).antiderivative()
            operators[k, side] = (integral(upper) - integral(lower)) * cell
    touched = np.broadcast_to(upper > lower, operators.shape[:1] + offset.shape)
    first = np.where(touched.any(-1), touched.argmax(-1), 0)
    last = np.where(touched.any(-1), touched.shape[-1] - touched[..., ::-1].argmax(-1), 0)
    return operators, first, last


def _split(psf: PSF, axis: Array) -> tuple[Array, Array, Array]:
    """Singular value decomposition (u, s, v) of the brightness on the symmetric `axis`, rows along y.

    A circular PSF is even and symmetric: a quarter of the table, its first row and column counted half, is enough.
    """
    if not psf.circular:
        return _leading(psf.brightness(axis[None, :], axis[:, None]))
    half = axis[len(axis) // 2 :]
    twice = np.full(len(half), math.sqrt(2.0))
    twice[0] = 1.0
    table = psf.profile(np.hypot(half[:, None], half[None, :]))
    values, vectors = np.linalg.eigh(table * twice[:, None] * twice[None, :])
    order = np.argsort(-np.abs(values))
    values, quarter = values[order], vectors[:, order] / twice[:, None]
    whole = np.concatenate([quarter[:0:-1], quarter])
    return whole * np.sign(values), np.abs(values), whole.T


def _leading(table: Array) -> tuple[Array, Array, Array]:
    """Singular value decomposition of a table, as far as it goes above rounding.

    A PSF of some hundred pixels makes large tables of few singular values: these are decomposed within their range
    (Halko, Martinsson & Tropp 2011, SIAM Rev. 53, 217), if it holds them.
    """
    if len(table) > _LARGE:
        mixed = table @ normal(0, np.arange(len(table)), "psf.range", (_RANGE,))
        span = np.linalg.qr(table @ (table.T @ np.linalg.qr(mixed)[0]))[0]
        rows = span.T @ table
        if np.abs(table - span @ rows).max() < _ROUNDING * np.abs(table).max():
            u, s, v = np.linalg.svd(rows, full_matrices=False)
            return span @ u, s, v
    return np.linalg.svd(table, full_matrices=False)
