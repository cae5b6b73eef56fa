"""Fine cells that are not smooth: how many rays each needs, its moments, and where its light goes.

A smooth fine cell is a brightness at its centre: summed with a smooth PSF, such samples are exact. A cell that is not
smooth adds the moments that its light has beyond those of smooth light with the same samples: mean d, first moments e
and second moments r, in units of the cell. Deposited on the cell and its neighbours they have the same moments, so
that the PSF sees the light where it is, and never that it came in cells.
"""

import numpy as np

from simulators._kernels._jit import fast_inline_kernel, fast_kernel
from simulators._kernels.cells import clear, nearness, pad_block
from simulators._kernels.single import exp2, log2

LEVELS = 4  # 2, 4, 8, 16 rays per fine cell and axis
MOMENTS = 6  # 1, x, y, x^2, y^2, x y
_0, _1, _4, _6, _8, _HALF, _QUARTER = (np.float32(value) for value in (0.0, 1.0, 4.0, 6.0, 8.0, 0.5, 0.25))
_12, _8TH = np.float32(12.0), np.float32(0.125)
_12TH, _24TH, _TINY = np.float32(1.0 / 12.0), np.float32(1.0 / 24.0), np.float32(1e-30)
_ROUGH = np.float32(0.03)  # of the fourth differences, as for coarse cells


def gauss_pattern() -> tuple[np.ndarray, np.ndarray]:
    """Rays of all levels in units of the cell: two-point Gauss rules on 1, 2, 4, 8 parts of each axis; x, y (340,)."""
    columns = []
    for level in range(LEVELS):
        parts = 2**level
        centres = (np.arange(parts) + 0.5) / parts - 0.5
        nodes = (centres[:, None] + np.array([-1.0, 1.0]) / (parts * np.sqrt(12.0))).ravel()
        columns.append([axis.ravel() for axis in np.meshgrid(nodes, nodes, indexing="ij")])
    return tuple(np.concatenate(column).astype(np.float32) for column in zip(*columns, strict=True))


@fast_inline_kernel
def rays_of(level):
    """(first, count) of a level's rays in the pattern."""
    count = 4 << (2 * int(level))
    return (count - 4) // 3, count


@fast_kernel
def roughness(plane, i, j):
    """Fourth differences at a fine cell, scaled to an error of brightness."""
    centre = _6 * plane[i, j]
    across = plane[i - 2, j] - _4 * (plane[i - 1, j] + plane[i + 1, j]) + plane[i + 2, j] + centre
    along = plane[i, j - 2] - _4 * (plane[i, j - 1] + plane[i, j + 1]) + plane[i, j + 2] + centre
    return _ROUGH * (abs(across) + abs(along))


