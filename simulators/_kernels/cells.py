"""Which coarse cells are too rough to interpolate, and the brightness of all fine cells, four to a coarse one.

Axis 0 of every plane is x. A plane holds brightness at the centres of its cells; roughness is the error of
interpolation, in units of brightness, told by fourth differences.
"""

import numpy as np

from simulators._kernels._jit import fast_inline_kernel, fast_kernel
from simulators._kernels.tracing import BLOCK

_0, _1, _4, _6, _QUARTER, _TINY = (np.float32(value) for value in (0.0, 1.0, 4.0, 6.0, 0.25, 1e-30))
_ROUGH = np.float32(0.03)  # of the fourth differences; the asymptotic error of the interpolation is 0.017 of them
_CORNER = np.float32(0.1)  # second neighbours' weight over that of the nearest: 693 / 6930
# Quintic interpolation a quarter of a cell off the third of six points.
_Q = tuple(np.float32(value / 8192.0) for value in (77.0, -693.0, 6930.0, 2310.0, -495.0, 63.0))
_Q0, _Q1, _Q2, _Q3, _Q4, _Q5 = _Q


@fast_kernel
def weighted_sum(seen, weights, most, total):
    """total (M, M) = sum over sources of weight times min(brightness, most); seen (C, at least M M)."""
    side = total.shape[0]
    flat = total.reshape(side * side)
    for p in range(flat.shape[0]):
        flat[p] = _0
    for k in range(weights.shape[0]):
        weight = weights[k]
        row = seen[k, : flat.shape[0]]
        for p in range(flat.shape[0]):
            value = row[p] if row[p] < most else most
            flat[p] += weight * value


@fast_kernel
def peak_of_means(total, side):
    """Largest mean of the blocks of side x side cells: about the brightest pixel of the image to be."""
    peak = _0
    for i in range(0, total.shape[0] - side + 1, side):
        for j in range(0, total.shape[1] - side + 1, side):
            mean = _0
            for a in range(i, i + side):
                for b in range(j, j + side):
                    mean += total[a, b]
            peak = max(peak, mean)
    return peak / np.float32(side * side)


@fast_kernel
def rough_row(total, i, row):
    """row = roughness of row i of `total`, for the cells at least two from the edge."""
    count = row.shape[0] - 4
    a, b, d, e = total[i - 2, 2:], total[i - 1, 2:], total[i + 1, 2:], total[i + 2, 2:]
    p, q, c, r, s = total[i], total[i, 1:], total[i, 2:], total[i, 3:], total[i, 4:]
    out = row[2:]
    for j in range(count):
        across = a[j] - _4 * b[j] + _6 * c[j] - _4 * d[j] + e[j]
        along = p[j] - _4 * q[j] + _6 * c[j] - _4 * r[j] + s[j]
        out[j] = _ROUGH * (abs(across) + abs(along))


@fast_kernel
def clear(plane):
    for i in range(plane.shape[0]):
        row = plane[i]
        for j in range(row.shape[0]):
            row[j] = _0


@fast_kernel
def rough_cells(total, rough):
    """rough (M, M) = roughness of all cells of `total`, 0 for the two rows and columns at each edge."""
    clear(rough)
    for i in range(2, rough.shape[0] - 2):
        rough_row(total, i, rough[i])


@fast_kernel
def largest_row(rough, i, row):
    """row = largest roughness of each inner cell of row i and its four neighbours."""
    before, c, after = rough[i - 1, 1:], rough[i, 1:], rough[i + 1, 1:]
    p, q, out = rough[i], rough[i, 2:], row[1:]
    for j in range(row.shape[0] - 2):
        out[j] = max(max(max(before[j], after[j]), max(p[j], q[j])), c[j])


@fast_kernel
def largest_around(rough, out):
    """out (M, M) = largest roughness of each cell and its four neighbours: where roughness changes sign it says
    nothing; 0 at the edges."""
    clear(out)
    for i in range(2, rough.shape[0] - 2):
        largest_row(rough, i, out[i])


@fast_kernel
def corner_row(error, i, out):
    """out = row i of `error`, or what of its neighbours' is left a corner away if that is more."""
    before, c, after = error[i - 1, 1:], error[i, 1:], error[i + 1, 1:]
    p, q, row = error[i], error[i, 2:], out[1:]
    for j in range(out.shape[0] - 2):
        row[j] = max(_CORNER * max(max(before[j], after[j]), max(p[j], q[j])), c[j])


@fast_kernel
def reach_corners(error, out):
    """out (M, M) = `error` carried on between its arms: beside a spike interpolation errs there by a weight squared."""
    clear(out)
    for i in range(2, error.shape[0] - 2):
        corner_row(error, i, out[i])


@fast_inline_kernel
def nearness(u, v, reach2):
    """1 where the origin of (u, v) is within 3^0.5 of the reach of a cell with centre u, v, 0 beyond twice the reach.

    The reach is the root of the squares of the half sides in both directions: a cell that a lens squeezes to a line is
    as rough beside a cusp as one that is not.
    """
    near = _4 - (u * u + v * v) / reach2
    near = near if near < _1 else _1  # no min and max: loops over them do not vectorise
    return near if near > _0 else _0


