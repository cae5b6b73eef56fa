"""Light in Fourier space: modes of profiles turned into band images by a pruned, fixed-order Fourier sum, and the light
that folds back from a periodic box's replicas taken off.
"""

import math
from typing import NamedTuple

import numpy as np

from simulators._kernels._jit import kernel, step_kernel
from simulators._kernels.modes import lookup, profile_modes, prune, table_row
from simulators._kernels.product import add_product
from simulators._kernels.tracing import BLOCK, brightness_block

NODES = 8  # along a side of the stamp, where what folds back is found; all together are one block of rays


class Plan(NamedTuple):
    """What a grid of n x n pixels, its B PSFs, a periodic box and an accuracy need, for all samples.

    The first half of the rows y is padded with zeros to whole fours, the other half mirrors it.
    """

    k: np.ndarray  # (K,) wave numbers from 0 [rad/arcsec]
    strength: np.ndarray  # (K,) strongest band's modes at this distance from 0, times their number
    dropped: float  # part of the sum of modes that may be left out
    psf: np.ndarray  # (B, 1, K, K), x before y, with the pixel response; (B, 4, K, K) for `sum_skew_modes`
    cos_x: np.ndarray  # (K, n) waves at the pixels
    sin_x: np.ndarray
    cos_y: np.ndarray  # (K, half)
    sin_y: np.ndarray
    node_x: np.ndarray  # (NODES^2,) where what folds back is found [arcsec], single precision
    node_y: np.ndarray
    places: np.ndarray  # (8, 2) of the nearest replicas [arcsec]
    outer_x: np.ndarray  # (whole blocks,) where those of the next two rings see the stamp's four Gauss-Legendre points
    outer_y: np.ndarray
    wings: np.ndarray  # (B, NODES, NODES), y before x, that fold back from a point source [flux in a pixel]
    area: float  # of a pixel [arcsec^2]
    spread: np.ndarray  # (NODES, n) interpolation from nodes to pixels
    mirror: np.ndarray  # (2, NODES / 2, half) its even and odd part, for a node and its mirror image
    first: np.ndarray  # zeros, for each four of modes or rows


class Work(NamedTuple):
    """Scratch of one sample."""

    row: np.ndarray  # its row of the table
    cell: np.ndarray  # (2, K) entries of it
    even: np.ndarray  # (K, K) sums and differences of its modes at (+-kx, ky), x before y
    odd: np.ndarray
    a: np.ndarray  # (K, K) the same under a PSF
    b: np.ndarray
    last: np.ndarray  # (K / 4,) modes to sum for each four of wave numbers
    all: np.ndarray  # (half / 4,) the same, of the sum over ky
    cos: np.ndarray  # (K, n) waves about its centre
    sin: np.ndarray
    real: np.ndarray  # (K, n) sums over kx
    imag: np.ndarray
    left: np.ndarray  # (half, n) sums over ky, even and odd in y
    right: np.ndarray
    seen: np.ndarray  # (NODES, NODES) light that folds back, single precision
    near: np.ndarray  # (3, NODES^2) that of one replica, and where it is seen
    part: np.ndarray  # (NODES, n)


