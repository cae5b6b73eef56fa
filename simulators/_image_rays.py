"""Lensed sources that are not Sersics, such as the pixels of real galaxies: evenly spaced rays, the light's own
brightness.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators._kernels.rays import Plan
from simulators.deflectors import Deflector
from simulators.light import Light

__all__ = ["add_even_rays"]

Array = NDArray[np.float64]
CHUNK = 2**18  # rays at once


def add_even_rays(plan: Plan, lens: Deflector, source: Light, flux: Array, rays: int, out: Array) -> None:
    """Add one source (N,) of unit flux seen through each lens (N,), times flux (N, B), to out (N, B, n, n).

    Each fine cell of `plan` is the mean of rays x rays midpoints. That the operators take a cell's light for its
    centre's is made good by 1/24 of the second differences.
    """
    axis = plan.axis.astype(np.float64)
    step = axis[1] - axis[0]
    points = (axis[:, None] + ((np.arange(rays) + 0.5) / rays - 0.5) * step).ravel()
    for n in range(len(lens)):
        plane = _brightness(lens.take(n), source.take(n), points)
        cells = plane.reshape(len(axis), rays, len(axis), rays).mean(axis=(1, 3))
        around = np.pad(cells, 1)
        cells = (
            cells - (around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2] - 4.0 * cells) / 24.0
        )
        for b, operators in enumerate(plan.operators.astype(np.float64)):
            for along_x, along_y in operators:
                image = along_y.T @ cells.T @ along_x
                out[n, b] += flux[n, b] * image[: out.shape[-2], : out.shape[-1]]


def _brightness(lens: Deflector, source: Light, points: Array) -> Array:
    """What the rays through `points` (P,) by `points`, x first, see of one source through one lens, shape (P, P)."""
    plane = np.zeros((points.size, points.size))
    reach = source.reach()[0]
    at_x, at_y = np.asarray(source.x)[0], np.asarray(source.y)[0]
    lines = max(1, CHUNK // points.size)
    for start in range(0, points.size, lines):
        part = slice(start, start + lines)
        x, y = np.meshgrid(points[part], points, indexing="ij")
        u, v = (ends[0] for ends in lens.source(x, y))
        seen = (np.abs(u - at_x) <= reach) & (np.abs(v - at_y) <= reach)  # not of rays through a singular centre
        plane[part][seen] = source.brightness(u[seen], v[seen])[0]
    return plane
