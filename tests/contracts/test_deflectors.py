"""Laws that every deflector obeys: each class of DEFLECTORS has examples here, and one that does nothing."""

import dataclasses
import importlib
import pkgutil

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

import simulators.deflectors
from simulators.deflectors import (
    DEFLECTORS,
    EPL,
    NFW,
    SIE,
    ConvergenceSheet,
    Deflector,
    Each,
    ExternalShear,
    MultiPlane,
    Multipole,
    PointMass,
    Subhalos,
    Sum,
)

COSMOLOGY = FlatLambdaCDM(70, 0.3)
PAIR = EPL([1.0, 1.3], 2.1, 0.2, 0.1)
EXAMPLES = {
    "EPL isothermal": EPL(1.0, 2.0, 0.2, 0.1),
    "EPL isothermal sphere": EPL(1.0, 2.0),
    "EPL steep": EPL(1.3, 2.4, -0.3, 0.2, 0.1, -0.2),
    "EPL shallow": EPL(0.7, 1.6, 0.05, -0.4),
    "EPL extreme": EPL(1.3, 1.2, 0.6, 0.6),
    "SIE": SIE(1.2, -0.3, 0.2, 0.1, -0.2),
    "SIE round": SIE(0.8),
    "NFW": NFW(2.0, 0.9, 0.3, -0.2, 0.1, -0.2),
    "NFW, round and small": NFW(0.3, 0.2),
    "point mass": PointMass(1.1, 0.1, -0.2),
    "shear": ExternalShear(0.05, -0.03),
    "sheet": ConvergenceSheet(0.3, 0.2, -0.1),
    "sheet, negative": ConvergenceSheet(-0.2),
    "octupole": Multipole(3, 0.04, 0.3, 0.1, -0.2),
    "boxy": Multipole(4, -0.05, 0.7),
    "clump": Subhalos(1.4, 0.5, 3.0, 0.1, -0.2),
    "clumps": Subhalos([[0.3, 1.0, 0.5]], [[0.1, 0.05, 0.0]], [[1.0, 0.1, 9.0]], [[0.2, -0.1, 0.1]], [[0.1, 0.0, 0.2]]),
    "sum": Sum([EPL(1.0, 2.1, 0.2, 0.1), ExternalShear(0.05, -0.03), Multipole(4, 0.02)]),
    "planes": MultiPlane([SIE(0.9, 0.2, 0.1), NFW(1.0, 0.3, 0.1, 0.0, 0.1, 0.1)], [0.5, 0.9], 2.0, COSMOLOGY),
    "each of its own": Each([MultiPlane([SIE(0.9, 0.2), SIE(0.3, 0.1, 0.0, 0.2)], [0.5, 0.9], 2.0, COSMOLOGY)]),
}
NOTHING = {
    "EPL": EPL(0.0, 2.1, 0.2, 0.1),
    "SIE": SIE(0.0, 0.2, 0.1),
    "NFW": NFW(1.0, 0.0, 0.2, 0.1),
    "point mass": PointMass(0.0),
    "shear": ExternalShear(0.0, 0.0),
    "sheet": ConvergenceSheet(0.0),
    "multipole": Multipole(3, 0.0),
    "clumps": Subhalos(np.ones((1, 4)), 0.0, 2.0),
    "no clumps": Subhalos(np.ones((1, 0)), 1.0, 2.0),
    "sum": Sum([SIE(0.0), ConvergenceSheet(0.0)]),
    "planes": MultiPlane([SIE(0.0), ConvergenceSheet(0.0)], [0.5, 0.9], 2.0, COSMOLOGY),
    "each of its own": Each([SIE(0.0)]),
}
X, Y = np.random.Generator(np.random.PCG64(5)).uniform(-2.5, 2.5, (2, 300))
X, Y = (points[np.hypot(X, Y) > 0.4] for points in (X, Y))  # the deflection jumps at a singular centre
STEP = 1e-4


@pytest.fixture(params=EXAMPLES, ids=str)
def deflector(request):
    return EXAMPLES[request.param]


@pytest.fixture(params=NOTHING, ids=str)
def nothing(request):
    return NOTHING[request.param]


