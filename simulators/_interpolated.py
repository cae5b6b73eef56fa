"""Images between their pixels: the quintic interpolation that is GalSim's default, and its Fourier transform."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["interpolant_transform", "interpolate"]

Array = NDArray[np.float64]
_TAPS = range(-2, 4)  # pixels that the interpolant reaches, from the one below the point


def _interpolant(t: Array) -> Array:
    """Quintic kernel of Bernstein & Gruen (2014, PASP 126, 287) at `t` pixels."""
    u = np.abs(t)
    core = 1.0 + u**3 / 12.0 * (-95.0 + u * (138.0 - 55.0 * u))
    ring = (u - 1.0) * (u - 2.0) / 24.0 * (-138.0 + u * (348.0 + u * (-249.0 + 55.0 * u)))
    edge = (u - 2.0) * (u - 3.0) ** 2 / 24.0 * (-54.0 + u * (50.0 - 11.0 * u))
    return np.select([u <= 1.0, u <= 2.0, u <= 3.0], [core, ring, edge], 0.0)


def interpolant_transform(cycles: Array) -> Array:
    """Fourier transform of the kernel at `cycles` per pixel."""
    s, phase = np.sinc(cycles), math.pi * cycles
    return np.asarray(s**5 * (s * (55.0 - 19.0 * phase**2) + 2.0 * np.cos(phase) * (phase**2 - 27.0)))


def interpolate(samples: Array, column: ArrayLike, row: ArrayLike) -> Array:
    """Values of an image (rows, columns) at fractional `column`, `row`, of any shapes that broadcast; outside it 0."""
    shape = np.broadcast_shapes(np.shape(column), np.shape(row))
    places = []
    for values, axis in ((row, 0), (column, 1)):
        t = np.asarray(values, dtype=np.float64)
        below = np.floor(np.clip(t, -4.0, samples.shape[axis] + 4.0))
        taps = [(np.clip(below + tap, -4, samples.shape[axis] + 3), t - below - tap) for tap in _TAPS]
        places.append([(index.astype(np.int64) + 4, _interpolant(distance)) for index, distance in taps])
    padded = np.pad(samples, 4)
    out = np.zeros(shape)
    for at, weight_y in places[0]:
        line = np.zeros(shape)
        for across, weight_x in places[1]:
            line += weight_x * padded[at, across]
        out += weight_y * line
    return out
