"""Lensed Sersic sources by adaptive ray shooting: coarse cells, the rough among them split in four, and the fine cells
that are still rough refined; then PSF and pixels.

The steps between the bundles of rays are kernels of their own, so that rays can also come from elsewhere.
"""

from typing import NamedTuple

import numpy as np

from simulators._kernels import cells, convolving, refining, zooming
from simulators._kernels._jit import fast_kernel, kernel, step_kernel
from simulators._kernels.tracing import BLOCK, SCRATCH, brightness, trace

ROOM = 1024  # rays traced at once, which stay in the cache
_0 = np.float32(0.0)


class Plan(NamedTuple):
    """What a grid, its PSFs and an accuracy need, for all samples."""

    axis: np.ndarray  # (N,) centres of the fine cells [arcsec]
    x: np.ndarray  # (P,) centres of the coarse cells, whole blocks
    y: np.ndarray
    pattern: np.ndarray  # (2, 340) see `refining.gauss_pattern`
    limits: np.ndarray  # errors of coarse and fine cells allowed, in units of the peak; most brightness of unit flux
    peak_side: int  # coarse cells along a side of the PSF
    most_level: int
    operators: np.ndarray  # (B, K, 2, N, rows): n pixels in whole fours
    low: np.ndarray  # (B, rows / 4) fine cells that four pixels see
    high: np.ndarray


class Work(NamedTuple):
    """Scratch of one sample with C sources on M coarse cells and N = 2 M fine cells a side."""

    trace: np.ndarray
    bx: np.ndarray  # (P,) source plane seen by the coarse cells
    by: np.ndarray
    coarse: np.ndarray  # (C, P) their brightness
    total: np.ndarray  # (M, M)
    rough: np.ndarray  # (M, M)
    row: np.ndarray
    cells: np.ndarray  # rough coarse cells and how much they count
    share: np.ndarray
    x: np.ndarray  # rays of a list
    y: np.ndarray
    u: np.ndarray  # and where they end
    v: np.ndarray
    seen: np.ndarray  # (C, rays)
    planes: np.ndarray  # (C, N, N) brightness of the fine cells
    entry: np.ndarray  # refinements: fine cell, level and how much they count
    level: np.ndarray
    extra: np.ndarray
    order: np.ndarray
    moments: np.ndarray  # (refinements, C, 6)
    zoomed: np.ndarray  # parts of refinements looked at again, which part, and how much they count
    part: np.ndarray
    zoom: np.ndarray
    before: np.ndarray  # (4, C, parts) what their rays saw
    plane: np.ndarray  # (N, N)
    half: np.ndarray  # (rows, N)
    turned: np.ndarray  # (N, n)
    image: np.ndarray  # (rows, n)


@fast_kernel
def workspace(fine, points, sources, pixels):
    """Work for `fine` cells a side, `points` coarse rays, and so many sources and pixels."""
    side, rows = fine // 2, (pixels + 3) // 4 * 4
    rays = max(fine * fine + BLOCK, ROOM)
    entries = 2 * fine * fine
    a = np.float32
    return Work(
        np.empty(SCRATCH, a),
        np.empty(points, a),
        np.empty(points, a),
        np.empty((sources, points), a),
        np.empty((side, side), a),
        np.empty((side, side), a),
        np.empty(side + 6, a),
        np.empty(side * side, np.int32),
        np.empty(side * side, a),
        np.empty(rays, a),
        np.empty(rays, a),
        np.empty(rays, a),
        np.empty(rays, a),
        np.empty((sources, rays), a),
        np.empty((sources, fine, fine), a),
        np.empty(entries, np.int32),
        np.empty(entries, np.int8),
        np.empty(entries, a),
        np.empty(entries, np.int32),
        np.empty((entries, sources, refining.MOMENTS), a),
        np.empty(zooming.PARTS, np.int32),
        np.empty(zooming.PARTS, np.int16),
        np.empty(zooming.PARTS, a),
        np.empty((4, sources, zooming.PARTS), a),
        np.empty((fine, fine), a),
        np.empty((rows, fine), a),
        np.empty((fine, pixels), a),
        np.empty((rows, pixels), a),
    )


@step_kernel
def split_cells(plan, sources, weights, work):
    """After the coarse rays: fine planes by interpolation, and rays for what is rough.

    Returns how many coarse cells are split, the rays to trace, and the error allowed to a fine cell."""
    side = work.total.shape[0]
    brightness(work.bx, work.by, work.bx.shape[0], sources, work.coarse)
    cells.weighted_sum(work.coarse, weights, plan.limits[2], work.total)
    peak = cells.peak_of_means(work.total, plan.peak_side)
    shape = (side, side)
    bx, by = work.bx[: side * side].reshape(shape), work.by[: side * side].reshape(shape)
    heights = np.empty(weights.shape[0], np.float32)
    for k in range(weights.shape[0]):
        heights[k] = weights[k] * min(sources[k, 8], plan.limits[2])
        cells.interpolate(work.coarse[k, : side * side].reshape(shape), work.row, work.planes[k])
    limit = max(peak * plan.limits[0], np.float32(1e-30))
    cells.rough_cells(work.total, work.rough)
    cells.largest_around(work.rough, work.total)
    cells.reach_corners(work.total, work.rough)
    cells.see_centres(bx, by, sources, heights, limit, work.rough)
    split = cells.find_cells(work.rough, limit, work.cells, work.share)
    rays = cells.quarter_points(plan.axis, work.cells, split, work.x, work.y)
    return split, rays, max(peak * plan.limits[1], np.float32(1e-30))


