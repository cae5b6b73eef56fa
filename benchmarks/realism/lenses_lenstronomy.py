"""Einstein radii of the lenses of R5 by lenstronomy, which draws and fits its own images, before and after refinement.

python benchmarks/realism/lenses_lenstronomy.py [SEED...]  # after lenses.py
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from _common import BUILD, SEEDS
from _lenses import SCALE, psfs, split, with_pixel, without_pixel
from _tables import put, rows
from scipy.optimize import least_squares

FITTED, EVALUATIONS, FINER = 3, 5, 3  # lenses; iterations of a fit; rays per pixel and axis
MASS = {
    "theta_E": "theta_E",
    "gamma": "gamma",
    "e1": "lens_e1",
    "e2": "lens_e2",
    "center_x": "lens_x",
    "center_y": "lens_y",
}
SHEAR = {"gamma1": "shear_g1", "gamma2": "shear_g2"}
LIGHT = {"R_sersic": "radius", "n_sersic": "n", "e1": "e1", "e2": "e2", "center_x": "x", "center_y": "y"}
STEP = 1e-4


class Fit:
    """One lens: an EPL in external shear, Sersic light, a Sersic host and its quasar; amplitudes are linear."""

    def __init__(self, variance: np.ndarray, kernel: np.ndarray) -> None:
        from lenstronomy.Data.psf import PSF
        from lenstronomy.LensModel.lens_model import LensModel
        from lenstronomy.LightModel.light_model import LightModel
        from lenstronomy.PointSource.point_source import PointSource

        self.sigma = np.sqrt(variance)
        lens = LensModel(["EPL", "SHEAR"])
        self.parts = {
            "psf_class": PSF("PIXEL", kernel_point_source=kernel, kernel_point_source_normalisation=True),
            "lens_model_class": lens,
            "source_model_class": LightModel(["SERSIC_ELLIPSE"]),
            "lens_light_model_class": LightModel(["SERSIC_ELLIPSE"]),
            "point_source_class": PointSource(["SOURCE_POSITION"], lens, fixed_magnification_list=[True]),
            "kwargs_numerics": {"supersampling_factor": FINER, "supersampling_convolution": False},
        }

    def start(self, truth: Mapping[str, float]) -> np.ndarray:
        names = [
            *MASS.values(),
            *SHEAR.values(),
            *(f"{owner}_{name}" for owner in ("light", "source") for name in LIGHT.values()),
        ]
        return np.array([float(truth[name]) for name in (*names, "quasar_x", "quasar_y")])

    def theta_e(self, image: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Parameters that fit best, the Einstein radius first."""
        from lenstronomy.Data.imaging_data import ImageData
        from lenstronomy.ImSim.image_linear_solve import ImageLinearFit

        corner = -0.5 * (len(image) - 1) * SCALE
        data = ImageData(
            image, noise_map=self.sigma, ra_at_xy_0=corner, dec_at_xy_0=corner, transform_pix2angle=SCALE * np.eye(2)
        )
        model = ImageLinearFit(data, **self.parts)

        def miss(values: np.ndarray) -> np.ndarray:
            return ((image - model.image_linear_solve(**keywords(values))[0]) / self.sigma).ravel()

        found = least_squares(miss, start, x_scale="jac", max_nfev=EVALUATIONS, diff_step=STEP)
        return np.asarray(found.x)


def keywords(values: np.ndarray) -> dict[str, list[dict[str, Any]]]:
    """Parameters as lenstronomy wants them."""
    one = iter(values)
    mass, shear = ({name: next(one) for name in names} for names in (MASS, SHEAR))
    light, source = ({"amp": 1.0, **{name: next(one) for name in LIGHT}} for _ in range(2))
    quasar = {"ra_source": next(one), "dec_source": next(one), "source_amp": 1.0}
    return {
        "kwargs_lens": [mass, shear], "kwargs_source": [source], "kwargs_lens_light": [light], "kwargs_ps": [quasar],
    }  # fmt: skip


def changes(seed: int) -> list[tuple[float, float, float]]:
    """(theta_E fitted over true, relative change by refinement, and without the projection) of some lenses."""
    kept = np.load(BUILD / f"lenses-{seed}-whole.npz")
    kernels = [with_pixel(without_pixel(psf)) for psf in psfs(split(seed)[0])]
    found = []
    for lens in range(FITTED):
        truth = {name[6:]: kept[name][lens].squeeze() for name in kept.files if name.startswith("truth_")}
        fit = Fit(kept["variance"][lens, 0].astype(float), kernels[int(truth["psf_index"])])
        before = fit.theta_e(kept["raw"][lens, 0].astype(float), fit.start(truth))
        after, wrong = (fit.theta_e(kept[name][lens, 0].astype(float), before)[0] for name in ("refined", "control"))
        found.append((before[0] / truth["theta_E"], after / before[0] - 1.0, wrong / before[0] - 1.0))
    return found


def main(seeds: list[int]) -> None:
    body = [
        [f"{seed}, {lens}", f"{fitted:.4f}", f"{100 * kept:.4f}", f"{100 * moved:.4f}"]
        for seed in seeds
        for lens, (fitted, kept, moved) in enumerate(changes(seed))
    ]
    head = ["seed, lens", "theta_E of the raw image over the true one", "change by refinement [%]", "not projected [%]"]
    put("results.md", "lenses-lenstronomy", rows(head, body))


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or list(SEEDS))
