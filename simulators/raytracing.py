"""Drawing through lenses: Sersic sources, and what consists of them, by adaptive ray shooting; others by rays where
they are seen.

A power law with or without external shear is traced by kernels; any other deflector on the same cells, one by one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import one_of
from simulators._image_rays import add_images
from simulators._kernels import rays
from simulators._kernels._jit import run, run_each
from simulators._kernels.refining import gauss_pattern
from simulators._kernels.tracing import BLOCK
from simulators._kernels.zooming import ZOOM
from simulators._lens_rays import lens_rows, power_law, shoot
from simulators.deflectors import Deflector
from simulators.grid import PixelGrid
from simulators.light import Light, PointSource, Sersic
from simulators.psf import PSF, separable_operators

__all__ = ["draw_lensed"]

Array = NDArray[np.float64]
Single = NDArray[np.float32]
MOST_CELLS = 16  # fine cells per pixel and axis
CORE = 2.0  # of the finest distance between rays


@dataclass(frozen=True)
class RayAccuracy:
    """Numerical settings behind one value of ``accuracy``."""

    cells: float  # fine cells per FWHM of the PSF, at least one per pixel
    tolerance: float  # error of a pixel in units of the brightest, as far as one cell is to blame
    level: int  # finest level of refinement: 2 ** (level + 1) rays per fine cell and axis
    series: float  # terms of the deflector's series are dropped below
    rank: float  # singular values of the PSF dropped below
    pairs: float  # of rays for each pixel of a galaxy's image that a fine cell spans, and axis


ACCURACY = {
    "fast": RayAccuracy(cells=3.0, tolerance=1.6e-2, level=3, series=1e-5, rank=1e-3, pairs=0.75),
    "default": RayAccuracy(cells=4.0, tolerance=3e-3, level=3, series=1e-6, rank=1e-3, pairs=0.75),
    "high": RayAccuracy(cells=8.0, tolerance=1e-3, level=3, series=1e-7, rank=1e-5, pairs=1.5),
}


@functools.lru_cache(maxsize=32)
def _plan(grid: PixelGrid, psfs: tuple[PSF, ...], settings: RayAccuracy) -> rays.Plan:
    """Cells, limits and operators of a grid and its bands."""
    narrow = min(psf.fwhm for psf in psfs)
    fine = min(max(1, math.ceil(settings.cells * grid.scale / narrow)), MOST_CELLS)
    margin = max(2, math.ceil(2.0 * max(psf.fwhm for psf in psfs) / grid.scale) + 1)
    axis = grid.axis(fine, margin)
    step = grid.scale / fine
    axis = np.concatenate([axis, axis[-1] + step * np.arange(1, -len(axis) % 4 + 1)])
    x, y = np.meshgrid(0.5 * (axis[::2] + axis[1::2]), 0.5 * (axis[::2] + axis[1::2]), indexing="ij")
    x, y = (np.pad(plane.ravel(), (0, -plane.size % BLOCK), mode="edge") for plane in (x, y))
    across = math.sqrt(1.13 * narrow**2 + grid.scale**2)  # the square root of the area of PSF and pixel
    limits = [settings.tolerance * across / (2 * step), settings.tolerance * across / step, 0.25 / step**2]
    operators, low, high = _operators(grid, psfs, settings.rank, fine, margin, len(axis))
    return rays.Plan(
        axis=axis.astype(np.float32),
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        pattern=np.stack(gauss_pattern()),
        limits=np.asarray(limits, dtype=np.float32),
        peak_side=min(max(1, round(across / (2 * step))), len(axis) // 2),
        most_level=settings.level,
        operators=operators,
        low=low,
        high=high,
    )


def _operators(
    grid: PixelGrid, psfs: tuple[PSF, ...], rank: float, fine: int, margin: int, cells: int
) -> tuple[Single, NDArray[np.int64], NDArray[np.int64]]:
    """Operators (B, K, 2, cells, rows) of all bands, padded with zeros to a common rank and pixels in whole fours, and
    the cells [low, high) (B, rows / 4) that each four see, in whole fours.

    The PSF reaches farther than the margin of cells around the stamp.
    """
    parts = [separable_operators(psf, grid, fine, margin, rank)[0] for psf in psfs]
    most = max(len(part) for part in parts)
    rows = grid.size + -grid.size % 4
    stacked = np.zeros((len(psfs), most, 2, cells, rows), dtype=np.float32)
    for b, part in enumerate(parts):
        stacked[b, : len(part), :, : part.shape[-2], : grid.size] = part
    seen = (stacked != 0).any(axis=(1, 2)).reshape(len(psfs), cells, rows // 4, 4).any(axis=-1).swapaxes(1, 2)
    low = seen.argmax(-1) // 4 * 4
    high = -(-(cells - seen[..., ::-1].argmax(-1)) // 4) * 4
    return stacked, low, high


def _source_rows(sources: Sequence[Sersic], plan: rays.Plan) -> Single:
    """Rows (N, C, 14) for `brightness_block`, whose cores reach to `CORE`.

    A core has the profile's value and slope at its edge, its flux and, as long as that leaves it positive, its second
    moment.
    """
    from scipy.special import gamma, gammainc

    rows = np.stack([source.packed() for source in sources], axis=1)
    power, b, central = rows[..., 6], rows[..., 7], rows[..., 8]
    cell = float(plan.axis[1] - plan.axis[0])
    area = np.abs(rows[..., 2] * rows[..., 5] - rows[..., 3] * rows[..., 4])  # 1 / radius^2
    edge = (CORE * cell / (2 ** (plan.most_level + 1) * ZOOM)) ** 2 * area
    fall = b * edge**power
    at_edge = central * np.exp(-fall)
    slope = at_edge * fall * power
    means = []
    for n in (1.0, 2.0):  # of brightness times 1 and r^2 / edge over the core
        shape = n / power
        means.append(central / power * gamma(shape) * gammainc(shape, fall) * fall**-shape)
    whole = means[0] - at_edge - slope / 2.0
    moment = means[1] - at_edge / 2.0 - slope / 6.0
    rows[..., 7] /= math.log(2.0)
    core = [1.0 / edge, at_edge, slope, 60.0 * moment - 12.0 * whole, 20.0 * whole - 80.0 * moment]
    return np.concatenate([rows, np.stack(core, axis=-1)], axis=-1).astype(np.float32)


def _weights(flux: Array) -> Single:
    """How much the sources count (N, C): their largest part of the flux in any band."""
    total = flux.sum(axis=1, keepdims=True)
    return np.asarray((flux / np.where(total > 0, total, 1.0)).max(axis=-1), dtype=np.float32)


def _add_one(plan: rays.Plan, lens: Deflector, sources: Single, weights: Single, flux: Single, out: Array) -> None:
    """What `rays.add_lensed` does, for one lens of any kind and out (B, n, n)."""
    work = rays.workspace(len(plan.axis), len(plan.x), len(weights), out.shape[-1])
    shoot(lens, plan.x, plan.y, work.bx, work.by)
    split, count, limit = rays.split_cells(plan, sources, weights, work)
    shoot(lens, work.x[:count], work.y[:count], work.u, work.v)
    refined = rays.choose_cells(plan, sources, weights, split, count, limit, work)
    start = parts = 0
    while start < refined:
        stop, count = rays.next_rays(plan, start, refined, work)
        shoot(lens, work.x[:count], work.y[:count], work.u, work.v)
        parts = rays.keep_rays(plan, sources, weights, limit, start, stop, count, parts, work)
        start = stop
    start = 0
    while start < parts:
        stop, count = rays.next_parts(plan, start, parts, work)
        shoot(lens, work.x[:count], work.y[:count], work.u, work.v)
        rays.keep_parts(plan, sources, start, stop, count, work)
        start = stop
    rays.finish(plan, flux, refined, work, out)


def draw_lensed(
    lens: Deflector,
    sources: Sequence[Light],
    flux: Array,
    grid: PixelGrid,
    psfs: tuple[PSF, ...],
    accuracy: str,
    out: Array,
) -> None:
    """Add sources seen through a lens to `out`.

    Parameters
    ----------
    lens : Deflector
        N lenses. ``EPL`` and ``Sum([EPL, ExternalShear])`` are many times faster than others.
    sources : sequence of Light
        C entries of N sources each. The PSF of images stays in them (`GalaxyImage.sharpened`).
    flux : array, shape (N, C, B)
        Flux of each source in each band.
    grid : PixelGrid
    psfs : tuple of PSF, length B
    accuracy : {"fast", "default", "high"}
    out : array, shape (N, B, size, size)
        Changed in place.

    Raises
    ------
    ValueError
        For a point source: its images are points, not rays (`image_positions` and `draw_points`).
    """
    settings = ACCURACY[one_of("accuracy", accuracy, ACCURACY)]
    plan = _plan(grid, psfs, settings)
    image: NDArray[Any] = out if out.dtype == np.float32 else np.zeros(out.shape, np.float32)
    parts = [
        (part, flux[:, c] * share[:, None]) for c, source in enumerate(sources) for part, share in source.components()
    ]
    for part, of_part in parts:
        if isinstance(part, PointSource):
            raise ValueError(
                "rays miss a PointSource: find its images with image_positions, draw them with draw_points"
            )
        if not isinstance(part, Sersic):
            add_images(plan, lens, part, of_part, settings.pairs, settings.series, image)
    smooth = [(part, of_part) for part, of_part in parts if isinstance(part, Sersic)]
    if smooth:
        flux = np.stack([of_part for _, of_part in smooth], axis=1)
        _draw_sersics(lens, [part for part, _ in smooth], flux, plan, settings.series, image)
    if image is not out:
        out += image


def _draw_sersics(
    lens: Deflector, sources: list[Sersic], flux: Array, plan: rays.Plan, series: float, out: Single
) -> None:
    """Add C Sersics of N each, of flux (N, C, B), by adaptive rays."""
    rows, weights, flux = _source_rows(sources, plan), _weights(flux), np.ascontiguousarray(flux, dtype=np.float32)
    known = power_law(lens)
    if known is not None:
        lenses, terms = lens_rows(*known, series)
        run(rays.add_lensed, len(lenses), plan, lenses, terms, rows, weights, flux, out)
    else:
        run_each(lambda s: _add_one(plan, lens.take(s), rows[s], weights[s], flux[s], out[s]), len(lens))
