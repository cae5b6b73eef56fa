"""Images, magnifications, arrival times and critical curves against lenstronomy's solvers."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from simulators.deflectors import EPL, NFW, ExternalShear, MultiPlane, PointMass, Sum
from simulators.lensing import (
    Window,
    arrival_times,
    critical_curves,
    image_positions,
    time_delay_distance,
)

lenstronomy = pytest.importorskip("lenstronomy", reason="needs lenstronomy, in the dev extra")
pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore:Cosmology is provided")]

COSMOLOGY = FlatLambdaCDM(70, 0.3)
MAIN = {"theta_E": 1.2, "gamma": 2.05, "e1": 0.2, "e2": 0.1, "center_x": 0.05, "center_y": -0.05}
HALO = {"Rs": 3.0, "alpha_Rs": 1.6, "e1": 0.15, "e2": 0.1, "center_x": 0.0, "center_y": 0.0}
SHEAR = {"gamma1": 0.04, "gamma2": -0.03}
POINT = {"theta_E": 0.4, "center_x": 0.8, "center_y": 0.7}
CASES = {
    "power law and shear": (Sum([EPL(*MAIN.values()), ExternalShear(0.04, -0.03)]), ["EPL", "SHEAR"], [MAIN, SHEAR]),
    "halo": (NFW(*HALO.values()), ["NFW_ELLIPSE_CSE"], [HALO]),
    "two bodies": (Sum([EPL(*MAIN.values()), PointMass(*POINT.values())]), ["EPL", "POINT_MASS"], [MAIN, POINT]),
}
SOURCES = [(0.05, 0.03), (-0.12, 0.1), (0.45, -0.3), (0.0, 0.2)]


def theirs_of(model, theirs, source):
    from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver

    solver = LensEquationSolver(model)
    state = np.random.get_state()  # their solver draws from numpy's global generator
    x, y = solver.image_position_from_source(
        *source, theirs, min_distance=0.02, search_window=8, precision_limit=1e-12, num_iter_max=300
    )
    np.random.set_state(state)
    keep = np.abs(model.magnification(x, y, theirs)) > 1e-5
    return x[keep], y[keep]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", CASES)
def test_images(case, source):
    from lenstronomy.LensModel.lens_model import LensModel

    ours, models, theirs = CASES[case]
    model = LensModel(models, z_lens=0.5, z_source=2.0, cosmo=COSMOLOGY)
    x, y = theirs_of(model, theirs, source)
    (images,) = image_positions(ours, *source, Window(size=8.0), faintest=1e-5)
    distance = np.hypot(images.x[:, None] - x, images.y[:, None] - y)
    assert len(images) == len(x)
    assert distance.min(axis=0).max() < 1e-9
    near = distance.argmin(axis=0)
    assert np.allclose(images.magnification[near], model.magnification(x, y, theirs), rtol=1e-5)
    times = model.arrival_time(x, y, theirs, x_source=source[0], y_source=source[1])
    delays = images.delays(time_delay_distance(0.5, 2.0, COSMOLOGY))[near]
    assert np.allclose(delays - delays[0], times - times[0], rtol=1e-8, atol=1e-6)


def test_images_through_planes():
    from lenstronomy.LensModel.lens_model import LensModel

    z = [0.5, 0.5, 0.8]
    ours = MultiPlane([EPL(*MAIN.values()), ExternalShear(0.04, -0.03), PointMass(0.2, 0.8, 0.7)], z, 2.0, COSMOLOGY)
    theirs = [MAIN, SHEAR, {**POINT, "theta_E": 0.2}]
    names = ["EPL", "SHEAR", "POINT_MASS"]
    model = LensModel(names, multi_plane=True, z_source=2.0, lens_redshift_list=z, cosmo=COSMOLOGY)
    x, y = theirs_of(model, theirs, (0.05, 0.03))
    (images,) = image_positions(ours, 0.05, 0.03, Window(size=8.0), faintest=1e-5)
    near = np.hypot(images.x[:, None] - x, images.y[:, None] - y)
    assert len(images) == len(x)
    assert near.min(axis=0).max() < 1e-9
    expected = model.arrival_time(x, y, theirs)
    times = arrival_times(ours, x, y, ours.time_delay_distance)[0]
    assert np.allclose(times - times[0], expected - expected[0], rtol=1e-8, atol=1e-6)


def test_critical_curves():
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LensModel.lens_model_extensions import LensModelExtensions

    ours, models, theirs = CASES["power law and shear"]
    model = LensModel(models)
    (curve,) = critical_curves(ours)[0]
    assert np.abs(1 / model.magnification(*curve.T, theirs)).max() < 1e-8
    lists = LensModelExtensions(model).critical_curve_tiling(theirs, compute_window=5, start_scale=0.1, max_order=10)
    points = np.stack(lists[:2], axis=-1)
    distance = np.hypot(*(points[:, None] - curve[None]).T).min(axis=0)
    assert distance.max() < 0.1  # points of theirs lie between the vertices of ours
    assert np.abs(1 / ours.magnification(*points.T)).max() < 2e-2
