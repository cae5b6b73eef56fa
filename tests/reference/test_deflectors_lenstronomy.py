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
    ExternalShear,
    Multipole,
    PointMass,
    Subhalos,
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
    assert {type(ours) for ours, *_ in CASES.values()} == set(DEFLECTORS)


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
    assert days(distance) == pytest.approx(theirs.time_delay_units(1.0), rel=1e-5)
