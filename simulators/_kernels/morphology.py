"""Morphology of stamps about one centre: Petrosian radius, curve of growth, CAS, Gini and M20."""

import math

import numpy as np

from simulators._kernels._jit import kernel
from simulators._kernels.segmentation import gini_m20, segment, smear

STEP = 0.25  # of the radial grid [pixel]
SAMPLES = 4  # of a pixel, along a side
ETA = 0.2  # surface brightness at the Petrosian radius over the mean within it
REACH = 1.5  # the total aperture, in Petrosian radii
BOX = 0.25  # side of the smoothing box, in Petrosian radii
SMEAR = 0.2  # Gaussian sigma before the segmentation, in Petrosian radii
CLIP = 4.0  # border pixels beyond this many sky sigmas belong to a neighbour
MEAN_OF_MEDIAN = 1.1829372  # mean over median of |normal|


@kernel
def reach(image, x, y):
    """Distance [pixel] from (x, y) to the nearest edge."""
    return 0.5 + min(x, y, image.shape[1] - 1 - x, image.shape[0] - 1 - y)


@kernel
def growth(image, x, y, flux, area):
    """Fill flux[k], area[k] with the sums within radius k STEP of (x, y), pixels cut in SAMPLES^2 parts."""
    flux[:] = 0.0
    area[:] = 0.0
    part = 1.0 / SAMPLES
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            for a in range(SAMPLES):
                dy = row - y + (a + 0.5) * part - 0.5
                for b in range(SAMPLES):
                    dx = column - x + (b + 0.5) * part - 0.5
                    k = int(math.sqrt(dx * dx + dy * dy) / STEP) + 1
                    if k < len(flux):
                        flux[k] += image[row, column] * part * part
                        area[k] += part * part
    for k in range(1, len(flux)):
        flux[k] += flux[k - 1]
        area[k] += area[k - 1]


@kernel
def petrosian(flux, area, largest):
    """Radius [pixel] at which the mean of the ring r -+ 1/2 falls to ETA times the mean within r; at most `largest`."""
    half = int(0.5 / STEP)
    before = math.nan
    for k in range(2 * half, len(flux) - half):
        ring = (flux[k + half] - flux[k - half]) / max(area[k + half] - area[k - half], 1e-9)
        eta = ring * area[k] / flux[k] if flux[k] > 0.0 else 0.0
        if k * STEP >= largest:
            break
        if eta < ETA:
            back = (ETA - eta) / (before - eta) if before > ETA else 0.0
            return min((k - back) * STEP, largest)
        before = eta
    return largest


@kernel
def crossing(flux, last, share):
    """Radius [pixel] that holds `share` of the flux within radius `last`, linear between steps of its highest."""
    end = min(int(last / STEP), len(flux) - 1)
    total = flux[end]
    highest = 0.0
    for k in range(1, end + 1):
        if flux[k] >= share * total:
            low = min(highest, share * total)
            return STEP * (k - 1 + (share * total - low) / max(flux[k] - low, 1e-30))
        highest = max(highest, flux[k])
    return end * STEP


@kernel
def interpolated(image, x, y):
    """Bilinear value at (x, y); NaN outside."""
    i, j = math.floor(x), math.floor(y)
    if i < 0 or j < 0 or i > image.shape[1] - 1 or j > image.shape[0] - 1:
        return math.nan
    u, v = x - i, y - j
    i1, j1 = min(i + 1, image.shape[1] - 1), min(j + 1, image.shape[0] - 1)
    low = (1.0 - u) * image[j, i] + u * image[j, i1]
    return (1.0 - v) * low + v * ((1.0 - u) * image[j1, i] + u * image[j1, i1])


@kernel
def turned(image, x, y, radius):
    """Sum of |I - I turned by 180 degrees about (x, y)| and of |I|, and the pixels, within `radius`."""
    change = light = count = 0.0
    for row in range(max(0, int(y - radius)), min(image.shape[0], int(y + radius) + 2)):
        for column in range(max(0, int(x - radius)), min(image.shape[1], int(x + radius) + 2)):
            if (column - x) ** 2 + (row - y) ** 2 <= radius * radius:
                other = interpolated(image, 2.0 * x - column, 2.0 * y - row)
                if not math.isnan(other):
                    change += abs(image[row, column] - other)
                    light += abs(image[row, column])
                    count += 1.0
    return change, light, count


