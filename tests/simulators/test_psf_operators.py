"""Operators of PSFs given as many pixels: found within the range of their table, and no others than numpy's."""

import numpy as np

from simulators.psf import PixelPSF
from simulators.psf.operators import _LARGE, _leading


def test_large_tables_are_decomposed_as_numpy_does():
    """A noisy PSF, whose singular values fall slowly, on more points than it has pixels."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:41, :41] - 20.0
    psf = PixelPSF(np.exp(-(x**2 + 1.3 * y**2) / 8) + 1e-4 * rng.standard_normal((41, 41)), 0.1)
    axis = np.linspace(-2.2, 2.2, _LARGE + 101)
    table = psf.brightness(axis[None, :], axis[:, None])
    u, s, v = _leading(table)
    assert len(s) < _LARGE
    assert np.abs((u * s) @ v - table).max() < 1e-8 * table.max()
    kept = s > 1e-7 * s[0]
    assert np.allclose(s[kept], np.linalg.svd(table, compute_uv=False)[: kept.sum()], rtol=1e-6)


def test_tables_of_full_rank_are_decomposed_whole():
    table = np.random.default_rng(5).standard_normal((_LARGE + 1, _LARGE + 1))
    u, s, v = _leading(table)
    assert len(s) == len(table)
    assert np.abs((u * s) @ v - table).max() < 1e-9 * s[0]
