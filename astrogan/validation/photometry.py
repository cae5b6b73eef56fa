"""What refinement does to catalogue quantities: aperture fluxes, places, sizes and shapes, with their errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps
from astrogan.validation.tables import Measurement, mean_of
from catalogs.checks import within

__all__ = ["moment_change", "photometry_change"]

Array = NDArray[np.float64]
SUBPIXELS = 5


def photometry_change(
    before: ArrayLike, after: ArrayLike, *, radii: tuple[float, ...] = (3.0, 5.0)
) -> dict[str, Measurement]:
    """Change of the flux in circular apertures about the stamps' centres, relative to the mean flux before.

    Parameters
    ----------
    before, after : (N, C, y, x)
        The same objects; all bands count alike.
    radii : tuple of float
        [pixel].

    Returns
    -------
    dict
        ``flux r=3`` -> sum of the changes over the sum of the fluxes, with the standard error over objects. (A mean of
        ratios would be ruled by the faintest.)
    """
    x, y = _pair(before, after)
    found = {}
    for radius in radii:
        within("radii", radius, 1.0, min(x.shape[-2:]) / 2, "pixels")
        mask = _aperture(x.shape[-2], x.shape[-1], radius)
        flux, change = (np.einsum("ncyx,yx->nc", image, mask, dtype=np.float64) for image in (x, y.astype(float) - x))
        found[f"flux r={radius:g}"] = mean_of((change / flux.mean(axis=0)).mean(axis=1))
    return found


def moment_change(before: ArrayLike, after: ArrayLike) -> dict[str, Measurement]:
    """Mean change of flux and size (relative), centroid [pixel] and ellipticity by adaptive moments, band by band.

    Over the images that converge before and after at one object; each flux counts by its weight, as in
    `photometry_change`.
    """
    from simulators.moments import OBJECT_SIGMA, adaptive_moments

    x, y = (image.reshape(-1, *image.shape[-2:]) for image in _pair(before, after))
    one, other = adaptive_moments(x, start_sigma=OBJECT_SIGMA), adaptive_moments(y, start_sigma=OBJECT_SIGMA)
    same = np.hypot(other.x - one.x, other.y - one.y) < 0.5 * one.sigma
    good = one.converged & other.converged & same & (one.amplitude > 0)
    return {
        "flux": mean_of((other.amplitude - one.amplitude)[good] / one.amplitude[good].mean()),
        "size": mean_of((other.sigma / one.sigma - 1)[good]),
        "x": mean_of((other.x - one.x)[good]),
        "y": mean_of((other.y - one.y)[good]),
        "e1": mean_of((other.e1 - one.e1)[good]),
        "e2": mean_of((other.e2 - one.e2)[good]),
    }


def _pair(before: ArrayLike, after: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    x, y = as_stamps("before", before), as_stamps("after", after)
    if x.shape != y.shape:
        raise ValueError(f"shapes do not match: before {x.shape}, after {y.shape}")
    return x, y


def _aperture(ny: int, nx: int, radius: float) -> Array:
    """Share of each pixel (y, x) within `radius` of the stamp's centre."""
    part = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
    y, x = (np.add.outer(np.arange(n) - (n - 1) / 2, part).ravel() for n in (ny, nx))
    inside = np.hypot(y[:, None], x) <= radius
    return np.asarray(inside.reshape(ny, SUBPIXELS, nx, SUBPIXELS).mean(axis=(1, 3)))