def gradients(function):
    """Derivatives by x and y of every array that function(x, y) returns, by differences of the fourth order."""

    def along(dx, dy):
        near = [np.asarray(function(X + k * dx, Y + k * dy)) for k in (-2, -1, 1, 2)]
        return (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * STEP)

    return along(STEP, 0.0), along(0.0, STEP)


def test_every_class_is_on_the_list_and_has_its_laws_tested():
    for module in pkgutil.iter_modules(simulators.deflectors.__path__):
        importlib.import_module(f"simulators.deflectors.{module.name}")
    classes = {one for one in Deflector.__subclasses__() if one.__module__.startswith("simulators.")}
    assert classes == set(DEFLECTORS)
    assert classes == {type(example) for example in EXAMPLES.values()}
    assert classes == {type(example) for example in NOTHING.values()}
    assert {one.__name__ for one in classes} <= set(simulators.deflectors.__all__)


def test_divergence_is_twice_the_convergence(deflector):
    dx, dy = gradients(deflector.deflection)
    assert np.allclose(dx[0] + dy[1], 2 * deflector.convergence(X, Y), atol=1e-7, rtol=1e-7)


def test_curl_free(deflector):
    dx, dy = gradients(deflector.deflection)
    curl = np.abs(dx[1] - dy[0]).max()
    assert (curl < 1e-7) == deflector.irrotational


def test_deflection_is_the_gradient_of_the_potential(deflector):
    if deflector.irrotational:
        slopes = np.stack(gradients(deflector.potential))
        assert np.allclose(slopes, np.stack(deflector.deflection(X, Y)), atol=1e-7)


def test_gradient_of_the_deflection(deflector):
    derivatives = np.stack(gradients(deflector.deflection), axis=-1)  # (component, N, P, by)
    assert np.allclose(np.moveaxis(derivatives, 0, -2), deflector.gradient(X, Y), atol=1e-7, rtol=1e-7)


def test_magnification_is_the_inverse_determinant(deflector):
    determinant = np.linalg.det(deflector.jacobian(X, Y))
    assert np.allclose(deflector.magnification(X, Y) * determinant, 1.0)
    kappa, (g1, g2) = deflector.convergence(X, Y), deflector.shear(X, Y)
    if deflector.irrotational:
        assert np.allclose((1 - kappa) ** 2 - g1**2 - g2**2, determinant)


def test_finite_everywhere(deflector):
    x, y = np.array([0.0, 0.1, 0.2, 1e5]), np.array([0.0, -0.2, -0.1, -1e5])
    for values in (*deflector.deflection(x, y), deflector.potential(x, y), deflector.gradient(x, y)):
        assert np.isfinite(values).all()


def test_unlensed_limit(nothing):
    assert not np.any(nothing.deflection(X, Y))
    assert not np.any(nothing.potential(X, Y))
    assert not np.any(nothing.gradient(X, Y))
    assert np.allclose(nothing.magnification(X, Y), np.ones((1, len(X))), rtol=0, atol=1e-15)
    assert np.array_equal(np.stack(nothing.source(X, Y))[:, 0], [X, Y])


def test_shape_of_points_is_kept(deflector):
    x, y = np.full((3, 4), 0.3), np.ones((3, 4))
    for values in (*deflector.deflection(x, y), *deflector.shear(x, y), *deflector.source(x, y)):
        assert values.shape == (1, 3, 4)
    for values in (deflector.potential(x, y), deflector.convergence(x, y), deflector.magnification(x, y)):
        assert values.shape == (1, 3, 4)
    assert deflector.gradient(x, y).shape == deflector.jacobian(x, y).shape == (1, 3, 4, 2, 2)
    assert deflector.deflection(0.3, 1.0)[0].shape == (1,)


def test_many_lenses_are_many_single_lenses(deflector):
    twice = deflector.take([0, 0, 0])
    assert len(twice) == 3
    assert len(deflector.take(0)) == 1
    assert len(deflector.take([])) == 0
    assert np.array_equal(np.stack(twice.deflection(X, Y))[:, 2], np.stack(deflector.deflection(X, Y))[:, 0])
    assert deflector.take([]).deflection(X, Y)[0].shape == (0, len(X))