@step_kernel
def choose_cells(plan, sources, weights, split, rays, limit, work):
    """After the rays of `split_cells`: brightness of the split cells; returns how many refinements there are."""
    brightness(work.u, work.v, rays, sources, work.seen)
    cells.put_quarters(work.cells, work.share, split, work.seen, plan.limits[2], work.planes)
    refining.rough_quarters(work.planes, weights, work.cells, split, work.plane)
    count = refining.grade(
        *(work.plane, weights, sources, work.cells, work.share, split),
        *(work.u, work.v, limit, plan.most_level, work.entry, work.level, work.extra),
    )
    refining.sort_levels(work.level, count, work.order)
    return count


@step_kernel
def next_rays(plan, start, stop, work):
    """Rays for the refinements from `start` on; returns (next refinement, rays)."""
    room = min(ROOM, work.x.shape[0])
    return refining.pattern_points(
        plan.axis, work.cells, work.order, work.entry, work.level, start, stop, room, plan.pattern, work.x, work.y
    )


@step_kernel
def keep_rays(plan, sources, weights, limit, start, stop, rays, parts, work):
    """After the rays of `next_rays`: moments of the refinements start .. stop - 1; returns how many parts of cells,
    with the `parts` before, are looked at again."""
    brightness(work.u, work.v, rays, sources, work.seen)
    refining.keep_moments(work.seen, work.order, work.level, start, stop, plan.pattern, work.moments)
    filled = 0
    for at in range(start, stop):
        level = int(work.level[work.order[at]])
        if level == plan.most_level:
            parts = zooming.find_parts(
                *(work.u, work.v, filled, at, level, work.seen, sources, weights, limit, parts),
                *(work.zoomed, work.part, work.zoom, work.before),
            )
        filled += refining.rays_of(level)[1]
    return parts


@step_kernel
def next_parts(plan, start, stop, work):
    """Rays for the parts from `start` on; returns (next part, rays)."""
    room = min(ROOM, work.x.shape[0])
    return zooming.part_points(
        *(plan.axis, work.cells, work.order, work.entry, work.level, start, stop, room, plan.pattern),
        *(work.zoomed, work.part, work.x, work.y),
    )


@step_kernel
def keep_parts(plan, sources, start, stop, rays, work):
    """After the rays of `next_parts`: moments with the parts start .. stop - 1."""
    brightness(work.u, work.v, rays, sources, work.seen)
    zooming.keep_parts(
        *(work.seen, work.order, work.level, start, stop, plan.pattern),
        *(work.zoomed, work.part, work.zoom, work.before, work.moments),
    )


@step_kernel
def finish(plan, flux, refined, work, out):
    """After all rays: add the sample's image to out (B, n, n)."""
    refining.put_moments(work.cells, work.order, work.entry, refined, work.extra, work.moments, work.planes)
    for b in range(out.shape[0]):
        convolving.combine(work.planes, flux[:, b], work.plane)
        operators = plan.operators[b]
        convolving.add_image(
            work.plane, operators, plan.low[b], plan.high[b], work.half, work.turned, work.image, out[b]
        )


@step_kernel
def _add_one(plan, lens, terms, sources, weights, flux, work, out):
    trace(plan.x, plan.y, plan.x.shape[0], lens, terms, work.trace, work.bx, work.by)
    split, rays, limit = split_cells(plan, sources, weights, work)
    trace(work.x, work.y, rays, lens, terms, work.trace, work.u, work.v)
    refined = choose_cells(plan, sources, weights, split, rays, limit, work)
    start, parts = np.int64(0), np.int64(0)  # literals would be types of their own
    while start < refined:
        stop, rays = next_rays(plan, start, refined, work)
        trace(work.x, work.y, rays, lens, terms, work.trace, work.u, work.v)
        parts = keep_rays(plan, sources, weights, limit, start, stop, rays, parts, work)
        start = stop
    start = np.int64(0)
    while start < parts:
        stop, rays = next_parts(plan, start, parts, work)
        trace(work.x, work.y, rays, lens, terms, work.trace, work.u, work.v)
        keep_parts(plan, sources, start, stop, rays, work)
        start = stop
    finish(plan, flux, refined, work, out)


@kernel
def add_lensed(first, last, plan, lens, terms, sources, weights, flux, out):
    """Add lensed Sersic sources to the samples first .. last - 1 of out (S, B, n, n).

    lens (S, 10) and terms (S,): see `trace_block`; sources (S, C, 14) of unit flux: see `brightness_block`; weights
    (S, C): how much the sources count where rays are placed; flux (S, C, B).
    """
    work = workspace(plan.axis.shape[0], plan.x.shape[0], flux.shape[1], out.shape[2])
    for s in range(first, last):
        _add_one(plan, lens[s], terms[s], sources[s], weights[s], flux[s], work, out[s])
