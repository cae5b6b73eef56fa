"""Slow, obvious versions of the kernels: numpy, no shared code."""

import numpy as np


def fourier_image(table, position, matrix, flux, x0, y0, kx, ky, psf, axis, below=None):
    """Sum over all modes (kx, +-ky) of flux psf F(|M^T k|) exp(i k (r - r0)), real part doubled for kx > 0; `below` is
    the psf at (kx, -ky), by default that at (kx, ky).
    """
    i = min(max(int(position), 1), len(table) - 3)
    nodes = np.arange(-1, 3)
    t = position - i
    weights = [np.prod([(t - b) / (a - b) for b in nodes if b != a]) for a in nodes]
    row = sum(w * table[i + a] for w, a in zip(weights, nodes, strict=True))
    grid = np.linspace(0.0, 1.0, table.shape[1])
    image = np.zeros((len(axis), len(axis)))
    x, y = np.meshgrid(axis - x0, axis - y0)
    for p, u in enumerate(kx):
        for q, v in enumerate(ky):
            for sign in (1, -1) if v > 0 else (1,):
                k = np.hypot(*(matrix.T @ [u, sign * v]))
                mode = psf[p, q] if sign > 0 or below is None else below[p, q]
                wave = (mode * np.exp(1j * (u * x + sign * v * y))).real
                image += flux * np.interp(k / (1 + k), grid, row) * wave * (2 if u > 0 else 1)
    return image


def source_plane(x, y, theta, t, q, c, s, x0, y0, g1, g2):
    """Where rays through a power law of slope t = gamma - 1 and a shear meet the source plane."""
    z = q * (c * (x - x0) + s * (y - y0)) + 1j * (c * (y - y0) - s * (x - x0))
    phase = z / np.abs(z)
    f = (1 - q) / (1 + q)
    series, term = phase.copy(), phase.copy()
    for n in range(1, 80):
        term = -f * (2 * n - (2 - t)) / (2 * n + (2 - t)) * phase**2 * term
        series = series + term
    alpha = 2 * theta * np.sqrt(q) / (1 + q) * (theta * np.sqrt(q) / np.abs(z)) ** (t - 1) * series * (c + 1j * s)
    return x - alpha.real - g1 * x - g2 * y, y - alpha.imag - g2 * x + g1 * y


def lensed_image(grid, lens, sources, flux, column, row):
    """Rays on a grid, Sersic brightness, then dense PSF matrices on either side."""
    bx, by = source_plane(*np.meshgrid(grid, grid), *lens)
    image = np.zeros_like(bx)
    for amount, (sx, sy, i00, i01, i10, i11, power, b, central) in zip(flux, sources, strict=True):
        u, v = i00 * (bx - sx) + i01 * (by - sy), i10 * (bx - sx) + i11 * (by - sy)
        image += amount * central * np.exp(-b * (u**2 + v**2) ** power)
    return row.T @ image @ column
