"""Cut-outs of real frames around sources, and their split by position."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators._frames import MAX_SIDE, read_frames
from simulators._sources import SATURATED, STAR, Sources

__all__ = ["clear_of_glare", "cut_out", "glaring", "split_by_position", "strip_edges"]

GLARE_SNR = 500.0  # stars whose halo reaches beyond their aperture


def cut_out(
    images: Any, x: ArrayLike, y: ArrayLike, size: int, *, bands: Iterable[str] | None = None, missing: float = 0.01
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Background-subtracted stamps around positions.

    Parameters
    ----------
    images : array or DataArray, (band, y, x) or (y, x)
        Pixels; NaN is missing.
    x, y : (N,) array
        Positions [pixel index]; each stamp's geometric centre is within half a pixel of its position.
    size : int
        Side of a stamp [pixel].
    bands : iterable of str, optional
        Bands to use.
    missing : float
        Largest share of missing pixels in any band of a stamp; those left are set to 0, the sky.

    Returns
    -------
    stamps : (M, band, size, size) float32
        Stamps that lie inside the frame, in the images' unit.
    kept : (M,) int64
        Their indices among the positions.

    Raises
    ------
    ValueError
        As `as_cube`; for positions that are not finite or differ in number, or a size that the frame cannot hold.
    """
    bands = None if bands is None else tuple(bands)
    xs, ys = _positions("x", x), _positions("y", y)
    if len(xs) != len(ys):
        raise ValueError(f"x and y have different lengths: {len(xs)} and {len(ys)}")
    within("missing", missing, 0.0, 1.0)
    within("size", size, 4, MAX_SIDE, "pixels")
    frames = read_frames(images, bands)
    ny, nx = frames.data.shape[-2:]
    within("size", size, 4, min(ny, nx), "pixels")
    side = int(size)
    left, low = (np.rint(at - (side - 1) / 2).astype(np.int64) for at in (xs, ys))
    inside = np.flatnonzero((left >= 0) & (low >= 0) & (left + side <= nx) & (low + side <= ny))
    window = np.arange(side)
    rows, columns = low[inside, None, None] + window[:, None], left[inside, None, None] + window
    share = frames.missing[:, rows, columns].mean(axis=(2, 3)).max(axis=0)
    good = share <= missing
    stamps = frames.data[:, rows[good], columns[good]]
    return np.ascontiguousarray(np.moveaxis(stamps, 0, 1)), inside[good]


def glaring(sources: Sources) -> NDArray[np.bool_]:
    """Mask (N,) of stars that are saturated or above snr 500."""
    return sources.having(STAR) & (sources.having(SATURATED) | (sources.snr > GLARE_SNR))


def clear_of_glare(sources: Sources, size: int) -> NDArray[np.bool_]:
    """Mask (N,) of sources that keep half a stamp of side `size` [pixel] plus the aperture away from glaring stars."""
    from scipy.spatial import cKDTree

    clear = np.ones(len(sources), dtype=bool)
    stars = sources[glaring(sources)]
    if len(stars):
        tree = cKDTree(np.stack([sources.x, sources.y], axis=1))
        reach = size / 2 + stars.aperture
        for near in tree.query_ball_point(np.stack([stars.x, stars.y], axis=1), reach):
            clear[near] = False
    return clear


def strip_edges(x: ArrayLike, held_out: float = 0.25, pairs: int = 1) -> NDArray[np.float64]:
    """Edges [pixel index] of strips that are in turn for training and held out, from low to high x.

    Each of the `pairs` holds as many of the positions `x` (N,), and the share `held_out` of them in its second strip.
    Several pairs make both sides see the whole frame, whose depth and sky vary.

    Raises
    ------
    ValueError
        For positions that are not finite, a share outside (0, 1), or no pair.
    """
    xs = _positions("x", x)
    within("held_out", held_out, 0.0, 1.0, open_low=True)
    within("pairs", pairs, 1, 1000)
    shares = [(pair + part) / pairs for pair in range(pairs) for part in (1.0 - held_out, 1.0)]
    return np.asarray(np.quantile(xs, shares[:-1]) if len(xs) else np.zeros(0))


def split_by_position(
    x: ArrayLike, size: int, edges: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Training and held-out masks (N,) of stamps of side `size` [pixel] centred at `x` [pixel index].

    Stamps that reach over one of `edges` (of `strip_edges`) belong to neither: no pixel is in both.

    Raises
    ------
    ValueError
        For positions that are not finite, or a split with an empty side.
    """
    xs = _positions("x", x)
    within("size", size, 1, MAX_SIDE, "pixels")
    left = np.rint(xs - (int(size) - 1) / 2)
    first, last = (np.searchsorted(edges, at, side="right") for at in (left, left + int(size) - 1))
    training, held = (first == last) & (first % 2 == 0), (first == last) & (first % 2 == 1)
    if not training.any() or not held.any():
        raise ValueError(f"{len(xs)} positions cannot be split into strips for stamps of {int(size)} pixels")
    return training, held


def _positions(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """`values` as a 1-D float64 array of pixel coordinates."""
    return np.atleast_1d(within(name, values, -MAX_SIDE, 2 * MAX_SIDE, "pixels")).ravel()
