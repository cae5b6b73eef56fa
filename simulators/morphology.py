"""Morphology of stamps without a model: size, concentration, asymmetry, smoothness, Gini, M20, in batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators._kernels._jit import run
from simulators._kernels.morphology import STEP
from simulators._kernels.morphology import morphology as morphology_loop
from simulators.moments import OBJECT_SIGMA, adaptive_moments

__all__ = ["Morphology", "morphology"]

Array = NDArray[np.float64]
MAD = 1.4826022185056018  # sigma of a Gaussian in units of its median absolute deviation
STRAY = 4.0  # pixels from the stamp's centre at which an adaptive centroid belongs to another object


@dataclass(frozen=True)
class Morphology:
    """Non-parametric morphology of a batch of stamps, every field of shape (S,); NaN where there is no light.

    Parameters
    ----------
    x, y : array
        Centre about which the asymmetry is least [pixel index].
    petrosian : array
        Radius at which the surface brightness is 0.2 of the mean within [pixel], at most the distance to the edge.
    flux : array
        Light within 1.5 Petrosian radii [image unit].
    r20, r50, r80 : array
        Radii of circles that hold 20, 50 and 80 % of it [pixel].
    asymmetry : array
        A of Conselice et al. (2000), less the sky's.
    smoothness : array
        S of Conselice (2003, eq. 5) without its factor of 10, boxes of 0.25 Petrosian radii.
    gini, m20 : array
        Lotz, Primack & Madau (2004, eqs. 6 and 8), of the pixels brighter than the Petrosian surface brightness.
    """

    x: Array
    y: Array
    petrosian: Array
    flux: Array
    r20: Array
    r50: Array
    r80: Array
    asymmetry: Array
    smoothness: Array
    gini: Array
    m20: Array

    @property
    def concentration(self) -> Array:
        """C = 5 log10(r80 / r20) (Conselice 2003, eq. 4)."""
        return np.asarray(5.0 * np.log10(self.r80 / np.maximum(self.r20, 0.25 * STEP)))


def morphology(images: ArrayLike) -> Morphology:
    """Measure the object at the centre of every stamp; neighbours are not masked.

    Parameters
    ----------
    images : array_like
        Stamps, shape (S, y, x), sides of at least 16. The median of each border is taken off as its sky.

    Raises
    ------
    ValueError
        For another shape, or pixels that are not finite.
    """
    stamps = np.array(images, dtype=np.float64)
    if stamps.ndim != 3 or min(stamps.shape[1:]) < 16:
        raise ValueError(f"images has shape {stamps.shape}; it must be (stamp, y, x) with sides of at least 16")
    if not np.isfinite(stamps).all():
        raise ValueError(f"images: {int((~np.isfinite(stamps)).any(axis=(1, 2)).sum())} stamps are not finite")
    ny, nx = stamps.shape[1:]
    width = max(3, min(ny, nx) // 8)
    frame = np.ones((ny, nx), dtype=bool)
    frame[width:-width, width:-width] = False
    sky = np.median(stamps[:, frame], axis=1)
    sigma = MAD * np.median(np.abs(stamps[:, frame] - sky[:, None]), axis=1)
    stamps -= sky[:, None, None]
    out = np.empty((len(stamps), 11))
    room = int(np.hypot(ny, nx) / (2 * STEP)) + 4
    run(morphology_loop, len(stamps), stamps, _centres(stamps), width, sigma, room, out)
    return Morphology(*out.T)


def _centres(stamps: Array) -> Array:
    """Adaptive centroids, or the stamp's centre where they stray or do not converge, (S, 2)."""
    middle = np.array([stamps.shape[2] - 1, stamps.shape[1] - 1]) / 2
    moments = adaptive_moments(stamps, start_sigma=OBJECT_SIGMA, leap=True)
    found = np.stack([moments.x, moments.y], axis=1)
    stray = ~(np.hypot(*(found - middle).T) < min(STRAY, min(stamps.shape[1:]) / 6))
    return np.where(stray[:, None], middle, found)