@fast_kernel
def centre_row(bx, by, i, source, height, row):
    """Add `height` to row where a cell of row i sees the centre of `source`."""
    x0, y0, i00, i01, i10, i11 = source[0], source[1], source[2], source[3], source[4], source[5]
    left_x, x, right_x, left_y, y, right_y = bx[i - 1], bx[i], bx[i + 1], by[i - 1], by[i], by[i + 1]
    for j in range(1, row.shape[0] - 1):
        xx, xy = _QUARTER * (right_x[j] - left_x[j]), _QUARTER * (x[j + 1] - x[j - 1])
        yx, yy = _QUARTER * (right_y[j] - left_y[j]), _QUARTER * (y[j + 1] - y[j - 1])
        dx, dy = x[j] - x0, y[j] - y0
        u, v = i00 * dx + i01 * dy, i10 * dx + i11 * dy
        ux, uy = i00 * xx + i01 * yx, i00 * xy + i01 * yy
        vx, vy = i10 * xx + i11 * yx, i10 * xy + i11 * yy
        row[j] += height * nearness(u, v, ux * ux + uy * uy + vx * vx + vy * vy + _TINY)


@fast_kernel
def see_centres(bx, by, sources, heights, limit, error):
    """Add heights (C,) beyond `limit` to error (M, M) where cells see the centres of the sources."""
    for k in range(sources.shape[0]):
        if heights[k] > limit:
            for i in range(2, error.shape[0] - 2):
                centre_row(bx, by, i, sources[k], heights[k], error[i])


@fast_kernel
def find_cells(error, limit, cells, share):
    """Cells whose error is beyond `limit`, but for two rows and columns at each edge: their numbers and, from 0 to 1,
    how much they are beyond it; returns how many."""
    side = error.shape[0]
    count = 0
    for i in range(2, side - 2):
        row = error[i]
        for j in range(2, side - 2):
            if row[j] > limit:
                cells[count] = i * side + j
                share[count] = min(row[j] / limit - _1, _1)
                count += 1
    return count


@fast_kernel
def blend_rows(rows, out):
    """out = quintic interpolation between six rows, a quarter off the third towards the fourth, with three cells
    repeated at both ends."""
    a, b, c, d, e, f = rows
    inner = out[3:]
    for j in range(a.shape[0]):
        inner[j] = _Q0 * a[j] + _Q1 * b[j] + _Q2 * c[j] + _Q3 * d[j] + _Q4 * e[j] + _Q5 * f[j]
    last = a.shape[0] + 2
    for j in range(3):
        out[j] = out[3]
        out[last + 1 + j] = out[last]


@fast_kernel
def split_row(line, out):
    """out (2 M) = quintic interpolation of line (M + 6) at a quarter to either side of each of its inner points."""
    a, b, c, d, e, f, g = line, line[1:], line[2:], line[3:], line[4:], line[5:], line[6:]
    for j in range(out.shape[0] // 2):
        out[2 * j] = _Q0 * f[j] + _Q1 * e[j] + _Q2 * d[j] + _Q3 * c[j] + _Q4 * b[j] + _Q5 * a[j]
        out[2 * j + 1] = _Q0 * b[j] + _Q1 * c[j] + _Q2 * d[j] + _Q3 * e[j] + _Q4 * f[j] + _Q5 * g[j]


@fast_kernel
def interpolate(coarse, line, fine):
    """fine (2 M, 2 M) from coarse (M, M); line (M + 6) is scratch."""
    last = coarse.shape[0] - 1
    for i in range(last + 1):
        a, b, c = coarse[max(i - 3, 0)], coarse[max(i - 2, 0)], coarse[max(i - 1, 0)]
        e, f, g = coarse[min(i + 1, last)], coarse[min(i + 2, last)], coarse[min(i + 3, last)]
        blend_rows((f, e, coarse[i], c, b, a), line)
        split_row(line, fine[2 * i])
        blend_rows((b, c, coarse[i], e, f, g), line)
        split_row(line, fine[2 * i + 1])


@fast_kernel
def quarter_points(axis, cells, count, x, y):
    """Rays through the four fine cells of each of `count` coarse cells; returns how many, in whole blocks."""
    side = axis.shape[0] // 2
    for n in range(count):
        i, j = cells[n] // side, cells[n] % side
        for quarter in range(4):
            x[4 * n + quarter] = axis[2 * i + quarter // 2]
            y[4 * n + quarter] = axis[2 * j + quarter % 2]
    return pad_block(x, y, 4 * count)


@fast_kernel
def pad_block(x, y, count):
    """Repeat the last ray up to a whole number of blocks; returns how many rays that makes."""
    full = (count + BLOCK - 1) // BLOCK * BLOCK
    for p in range(count, full):
        x[p], y[p] = x[count - 1], y[count - 1]
    return full


@fast_kernel
def put_quarters(cells, share, count, seen, most, planes):
    """Blend what the rays of `quarter_points` saw (C, 4 count), but no more than `most`, into the fine planes (C, 2 M,
    2 M)."""
    side = planes.shape[1] // 2
    for n in range(count):
        i, j = 2 * (cells[n] // side), 2 * (cells[n] % side)
        for k in range(planes.shape[0]):
            for quarter in range(4):
                a, b = i + quarter // 2, j + quarter % 2
                planes[k, a, b] += share[n] * (min(seen[k, 4 * n + quarter], most) - planes[k, a, b])
