"""The table of measured sources."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLENDED", "EDGE", "SATURATED", "STAR", "Sources"]

Array = NDArray[np.float64]
EDGE, SATURATED, BLENDED, STAR = 1, 2, 4, 8


@dataclass(frozen=True, eq=False)
class Sources:
    """Measured sources, one entry each along the first axis; ``sources[mask]`` selects.

    Attributes
    ----------
    x, y : (N,) float64
        Centroid [pixel index].
    flux, flux_err : (N, band) float64
        Sum in one elliptical Kron aperture common to all bands, neighbours masked, and its error from the background
        alone (white-noise error times the measured excess of 4 x 4 pixel means; infinite without pixels) [image unit].
    peak : (N, band) float64
        Highest pixel of the source's footprint above the background [image unit].
    rms : (N, band) float64
        Local rms of the background [image unit].
    radius, radius20, radius80 : (N,) float64
        Geometric mean radii of ellipses of the source's shape that hold 50, 20 and 80 % of its aperture flux in the
        detection image, seen through the PSF [pixel].
    aperture : (N,) float64
        Geometric mean radius of the Kron aperture [pixel].
    a, b, theta : (N,) float64
        Second-moment axes [pixel] of the pixels above the threshold, and position angle [rad, from +x].
    e1, e2 : (N,) float64
        Ellipticity (a-b)/(a+b) along theta, not corrected for the PSF.
    snr : (N,) float64
        Signal-to-noise ratio of the aperture flux in the detection image.
    flags : (N,) int64
        Sum of EDGE 1 (touches the frame or missing pixels), SATURATED 2, BLENDED 4, STAR 8 (on the stellar locus).
    """

    x: Array
    y: Array
    flux: Array
    flux_err: Array
    peak: Array
    rms: Array
    radius: Array
    radius20: Array
    radius80: Array
    aperture: Array
    a: Array
    b: Array
    theta: Array
    e1: Array
    e2: Array
    snr: Array
    flags: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Any) -> Sources:
        return Sources(**{field.name: np.asarray(getattr(self, field.name))[index] for field in fields(self)})

    def galaxies(self, snr: float = 10.0) -> NDArray[np.bool_]:
        """Mask (N,) of what can be measured as a galaxy of at least `snr`: no star, not saturated, not at an edge."""
        measurable = (self.radius20 > 0) & (self.radius80 < 1.5 * self.aperture)
        return ~self.having(EDGE | SATURATED | STAR) & (self.snr >= snr) & measurable

    def having(self, flags: int) -> NDArray[np.bool_]:
        """Mask (N,) of the sources with any of `flags`."""
        return np.asarray(self.flags & flags, dtype=bool)