@step_kernel
def workspace(plan, table):
    """Work for samples of the table's precision."""
    modes, pixels, half = plan.cos_x.shape[0], plan.cos_x.shape[1], plan.cos_y.shape[1]
    return Work(
        np.empty(table.shape[1], table.dtype),
        np.empty((2, modes), np.int32),
        np.empty((modes, modes), table.dtype),
        np.empty((modes, modes), table.dtype),
        np.empty((modes, modes), table.dtype),
        np.empty((modes, modes), table.dtype),
        np.empty(modes // 4, np.int64),
        np.empty(half // 4, np.int64),
        np.empty((modes, pixels), table.dtype),
        np.empty((modes, pixels), table.dtype),
        np.empty((modes, pixels), table.dtype),
        np.empty((modes, pixels), table.dtype),
        np.empty((half, pixels), table.dtype),
        np.empty((half, pixels), table.dtype),
        np.empty((NODES, NODES), np.float32),
        np.empty((3, BLOCK), np.float32),
        np.empty((NODES, pixels), table.dtype),
    )


@step_kernel
def count_modes(plan, row, axis):
    """Wave numbers, in whole fours, beyond which a profile of least half-light `axis` has next to no light."""
    total = row.dtype.type(0.0)
    for j in range(plan.k.shape[0]):
        total += abs(lookup(row, axis * axis * plan.k[j] * plan.k[j])) * plan.strength[j]
    allowed, j = plan.dropped * total, plan.k.shape[0]
    while j > 4 and allowed >= 0.0:
        j -= 1
        allowed -= abs(lookup(row, axis * axis * plan.k[j] * plan.k[j])) * plan.strength[j]
    return min((j + 1 + 3) // 4 * 4, plan.k.shape[0])


@step_kernel
def waves_about(plan, x0, count, work):
    """Waves along x about `x0`: one rotation for each of the first `count` wave numbers."""
    for i in range(count):
        c, s = plan.k.dtype.type(math.cos(plan.k[i] * x0)), plan.k.dtype.type(math.sin(plan.k[i] * x0))
        cos, sin, cos_out, sin_out = plan.cos_x[i], plan.sin_x[i], work.cos[i], work.sin[i]
        for q in range(cos.shape[0]):
            cos_out[q] = c * cos[q] + s * sin[q]
            sin_out[q] = c * sin[q] - s * cos[q]


@step_kernel
def sum_modes(psf, first, count, work):
    """Sums over kx of modes under a real, even PSF (K, K)."""
    for i in range(count):
        even, odd, strength, a, b = work.even[i], work.odd[i], psf[i], work.a[i], work.b[i]
        for j in range(work.last[i // 4]):
            a[j] = even[j] * strength[j]
            b[j] = odd[j] * strength[j]
    add_product(work.a, work.cos, first, work.last, work.real[:count])
    add_product(work.b, work.sin, first, work.last, work.imag[:count])


@step_kernel
def sum_skew_modes(psf, first, count, work):
    """As `sum_modes` for a transform P that is neither real nor even: psf (4, K, K) holds the real and imaginary
    parts of S = (P(kx, ky) + P(-kx, ky)) / 2, then those of D = (P(kx, ky) - P(-kx, ky)) / 2.

    With the profile's even and odd modes e and o, both signs of kx add up to (e S + o D) cos + i (e D + o S) sin.
    """
    for imaginary in range(2):
        for i in range(count):
            even, odd, total, difference = work.even[i], work.odd[i], psf[imaginary, i], psf[2 + imaginary, i]
            a, b = work.a[i], work.b[i]
            for j in range(work.last[i // 4]):
                a[j] = even[j] * total[j] + odd[j] * difference[j]
                b[j] = even[j] * difference[j] + odd[j] * total[j]
                b[j] = -b[j] if imaginary else b[j]
        onto, across = (work.imag, work.real) if imaginary else (work.real, work.imag)
        add_product(work.a, work.cos, first, work.last, onto[:count])
        add_product(work.b, work.sin, first, work.last, across[:count])


@step_kernel
def sum_rows(plan, y0, count, work):
    """Sums over ky, even and odd in y, of the sums over kx moved to `y0`."""
    for j in range(count):
        c, s = plan.k.dtype.type(math.cos(plan.k[j] * y0)), plan.k.dtype.type(math.sin(plan.k[j] * y0))
        weight = plan.k.dtype.type(1.0 if j == 0 else 2.0)
        real, imag = work.real[j], work.imag[j]
        for q in range(real.shape[0]):
            a, b = weight * real[q], weight * imag[q]
            real[q] = a * c + b * s
            imag[q] = a * s - b * c
    work.all[:] = count
    add_product(plan.cos_y, work.real, plan.first, work.all, work.left)
    add_product(plan.sin_y, work.imag, plan.first, work.all, work.right)


@step_kernel
def find_folded(plan, source, far, work):
    """Light of a unit flux that folds back: that of the nearest replicas at the nodes, the mean of that of the next,
    and `far` from all others.
    """
    seen, near = work.seen.reshape(-1), work.near
    for start in range(0, plan.outer_x.shape[0], BLOCK):
        brightness_block(plan.outer_x[start : start + BLOCK], plan.outer_y[start : start + BLOCK], source, near[0])
        for j in range(BLOCK):
            far += near[0, j] * np.float32(0.25)
    seen[:] = far
    for r in range(plan.places.shape[0]):
        for j in range(BLOCK):
            near[1, j] = plan.node_x[j] - plan.places[r, 0]
            near[2, j] = plan.node_y[j] - plan.places[r, 1]
        brightness_block(near[1], near[2], source, near[0])
        for j in range(BLOCK):
            seen[j] += near[0, j]


@step_kernel
def take_folded(plan, wings, work):
    """Take what folds back off the sums over ky: a node's and its mirror's, even and odd in y."""
    part, zero = work.part, plan.k.dtype.type(0.0)
    part[:] = zero
    for a in range(NODES):
        mirrored, odd = (a, zero) if a < NODES // 2 else (NODES - 1 - a, plan.k.dtype.type(1.0))
        for b in range(NODES):
            folded = wings[a, b] + plan.k.dtype.type(work.seen[a, b]) * plan.area
            for q in range(part.shape[1]):
                part[mirrored, q] -= folded * plan.spread[b, q]
                part[NODES // 2 + mirrored, q] -= (plan.k.dtype.type(1.0) - odd - odd) * folded * plan.spread[b, q]
    work.all[:] = NODES // 2
    add_product(plan.mirror[0], part[: NODES // 2], plan.first, work.all, work.left)
    add_product(plan.mirror[1], part[NODES // 2 :], plan.first, work.all, work.right)


@step_kernel
def put_image(flux, work, out):
    """Add `flux` times the sums over ky to out (n, n)."""
    pixels, half = out.shape[0], (out.shape[0] + 1) // 2
    amount = out.dtype.type(flux)
    for p in range(half):
        even, odd, line = work.left[p], work.right[p], out[p]
        for q in range(pixels):
            line[q] += amount * (even[q] + odd[q])
    for p in range(half, pixels):
        even, odd, line = work.left[pixels - 1 - p], work.right[pixels - 1 - p], out[p]
        for q in range(pixels):
            line[q] += amount * (even[q] - odd[q])


@step_kernel
def clear(work, count):
    """Set what products are added to, of the first `count` wave numbers, to zero."""
    work.real[:count] = work.real.dtype.type(0.0)
    work.imag[:count] = work.real.dtype.type(0.0)
    work.left[:] = work.real.dtype.type(0.0)
    work.right[:] = work.real.dtype.type(0.0)


@step_kernel
def _add_one(table, plan, position, shape, source, far, flux, work, out):
    table_row(table, position, work.row)
    modes = count_modes(plan, work.row, shape[4])
    prune(modes, work.last)
    profile_modes(work.row, shape, plan.k, modes, work.last, work.cell, work.even, work.odd)
    waves_about(plan, shape[5], modes, work)
    find_folded(plan, source, far, work)
    for b in range(flux.shape[0]):
        clear(work, modes)
        if plan.psf.shape[1] == 1:
            sum_modes(plan.psf[b, 0], plan.first, modes, work)
        else:
            sum_skew_modes(plan.psf[b], plan.first, modes, work)
        sum_rows(plan, shape[6], modes, work)
        take_folded(plan, plan.wings[b], work)
        put_image(flux[b], work, out[b])


@kernel
def add_profiles(first, last, table, plan, samples, position, shape, sources, far, flux, out):
    """Add profiles first .. last - 1 to the samples (S,) of out (:, B, n, n).

    table (rows, nodes); position (S,) fractional table row; shape (S, 7) the matrix M (r = M r0) row by row, the
    least half-light axis and the centre x, y; sources (S, 14) see `brightness_block`; far (S,); flux (S, B).
    """
    work = workspace(plan, table)
    for s in range(first, last):
        _add_one(table, plan, position[s], shape[s], sources[s], far[s], flux[s], work, out[samples[s]])
