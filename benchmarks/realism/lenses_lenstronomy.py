"""Einstein radii of the lenses of R5 by lenstronomy, which draws and fits its own images, before and after refinement.

python benchmarks/realism/lenses_lenstronomy.py [SEED...]  # after lenses.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from _common import BUILD, SEEDS
from _lenses import SCALE, psfs, split, without_pixel
from _tables import put, rows

from simulators.psf import PixelPSF

FITTED, ITERATIONS, FINER = 3, 4, 3  # lenses; steps of a fit; rays per pixel and axis
SOLVER = {"min_distance": 0.02, "search_window": 4.0, "precision_limit": 1e-12, "num_iter_max": 200}
SHARES = (1.0, 0.3, 0.1, 0.03)  # of a step, until chi squared falls
STEP = 1e-5  # half the differences, of all parameters
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


class Fit:
    """One lens: an EPL in external shear, Sersic light, a Sersic host and its quasar; amplitudes are linear."""

    def __init__(self, variance: np.ndarray, kernel: np.ndarray) -> None:
        from lenstronomy.Data.psf import PSF
        from lenstronomy.LensModel.lens_model import LensModel
        from lenstronomy.LightModel.light_model import LightModel
        from lenstronomy.PointSource.point_source import PointSource

        self.sigma = np.sqrt(variance)
        lens = LensModel(["EPL", "SHEAR"])
        psf = PSF("PIXEL", kernel_point_source=kernel, point_source_supersampling_factor=FINER)
        self.parts = {
            "psf_class": psf,
            "lens_model_class": lens,
            "source_model_class": LightModel(["SERSIC_ELLIPSE"]),
            "lens_light_model_class": LightModel(["SERSIC_ELLIPSE"]),
            "point_source_class": PointSource(
                ["SOURCE_POSITION"], lens, fixed_magnification_list=[True], kwargs_lens_eqn_solver=SOLVER
            ),
            "kwargs_numerics": {"supersampling_factor": FINER, "supersampling_convolution": False},
        }

    def start(self, truth: Mapping[str, float]) -> np.ndarray:
        names = [
            *MASS.values(),
            *SHEAR.values(),
            *(f"{owner}_{name}" for owner in ("light", "source") for name in LIGHT.values()),
        ]
        return np.array([float(truth[name]) for name in (*names, "quasar_x", "quasar_y")])

    def theta_e(self, images: Sequence[np.ndarray], start: np.ndarray) -> list[float]:
        """Einstein radii that fit each image best, with all other parameters: Gauss-Newton steps by one Jacobian."""
        from lenstronomy.Data.imaging_data import ImageData
        from lenstronomy.ImSim.image_linear_solve import ImageLinearFit

        corner = -0.5 * (len(images[0]) - 1) * SCALE
        grid = {"ra_at_xy_0": corner, "dec_at_xy_0": corner, "transform_pix2angle": SCALE * np.eye(2)}

        def miss(image: np.ndarray, values: np.ndarray) -> np.ndarray:
            self.parts["point_source_class"].delete_lens_model_cache()  # else images stay where they were
            model = ImageLinearFit(ImageData(image, noise_map=self.sigma, **grid), **self.parts)
            return ((image - model.image_linear_solve(**keywords(values))[0]) / self.sigma).ravel()

        steps = STEP * np.eye(len(start))
        ends = [[miss(images[0], start + sign * one) for sign in (1, -1)] for one in steps]
        jacobian = np.stack([(up - down) / (2 * STEP) for up, down in ends], axis=1)
        inverse = np.linalg.pinv(jacobian, rcond=1e-10)
        return [self._fitted(partial(miss, image), start, inverse) for image in images]

    def _fitted(self, miss: Callable[[np.ndarray], np.ndarray], start: np.ndarray, inverse: np.ndarray) -> float:
        values, left = start, miss(start)
        for _ in range(ITERATIONS):
            step = inverse @ left
            for share in SHARES:
                trial = miss(values - share * step)
                if trial @ trial < left @ left:
                    values, left = values - share * step, trial
                    break
        return float(values[0])


def fine_kernel(psf: PixelPSF) -> np.ndarray:
    """The PSF on a grid `FINER` than the pixels, which lenstronomy averages over these."""
    side = FINER * np.asarray(psf.image).shape[0]
    axis = (np.arange(side) - (side - 1) / 2) * SCALE / FINER
    kernel = psf.brightness(axis[None, :], axis[:, None])
    return np.asarray(kernel / kernel.sum())


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
    kernels = [fine_kernel(without_pixel(psf)) for psf in psfs(split(seed)[0])]
    found = []
    for lens in range(FITTED):
        truth = {name[6:]: kept[name][lens].squeeze() for name in kept.files if name.startswith("truth_")}
        fit = Fit(kept["variance"][lens, 0].astype(float), kernels[int(truth["psf_index"])])
        images = [kept[name][lens, 0].astype(float) for name in ("raw", "refined", "control")]
        before, after, wrong = fit.theta_e(images, fit.start(truth))
        found.append((before / float(truth["theta_E"]), after / before - 1.0, wrong / before - 1.0))
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
