"""Adaptive moments of stamps: flux-like amplitude, centroid, size and shape, GalSim's definition, in batches."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators._kernels._jit import run
from simulators._kernels.moments import WEIGHT_FLOOR
from simulators._kernels.moments import adaptive_moments as moments_loop

__all__ = ["OBJECT_SIGMA", "WEIGHT_FLOOR", "Moments", "adaptive_moments", "object_moments"]

OBJECT_SIGMA = 3.0  # [pixel] of a first weight that finds the object in the middle; wider ones see its neighbours too


@dataclass(frozen=True)
class Moments:
    """Adaptive moments of a batch of stamps, every field of shape (...); NaN where `converged` is false.

    Parameters
    ----------
    amplitude : array
        Twice the weighted flux: the flux of the best-fitting elliptical Gaussian [image unit].
    x, y : array
        Centroid in pixel indices, (0, 0) the first pixel's centre.
    mxx, mxy, myy : array
        Covariance M of the Gaussian weight w = exp(-d.M^-1.d / 2) [pixel^2].
    converged : array of bool
        Whether the iteration found its fixed point.
    """

    amplitude: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    mxx: NDArray[np.float64]
    mxy: NDArray[np.float64]
    myy: NDArray[np.float64]
    converged: NDArray[np.bool_]

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Size det(M)^(1/4) [pixel]."""
        return np.asarray((self.mxx * self.myy - self.mxy**2) ** 0.25)

    @property
    def e1(self) -> NDArray[np.float64]:
        """Ellipticity along x, |e| = (1-q)/(1+q) (GalSim's ``observed_shape.g1``)."""
        return (self.mxx - self.myy) / (self.mxx + self.myy + 2.0 * self.sigma**2)

    @property
    def e2(self) -> NDArray[np.float64]:
        """Ellipticity along the diagonal (GalSim's ``observed_shape.g2``)."""
        return 2.0 * self.mxy / (self.mxx + self.myy + 2.0 * self.sigma**2)

    @property
    def weight(self) -> NDArray[np.float64]:
        """The weight's parameters [x, y, mxx, mxy, myy], shape (..., 5)."""
        return np.stack([self.x, self.y, self.mxx, self.mxy, self.myy], axis=-1)


def adaptive_moments(images: ArrayLike, start_sigma: float = 5.0, *, leap: bool = False) -> Moments:
    """Moments under the elliptical Gaussian weight that matches the object's own shape.

    The fixed point of Hirata & Seljak (2003, MNRAS 343, 459) as ``galsim.hsm.FindAdaptiveMom`` defines it: weights
    below 1e-7 are zero, the search starts at the stamp's centre. A stamp without a fixed point is flagged, not raised.

    Parameters
    ----------
    images : array_like
        Stamps, shape (..., y, x).
    start_sigma : float
        Size of the first, round weight [pixel], 0.2 to 60.
    leap : bool
        Go straight to the Gaussian that a weight sees, which is faster, and finds a fixed point of more blends than
        GalSim does, at times another one. By default the path is GalSim's, from weight to weight.

    Raises
    ------
    ValueError
        `images` is not at least two-dimensional and real, or `start_sigma` is out of range.
    """
    sigma = float(within("start_sigma", start_sigma, 0.2, 60.0, "pixel"))
    stamps = np.asarray(images)
    if stamps.ndim < 2 or min(stamps.shape[-2:]) < 1 or stamps.dtype.kind not in "fiu":
        raise ValueError(f"images has shape {stamps.shape} and dtype {stamps.dtype}; it must be real, (..., y, x)")
    lead = stamps.shape[:-2]
    kind = np.float32 if stamps.dtype == np.float32 else np.float64
    stamps = np.ascontiguousarray(stamps.reshape(-1, *stamps.shape[-2:]), dtype=kind)
    out = np.empty((len(stamps), 6))
    run(moments_loop, len(stamps), stamps, sigma, bool(leap), out)
    amplitude, x, y, mxx, mxy, myy = np.moveaxis(out.reshape(*lead, 6), -1, 0)
    return Moments(amplitude, x, y, mxx, mxy, myy, np.isfinite(amplitude))


def object_moments(images: ArrayLike) -> Moments:
    """Moments of the object in the middle of each stamp (..., y, x): from `OBJECT_SIGMA`, or else from GalSim's start.

    In company the iteration has several fixed points, and where it starts decides which it finds.
    """
    stamps = np.asarray(images)
    first = adaptive_moments(stamps, OBJECT_SIGMA)
    if np.all(first.converged):
        return first
    lost = ~first.converged
    other = adaptive_moments(stamps[lost])
    found = {field.name: np.array(getattr(first, field.name)) for field in dataclasses.fields(Moments)}
    for name, values in found.items():
        values[lost] = getattr(other, name)
    return Moments(**found)
