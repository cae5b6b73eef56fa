"""Unwanted light on a detector: trails, fringes and reflections of bright stars; images (y, x), in place."""

from __future__ import annotations

import math

import numpy as np

from simulators._kernels._jit import fast_kernel, kernel
from simulators._kernels.elementary import quick_circle

__all__ = ["add_annulus", "add_crossing", "add_fringes", "add_trail", "bright_cells", "trail_profile"]

_F0 = np.float32(0.0)
_TURN = 2.0**32
_FAINTEST = 0.3  # electrons in a pixel, below which a trail is neither drawn nor flagged


@kernel
def modulation(along, shape):
    """Brightness at `along` [pixel] of a light that swings (`duty` 0) or blinks between `start` and `stop`: `depth`,
    `period`, `phase`, `duty`, `soft`, `start`, `stop`.
    """
    depth, period, phase, duty, soft, start, stop = shape
    shown = min(max(0.5 + min(along - start, stop - along) / soft, 0.0), 1.0)
    turns = along / period + phase
    if duty <= 0.0:
        return shown * (1.0 + depth * math.cos(2.0 * math.pi * turns))
    distance = abs(turns - math.floor(turns) - 0.5) * period
    return shown * (1.0 - depth + depth * min(max(0.5 + (0.5 * duty * period - distance) / soft, 0.0), 1.0))


@kernel
def trail_profile(flux, fwhm, beta, faintest):
    """The profile of `add_trail` for a Moffat PSF integrated along a line of `flux` for each pixel of length, as far as
    it exceeds `faintest`: again a Moffat profile, its power less by one half.
    """
    width, power = fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / beta) - 1.0)), 0.5 - beta
    peak = flux * math.exp(math.lgamma(beta - 0.5) - math.lgamma(beta - 1.0)) / (math.sqrt(math.pi) * width)
    return peak, width, power, width * math.sqrt(max((faintest / peak) ** (1.0 / power) - 1.0, 0.0))


@kernel
def add_trail(image, mask, bit, line, profile, shape):
    """A moving light: `line` is a point x, y on it and cos, sin of its direction, `profile` the peak, width and power
    of its cross-section peak (1 + (d / width)^2)^power and how far it reaches, `shape` as for `modulation`.
    """
    x0, y0, cosine, sine = line
    peak, width, power, reach = profile
    ny, nx = image.shape
    for y in range(ny):
        across = (y - y0) * cosine
        first, last = 0, nx - 1
        if abs(sine) > 1e-9:
            ends = (across - reach) / sine, (across + reach) / sine
            first = max(first, math.ceil(max(min(ends[0], ends[1]) + x0, -1.0)))
            last = min(last, math.floor(min(max(ends[0], ends[1]) + x0, float(nx))))
        for x in range(first, last + 1):
            d = across - (x - x0) * sine
            if abs(d) <= reach:
                along = (x - x0) * cosine + (y - y0) * sine
                light = np.float32(peak * (1.0 + (d / width) ** 2) ** power * modulation(along, shape))
                if light > _F0:
                    image[y, x] += light
                    mask[y, x] |= bit


@kernel
def add_crossing(image, mask, bit, frame, corner, model, draws):
    """The lights of one trail across the chip's `frame`, of which the image's first pixel is `corner`: a satellite's,
    or an aeroplane's two steady ones and between them one that blinks.

    `model` are the numbers of `Trails` but its rate. `draws` are ten uniform ones: turn and place of the line (turns
    are even, and lines of a direction evenly among those that cross the frame), brightness, kind, swing or width,
    period, phase, and whether the trail ends, where, and on which side of it the light is.
    """
    faintest, brightest, fwhm, beta, swing, aeroplanes, ends = model
    turn, place, light, kind, share, wait, phase, ending, where, side = draws
    (ny, nx), cosine, sine = frame, math.cos(math.pi * turn), math.sin(math.pi * turn)
    offset = (place - 0.5) * (nx * abs(sine) + ny * abs(cosine))
    end = (where - 0.5) * math.hypot(ny, nx) / 2.0 if ending < ends else -math.inf
    start, stop = (end, math.inf) if side < 0.5 else (-math.inf, -end)
    flux, period = faintest * (brightest / faintest) ** light, 10.0 * fwhm * 10.0 ** (2.0 * wait)
    for beside in (-1.0, 1.0, 0.0):
        middle, satellite = beside == 0.0, kind >= aeroplanes
        if middle or not satellite:
            depth = swing * share if satellite else 1.0 - abs(beside)
            duty = fwhm / period if middle and not satellite else 0.0
            far = offset + beside * fwhm * (2.0 + 3.0 * share)
            line = (nx - 1) / 2.0 - far * sine - corner[1], (ny - 1) / 2.0 + far * cosine - corner[0], cosine, sine
            profile = trail_profile(flux if middle else flux / 4.0, fwhm, beta, _FAINTEST)
            add_trail(image, mask, bit, line, profile, (depth, period, phase, duty, fwhm, start, stop))


@fast_kernel
def add_fringes(first_row, last_row, amplitude, step, below, before, phase, image):
    """amplitude cos(2 pi phase); `phase` [turns] on a grid of `step` pixels, which begins `below` rows and `before`
    columns ahead of the image and reaches beyond it.
    """
    size = np.float32(step)
    turns, between = np.empty(image.shape[1], np.float32), np.empty(phase.shape[1], np.float32)
    for y in range(first_row, last_row):
        low, t = phase[(y + below) // step], np.float32((y + below) % step) / size
        high = phase[(y + below) // step + 1]
        for i in range(between.size):
            between[i] = low[i] + t * (high[i] - low[i])
        for x in range(turns.size):
            i = (x + before) // step
            turns[x] = between[i] + np.float32(x + before - i * step) / size * (between[i + 1] - between[i])
        row = image[y]
        for x in range(turns.size):
            part = turns[x] - np.floor(turns[x])
            row[x] += amplitude * quick_circle(np.int32(np.int64(part * _TURN)))[0]


@kernel
def bright_cells(image, bright, cell):
    """Light above `bright` in cells of `cell` pixels and its first moments in x and y, shape (3, cells y, cells x)."""
    ny, nx = image.shape
    sums = np.zeros((3, (ny + cell - 1) // cell, (nx + cell - 1) // cell))
    for y in range(ny):
        most = _F0
        for x in range(nx):
            most = max(most, image[y, x])
        if most > bright:
            for x in range(nx):
                excess = np.float64(image[y, x]) - bright
                if excess > 0.0:
                    sums[0, y // cell, x // cell] += excess
                    sums[1, y // cell, x // cell] += excess * x
                    sums[2, y // cell, x // cell] += excess * y
    return sums


@kernel
def add_annulus(image, mask, bit, x0, y0, inner, outer, light):
    """`light` for each pixel between two radii, their rims one pixel soft."""
    ny, nx = image.shape
    for y in range(max(0, int(y0 - outer - 1)), min(ny, int(y0 + outer + 3))):
        for x in range(max(0, int(x0 - outer - 1)), min(nx, int(x0 + outer + 3))):
            r = math.hypot(x - x0, y - y0)
            share = min(max(outer + 0.5 - r, 0.0), 1.0) - min(max(inner + 0.5 - r, 0.0), 1.0)
            if share * light > 0.0:
                image[y, x] += np.float32(share * light)
                mask[y, x] |= bit
