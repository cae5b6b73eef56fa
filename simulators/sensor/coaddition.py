"""Dithered frames made into one image with its weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import one_of, within
from simulators._kernels.stacking import lay_down
from simulators.sensor.base import FLAGS
from simulators.streams import uniform

__all__ = ["coadd", "dithers"]

_FARTHEST = 1e6  # pixels


def dithers(n: int, step: float, seed: int, sample: int = 0) -> NDArray[np.float64]:
    """Offsets (n, 2) in x and y [pixel] of `n` pointings, even in a square of side `step` about 0."""
    within("dithers n", n, 1, 100_000)
    within("dithers step", step, 0.0, _FARTHEST, "pixel")
    drawn: NDArray[np.float64] = step * (uniform(seed, [sample], "sensor.dithers", (n, 2))[0] - 0.5)
    return drawn


def coadd(
    images: ArrayLike,
    variances: ArrayLike,
    masks: ArrayLike,
    offsets: ArrayLike,
    shape: tuple[int, int] | None = None,
    bad: Sequence[str] = tuple(FLAGS),
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of frames by weight, each laid where it pointed (Fruchter & Hook 2002, PASP 114, 144, with pixfrac 1).

    Parameters
    ----------
    images, variances : arrays (frames, y, x)
        With the sky subtracted and in one unit.
    masks : uint8 array (frames, y, x)
        Bits of `FLAGS`.
    offsets : array (frames, 2)
        Place of a frame's first pixel in the result, x and y [pixel]; its pixels share their light by overlap.
    shape : (y, x), optional
        Of the result; that of a frame by default.
    bad : sequence of str
        Flags of the pixels to leave out.

    Returns
    -------
    image, weight : float32 arrays of `shape`
        The weighted mean, and the sum of the weights, inverse variances times overlaps; both 0 where nothing was seen.

    Raises
    ------
    ValueError
        For shapes that disagree, a flag that is none, a variance that is not positive where a pixel counts, or a pixel
        that counts and is not finite.
    """
    frames, spread, flags = (np.ascontiguousarray(a) for a in (images, variances, masks))
    if frames.ndim != 3 or frames.size == 0 or not frames.shape == spread.shape == flags.shape:
        raise ValueError(f"images {frames.shape}, variances {spread.shape}, masks {flags.shape}: all (frames, y, x)")
    places = within("offsets", offsets, -_FARTHEST, _FARTHEST, "pixel")
    if places.shape != (len(frames), 2):
        raise ValueError(f"offsets has shape {places.shape}; it must be ({len(frames)}, 2)")
    bits = sum(FLAGS[one_of("flag", name, FLAGS)] for name in set(bad))
    size = within("shape", frames.shape[1:] if shape is None else shape, 1, 1_000_000, "pixel").astype(int)
    total, weights = np.zeros(size), np.zeros(size)
    for image, variance, mask, (x, y) in zip(frames, spread, flags, places, strict=True):
        good = (mask & bits) == 0
        within("variance of a good pixel", variance[good], 0.0, 1e30, open_low=True)
        within("good pixel", image[good], -1e30, 1e30)
        weight = np.zeros(image.shape)
        weight[good] = 1.0 / variance[good]
        lay_down(image, weight, float(x), float(y), total, weights)
    seen = weights > 0.0
    total[seen] /= weights[seen]
    return total.astype(np.float32), weights.astype(np.float32)
