"""Which pixels are a galaxy's, and how its light is shared among them: Gini and M20."""

import math

import numpy as np

from simulators._kernels._jit import kernel


@kernel
def smear(image, sigma, half, out):
    """Convolve with a Gaussian, edges repeated; `half` is room for one axis."""
    size = int(3.0 * sigma) + 1
    weights = np.empty(size + 1)
    for k in range(size + 1):
        weights[k] = math.exp(-0.5 * (k / sigma) ** 2)
    weights /= 2.0 * weights.sum() - weights[0]
    ny, nx = image.shape
    for row in range(ny):
        for column in range(nx):
            total = weights[0] * image[row, column]
            for k in range(1, size + 1):
                total += weights[k] * (image[row, max(column - k, 0)] + image[row, min(column + k, nx - 1)])
            half[row, column] = total
    for row in range(ny):
        for column in range(nx):
            total = weights[0] * half[row, column]
            for k in range(1, size + 1):
                total += weights[k] * (half[max(row - k, 0), column] + half[min(row + k, ny - 1), column])
            out[row, column] = total


@kernel
def segment(smooth, x, y, petro, stack):
    """Fill `stack` with the connected pixels (row, column) as bright as the ring at the Petrosian radius; their number.

    Lotz et al. (2004, section 3.1); they hold the brightest pixel within half a Petrosian radius.
    """
    level, ring, top = 0.0, 0, -math.inf
    row0 = column0 = 0
    for row in range(smooth.shape[0]):
        for column in range(smooth.shape[1]):
            r = math.sqrt((column - x) ** 2 + (row - y) ** 2)
            if abs(r - petro) <= 0.5:
                level += smooth[row, column]
                ring += 1
            if r <= max(0.5 * petro, 1.5) and smooth[row, column] > top:
                top, row0, column0 = smooth[row, column], row, column
    level = level / ring if ring > 0 else 0.0
    taken = np.zeros(smooth.shape, dtype=np.bool_)
    taken[row0, column0] = True
    stack[0, 0], stack[0, 1] = row0, column0
    count, done = 1, 0
    while done < count:
        row, column = stack[done]
        done += 1
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            j, i = row + dy, column + dx
            inside = 0 <= j < smooth.shape[0] and 0 <= i < smooth.shape[1]
            if inside and not taken[j, i] and smooth[j, i] >= level:
                taken[j, i] = True
                stack[count, 0], stack[count, 1] = j, i
                count += 1
    return count


@kernel
def gini_m20(image, places, count, values):
    """Gini (Lotz et al. 2004, eq. 6) and M20 (eq. 8, about the centroid) of the pixels `places`."""
    total = cx = cy = 0.0
    for k in range(count):
        f = image[places[k, 0], places[k, 1]]
        values[k] = f
        total += f
        cx += f * places[k, 1]
        cy += f * places[k, 0]
    if count < 3 or total <= 0.0:
        return math.nan, math.nan
    cx, cy = cx / total, cy / total
    order = np.argsort(values[:count])
    size = np.sort(np.abs(values[:count]))
    spread = 0.0
    for k in range(count):
        spread += (2.0 * (k + 1) - count - 1.0) * size[k]
    moment = bright = grown = 0.0
    for n in range(count - 1, -1, -1):
        row, column = places[order[n]]
        f = values[order[n]]
        share = f * ((column - cx) ** 2 + (row - cy) ** 2)
        moment += share
        grown += f
        if grown <= 0.2 * total or n == count - 1:
            bright += share
    gini = spread / (size.mean() * count * (count - 1))
    return gini, math.log10(max(bright / moment, 1e-6)) if moment > 0.0 else math.nan
