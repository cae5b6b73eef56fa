"""Names for single images, by which a set that must not share any with training is known to share none."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["fingerprints", "stamp_digests"]

WINDOW = 16  # central pixels a side that count
EXTREMES = 12  # brightest and darkest of them


def fingerprints(images: ArrayLike) -> NDArray[np.str_]:
    """A name for every band of every image: the places of the brightest and darkest of its central pixels, hashed.

    Units, gain, sky level and the size of the cut-out (of sides that are all even or all odd) do not change it, so an
    image in nJy is known in units of its noise. A shifted, turned or rebinned image has another.

    Parameters
    ----------
    images : (N, C, y, x)
        Sides of at least 16 pixels.

    Returns
    -------
    (N, C) str
        12 hexadecimal digits; images that differ share one with a chance of 4e-15.

    Raises
    ------
    ValueError
        For another shape.
    """
    pixels = np.asarray(images, dtype=np.float32)
    if pixels.ndim != 4 or min(pixels.shape[-2:]) < WINDOW:
        raise ValueError(f"images {pixels.shape} must be (image, band, y, x) with sides of at least {WINDOW}")
    y, x = ((side - WINDOW) // 2 for side in pixels.shape[-2:])
    flat = pixels[..., y : y + WINDOW, x : x + WINDOW].reshape(-1, WINDOW**2)
    order = np.argsort(flat, axis=1, kind="stable")
    places = np.sort(np.stack([order[:, :EXTREMES], order[:, -EXTREMES:]], axis=1), axis=2).astype("<u2")
    names = [hashlib.blake2b(row.tobytes(), digest_size=6).hexdigest() for row in places]
    return np.array(names).reshape(pixels.shape[:2])


def stamp_digests(stamps: NDArray[Any]) -> list[str]:
    """SHA-256, in hexadecimal, of each stamp's pixels (band, y, x): float32, little-endian, C order."""
    return [hashlib.sha256(np.ascontiguousarray(stamp, dtype="<f4").tobytes()).hexdigest() for stamp in stamps]
