"""Lensed sources of any brightness, such as the pixels of galaxies: more rays for fine cells that span more of them.

A cell whose image in the source plane misses the source has none. The others have two-point Gauss rules, on more parts
the more of the source they span. Their light is seen by the PSF from the centres of the cells, so it is spread over
neighbours until its moments up to the second are right. The steps are kernels of their own, so that rays and brightness
can also come from elsewhere.
"""

from typing import NamedTuple

import numpy as np

from simulators._kernels import cells, convolving
from simulators._kernels._jit import fast_inline_kernel, fast_kernel, kernel, step_kernel
from simulators._kernels.interpolating import PAD, interpolated
from simulators._kernels.tracing import BLOCK, SCRATCH, trace

MOST = 8  # parts of a cell along an axis
ROOM = 4 * MOST * MOST * 4  # rays traced at once: four of the largest cells
_NODE = np.float32(0.5 / np.sqrt(3.0))  # of the Gauss rule, in units of a part
_0, _HALF = np.float32(0.0), np.float32(0.5)


class Work(NamedTuple):
    """Scratch of one sample with N fine cells a side."""

    trace: np.ndarray
    x: np.ndarray  # (P,) centres of the cells, whole blocks
    y: np.ndarray
    bx: np.ndarray  # and where their rays end
    by: np.ndarray
    cells: np.ndarray  # those that see the source
    along_x: np.ndarray  # and their parts
    along_y: np.ndarray
    ray_x: np.ndarray  # rays of a list
    ray_y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    seen: np.ndarray  # float64
    plane: np.ndarray  # (N, N) light of the cells
    scaled: np.ndarray
    half: np.ndarray  # see `convolving.add_image`
    turned: np.ndarray
    image: np.ndarray


