"""Every deflector against lenstronomy: deflection, potential, and all second derivatives."""

import numpy as np
import pytest

from simulators.cosmology import days, nfw_angles, time_delay_distance
from simulators.deflectors import (
    DEFLECTORS,
    EPL,
    NFW,
    SIE,
    ConvergenceSheet,
    Each,
    ExternalShear,
    MultiPlane,
    Multipole,
    PointMass,
    Subhalos,
    Sum,
)

lenstronomy = pytest.importorskip("lenstronomy", reason="needs lenstronomy, in the dev extra")
pytestmark = pytest.mark.reference

X, Y = np.random.Generator(np.random.PCG64(1)).uniform(-3, 3, (2, 400))
CENTRE = {"center_x": 0.1, "center_y": -0.1}
SHAPES = [{"e1": 0.0, "e2": 0.0}, {"e1": 0.2, "e2": 0.1}, {"e1": -0.4, "e2": 0.3}, {"e1": 1e-7, "e2": 0.0}]


def cases():
    """(name, our deflector, lenstronomy's models and their parameters)."""
    for shape in SHAPES:
        e = tuple(shape.values())
        for gamma in (1.3, 1.8, 2.0, 2.5):
            theirs = {"theta_E": 1.3, "gamma": gamma, **shape, **CENTRE}
            yield f"EPL {gamma} {e}", EPL(1.3, gamma, *e, 0.1, -0.1), ["EPL"], [theirs]
        theirs = {"theta_E": 1.3, **shape, **CENTRE}
        yield f"SIE {e}", SIE(1.3, *e, 0.1, -0.1), ["EPL"], [{"gamma": 2.0, **theirs}]
        yield f"their SIE {e}", SIE(1.3, *e, 0.1, -0.1), ["SIE"], [theirs]
        for r_s in (0.2, 2.0, 30.0):
            theirs = {"Rs": r_s, "alpha_Rs": 0.8, **shape, **CENTRE}
            yield f"NFW {r_s} {e}", NFW(r_s, 0.8, *e, 0.1, -0.1), ["NFW_ELLIPSE_CSE"], [theirs]
    sie = {"theta_E": 1.1, "gamma": 2.0, **SHAPES[1], **CENTRE}
    theirs = [sie, {"gamma1": 0.05, "gamma2": -0.02}, {"m": 4, "a_m": 0.02, "phi_m": 0.3, **CENTRE}]
    parts = [SIE(1.1, 0.2, 0.1, 0.1, -0.1), ExternalShear(0.05, -0.02), Multipole(4, 0.02, 0.3, 0.1, -0.1)]
    yield "sum", Sum(parts), ["EPL", "SHEAR", "MULTIPOLE"], theirs
    yield "each of its own", Each([EPL(1.1, 2.0, 0.2, 0.1, 0.1, -0.1)]), ["EPL"], [sie]
    yield "point mass", PointMass(1.3, 0.1, -0.1), ["POINT_MASS"], [{"theta_E": 1.3, **CENTRE}]
    yield "shear", ExternalShear(0.05, -0.02), ["SHEAR"], [{"gamma1": 0.05, "gamma2": -0.02}]
    yield "sheet", ConvergenceSheet(0.2, 0.1, -0.1), ["CONVERGENCE"], [{"kappa": 0.2, "ra_0": 0.1, "dec_0": -0.1}]
    for m in (3, 4):
        theirs = {"m": m, "a_m": 0.05, "phi_m": 0.4, **CENTRE}
        yield f"multipole {m}", Multipole(m, 0.05, 0.4, 0.1, -0.1), ["MULTIPOLE"], [theirs]
    for tau in (0.1, 1.0, 3.0, 20.0, 500.0):
        theirs = {"Rs": 1.5, "alpha_Rs": 0.8, "r_trunc": 1.5 * tau, **CENTRE}
        yield f"clump {tau}", Subhalos(1.5, 0.8, tau, 0.1, -0.1), ["TNFW"], [theirs]
    columns = np.random.Generator(np.random.PCG64(2)).uniform(0.1, 1.0, (5, 1, 20))
    names = ("Rs", "alpha_Rs", "r_trunc", "center_x", "center_y")
    each = [dict(zip(names, row, strict=True)) for row in columns[:, 0].T]
    for one in each:
        one["r_trunc"] *= one["Rs"]
    yield "clumps", Subhalos(*columns), ["TNFW"] * 20, each


CASES = {name: rest for name, *rest in cases()}


