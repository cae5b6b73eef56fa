"""Weakly lensed stamps against GalSim."""

import galsim
import numpy as np
import pytest

from catalogs import Band, Survey
from simulators import Gaussian, Moffat, WeakLens

pytestmark = pytest.mark.reference
SURVEY = Survey("test", 0.2, (Band("r", psf_fwhm=0.7, background_sigma=1.0),))
LABELS = {
    "flux": [1e4, 3e3, 5e4, 2e4],
    "radius": [0.5, 0.3, 0.9, 0.6],
    "n": [1.0, 2.5, 4.0, 0.5],
    "e1": [0.2, -0.1, 0.0, 0.3],
    "e2": [0.0, 0.3, 0.1, -0.2],
    "x": [0.03, -0.1, 0.0, 0.07],
    "y": [-0.05, 0.02, 0.1, 0.0],
    "g1": [0.03, -0.02, 0.05, 0.0],
    "g2": [0.01, 0.04, 0.0, -0.05],
    "kappa": [0.0, 0.02, -0.03, 0.1],
}


@pytest.mark.parametrize(
    ("psf", "theirs"),
    [(Gaussian(0.7), galsim.Gaussian(fwhm=0.7)), (Moffat(0.7, 3.5), galsim.Moffat(fwhm=0.7, beta=3.5))],
)
def test_weak_lens(psf, theirs):
    images = WeakLens(survey=SURVEY, psf=psf, size=48).render(LABELS)["image"].values[:, 0]
    for i, image in enumerate(images):
        at = {name: values[i] for name, values in LABELS.items()}
        mu = 1 / ((1 - at["kappa"]) ** 2 * (1 - at["g1"] ** 2 - at["g2"] ** 2))
        galaxy = galsim.Sersic(n=at["n"], half_light_radius=at["radius"], flux=at["flux"])
        galaxy = galaxy.shear(g1=at["e1"], g2=at["e2"]).lens(at["g1"], at["g2"], mu).shift(at["x"], at["y"])
        stamp = galsim.Convolve(galaxy, theirs).drawImage(nx=48, ny=48, scale=0.2, dtype=float).array
        assert np.abs(image - stamp).max() < 2e-4 * stamp.max()  # GalSim's own error at default GSParams
