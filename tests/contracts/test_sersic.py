"""Laws of Sersic profiles, drawn as the simulators draw them; those of all light are in test_lights.py."""

import numpy as np
import pytest

from simulators import Gaussian, Moffat, PixelGrid, Sersic
from simulators.drawing import draw_sersic
from simulators.psf import Airy

PROFILES = {
    "exponential": dict(n=1.0),
    "de Vaucouleurs": dict(n=4.0, radius=0.5),
    "core": dict(n=0.35),
    "continuous": dict(n=2.345, e1=0.2, e2=-0.1),
    "flat": dict(n=1.5, e1=-0.5, e2=0.3),
}
GRID = PixelGrid(64, 0.2)
PSF = Moffat(0.7, 3.5)


@pytest.fixture(params=PROFILES, ids=str)
def profile(request):
    return {"flux": 1000.0, "radius": 0.7, "e1": 0.0, "e2": 0.0, "x": 0.0, "y": 0.0, **PROFILES[request.param]}


def draw(profile, psf=PSF, grid=GRID, accuracy="default"):
    light = Sersic(**profile)
    out = np.zeros((len(light), 1, grid.size, grid.size))
    draw_sersic(light, np.asarray(light.flux)[:, None], grid, (psf,), accuracy, out)
    return out[0, 0]


def test_all_light_arrives(profile):
    image = draw(profile, Gaussian(0.7), PixelGrid(512, 0.2))
    assert image.sum() == pytest.approx(1000.0, rel=1e-4 if profile["n"] < 3 else 1e-2)


@pytest.mark.parametrize("psf", [PSF, Airy(0.4, 0.3), Moffat(0.7, 2.08)], ids=str)
def test_no_light_folds_back(profile, psf):
    """A stamp is the middle of a larger one, to the last part in 3e-4 of its light."""
    small, large = (draw(profile, psf, PixelGrid(size, 0.2)) for size in (48, 240))
    middle = large[96:144, 96:144]
    assert np.abs(small - middle).max() < 5e-5 * middle.max()
    assert small.sum() == pytest.approx(middle.sum(), rel=3e-4)


def test_half_light_radius(profile):
    light = Sersic(**profile)
    radius = np.geomspace(1e-8, 1.0, 4001)
    angle = np.linspace(0, 2 * np.pi, 65)[:-1]
    x, y = np.einsum("ij,jra->ira", light.matrix()[0], [np.outer(radius, f(angle)) for f in (np.cos, np.sin)])
    rings = light.brightness(x, y)[0].mean(axis=1) * 2 * np.pi * radius * profile["radius"] ** 2
    assert np.trapezoid(rings * radius, np.log(radius)) == pytest.approx(500.0, rel=1e-4)


def test_flux_is_linear(profile):
    assert np.allclose(draw({**profile, "flux": 3000.0}), 3 * draw(profile), rtol=1e-12)


def test_moving_by_a_pixel_moves_the_image(profile):
    moved = draw({**profile, "x": 0.2, "y": -0.4}, accuracy="high")
    still = draw(profile, accuracy="high")
    assert np.allclose(moved[:-2, 1:], still[2:, :-1], atol=1e-6 * still.max())


def test_ellipse_turns_with_its_ellipticity(profile):
    turned = {**profile, "e1": -profile["e1"], "e2": -profile["e2"]}
    assert np.allclose(np.rot90(draw(profile)), draw(turned), atol=1e-9 * draw(profile).max())


def test_transform_is_that_of_the_brightness(profile):
    half, step = 40.0, 0.02
    axis = np.arange(-half + step / 2, half, step)
    light = Sersic(**{**profile, "flux": 1.0})
    x, y = np.meshgrid(axis, axis, indexing="ij")
    cells = light.brightness(x, y)[0] * step**2
    for kx, ky in ((0.3, 0.0), (1.0, -0.7), (0.0, 2.0)):
        direct = np.cos(kx * axis) @ cells @ np.cos(ky * axis) - np.sin(kx * axis) @ cells @ np.sin(ky * axis)
        tolerance = 2e-4 if profile["n"] < 3 else 1e-2  # wings beyond the box, cusp within a cell
        assert light.transform([kx], [ky])[0, 0, 0] == pytest.approx(direct, abs=tolerance)


@pytest.mark.parametrize("accuracy", ["fast", "default"])
def test_stated_accuracy_holds(profile, accuracy):
    exact = draw(profile, accuracy="high")
    limit = {"fast": 2e-3, "default": 3e-5}[accuracy]
    assert np.abs(draw(profile, accuracy=accuracy) - exact).max() < limit * exact.max()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("radius", -1.0, "radius = -1 is outside"),
        ("radius", np.nan, "radius = nan"),
        ("n", 9.0, r"n = 9 is outside \[0.3, 8\]"),
        ("flux", -1.0, "flux = -1"),
        ("e1", 0.99, "e1 = 0.99"),
        ("x", 1e9, "x = 1e"),
        ("n", "four", "is not a number"),
    ],
)
def test_bad_values_are_refused_by_name_value_and_range(name, value, words):
    good = {"flux": 1.0, "radius": 1.0, "n": 1.0}
    with pytest.raises(ValueError, match=words):
        Sersic(**{**good, name: value})
