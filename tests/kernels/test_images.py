"""Transforms of images at scattered wave numbers against the sums that they are."""

import numpy as np
import pytest

from simulators._image_spectra import ImageSpectrum
from simulators._interpolated import interpolant_transform, interpolate

pytestmark = pytest.mark.kernels
RNG = np.random.Generator(np.random.PCG64(4))


@pytest.mark.parametrize("shape", [(9, 12), (16, 16), (21, 8)], ids=str)
def test_spectrum_is_the_sum_over_pixels(shape):
    image = RNG.uniform(0, 1, shape)
    u, v = RNG.uniform(-4.0, 4.0, (2, 40))
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in shape)
    waves = np.exp(-1j * (v[:, None, None] * rows[:, None] + u[:, None, None] * columns))
    direct = (image * waves).sum(axis=(1, 2))
    direct *= interpolant_transform(u / (2 * np.pi)) * interpolant_transform(v / (2 * np.pi))
    assert np.abs(ImageSpectrum.of(image).at(u, v) - direct).max() < 3e-6 * image.sum()


def test_interpolation_keeps_pixels_and_smooth_functions():
    rows, columns = np.mgrid[:14, :17].astype(float)
    image = np.sin(0.5 * columns) * np.cos(0.4 * rows)
    assert np.allclose(interpolate(image, columns, rows), image, atol=1e-12)
    x, y = RNG.uniform(4, 12, 30), RNG.uniform(4, 9, 30)
    assert np.allclose(interpolate(image, x, y), np.sin(0.5 * x) * np.cos(0.4 * y), atol=2e-3)
    assert not interpolate(image, np.array([-5.0, 30.0]), np.array([3.0, 3.0])).any()
