"""Images of lensed quasars: found once, followed as labels move, and kept in the truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.cosmology import days, time_delay_distance
from simulators.deflectors import Deflector, Each
from simulators.drawing import draw_points
from simulators.grid import PixelGrid
from simulators.lensing import Window, image_positions
from simulators.psf import PSF

__all__ = ["DELAY", "IMAGES", "IMAGE_LABELS", "add_images", "delay_distances", "image_labels"]

Array = NDArray[np.float64]
IMAGES = 12  # kept of each quasar, the brightest
IMAGE_LABELS = ("image_x", "image_y", "image_magnification", "image_type")
DELAY = "image_delay"
REACH = 1.5  # images are looked for in a square this much wider than the stamp, whose edge their light may cross
CELLS = 60  # along its side, before the search refines them
NEWTON_STEPS, FARTHEST = 12, 0.3  # arcsec: an image that goes farther while a label moves a little is another one


def image_labels(
    lens: Deflector, labels: dict[str, Array], grid: PixelGrid, distance: Array | None = None
) -> dict[str, Array]:
    """The labels of all images of each quasar, the first to arrive first, shape (S, `IMAGES`), 0 where there is none.

    Parameters
    ----------
    lens : Deflector
        S lenses.
    labels : mapping
        Checked labels with ``quasar_x`` and ``quasar_y``. Images that they hold already are followed from there, as
        long as none comes or goes; otherwise they are searched for.
    grid : PixelGrid
    distance : array, shape (S,)
        Time-delay distance [Mpc], for ``image_delay``.
    """
    source = np.stack([labels["quasar_x"], labels["quasar_y"]])
    places = np.full((2, len(lens), IMAGES), math.nan)
    lost = np.ones(len(lens), dtype=bool)
    if IMAGE_LABELS[0] in labels:
        there = labels["image_magnification"] != 0.0
        known = np.where(there, np.stack([labels["image_x"], labels["image_y"]]), math.nan)
        places, lost = _followed(lens, source, known, np.sign(labels["image_magnification"]))
    side = REACH * grid.size * grid.scale
    window = Window(side, side / CELLS)
    for s in np.flatnonzero(lost):
        (found,) = image_positions(lens.take(s), source[0, s], source[1, s], window)
        brightest = np.sort(np.argsort(-np.abs(found.magnification), kind="stable")[:IMAGES])
        places[:, s] = math.nan
        places[:, s, : len(brightest)] = found.x[brightest], found.y[brightest]
    return _described(lens, places, distance)


def _filled(places: Array, source: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Places (2, S, K) with something finite where there is no image, and where there is one (S, K)."""
    there = np.isfinite(places[0])
    return np.where(there, places, source[:, :, None] + 0.1), there


def _step(lens: Deflector, source: Array, at: Array) -> tuple[Array, Array, Array]:
    """By how much rays through `at` (2, S, K) miss the sources, the Newton step that mends it, and the determinant."""
    miss = at - np.stack(lens._deflection(*at)) - source[:, :, None]
    xx, xy, yx, yy = lens._gradient(*at)
    determinant = (1.0 - xx) * (1.0 - yy) - xy * yx
    move = np.stack([(1.0 - yy) * miss[0] + xy * miss[1], (1.0 - xx) * miss[1] + yx * miss[0]])
    return miss, -move / np.where(determinant == 0.0, 1e-14, determinant), determinant


def _followed(lens: Deflector, source: Array, known: Array, parity: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Images (2, S, K) by Newton's method from those `known`, all at once, and where that fails (S,)."""
    start, there = _filled(known, source)
    at = start
    for _ in range(NEWTON_STEPS):
        miss, move, determinant = _step(lens, source, at)
        off = np.where(there, np.hypot(*miss), 0.0)
        if (off < 1e-11).all():
            break
        at = np.where(there & (off >= 1e-13), at + move * np.minimum(1.0, FARTHEST / np.hypot(*move)), at)
    bad = there & ~((off < 1e-9) & (np.hypot(*(at - start)) < FARTHEST) & (np.sign(determinant) == parity))
    return np.where(there, at, math.nan), np.asarray(bad.any(axis=1) | ~there.any(axis=1))


def _described(lens: Deflector, places: Array, distance: Array | None) -> dict[str, Array]:
    """Labels of the images at `places` (2, S, K), in order of arrival."""
    at, there = _filled(places, np.zeros((2, places.shape[1])))
    xx, xy, yx, yy = lens._gradient(*at)
    determinant = (1.0 - xx) * (1.0 - yy) - xy * yx
    kind = np.where(determinant < 0.0, 2.0, np.where(xx + yy < 2.0, 1.0, 3.0))
    ax, ay = lens._deflection(*at)
    fermat = np.where(there, 0.5 * (ax * ax + ay * ay) - lens._potential(*at), math.inf)
    order = np.argsort(fermat, axis=1, kind="stable")
    with np.errstate(divide="ignore"):
        values = [*at, np.clip(1.0 / determinant, -1e12, 1e12), kind]
    if distance is not None:
        first = np.where(there.any(axis=1), fermat.min(axis=1), 0.0)
        with np.errstate(invalid="ignore"):
            values.append((fermat - first[:, None]) * np.array([days(one) for one in distance])[:, None])
    columns = (np.take_along_axis(np.where(there, value, 0.0), order, axis=1) for value in values)
    return dict(zip((*IMAGE_LABELS, DELAY), columns, strict=False))


def delay_distances(lens: Deflector, labels: dict[str, Array], cosmology: Any) -> Array | None:
    """Time-delay distance of each lens [Mpc], shape (S,); None without redshifts or cosmology."""
    if isinstance(lens, Each):
        return np.array([one.time_delay_distance for one in lens.lenses])  # type: ignore[attr-defined]  # stacks of planes
    if cosmology is None or not {"z_lens", "z_source"} <= set(labels):
        return None
    pairs = zip(labels["z_lens"], labels["z_source"], strict=True)
    return np.array([time_delay_distance(float(near), float(far), cosmology) for near, far in pairs])


def add_images(
    images: dict[str, Array], flux: Array, grid: PixelGrid, psfs: tuple[PSF, ...], accuracy: str, out: Array
) -> None:
    """Add the images of quasars of `flux` (S, B), each as bright as its magnification says, to `out` (S, B, y, x)."""
    size = np.abs(images["image_magnification"])
    for k in range(IMAGES):
        rows = np.flatnonzero(size[:, k] > 0.0)
        if rows.size:
            drawn = np.zeros((rows.size, *out.shape[1:]))
            place = (images["image_x"][rows, k], images["image_y"][rows, k])
            draw_points(*place, flux[rows] * size[rows, k, None], grid, psfs, accuracy, drawn)
            out[rows] += drawn