@fast_kernel
def workspace(axis, pixels):
    """Work for the fine cells of `axis` (N,) and so many pixels a side."""
    fine, rows, a = axis.shape[0], (pixels + 3) // 4 * 4, np.float32
    points = (fine * fine + BLOCK - 1) // BLOCK * BLOCK
    x, y = np.empty(points, a), np.empty(points, a)
    for p in range(points):
        cell = min(p, fine * fine - 1)
        x[p], y[p] = axis[cell // fine], axis[cell % fine]
    return Work(
        np.empty(SCRATCH, a),
        x,
        y,
        np.empty(points, a),
        np.empty(points, a),
        np.empty(fine * fine, np.int32),
        np.empty(fine * fine, np.int32),
        np.empty(fine * fine, np.int32),
        np.empty(ROOM, a),
        np.empty(ROOM, a),
        np.empty(ROOM, a),
        np.empty(ROOM, a),
        np.empty(ROOM, np.float64),
        np.empty((fine, fine), a),
        np.empty((fine, fine), a),
        np.empty((rows, fine), a),
        np.empty((fine, pixels), a),
        np.empty((rows, pixels), a),
    )


@fast_inline_kernel
def parts_of(span, density, least):
    """Parts of a cell that spans so much of the source along one axis."""
    wanted = span * density
    return np.int32(min(max(np.int64(wanted) + 1, least), MOST)) if wanted < MOST else np.int32(MOST)


@step_kernel
def find_cells(source, density, least, work):
    """After the rays through the centres: the cells that may see the source, and their parts; returns how many.

    source = [x, y, i00, i01, i10, i11, half u, half v]: the inverse of the map from the source's own plane to the sky,
    and how far it reaches there. A cell has `density` parts for each unit of that plane, and no fewer than `least`.
    """
    side = work.plane.shape[0]
    bx, by = work.bx[: side * side].reshape((side, side)), work.by[: side * side].reshape((side, side))
    i00, i01, i10, i11 = source[2], source[3], source[4], source[5]
    work.plane[:] = _0
    count = 0
    for i in range(side):
        left, right = max(i - 1, 0), min(i + 1, side - 1)
        for j in range(side):
            below, above = max(j - 1, 0), min(j + 1, side - 1)
            dx, dy = bx[i, j] - source[0], by[i, j] - source[1]
            xx, xy = (bx[right, j] - bx[left, j]) / (right - left), (by[right, j] - by[left, j]) / (right - left)
            yx, yy = (bx[i, above] - bx[i, below]) / (above - below), (by[i, above] - by[i, below]) / (above - below)
            ux, vx = i00 * xx + i01 * xy, i10 * xx + i11 * xy
            uy, vy = i00 * yx + i01 * yy, i10 * yx + i11 * yy
            near_u = abs(i00 * dx + i01 * dy) <= source[6] + abs(ux) + abs(uy)
            near_v = abs(i10 * dx + i11 * dy) <= source[7] + abs(vx) + abs(vy)
            if near_u and near_v:
                work.cells[count] = i * side + j
                work.along_x[count] = parts_of(np.hypot(ux, vx), density, least)
                work.along_y[count] = parts_of(np.hypot(uy, vy), density, least)
                count += 1
    return count


@step_kernel
def next_rays(axis, start, count, work):
    """Rays for the cells from `start` on; returns (next cell, rays in whole blocks)."""
    side, step = axis.shape[0], axis[1] - axis[0]
    at, rays = start, 0
    while at < count and rays + 4 * work.along_x[at] * work.along_y[at] <= ROOM:
        x, y = axis[work.cells[at] // side], axis[work.cells[at] % side]
        nx, ny = np.int64(work.along_x[at]), np.int64(work.along_y[at])
        for a in range(2 * nx):
            across = (np.float32(a // 2) + _HALF + (_NODE if a % 2 else -_NODE)) / np.float32(nx) - _HALF
            for b in range(2 * ny):
                along = (np.float32(b // 2) + _HALF + (_NODE if b % 2 else -_NODE)) / np.float32(ny) - _HALF
                work.ray_x[rays], work.ray_y[rays] = x + across * step, y + along * step
                rays += 1
        at += 1
    return at, cells.pad_block(work.ray_x, work.ray_y, rays)


@step_kernel
def keep_moments(axis, start, stop, work):
    """After the brightness `seen` of the rays of `next_rays`: the light of the cells start .. stop - 1."""
    side, step, ray = work.plane.shape[0], axis[1] - axis[0], 0
    for at in range(start, stop):
        i, j = work.cells[at] // side, work.cells[at] % side
        rays = 4 * np.int64(work.along_x[at]) * np.int64(work.along_y[at])
        m, mx, my, mxx, mxy, myy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for p in range(ray, ray + rays):
            value, x, y = work.seen[p], (work.ray_x[p] - axis[i]) / step, (work.ray_y[p] - axis[j]) / step
            m += value
            mx += value * x
            my += value * y
            mxx += value * x * x
            mxy += value * x * y
            myy += value * y * y
        put_moments(i, j, (m / rays, mx / rays, my / rays, mxx / rays, mxy / rays, myy / rays), work.plane)
        ray += rays


@fast_kernel
def put_moments(i, j, moments, plane):
    """Spread a cell's light over it and its neighbours, so that it keeps its moments; at the edges, over it alone."""
    m, mx, my, mxx, mxy, myy = moments
    if not (0 < i < plane.shape[0] - 1 and 0 < j < plane.shape[1] - 1):
        plane[i, j] += np.float32(m)
        return
    plane[i, j] += np.float32(m - mxx - myy)
    for sign in (-1, 1):
        plane[i + sign, j] += np.float32(0.5 * (mxx + sign * mx))
        plane[i, j + sign] += np.float32(0.5 * (myy + sign * my))
        plane[i + sign, j + 1] += np.float32(0.25 * sign * mxy)
        plane[i + sign, j - 1] -= np.float32(0.25 * sign * mxy)


@step_kernel
def finish(plan, flux, work, out):
    """After all rays: add the sample's image to out (B, n, n)."""
    side = work.plane.shape[0]
    for b in range(out.shape[0]):
        convolving.combine(work.plane.reshape((1, side, side)), flux[b : b + 1], work.scaled)
        operators = plan.operators[b]
        convolving.add_image(
            work.scaled, operators, plan.low[b], plan.high[b], work.half, work.turned, work.image, out[b]
        )


@kernel
def add_lensed_images(first, last, plan, lens, terms, sources, library, frames, density, least, flux, out):
    """Add lensed images of galaxies to the samples first .. last - 1 of out (S, B, n, n).

    lens (S, 10) and terms (S,): see `trace_block`; sources (S, 8): see `find_cells`, in pixels of the galaxy; library:
    padded images one after another, of which frames (S, 3) are place, rows and columns; flux (S, B), over the area of a
    pixel on the sky.
    """
    work = workspace(plan.axis, out.shape[2])
    for s in range(first, last):
        place, rows, columns = frames[s]
        padded = library[place : place + rows * columns].reshape((rows, columns))
        row, column = (rows - 1) / 2.0 - PAD, (columns - 1) / 2.0 - PAD
        x, y, i00, i01, i10, i11 = sources[s, :6]
        trace(work.x, work.y, work.x.shape[0], lens[s], terms[s], work.trace, work.bx, work.by)
        count = find_cells(sources[s], density, least, work)
        start = np.int64(0)
        while start < count:
            stop, rays = next_rays(plan.axis, start, count, work)
            trace(work.ray_x, work.ray_y, rays, lens[s], terms[s], work.trace, work.u, work.v)
            for p in range(rays):
                dx, dy = work.u[p] - x, work.v[p] - y
                work.seen[p] = interpolated(padded, column + i00 * dx + i01 * dy, row + i10 * dx + i11 * dy)
            keep_moments(plan.axis, start, stop, work)
            start = stop
        finish(plan, flux[s], work, out[s])