@pytest.mark.parametrize("case", CASES)
def test_deflector(case):
    from lenstronomy.LensModel.lens_model import LensModel

    ours, models, theirs = CASES[case]
    model = LensModel(models)
    # lenstronomy's SIE has a small core, and second derivatives by differences.
    first, second = (3e-7, 5e-5) if "their" in case else (1e-9, 1e-6)
    assert np.allclose(np.stack(ours.deflection(X, Y))[:, 0], model.alpha(X, Y, theirs), rtol=0, atol=first)
    hessian = np.stack(model.hessian(X, Y, theirs), axis=-1).reshape(-1, 2, 2)
    assert np.allclose(ours.gradient(X, Y)[0], hessian, rtol=second, atol=second)
    assert np.allclose(ours.convergence(X, Y)[0], model.kappa(X, Y, theirs), rtol=second, atol=second)
    offset = ours.potential(X, Y)[0] - model.potential(X, Y, theirs)  # potentials are defined up to a constant
    assert np.ptp(offset) < 1e-6
    magnification = model.magnification(X, Y, theirs)
    assert np.allclose(1 / ours.magnification(X, Y)[0], 1 / magnification, rtol=10 * second, atol=10 * second)


def test_every_class_is_compared():
    assert {type(ours) for ours, *_ in CASES.values()} | {MultiPlane} == set(DEFLECTORS)


def test_halo_and_time_delay_distance():
    from astropy.cosmology import FlatLambdaCDM
    from lenstronomy.Cosmo.lens_cosmo import LensCosmo

    cosmology = FlatLambdaCDM(70, 0.3)
    theirs = LensCosmo(0.5, 1.5, cosmo=cosmology)
    r_s, alpha_s = nfw_angles(1e10, 9.0, 0.5, 1.5, cosmology)
    expected = theirs.nfw_physical2angle(1e10, 9.0)
    assert (r_s, alpha_s) == pytest.approx(expected, rel=5e-4)  # their G M_sun is an older value, larger by 2.8e-4
    distance = time_delay_distance(0.5, 1.5, cosmology)
    assert distance == pytest.approx(theirs.ddt, rel=1e-9)
    assert days(distance) == pytest.approx(theirs.time_delay_units(1.0), rel=1e-8)


def stacks():
    """Our stack of planes and lenstronomy's model with its parameters."""
    from astropy.cosmology import FlatLambdaCDM
    from lenstronomy.LensModel.lens_model import LensModel

    cosmology, z = FlatLambdaCDM(70, 0.3), [0.9, 0.5, 0.5, 0.2]
    halo = {"Rs": 2.0, "alpha_Rs": 0.3, "e1": 0.1, "e2": 0.0, "center_x": -0.3, "center_y": 0.2}
    main = {"theta_E": 1.2, "gamma": 2.1, "e1": 0.2, "e2": 0.1, **CENTRE}
    point = {"theta_E": 0.2, "center_x": 0.9, "center_y": 0.8}
    theirs = [halo, main, {"gamma1": 0.04, "gamma2": -0.02}, point]
    names = ["NFW_ELLIPSE_CSE", "EPL", "SHEAR", "POINT_MASS"]
    model = LensModel(names, multi_plane=True, z_source=2.0, lens_redshift_list=z, cosmo=cosmology)
    parts = [NFW(*halo.values()), EPL(*main.values()), ExternalShear(0.04, -0.02), PointMass(*point.values())]
    return MultiPlane(parts, z, 2.0, cosmology), model, theirs


@pytest.mark.filterwarnings("ignore:Cosmology is provided")
def test_planes():
    ours, model, theirs = stacks()
    source = np.stack(ours.source(X, Y))[:, 0]
    assert np.allclose(source, model.ray_shooting(X, Y, theirs), rtol=0, atol=1e-9)
    hessian = np.stack(model.hessian(X, Y, theirs, diff=1e-6, diff_method="cross"), axis=-1).reshape(-1, 2, 2)
    clear = (np.hypot(X - 0.1, Y + 0.1) > 0.3) & (np.hypot(X - 0.9, Y - 0.8) > 0.3)  # theirs are differences
    assert np.allclose(ours.gradient(X, Y)[0][clear], hessian[clear], rtol=1e-6, atol=1e-6)
    assert np.abs(ours.deflection(X, Y)[0][0] - Sum(ours.parts).deflection(X, Y)[0][0]).max() > 0.01


@pytest.mark.filterwarnings("ignore:Cosmology is provided")
def test_arrival_times_through_planes():
    ours, model, theirs = stacks()
    ax, ay = ours.deflection(X, Y)
    times = days(ours.time_delay_distance) * (0.5 * (ax**2 + ay**2) - ours.potential(X, Y))[0]
    expected = model.arrival_time(X, Y, theirs)
    assert np.ptp(expected) > 30
    assert np.ptp(times - expected) < 1e-8 * np.ptp(expected)