@kernel
def most_symmetric(image, x, y, radius):
    """The centre near (x, y) about which the asymmetry is least (Conselice et al. 2000), to 1/16 pixel."""
    change, light, _ = turned(image, x, y, radius)
    best = change / max(light, 1e-30)
    step = 0.5
    for _ in range(40):
        moved = False
        for dy in (-step, 0.0, step):
            for dx in (-step, 0.0, step):
                if reach(image, x + dx, y + dy) > 2.0:
                    change, light, _ = turned(image, x + dx, y + dy, radius)
                    if change < best * light * (1.0 - 1e-9):
                        best = change / light
                        to_x, to_y, moved = x + dx, y + dy, True
        if moved:
            x, y = to_x, to_y
        elif step < 0.1:
            break
        else:
            step *= 0.5
    return x, y


@kernel
def in_border(row, column, shape, width):
    """Whether a pixel lies in the frame of `width` pixels."""
    return min(row, column, shape[0] - 1 - row, shape[1] - 1 - column) < width


@kernel
def sky_change(image, x, y, width, values):
    """Mean |B - B turned| of the border, turned about a centre that splits pixels as (x, y) does."""
    cx = 0.5 * (image.shape[1] - 1 + 2.0 * x - math.floor(2.0 * x + 0.5))
    cy = 0.5 * (image.shape[0] - 1 + 2.0 * y - math.floor(2.0 * y + 0.5))
    count = 0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if in_border(row, column, image.shape, width):
                other = interpolated(image, 2.0 * cx - column, 2.0 * cy - row)
                if not math.isnan(other):
                    values[count] = abs(image[row, column] - other)
                    count += 1
    return MEAN_OF_MEDIAN * np.median(values[:count])


@kernel
def box_mean(image, row, column, side):
    """Mean of the box of `side` pixels about a pixel (low by half for even sides), as far as it is on the stamp."""
    total, count = 0.0, 0
    row, column = row - side // 2, column - side // 2
    for j in range(max(row, 0), min(row + side, image.shape[0])):
        for i in range(max(column, 0), min(column + side, image.shape[1])):
            total += image[j, i]
            count += 1
    return total / count


@kernel
def smoothness(image, x, y, petro, outer, width, sigma):
    """Light above the local mean beyond BOX Petrosian radii, less the sky's, over all light (Conselice 2003, eq. 5)."""
    side = max(2, int(BOX * petro))
    rough = light = sky = 0.0
    pixels = sky_pixels = 0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            r = math.sqrt((column - x) ** 2 + (row - y) ** 2)
            border = in_border(row, column, image.shape, width) and abs(image[row, column]) < CLIP * sigma
            if r > outer and not border:
                continue
            excess = image[row, column] - box_mean(image, row, column, side)
            if r <= outer:
                light += image[row, column]
                if r >= BOX * petro:
                    rough += max(excess, 0.0)
                    pixels += 1
            elif border:
                sky += max(excess, 0.0)
                sky_pixels += 1
    return (rough - pixels * sky / max(sky_pixels, 1)) / light if light > 0.0 else math.nan


@kernel
def measure(image, x, y, width, sigma, room, out):
    """Fill out with centre x, y, Petrosian radius, flux, r20, r50, r80, asymmetry, smoothness, Gini and M20."""
    flux, area = np.empty(room), np.empty(room)
    values, half, smooth = np.empty(image.size), np.empty(image.shape), np.empty(image.shape)
    places = np.empty((image.size, 2), dtype=np.int64)
    growth(image, x, y, flux, area)
    petro = petrosian(flux, area, reach(image, x, y))
    x, y = most_symmetric(image, x, y, min(REACH * petro, reach(image, x, y)))
    growth(image, x, y, flux, area)
    petro = petrosian(flux, area, reach(image, x, y))
    outer = min(REACH * petro, reach(image, x, y))
    total = flux[min(int(outer / STEP), room - 1)]
    out[0], out[1], out[2], out[3] = x, y, petro, total
    if not total > 0.0:
        out[4:] = math.nan
        return
    for k in range(3):
        out[4 + k] = crossing(flux, outer, (0.2, 0.5, 0.8)[k])
    change, light, count = turned(image, x, y, outer)
    out[7] = (change - count * sky_change(image, x, y, width, values)) / light
    out[8] = smoothness(image, x, y, petro, outer, width, sigma)
    smear(image, max(SMEAR * petro, 0.3), half, smooth)
    out[9], out[10] = gini_m20(image, places, segment(smooth, x, y, petro, places), values)


@kernel
def morphology(first, last, images, centres, width, sigmas, room, out):
    """Fill rows of out (S, 11), see `measure`, of sky-subtracted images (S, y, x) and centres (S, 2) = x, y [pixel]."""
    for s in range(first, last):
        measure(images[s], centres[s, 0], centres[s, 1], width, sigmas[s], room, out[s])
