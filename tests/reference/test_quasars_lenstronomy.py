"""Images of the quasars of StrongLens against lenstronomy's lens equation solver: all that the truth says of them."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from simulators import StrongLens

lenstronomy = pytest.importorskip("lenstronomy", reason="needs lenstronomy, in the dev extra")
pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore:Cosmology is provided")]

COSMOLOGY = FlatLambdaCDM(70, 0.3)
MASS = ("epl", "shear", "nfw", "multipole4")
NAMES = ["EPL", "SHEAR", "NFW_ELLIPSE_CSE", "MULTIPOLE"]


def halo(seed, sample_ids, survey):
    one = np.ones(len(sample_ids))
    labels = {"halo_r_s": 6.0 * one, "halo_alpha_s": 0.4 * one, "halo_e1": 0.1 * one, "halo_e2": -0.05 * one}
    labels |= {"halo_x": 0.1 * one, "halo_y": -0.1 * one, "multipole4_a": 0.02 * one, "multipole4_phi": 0.3 * one}
    return labels | {"sigma_v": 250.0 * one}


def theirs_of(truth, s):
    def of(prefix, **names):
        return {key: float(truth[f"{prefix}{name}"][s]) for key, name in names.items()}

    ellipse = {"e1": "e1", "e2": "e2", "center_x": "x", "center_y": "y"}
    return [
        {**of("", theta_E="theta_E", gamma="gamma"), **of("lens_", **ellipse)},
        of("shear_", gamma1="g1", gamma2="g2"),
        of("halo_", Rs="r_s", alpha_Rs="alpha_s", **ellipse),
        {"m": 4, **of("multipole4_", a_m="a", phi_m="phi"), **of("lens_", center_x="x", center_y="y")},
    ]


def solved(model, theirs, source):
    from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver

    state = np.random.get_state()  # their solver draws from numpy's global generator
    x, y = LensEquationSolver(model).image_position_from_source(
        *source, theirs, min_distance=0.02, search_window=9.6, precision_limit=1e-12, num_iter_max=300
    )
    np.random.set_state(state)
    keep = np.abs(model.magnification(x, y, theirs)) > 1e-5
    return x[keep], y[keep]


def test_truth_of_quasars_is_theirs():
    from lenstronomy.LensModel.lens_model import LensModel

    simulator = StrongLens(
        survey="lsst", bands="i", size=48, mass=MASS, quasar=True, population=("lensed-quasar", halo)
    )
    truth = simulator.draw(12, seed=4)
    there = truth["image_magnification"].values != 0
    assert len(set(there.sum(axis=1))) > 1
    for s in range(12):
        z = {name: float(truth[name][s]) for name in ("z_lens", "z_source")}
        model = LensModel(NAMES, **z, cosmo=COSMOLOGY)
        theirs, source = theirs_of(truth, s), (float(truth["quasar_x"][s]), float(truth["quasar_y"][s]))
        x, y = solved(model, theirs, source)
        ours = {name: truth[f"image_{name}"].values[s, there[s]] for name in ("x", "y", "magnification", "delay")}
        distance = np.hypot(ours["x"][:, None] - x, ours["y"][:, None] - y)
        assert len(ours["x"]) == len(x)
        assert distance.min(axis=0).max() < 1e-6
        near = distance.argmin(axis=0)
        assert np.allclose(ours["magnification"][near], model.magnification(x, y, theirs), rtol=1e-4)
        times = model.arrival_time(x, y, theirs, x_source=source[0], y_source=source[1])
        assert np.allclose(ours["delay"][near], times - times.min(), rtol=1e-6, atol=1e-4)