@fast_kernel
def rough_quarters(planes, weights, cells, count, rough):
    """rough (N, N) = roughness of the four fine cells of each of `count` coarse cells, summed over the sources, and 0
    elsewhere."""
    side = planes.shape[1] // 2
    clear(rough)
    for n in range(count):
        i, j = 2 * (cells[n] // side), 2 * (cells[n] % side)
        for k in range(planes.shape[0]):
            for quarter in range(4):
                a, b = i + quarter // 2, j + quarter % 2
                rough[a, b] += weights[k] * roughness(planes[k], a, b)


@fast_kernel
def cusp(bx, by, quarter, source):
    """Error of brightness of a fine cell, one of the four of bx, by (4,), for the centre of `source` in or near it.

    The brightness lost between the centre and the cell's corner, but not more than all light over the cell's area.
    """
    xx, xy = bx[2] + bx[3] - bx[0] - bx[1], bx[1] + bx[3] - bx[0] - bx[2]
    yx, yy = by[2] + by[3] - by[0] - by[1], by[1] + by[3] - by[0] - by[2]
    dx, dy = bx[quarter] - source[0], by[quarter] - source[1]
    u, v = source[2] * dx + source[3] * dy, source[4] * dx + source[5] * dy
    ux, uy = _QUARTER * (source[2] * xx + source[3] * yx), _QUARTER * (source[2] * xy + source[3] * yy)
    vx, vy = _QUARTER * (source[4] * xx + source[5] * yx), _QUARTER * (source[4] * xy + source[5] * yy)
    reach2 = ux * ux + uy * uy + vx * vx + vy * vy + _TINY
    near = nearness(u, v, reach2)
    if near == _0:
        return _0
    fall = source[8] * (_1 - exp2(-source[7] * exp2(source[6] * log2(reach2))))
    area = _4 * abs(ux * vy - uy * vx) + _TINY
    return near * min(fall, abs(source[2] * source[5] - source[3] * source[4]) / area)


@fast_kernel
def add_levels(excess, quarter, share, most, count, entry, level, extra):
    """Append to the list of refinements (entry, level, extra) what a fine cell needs whose error is `excess` times
    what is allowed; returns the new length.

    Two-point Gauss rules divide the error by about 8 with each level. From 8 to 12 a level passes into the next, so
    that images change smoothly with all that moves the light.
    """
    step = 0
    while excess > _12 and step < most:
        excess *= _8TH
        step += 1
    upper = max((excess - _8) * _QUARTER, _0) if step < most else _0
    entry[count], level[count], extra[count] = quarter, step, share * (_1 - upper)
    if upper > _0:
        count += 1
        entry[count], level[count], extra[count] = quarter, step + 1, share * upper
    return count + 1


@fast_kernel
def grade(rough, weights, sources, cells, split, count, bx, by, limit, most, entry, level, extra):
    """List the refinements of the fine cells, four to each of `count` coarse cells: number of the cell, level, and how
    much it counts; returns how many. Little beyond `limit` counts little, as do coarse cells of a small `split`."""
    side = rough.shape[0] // 2
    found = 0
    for n in range(count):
        four_x, four_y = bx[4 * n : 4 * n + 4], by[4 * n : 4 * n + 4]
        for quarter in range(4):
            i, j = 2 * (cells[n] // side) + quarter // 2, 2 * (cells[n] % side) + quarter % 2
            error = max(max(rough[i - 1, j], rough[i + 1, j]), max(rough[i, j - 1], rough[i, j + 1]))
            error = max(error, rough[i, j])
            for k in range(weights.shape[0]):
                error += weights[k] * cusp(four_x, four_y, quarter, sources[k])
            excess = error / limit
            if excess > _1:
                share = split[n] * min(excess - _1, _1)
                found = add_levels(excess, 4 * n + quarter, share, most, found, entry, level, extra)
    return found


@fast_kernel
def sort_levels(level, count, order):
    """Numbers of the refinements in the order of their levels."""
    at = np.zeros(LEVELS + 1, np.int64)
    for n in range(count):
        at[level[n] + 1] += 1
    for wanted in range(LEVELS):
        at[wanted + 1] += at[wanted]
    for n in range(count):
        order[at[level[n]]] = n
        at[level[n]] += 1


@fast_kernel
def pattern_points(axis, cells, order, entry, level, start, stop, room, pattern, x, y):
    """Rays of the refinements from `start` on, as many as `room` rays hold; returns (next refinement, rays)."""
    side = axis.shape[0] // 2
    step = axis[1] - axis[0]
    filled = 0
    while start < stop:
        n = entry[order[start]]
        first, count = rays_of(level[order[start]])
        if filled + count > room:
            break
        cell, quarter = cells[n // 4], n % 4
        x0, y0 = axis[2 * (cell // side) + quarter // 2], axis[2 * (cell % side) + quarter % 2]
        for r in range(count):
            x[filled + r] = x0 + step * pattern[0, first + r]
            y[filled + r] = y0 + step * pattern[1, first + r]
        filled += count
        start += 1
    return start, pad_block(x, y, filled)


@fast_kernel
def sum_moments(seen, pattern, moments):
    """moments (6,) = means of brightness seen (R,) times 1, x, y, x^2, y^2, x y over one cell, of rays on the lines of
    pattern (2, R)."""
    side = 2
    while side * side < seen.shape[0]:
        side *= 2
    m00 = m10 = m01 = m20 = m02 = m11 = _0
    for first in range(0, seen.shape[0], side):
        a = b = c = _0
        for r in range(first, first + side):
            along = seen[r] * pattern[1, r]
            a += seen[r]
            b += along
            c += along * pattern[1, r]
        x = pattern[0, first]
        m00, m10, m20 = m00 + a, m10 + a * x, m20 + a * x * x
        m01, m11, m02 = m01 + b, m11 + b * x, m02 + c
    scale = _1 / np.float32(seen.shape[0])
    moments[0], moments[1], moments[2] = scale * m00, scale * m10, scale * m01
    moments[3], moments[4], moments[5] = scale * m20, scale * m02, scale * m11


@fast_kernel
def keep_moments(seen, order, level, start, stop, pattern, moments):
    """Moments (refinements, C, 6) of start .. stop - 1, whose rays saw `seen` (C, R) one after another."""
    filled = 0
    for at in range(start, stop):
        first, count = rays_of(level[order[at]])
        for k in range(seen.shape[0]):
            sum_moments(seen[k, filled : filled + count], pattern[:, first : first + count], moments[at, k])
        filled += count


@fast_kernel
def take_smooth(plane, i, j, share, moments):
    """Subtract from `moments` what smooth light with the samples of `plane` has, and scale them by `share`."""
    across, along = plane[i - 1, j] + plane[i + 1, j], plane[i, j - 1] + plane[i, j + 1]
    mean = plane[i, j] + _24TH * (across + along - _4 * plane[i, j])
    moments[0] = share * (moments[0] - mean)
    moments[1] = share * (moments[1] - _24TH * (plane[i + 1, j] - plane[i - 1, j]))
    moments[2] = share * (moments[2] - _24TH * (plane[i, j + 1] - plane[i, j - 1]))
    moments[3] = share * (moments[3] - _12TH * mean)
    moments[4] = share * (moments[4] - _12TH * mean)
    moments[5] = share * moments[5]


@fast_kernel
def deposit(plane, i, j, moments):
    """Add light with these moments to cell i, j and its neighbours."""
    plane[i, j] += moments[0] - moments[3] - moments[4]
    plane[i - 1, j] += _HALF * (moments[3] - moments[1])
    plane[i + 1, j] += _HALF * (moments[3] + moments[1])
    plane[i, j - 1] += _HALF * (moments[4] - moments[2])
    plane[i, j + 1] += _HALF * (moments[4] + moments[2])
    corner = _QUARTER * moments[5]
    plane[i - 1, j - 1] += corner
    plane[i + 1, j + 1] += corner
    plane[i - 1, j + 1] -= corner
    plane[i + 1, j - 1] -= corner


@fast_kernel
def put_moments(cells, order, entry, count, extra, moments, planes):
    """Bring the moments (refinements, C, 6) of `count` refinements into the planes (C, N, N), all reading before any
    writes."""
    side = planes.shape[1] // 2
    for write in range(2):
        for at in range(count):
            n = entry[order[at]]
            i, j = 2 * (cells[n // 4] // side) + n % 4 // 2, 2 * (cells[n // 4] % side) + n % 2
            for k in range(planes.shape[0]):
                if write:
                    deposit(planes[k], i, j, moments[at, k])
                else:
                    take_smooth(planes[k], i, j, extra[order[at]], moments[at, k])