def test_points_of_mixed_shape_are_refused(deflector):
    with pytest.raises(ValueError, match=r"x of shape \(2,\) and y of shape \(3,\)"):
        deflector.deflection([1.0, 2.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("bad", ["nan", "inf", "above", "below", "text", "shape"])
def test_bad_fields_are_refused_by_name(deflector, bad):
    for name, label in deflector.ranges.items():
        value, says = {
            "nan": (np.nan, f"{name} = nan"),
            "inf": (np.inf, f"{name} = inf"),
            "above": (label.high * 1.01 + 1e-9, rf"{name} = .* is outside \[.*{label.high:g}\]"),
            "below": (label.low - abs(label.low) * 0.01 - 1e-9, rf"{name} = .* is outside \[{label.low:g}"),
            "text": ("much", f"{name} = 'much' is not a number"),
            "shape": (np.full((2, 2, 2), 0.5 * (label.low + label.high)), "shape"),
        }[bad]
        with pytest.raises(ValueError, match=f"^{type(deflector).__name__} .*{says}"):
            dataclasses.replace(deflector, **{name: value})


@pytest.mark.parametrize("names", [("gone", "x"), ("Theta_E", "y")])
def test_unknown_fields_are_refused(deflector, names):
    with pytest.raises(TypeError, match=names[0]):
        dataclasses.replace(deflector, **{names[0]: 1.0})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: EPL(-1.0), "theta_E = -1"),
        (lambda: EPL(1.0, 3.5), r"gamma = 3.5 is outside \[1.2, 2.8\]"),
        (lambda: EPL(1.0, 2.0, 0.8, 0.8), r"\|e\| = 1.13137"),
        (lambda: EPL(1.0, 2.0, 1.0, 0.0), "e1 = 1 is outside"),
        (lambda: SIE(1.0, 0.8, 0.8), r"SIE \|e\|"),
        (lambda: EPL(np.nan), "theta_E = nan"),
        (lambda: EPL([1.0, 2.0], [2.0, 2.0, 2.0]), r"shapes that do not go together: .*'gamma': \(3,\)"),
        (lambda: EPL(np.ones((2, 2))), r"EPL parameters broadcast to shape \(2, 2\); one dimension is allowed"),
        (lambda: ExternalShear(0.6, 0.0), "g1 = 0.6"),
        (lambda: ExternalShear(0.4, 0.4), r"\|g\|"),
        (lambda: NFW(0.0, 1.0), r"NFW r_s = 0 is outside \[1e-05, 10000\] arcsec"),
        (lambda: NFW(1.0, -1.0), "NFW alpha_s = -1"),
        (lambda: NFW(1.0, 1.0, 0.7, 0.7), r"NFW \|e\|"),
        (lambda: Subhalos(1.0, 1.0, 0.0), "Subhalos tau = 0"),
        (lambda: Sum([]), r"Sum needs parts .* got \[\]"),
        (lambda: Sum([EPL(1.0), "EPL"]), "Sum holds 'EPL', which is not a deflector"),
        (lambda: Sum([PAIR, EPL([1.0, 2.0, 3.0])]), r"got \[2, 3\]"),
        (lambda: Sum([EXAMPLES["planes"]]), "Sum holds a MultiPlane"),
        (lambda: MultiPlane([PAIR], [0.5, 0.6], 2.0, COSMOLOGY), r"1 parts, but z of shape \(2,\)"),
        (lambda: MultiPlane([PAIR], [2.5], 2.0, COSMOLOGY), r"z_lens = 2.5 is outside \(0, z_source = 2\)"),
        (lambda: MultiPlane([PAIR], [np.nan], 2.0, COSMOLOGY), "MultiPlane z = nan"),
        (lambda: MultiPlane([PAIR], [0.0], 2.0, COSMOLOGY), "MultiPlane z = 0"),
        (lambda: MultiPlane([PAIR], [0.5], -1.0, COSMOLOGY), "z_source = -1"),
        (lambda: Multipole(5, 0.1), r"Multipole m = 5 is not one of \(3, 4\)"),
        (lambda: Multipole(3.5, 0.1), "Multipole m = 3.5"),
        (lambda: Multipole("4", 0.1), "Multipole m = '4'"),
    ],
)
def test_bad_values_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
