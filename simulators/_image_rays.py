"""Lensed sources that are not Sersics, such as the pixels of real galaxies: rays where they are seen, the light's own
brightness.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators._interpolated import padded
from simulators._kernels import image_rays as kernels
from simulators._kernels._jit import run, run_each
from simulators._kernels.rays import Plan
from simulators._lens_rays import lens_rows, power_law, shoot
from simulators.deflectors import Deflector
from simulators.light import ImageSource, Light

__all__ = ["add_images"]

Array = NDArray[np.float64]
LEAST = 4  # parts of a cell along an axis where nothing is known of the source but its brightness


def add_images(
    plan: Plan, lens: Deflector, source: Light, flux: Array, density: float, series: float, out: NDArray[np.float32]
) -> None:
    """Add one source (N,) of unit flux seen through each lens (N,), times flux (N, B), to out (N, B, n, n).

    A fine cell of `plan` has `density` pairs of rays for each pixel of the source that it spans.
    """
    known = power_law(lens)
    amount = np.ascontiguousarray(flux, dtype=np.float32)
    if known is not None and isinstance(source, ImageSource):
        rows, area = _image_rows(source)
        numbers = (*lens_rows(*known, series), rows, *_library(source), density, 1)
        run(kernels.add_lensed_images, len(lens), plan, *numbers, amount / area[:, None], out)
        return
    run_each(lambda n: _add_one(plan, lens.take(n), source.take(n), amount[n], density, out[n]), len(lens))


def _add_one(
    plan: Plan,
    lens: Deflector,
    source: Light,
    flux: NDArray[np.float32],
    density: float,
    out: NDArray[np.float32],
) -> None:
    """What the kernel does, for one lens and one source of any kind."""
    work = kernels.workspace(plan.axis, out.shape[-1])
    if isinstance(source, ImageSource):
        row, least = _image_rows(source)[0][0], 1
    else:
        reach = source.reach()[0]
        at = np.asarray(source.x)[0], np.asarray(source.y)[0]
        row, least, density = np.array([*at, 1.0, 0.0, 0.0, 1.0, reach, reach]), LEAST, 0.0
    shoot(lens, work.x, work.y, work.bx, work.by)
    count = kernels.find_cells(row, density, least, work)
    start = 0
    while start < count:
        stop, rays = kernels.next_rays(plan.axis, start, count, work)
        shoot(lens, work.ray_x[:rays], work.ray_y[:rays], work.u, work.v)
        work.seen[:rays] = source.brightness(work.u[:rays], work.v[:rays])[0]
        kernels.keep_moments(plan.axis, start, stop, work)
        start = stop
    kernels.finish(plan, flux, work, out)


def _image_rows(source: ImageSource) -> tuple[Array, NDArray[np.float32]]:
    """Rows (N, 8) for `find_cells`, in pixels of each galaxy, and the area (N,) of such a pixel on the sky."""
    galaxies = [source.galaxies[int(index)] for index in source._column("image_index")]
    scales = np.array([galaxy.scale for galaxy in galaxies])
    matrix = source.matrix() * scales[:, None, None]
    halves = np.array([galaxy.pixels.shape[::-1] for galaxy in galaxies]) / 2.0
    centre = np.stack([source._column("x"), source._column("y")], axis=-1)
    rows = np.hstack([centre, np.linalg.inv(matrix).reshape(-1, 4), halves + 3.0])
    return np.ascontiguousarray(rows), np.linalg.det(matrix).astype(np.float32)


def _library(source: ImageSource) -> tuple[Array, NDArray[np.int64]]:
    """Padded images of all galaxies that are used, one after another, and the place, rows and columns (N, 3) of each
    object's.
    """
    used, which = np.unique(source._column("image_index").astype(np.int64), return_inverse=True)
    planes = [padded(source.galaxies[index].pixels) for index in used]
    places = np.cumsum([0, *(plane.size for plane in planes[:-1])])
    frames = np.array([[place, *plane.shape] for place, plane in zip(places, planes, strict=True)], np.int64)
    return np.concatenate([plane.ravel() for plane in planes]), frames[which.ravel()]
