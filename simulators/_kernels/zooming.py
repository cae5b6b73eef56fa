"""Cusps within the finest fine cells: parts of a cell that see the centre of a steep source get rays of their own.

A fine cell of the finest level is made of `2 ** level` x `2 ** level` parts of 2 x 2 rays. A part that is still rough
is looked at again, by `ZOOM` times as many rays along each axis, and the moments of its cell change by what that
brings.
"""

import numpy as np

from simulators._kernels._jit import fast_inline_kernel, fast_kernel
from simulators._kernels.cells import nearness, pad_block
from simulators._kernels.refining import rays_of
from simulators._kernels.single import exp2, log2

ZOOM = 4
PARTS = 4096  # looked at again in one sample, at the most
_LEVEL = 2  # of the pattern with 2 ZOOM rays along each axis
_0, _1, _2, _HALF, _TINY = (np.float32(value) for value in (0.0, 1.0, 2.0, 0.5, 1e-30))
_QUARTER, _WIDE = (
    np.float32(0.25),
    np.float32(0.25 * 3.0**0.5),
)  # a part's half side over the distance of its rays: 3^0.5 / 2
_ALLOWED = np.float32(8.0)  # errors of 2 x 2 rays, as `refining.add_levels` has it


@fast_kernel
def part_error(u, v, first, side, source):
    """Error of brightness of a part whose four rays end at u, v [first, first + 1, first + side, first + side + 1], for
    the centre of `source` in or near it; as `refining.cusp`."""
    second, third, fourth = first + 1, first + side, first + side + 1
    xx, xy = u[third] + u[fourth] - u[first] - u[second], u[second] + u[fourth] - u[first] - u[third]
    yx, yy = v[third] + v[fourth] - v[first] - v[second], v[second] + v[fourth] - v[first] - v[third]
    dx = _QUARTER * (u[first] + u[second] + u[third] + u[fourth]) - source[0]
    dy = _QUARTER * (v[first] + v[second] + v[third] + v[fourth]) - source[1]
    a, b = source[2] * dx + source[3] * dy, source[4] * dx + source[5] * dy
    ax, ay = _WIDE * (source[2] * xx + source[3] * yx), _WIDE * (source[2] * xy + source[3] * yy)
    bx, by = _WIDE * (source[4] * xx + source[5] * yx), _WIDE * (source[4] * xy + source[5] * yy)
    reach2 = ax * ax + ay * ay + bx * bx + by * by + _TINY
    near = nearness(a, b, reach2)
    if near == _0:
        return _0
    return near * source[8] * (_1 - exp2(-source[7] * exp2(source[6] * log2(reach2))))


@fast_kernel
def find_parts(u, v, filled, at, level, seen, sources, weights, limit, found, cell, part, share, coarse):
    """Append to the list (cell, part, share, coarse) the rough parts of refinement `at`, whose rays end at u, v and saw
    `seen` from `filled` on: its number, that of the part, how much it counts and what its four rays saw; returns the
    new length."""
    along = 1 << level
    side = 2 * along
    allowed = limit * _ALLOWED * np.float32(along * along)
    steepest = _0
    for k in range(weights.shape[0]):
        steepest = max(steepest, weights[k] * sources[k, 8])
    if steepest <= allowed:
        return found
    for p in range(along * along):
        first, error = filled + 2 * (p // along) * side + 2 * (p % along), _0
        for k in range(weights.shape[0]):
            error += weights[k] * part_error(u, v, first, side, sources[k])
        if error > allowed and found < PARTS:
            cell[found], part[found], share[found] = at, p, min(_2 * (error / allowed - _1), _1)
            for k in range(weights.shape[0]):
                coarse[0, k, found], coarse[1, k, found] = seen[k, first], seen[k, first + 1]
                coarse[2, k, found], coarse[3, k, found] = seen[k, first + side], seen[k, first + side + 1]
            found += 1
    return found


@fast_inline_kernel
def part_centre(p, level):
    """Centre (x, y) of a part in units of the cell, from its centre, and the side of a part."""
    along = 1 << level
    width = _1 / np.float32(along)
    return (np.float32(p // along) + _HALF) * width - _HALF, (np.float32(p % along) + _HALF) * width - _HALF, width


@fast_kernel
def part_points(axis, cells, order, entry, level, start, stop, room, pattern, cell, part, x, y):
    """Rays of the parts from `start` on, as many as `room` rays hold; returns (next part, rays)."""
    side = axis.shape[0] // 2
    step = axis[1] - axis[0]
    first, count = rays_of(_LEVEL)
    filled = 0
    while start < stop and filled + count <= room:
        at = order[cell[start]]
        n = entry[at]
        coarse, quarter = cells[n // 4], n % 4
        cx, cy, width = part_centre(part[start], level[at])
        x0 = axis[2 * (coarse // side) + quarter // 2] + step * cx
        y0 = axis[2 * (coarse % side) + quarter % 2] + step * cy
        for r in range(count):
            x[filled + r] = x0 + step * width * pattern[0, first + r]
            y[filled + r] = y0 + step * width * pattern[1, first + r]
        filled += count
        start += 1
    return start, pad_block(x, y, filled)


@fast_kernel
def add_moments(value, x, y, moments):
    """Add light at x, y to moments (6,), see `refining.sum_moments`."""
    moments[0] += value
    moments[1] += value * x
    moments[2] += value * y
    moments[3] += value * x * x
    moments[4] += value * y * y
    moments[5] += value * x * y


@fast_kernel
def keep_parts(seen, order, level, start, stop, pattern, cell, part, share, coarse, moments):
    """Change the moments (refinements, C, 6) by what the rays of the parts start .. stop - 1 saw, seen (C, R), in place
    of the four of each before, coarse (4, C, parts)."""
    first, count = rays_of(_LEVEL)
    for n in range(start, stop):
        cx, cy, width = part_centre(part[n], level[order[cell[n]]])
        weight = share[n] * width * width
        filled = (n - start) * count
        for k in range(seen.shape[0]):
            for r in range(count):
                x, y = cx + width * pattern[0, first + r], cy + width * pattern[1, first + r]
                add_moments(weight / np.float32(count) * seen[k, filled + r], x, y, moments[cell[n], k])
            for r in range(4):
                x, y = cx + width * pattern[0, r], cy + width * pattern[1, r]
                add_moments(-weight * _QUARTER * coarse[r, k, n], x, y, moments[cell[n], k])
