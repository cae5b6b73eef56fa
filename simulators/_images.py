"""Search for the images of a point source: triangles that hold the source, then Newton's method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.deflectors import Deflector

__all__ = ["find_images"]

Array = NDArray[np.float64]
LEVELS = 8  # a cell is split at most so often,
SPLIT = 4  # into so many along each side
BENT = 0.05  # cells are split where the lens equation departs from a linear one by this part of their side
NEWTON_STEPS, HALVINGS = 60, 12
DONE = 1e-13  # arcsec, times what the ray is bent by: what rounding leaves
SAME = 1e-7  # arcsec: nearer to each other, two images are one
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5]]).T


def find_images(lens: Deflector, source: Array, ax: Array, ay: Array) -> tuple[Array, Array]:
    """Images of `source` (2,) behind one lens, within a grid of coordinates ax, ay: x and y [arcsec].

    Cells of the grid whose image in the source plane holds the source start Newton's method; cells that a critical
    curve crosses, or where the lens is far from linear, are split again and again around the source.
    """
    side = ax[1] - ax[0]
    cells = np.stack([axis.ravel() for axis in np.meshgrid(ax[:-1], ay[:-1])])
    starts = []
    for _ in range(LEVELS + 1):
        points = cells[:, None] + side * CORNERS[:, :, None]  # (2, 5, P)
        traced = np.stack(lens.source(*points))[:, 0]
        starts.append(_starts(points, traced, source))
        cells = cells[:, _unclear(lens, points, traced, source, side)]
        side /= SPLIT
        shifts = side * np.stack([shift.ravel() for shift in np.meshgrid(*[np.arange(SPLIT)] * 2)])
        cells = (cells[:, :, None] + shifts[:, None]).reshape(2, -1)
    images = _newton(lens, np.concatenate(starts, axis=1), source, ax[1] - ax[0])
    inside = (images[0] >= ax[0]) & (images[0] <= ax[-1]) & (images[1] >= ay[0]) & (images[1] <= ay[-1])
    x, y = _distinct(images[:, inside])
    return x, y


def _starts(points: Array, traced: Array, source: Array) -> Array:
    """Where the source lies in every triangle (two corners and the centre of a cell) that holds it, shape (2, M)."""
    found = []
    for a, b, c in ((0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)):
        to = traced - source[:, None, None]
        weights = np.stack([_cross(to[:, p], to[:, q]) for p, q in ((b, c), (c, a), (a, b))])
        holds = (weights >= 0.0).all(axis=0) | (weights <= 0.0).all(axis=0)
        weights = weights[:, holds] / np.where(weights[:, holds].sum(axis=0) == 0.0, 1.0, weights[:, holds].sum(axis=0))
        found.append((weights * points[:, [a, b, c]][:, :, holds]).sum(axis=1))
    return np.concatenate(found, axis=1)


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[0] * b[1] - a[1] * b[0])


def _unclear(lens: Deflector, points: Array, traced: Array, source: Array, side: float) -> NDArray[np.bool_]:
    """Cells (P,) that may hold images that their corners do not show."""
    low, high = traced.min(axis=1), traced.max(axis=1)
    margin = 0.5 * (high - low) + 0.1 * side
    near = ((source[:, None] >= low - margin) & (source[:, None] <= high + margin)).all(axis=0)
    bent = np.hypot(*(traced[:, 4] - traced[:, :4].mean(axis=1))) > BENT * side
    signs = np.sign(lens.magnification(*points[:, :, near])[0])
    crossed = np.zeros_like(near)
    crossed[near] = (signs != signs[0]).any(axis=0)
    return np.asarray(near & (bent | crossed))


def _newton(lens: Deflector, start: Array, source: Array, reach: float) -> Array:
    """Roots (2, M) of the lens equation from `start` by Newton steps, each halved until it leads closer."""

    def miss(points: Array) -> Array:
        return np.stack(lens.source(*points))[:, 0] - source[:, None]

    points, at = start.copy(), miss(start)
    going = np.arange(start.shape[1])  # the others are done, or lead no closer
    for _ in range(NEWTON_STEPS):
        going = going[np.hypot(*at[:, going]) > DONE * (1.0 + np.hypot(*(points[:, going] - source[:, None])))]
        if not going.size:
            break
        jacobian = lens.jacobian(*points[:, going])[0]
        determinant = np.linalg.det(jacobian)
        determinant = np.where(np.abs(determinant) < 1e-14, 1e-14, determinant)
        to = at[:, going]
        move = -np.stack([_cross(to, jacobian[:, :, 1].T), _cross(jacobian[:, :, 0].T, to)]) / determinant
        move *= np.minimum(1.0, reach / np.maximum(np.hypot(*move), 1e-300))
        left = np.arange(going.size)
        for _ in range(HALVINGS):
            there = points[:, going[left]] + move[:, left]
            off = miss(there)
            better = np.hypot(*off) < np.hypot(*to[:, left])
            points[:, going[left[better]]], at[:, going[left[better]]] = there[:, better], off[:, better]
            left = left[~better]
            move *= 0.5
            if not left.size:
                break
        going = np.delete(going, left)
    deflection = np.hypot(*(points - source[:, None]))
    return points[:, np.hypot(*at) < 1e-12 * (1.0 + deflection)]


def _distinct(images: Array) -> Array:
    """Images (2, M) without repetitions."""
    kept: list[Array] = []
    for image in images.T:
        if all(np.hypot(*(image - other)) > SAME for other in kept):
            kept.append(image)
    return np.array(kept).reshape(-1, 2).T
