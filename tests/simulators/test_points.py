"""Point sources: the PSF and the pixel, at any place."""

import numpy as np
import pytest

from simulators import Gaussian, Moffat, PixelGrid
from simulators.drawing import draw_points
from simulators.psf import Airy, PixelPSF

GRID = PixelGrid(32, 0.2)
TILTED = PixelPSF(np.exp(-0.5 * np.add.outer(np.arange(-12, 13) ** 2 / 9, (np.arange(-12, 13) - 0.5) ** 2 / 16)), 0.1)
PSFS = [Gaussian(0.7), Moffat(0.7, 2.2), Airy(0.35, 0.3), TILTED]


def points(x, y, flux, psfs=(PSFS[0],), grid=GRID, accuracy="default"):
    out = np.zeros((len(x), len(psfs), grid.size, grid.size))
    draw_points(np.asarray(x), np.asarray(y), np.asarray(flux), grid, psfs, accuracy, out)
    return out


def integrated(psf, x, y, grid=GRID):
    """The PSF summed over a fine grid inside each pixel."""
    node, weight = np.polynomial.legendre.leggauss(12)
    at = grid.axis()[:, None] + node * grid.scale / 2
    fine = psf.brightness((at - x)[None, :, None, :], (at - y)[:, None, :, None])
    return np.einsum("ijkl,k,l->ij", fine, weight, weight) * grid.scale**2 / 4


@pytest.mark.parametrize("psf", PSFS, ids=str)
@pytest.mark.parametrize("accuracy", ["default", "high"])
def test_a_point_is_the_psf_over_the_pixels(psf, accuracy):
    places = [(0.0, 0.0), (0.137, -1.21), (3.1, 0.4), (4.3, 3.9), (9.0, 1.0), (40.0, -3.0)]
    x, y = np.array(places).T
    images = points(x, y, np.full((6, 1), 50.0), (psf,), accuracy=accuracy)[:, 0]
    direct = np.stack([50.0 * integrated(psf, *place) for place in places])
    assert np.abs(images - direct).max() < {"default": 2e-4, "high": 1e-5}[accuracy] * direct.max()


def test_each_point_and_band_by_itself():
    flux = np.array([[1.0, 2.0], [30.0, 0.0]])
    both = points([0.1, -0.5], [0.0, 0.7], flux, (PSFS[0], PSFS[1]))
    for n in range(2):
        for b in range(2):
            alone = points([(0.1, -0.5)[n]], [(0.0, 0.7)[n]], [[1.0]], (PSFS[b],))[0, 0]
            assert np.allclose(both[n, b], flux[n, b] * alone, atol=1e-4 * max(flux[n, b], 1e-9) * alone.max())


def test_what_is_there_stays():
    out = np.ones((1, 1, 32, 32))
    draw_points(np.zeros(1), np.zeros(1), np.zeros((1, 1)), GRID, (PSFS[0],), "fast", out)
    assert (out == 1.0).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": np.nan}, "draw_points x = nan"),
        ({"y": 2e3}, "draw_points y = 2000 is outside"),
        ({"flux": [[-1.0]]}, "draw_points flux = -1"),
        ({"accuracy": "hig"}, "did you mean 'high'"),
    ],
)
def test_bad_points_are_refused(change, words):
    good = {"x": [0.0], "y": [0.0], "flux": [[1.0]]}
    change = {name: [value] if name in "xy" else value for name, value in change.items()}
    with pytest.raises(ValueError, match=words):
        points(**{**good, **change})
