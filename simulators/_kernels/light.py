"""Light in Fourier space: a Sersic table turned into band images by a pruned, fixed-order Fourier sum."""

import math

import numpy as np

from simulators._kernels._jit import compile_pair, fast_kernel, kernel, prange


@kernel
def table_row(table, position, row):
    """Cubic (four-point Lagrange) interpolation between the rows of `table` at fractional row `position`."""
    last = table.shape[0] - 3
    i = min(max(int(position), 1), last)
    t = position - i
    a = -t * (t - 1.0) * (t - 2.0) / 6.0
    b = (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0
    c = -(t + 1.0) * t * (t - 2.0) / 2.0
    d = (t + 1.0) * t * (t - 1.0) / 6.0
    for j in range(row.shape[0]):
        row[j] = a * table[i - 1, j] + b * table[i, j] + c * table[i + 1, j] + d * table[i + 2, j]


@kernel
def lookup(row, k):
    """Linear interpolation of a row tabulated uniformly in t = k / (1 + k)."""
    q = (row.shape[0] - 1.0) * (k / (1.0 + k))
    cell = min(int(q), row.shape[0] - 2)
    return row[cell] + (q - cell) * (row[cell + 1] - row[cell])


@kernel
def profile_modes(row, m00, m01, m10, m11, kx, ky, even, odd):
    """Transform row(|M^T k|) of a profile at (kx, +ky) and (kx, -ky): their sum (at ky = 0 the value) and
    difference.
    """
    for i in range(kx.shape[0]):
        for j in range(ky.shape[0]):
            u, v = m00 * kx[i], m01 * kx[i]
            du, dv = m10 * ky[j], m11 * ky[j]
            above = lookup(row, math.sqrt((u + du) ** 2 + (v + dv) ** 2))
            below = lookup(row, math.sqrt((u - du) ** 2 + (v - dv) ** 2))
            even[i, j] = above + below if ky[j] > 0.0 else above
            odd[i, j] = above - below


@kernel
def phases(k, x0, cos_kx, sin_kx, cos_out, sin_out):
    """exp(i k (x - x0)) from the tabulated exp(i k x): one rotation per mode."""
    for j in range(k.shape[0]):
        c = math.cos(k[j] * x0)
        s = math.sin(k[j] * x0)
        for p in range(cos_out.shape[1]):
            cos_out[j, p] = c * cos_kx[j, p] + s * sin_kx[j, p]
            sin_out[j, p] = c * sin_kx[j, p] - s * cos_kx[j, p]


@fast_kernel
def sum_modes(even, odd, psf, flux, cos_x, sin_x, cos_y, sin_y, real, imag, image):
    """Add flux * sum_k modes(k) psf(k) exp(i k r) to `image`; the summation order never depends on the batch.

    The second axis of the modes has a multiple of four entries: four terms are added per pass through memory.
    """
    ny, nx = image.shape
    for i in range(even.shape[0]):
        for p in range(ny):
            real[p] = 0.0
            imag[p] = 0.0
        for j in range(0, even.shape[1], 4):
            p0, p1, p2, p3 = psf[i, j], psf[i, j + 1], psf[i, j + 2], psf[i, j + 3]
            a0, a1, a2, a3 = even[i, j] * p0, even[i, j + 1] * p1, even[i, j + 2] * p2, even[i, j + 3] * p3
            b0, b1, b2, b3 = odd[i, j] * p0, odd[i, j + 1] * p1, odd[i, j + 2] * p2, odd[i, j + 3] * p3
            for p in range(ny):
                real[p] += a0 * cos_y[j, p] + a1 * cos_y[j + 1, p] + a2 * cos_y[j + 2, p] + a3 * cos_y[j + 3, p]
                imag[p] += b0 * sin_y[j, p] + b1 * sin_y[j + 1, p] + b2 * sin_y[j + 2, p] + b3 * sin_y[j + 3, p]
        weight = flux if i == 0 else 2.0 * flux
        for p in range(ny):
            re = weight * real[p]
            im = weight * imag[p]
            for q in range(nx):
                image[p, q] += re * cos_x[i, q] - im * sin_x[i, q]


@fast_kernel
def sum_skew_modes(even, odd, psf, flux, cos_x, sin_x, cos_y, sin_y, real, imag, image):
    """As `sum_modes` for a transform P that is neither real nor even: psf (4, Kx, Ky) holds the real and imaginary
    parts of S = (P(kx, ky) + P(kx, -ky)) / 2, then those of D = (P(kx, ky) - P(kx, -ky)) / 2.

    With the profile's even and odd modes e and o, both signs of ky add up to (e S + o D) cos + i (e D + o S) sin.
    """
    ny, nx = image.shape
    for i in range(even.shape[0]):
        for p in range(ny):
            real[p] = 0.0
            imag[p] = 0.0
        for j in range(0, even.shape[1], 2):
            e0, e1, o0, o1 = even[i, j], even[i, j + 1], odd[i, j], odd[i, j + 1]
            cr0, cr1 = e0 * psf[0, i, j] + o0 * psf[2, i, j], e1 * psf[0, i, j + 1] + o1 * psf[2, i, j + 1]
            ci0, ci1 = e0 * psf[1, i, j] + o0 * psf[3, i, j], e1 * psf[1, i, j + 1] + o1 * psf[3, i, j + 1]
            sr0, sr1 = e0 * psf[2, i, j] + o0 * psf[0, i, j], e1 * psf[2, i, j + 1] + o1 * psf[0, i, j + 1]
            si0, si1 = e0 * psf[3, i, j] + o0 * psf[1, i, j], e1 * psf[3, i, j + 1] + o1 * psf[1, i, j + 1]
            for p in range(ny):
                c0, c1, s0, s1 = cos_y[j, p], cos_y[j + 1, p], sin_y[j, p], sin_y[j + 1, p]
                real[p] += cr0 * c0 - si0 * s0 + cr1 * c1 - si1 * s1
                imag[p] += ci0 * c0 + sr0 * s0 + ci1 * c1 + sr1 * s1
        weight = flux if i == 0 else 2.0 * flux
        for p in range(ny):
            re = weight * real[p]
            im = weight * imag[p]
            for q in range(nx):
                image[p, q] += re * cos_x[i, q] - im * sin_x[i, q]


def _adder(sum_band):
    """(serial, parallel) loops over samples and bands, each band added by `sum_band`."""

    def add_profiles(table, position, shape, flux, x0, y0, kx, ky, psf, cos_x, sin_x, cos_y, sin_y, out):
        """Add one profile per sample to out (S, B, ny, nx).

        table (rows, nodes); position (S,) fractional table row; shape (S, 4) the matrix M (r = M r0) row by row; flux
        (S, B); x0, y0 (S,); kx (Kx,), ky (Ky,) from 0, Ky a multiple of 4; psf (B, ...) as `sum_band` takes it;
        cos_x.. (Kx, nx), cos_y.. (Ky, ny).
        """
        for s in prange(flux.shape[0]):
            row = np.empty(table.shape[1])
            even = np.empty((kx.shape[0], ky.shape[0]))
            odd = np.empty((kx.shape[0], ky.shape[0]))
            cx = np.empty_like(cos_x)
            sx = np.empty_like(sin_x)
            cy = np.empty_like(cos_y)
            sy = np.empty_like(sin_y)
            real = np.empty(out.shape[2])
            imag = np.empty(out.shape[2])
            table_row(table, position[s], row)
            profile_modes(row, shape[s, 0], shape[s, 1], shape[s, 2], shape[s, 3], kx, ky, even, odd)
            phases(kx, x0[s], cos_x, sin_x, cx, sx)
            phases(ky, y0[s], cos_y, sin_y, cy, sy)
            for b in range(flux.shape[1]):
                sum_band(even, odd, psf[b], flux[s, b], cx, sx, cy, sy, real, imag, out[s, b])

    return compile_pair(add_profiles)


add_profiles_serial, add_profiles_parallel = _adder(sum_modes)
add_skew_profiles_serial, add_skew_profiles_parallel = _adder(sum_skew_modes)
