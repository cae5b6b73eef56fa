"""Deflectors and lensed images against lenstronomy."""

import numpy as np
import pytest

from simulators import EPL, ExternalShear, Gaussian, PixelGrid, Sersic
from simulators.deflectors import Sum
from simulators.raytracing import draw_lensed

lenstronomy = pytest.importorskip("lenstronomy", reason="needs lenstronomy, in the dev extra")
pytestmark = pytest.mark.reference


@pytest.mark.parametrize("gamma", [1.5, 2.0, 2.5])
@pytest.mark.parametrize("e1", [0.0, 0.1, -0.45])
def test_epl(gamma, e1):
    from lenstronomy.LensModel.lens_model import LensModel

    x, y = np.random.Generator(np.random.PCG64(1)).uniform(-3, 3, (2, 100))
    lens = EPL(1.3, gamma, e1, 0.2, 0.1, -0.1)
    model = LensModel(["EPL"])
    kwargs = [{"theta_E": 1.3, "gamma": gamma, "e1": e1, "e2": 0.2, "center_x": 0.1, "center_y": -0.1}]
    assert np.allclose(np.stack(lens.deflection(x, y))[:, 0], model.alpha(x, y, kwargs), atol=1e-9)
    assert np.allclose(lens.convergence(x, y)[0], model.kappa(x, y, kwargs), rtol=1e-7)


def test_shear():
    from lenstronomy.LensModel.lens_model import LensModel

    x, y = np.random.Generator(np.random.PCG64(2)).uniform(-3, 3, (2, 50))
    expected = LensModel(["SHEAR"]).alpha(x, y, [{"gamma1": 0.05, "gamma2": -0.02}])
    assert np.allclose(np.stack(ExternalShear(0.05, -0.02).deflection(x, y))[:, 0], expected, atol=1e-14)


def test_sersic_brightness():
    from lenstronomy.LightModel.light_model import LightModel

    x, y = np.random.Generator(np.random.PCG64(3)).uniform(-1, 1, (2, 50))
    light = Sersic(5.0, 0.4, 2.5, 0.15, -0.1, 0.05, 0.02)
    model = LightModel(["SERSIC_ELLIPSE"])
    shape = {"R_sersic": 0.4, "n_sersic": 2.5, "e1": 0.15, "e2": -0.1, "center_x": 0.05, "center_y": 0.02}
    amplitude = 5.0 / model.total_flux([{"amp": 1.0, **shape}])[0]
    assert np.allclose(
        light.brightness(x, y)[0], model.surface_brightness(x, y, [{"amp": amplitude, **shape}]), rtol=2e-3
    )


def test_lensed_image_converges_to_a_finely_sampled_lenstronomy_image():
    from lenstronomy.LensModel.lens_model import LensModel
    from scipy.ndimage import gaussian_filter

    scale, n, fine = 0.2, 24, 20
    lens_kwargs = [
        {"theta_E": 1.1, "gamma": 2.1, "e1": 0.1, "e2": 0.05, "center_x": 0.0, "center_y": 0.0},
        {"gamma1": 0.03, "gamma2": -0.02},
    ]
    source = Sersic(1.0, 0.35, 1.0, 0.1, 0.0, 0.12, -0.08)  # lenstronomy's b_n is approximate, to 0.4 % here
    pad = 8
    axis = (np.arange((n + 2 * pad) * fine) - ((n + 2 * pad) * fine - 1) / 2) * scale / fine
    x, y = (a.ravel() for a in np.meshgrid(axis, axis))
    bx, by = LensModel(["EPL", "SHEAR"]).ray_shooting(x, y, lens_kwargs)
    image = source.brightness(bx, by).reshape(len(axis), -1)
    psf = Gaussian(0.7)
    image = gaussian_filter(image, psf.sigma / (scale / fine), truncate=6) * (scale / fine) ** 2
    image = image.reshape(n + 2 * pad, fine, n + 2 * pad, fine).sum((1, 3))[pad:-pad, pad:-pad]

    out = np.zeros((1, 1, n, n))
    lens = Sum([EPL(1.1, 2.1, 0.1, 0.05), ExternalShear(0.03, -0.02)])
    draw_lensed(lens, [source], np.ones((1, 1, 1)), PixelGrid(n, scale), (psf,), "high", out)
    assert np.abs(out[0, 0] - image).max() < 1e-3 * image.max()
    assert out.sum() == pytest.approx(image.sum(), rel=1e-3)
