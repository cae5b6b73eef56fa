"""Laws that every light profile obeys; a new one is one entry in `simulators.light.LIGHTS` and one in EXAMPLES."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import simulators.light
from simulators import Gaussian as GaussianPSF
from simulators import Moffat, PixelGrid
from simulators.drawing import draw_light
from simulators.light import (
    LIGHTS,
    BulgeDisk,
    GalaxyImage,
    Gaussian,
    ImageSource,
    Knots,
    Light,
    PointSource,
    Sersic,
    Sum,
)

GRID = PixelGrid(48, 0.2)
WIDE = PixelGrid(192, 0.2)
SIDE = np.arange(-20, 21) * 0.06
SPIRAL = np.exp(-3 * np.hypot(SIDE[:, None], 1.7 * SIDE)) * (1.2 + np.sin(7 * np.add.outer(2 * SIDE, SIDE)))
SPIRAL *= np.hanning(41)[:, None] * np.hanning(41)
BEAM = np.exp(-0.5 * np.add.outer(np.arange(-8, 9) ** 2, (np.arange(-8, 9) * 0.8) ** 2) / 2.0)
LIBRARY = [GalaxyImage(SPIRAL, 0.06), GalaxyImage(SPIRAL[3:, :30], 0.05)]
EXAMPLES = {
    Sersic: [Sersic(1000.0, 0.7, 1.0), Sersic(1000.0, 0.5, 2.5, 0.3, -0.2, 0.11, -0.3)],
    Gaussian: [Gaussian(1000.0, 0.6, -0.2, 0.4, 0.3, 0.05)],
    PointSource: [PointSource(1000.0), PointSource(1000.0, 0.313, -0.17)],
    BulgeDisk: [BulgeDisk(1000.0, 0.3, 0.3, 0.9, 2.0, 0.1, 0.0, 0.3, 0.2, 0.2, 0.1)],
    Knots: [Knots(1000.0, 0.6, 0.7, 0.1, 3, 0.3, 0.2, 0.1, -0.2, 0.4, count=5), Knots(1000.0, 0.4, count=3)],
    ImageSource: [
        ImageSource(LIBRARY, 1000.0),
        ImageSource(LIBRARY, 1000.0, 1, 1.4, 0.5, 0.1, -0.2, 0.21, 0.13),
    ],
    Sum: [Sum([Sersic(700.0, 0.5, 1.5, 0.2, 0.0, 0.2), PointSource(250.0, 0.2), Gaussian(50.0, 0.3, x=0.5, y=0.5)])],
}
ALL = [light for lights in EXAMPLES.values() for light in lights]
SMOOTH = [light for light in ALL if not any(isinstance(part, PointSource) for part, _ in light.components())]
SHEAR, SHIFT = np.array([[1.15, 0.1], [0.1, 0.95]]), np.array([0.2, -0.13])
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


def name(light):
    return f"{type(light).__name__}{EXAMPLES[type(light)].index(light) if isinstance(light, Light) else ''}"


def draw(light, grid=GRID, psf=None, accuracy="default", flux=1.0):
    out = np.zeros((len(light), 1, grid.size, grid.size))
    draw_light(light, flux * np.asarray(light.flux)[:, None], grid, (psf or Moffat(0.7, 3.5),), accuracy, out)
    return out[0, 0]


@pytest.fixture(params=ALL, ids=name)
def light(request):
    return request.param


@pytest.fixture(params=SMOOTH, ids=name)
def smooth(request):
    return request.param


def test_lists_are_complete():
    """Every concrete profile of the package is on the list, and has examples here."""
    modules = [importlib.import_module(f"simulators.light.{m.name}") for m in pkgutil.iter_modules(light_path())]
    found = {c for m in modules for _, c in inspect.getmembers(m, inspect.isclass) if issubclass(c, Light)}
    assert found - {Light} == set(LIGHTS) == set(EXAMPLES)


def light_path():
    return simulators.light.__path__


def test_all_light_arrives(light):
    assert draw(light, WIDE, GaussianPSF(0.7)).sum() == pytest.approx(1000.0, rel=2e-3)


def test_flux_is_linear(light):
    once = draw(light)
    assert np.allclose(draw(light, flux=3.0), 3.0 * once, atol=1e-9 * once.max())


def test_moving_by_pixels_moves_the_image(light):
    still = draw(light, accuracy="high")
    moved = draw(light.transformed(np.eye(2), [0.2, -0.4]), accuracy="high")
    assert np.allclose(moved[:-2, 1:], still[2:, :-1], atol=1e-6 * still.max())


def test_turning_turns_the_image(light):
    image = draw(light, accuracy="high")
    turned = draw(light.transformed(TURN), accuracy="high")
    assert np.allclose(np.rot90(image, -1), turned, atol=2e-6 * image.max())


def test_a_map_takes_brightness_along(smooth):
    x, y = np.array([0.1, -0.4, 0.7, 0.0]), np.array([0.3, 0.2, -0.5, 0.0])
    mapped = SHEAR @ np.stack([x, y]) + SHIFT[:, None]
    after = smooth.transformed(SHEAR, SHIFT)
    assert np.allclose(after.brightness(*mapped), smooth.brightness(x, y), rtol=1e-9)
    assert np.allclose(after.flux, np.linalg.det(SHEAR) * np.asarray(smooth.flux))


def test_a_map_takes_the_drawn_flux_and_centroid_along(light):
    """Of the image as drawn, and so of points too."""
    images = [draw(one, WIDE, GaussianPSF(0.5)) for one in (light, light.transformed(SHEAR, SHIFT))]
    axis = WIDE.axis()
    before, after = (np.array([image.sum(0) @ axis, image.sum(1) @ axis]) / image.sum() for image in images)
    assert images[1].sum() == pytest.approx(np.linalg.det(SHEAR) * images[0].sum(), rel=2e-3)
    assert np.allclose(after, SHEAR @ before + SHIFT, atol=3e-3)


def test_maps_follow_one_another(smooth):
    both = smooth.transformed(TURN @ SHEAR, TURN @ SHIFT)
    after = smooth.transformed(SHEAR, SHIFT).transformed(TURN)
    x, y = np.meshgrid([-0.5, 0.0, 0.4], [-0.3, 0.1])
    assert np.allclose(both.brightness(x, y), after.brightness(x, y), rtol=1e-9)


def test_transform_is_that_of_the_brightness(smooth):
    step = 0.02
    axis = np.arange(-12.0 + step / 2, 12.0, step)
    x, y = axis + np.asarray(smooth.x)[0], axis + np.asarray(smooth.y)[0]
    cells = smooth.brightness(x[:, None], y[None, :])[0] * step**2
    for kx, ky in ((0.0, 0.0), (1.0, -0.7), (0.0, 2.0), (3.0, 2.5)):
        direct = np.exp(-1j * kx * axis) @ cells @ np.exp(-1j * ky * axis)
        assert abs(smooth.transform([kx], [ky])[0, 0, 0] - direct) < 1e-2 * np.asarray(smooth.flux)[0] * 0.3


def test_brightness_convolved_is_the_image(smooth):
    """Drawn the long way: brightness on a fine grid, a Gaussian PSF and the pixel by matrix products."""
    fine, sigma = GRID.axis(8, 4), 0.6 / np.sqrt(8 * np.log(2))
    cells = smooth.brightness(fine[None, :], fine[:, None])[0] * (GRID.scale / 8) ** 2
    from scipy.special import erf

    edges = (GRID.axis()[:, None, None] + np.array([-0.5, 0.5]) * GRID.scale - fine[:, None]) / (np.sqrt(2) * sigma)
    smear = 0.5 * np.diff(erf(edges), axis=-1)[..., 0]
    direct = smear @ cells @ smear.T
    assert np.abs(draw(smooth, psf=GaussianPSF(0.6)) - direct).max() < 6e-3 * direct.max()


@pytest.mark.parametrize("accuracy", ["fast", "default"])
def test_stated_accuracy_holds(light, accuracy):
    exact = draw(light, accuracy="high")
    limit = {"fast": 2e-3, "default": 2e-4}[accuracy]
    assert np.abs(draw(light, accuracy=accuracy) - exact).max() < limit * exact.max()


def test_one_of_many_is_itself(light):
    four = light.take(np.zeros(4, dtype=int))
    assert len(four) == 4
    third = four.take(2)
    assert np.array_equal(draw(third), draw(light))


def test_components_share_all_the_flux(light):
    assert np.allclose(sum(share for _, share in light.components()), 1.0)
    assert all(np.allclose(part.flux, 1.0) for part, _ in light.components())


@pytest.mark.parametrize("kind", [kind for kind in LIGHTS if kind is not Sum], ids=lambda kind: kind.__name__)
def test_bad_values_are_refused_by_name_value_and_range(kind):
    good = EXAMPLES[kind][0]
    for field, label in kind.ranges.items():
        for value, said in ((np.nan, "nan"), (2 * label.high + 1, ""), (label.low - 1, ""), ("four", "not a number")):
            with pytest.raises(ValueError, match=f"{kind.__name__} {field} = .*{said}"):
                good._with(**{field: value})
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        good._with(flux=np.ones((2, 2)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Sersic(1.0, 1.0, 1.0, 0.9, 0.9), r"\|e\| = 1.27"),
        (lambda: BulgeDisk(1.0, 0.5, 1.0, 1.0, disk_e1=0.8, disk_e2=0.8), r"\|disk_e\| = 1.13"),
        (lambda: Knots(1.0, 1.0, knot_seed=0.5), "knot_seed = 0.5 is not a whole number"),
        (lambda: Knots(1.0, 1.0, count=0), "count = 0 is outside"),
        (lambda: Sum([]), "parts of one number of objects"),
        (lambda: Sum([Gaussian(1.0, 1.0), 3]), "3, which is not a light profile"),
        (lambda: ImageSource([]), "one or more GalaxyImage"),
        (lambda: ImageSource(LIBRARY, image_index=2), r"image_index = 2 is outside \[0, 1\]"),
        (lambda: ImageSource(LIBRARY, image_index=0.5), "not a whole number"),
        (lambda: ImageSource(LIBRARY).transformed(np.diag([1.0, -1.0])), "determinant of the map = -1"),
        (lambda: GalaxyImage(np.ones(9), 0.1), "two-dimensional"),
        (lambda: GalaxyImage(np.full((9, 9), np.nan), 0.1), "81 values that are not finite"),
        (lambda: GalaxyImage(-np.ones((9, 9)), 0.1), "sum of GalaxyImage image = -81"),
        (lambda: GalaxyImage(np.ones((9, 9)), 0.0), "GalaxyImage image scale = 0"),
        (lambda: GalaxyImage(np.ones((9, 9)), 0.1, np.ones((9, 9)), -1.0), "GalaxyImage psf scale = -1"),
        (lambda: PointSource(1.0).brightness(0.0, 0.0), "no surface brightness"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
