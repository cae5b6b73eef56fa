"""Derivatives of images by labels against differences of GalSim's and lenstronomy's images."""

import functools

import galsim
import numpy as np
import pytest
from scipy.special import gamma as gamma_function

from catalogs import Band, Survey
from simulators import Gaussian, Moffat, StrongLens, WeakLens
from simulators.light import sersic_b
from simulators.psf import Airy, Kolmogorov

pytestmark = pytest.mark.reference
SCALE, FWHM = 0.2, 0.7
SURVEY = Survey("test", SCALE, (Band("r", psf_fwhm=FWHM, background_sigma=1.0),))


SHARES = ("flux", "radius", "n")  # labels whose steps are fractions of their value


def difference(draw, labels, name, step):
    """Derivative of draw(labels) by one label: central difference."""
    ends = [draw({**labels, name: labels[name] + move}) for move in (step, -step)]
    return (ends[0] - ends[1]) / (2 * step)


def label_of(tangent):
    return tangent.removesuffix("_r") if tangent.endswith("flux_r") else tangent


def errors(tangents, row, draw, labels, steps):
    """(tangent, difference of sample `row` from the reference in units of its norm)."""
    for tangent in tangents.label.values:
        name = label_of(tangent)
        step = (steps.get(name) or steps[name.split("_")[-1]]) * (labels[name] if name.endswith(SHARES) else 1)
        expected = difference(draw, labels, name, step)
        image = tangents.sel(label=tangent).values[row, 0]
        yield tangent, float(np.linalg.norm(image - expected) / np.linalg.norm(expected))


GALAXIES = {
    "flux": [1e4, 3e3, 5e4, 2e4],
    "radius": [0.5, 0.3, 0.9, 0.6],
    "n": [1.0, 2.5, 4.0, 0.6],
    "e1": [0.2, -0.1, 0.05, 0.5],
    "e2": [0.05, 0.3, 0.1, -0.4],
    "x": [0.03, -0.1, 0.02, 0.07],
    "y": [-0.05, 0.02, 0.1, 0.01],
    "g1": [0.03, -0.02, 0.05, 0.01],
    "g2": [0.01, 0.04, -0.02, -0.05],
    "kappa": [0.01, 0.02, -0.03, 0.1],
}
FINE = galsim.GSParams(folding_threshold=2e-3, maxk_threshold=1e-4, kvalue_accuracy=1e-6, maximum_fft_size=16384)
PSFS = [
    (Gaussian(FWHM), galsim.Gaussian(fwhm=FWHM)),
    (Moffat(FWHM, 3.5), galsim.Moffat(fwhm=FWHM, beta=3.5)),
    (Kolmogorov(FWHM), galsim.Kolmogorov(fwhm=FWHM)),
    (Airy(FWHM), galsim.Airy(lam_over_diam=Airy(FWHM).lam_over_diam)),
]
GALSIM_STEPS = dict.fromkeys(("flux", "radius", "n", "x", "y", "e1", "e2", "g1", "g2", "kappa"), 0.004)


def galsim_stamp(psf, at):
    mu = 1 / ((1 - at["kappa"]) ** 2 * (1 - at["g1"] ** 2 - at["g2"] ** 2))
    galaxy = galsim.Sersic(n=at["n"], half_light_radius=at["radius"], flux=at["flux"], gsparams=FINE)
    galaxy = galaxy.shear(g1=at["e1"], g2=at["e2"]).lens(at["g1"], at["g2"], mu).shift(at["x"], at["y"])
    return galsim.Convolve(galaxy, psf, gsparams=FINE).drawImage(nx=48, ny=48, scale=SCALE, dtype=float).array


def weak_errors(psf, theirs, rows=(0, 1, 2, 3)):
    tangents = WeakLens(survey=SURVEY, psf=psf, size=48).tangent(GALAXIES)
    for row in rows:
        at = {name: values[row] for name, values in GALAXIES.items()}
        yield from errors(tangents, row, functools.partial(galsim_stamp, theirs), at, GALSIM_STEPS)


@pytest.mark.parametrize(("psf", "theirs"), PSFS, ids=lambda psf: type(psf).__name__)
def test_weak_lens(psf, theirs):
    for tangent, wrong in weak_errors(psf, theirs):
        assert wrong <= 1e-3, tangent


SIZE, PAD, FINER = 20, 6, 12  # pixels, pixels around them, rays per pixel and axis of lenstronomy
LENSES = {
    "theta_E": [0.95, 0.8, 1.0],
    "gamma": [2.05, 1.9, 2.2],
    "lens_e1": [0.1, -0.15, 0.2],
    "lens_e2": [0.05, 0.1, -0.1],
    "lens_x": [0.03, -0.04, 0.01],
    "lens_y": [-0.02, 0.05, 0.03],
    "shear_g1": [0.03, -0.02, 0.04],
    "shear_g2": [-0.02, 0.03, 0.02],
    "light_flux": [2e4, 1e4, 3e4],
    "light_radius": [0.8, 0.6, 1.0],
    "light_n": [1.0, 1.2, 1.5],
    "light_e1": [0.1, -0.1, 0.15],
    "light_e2": [0.03, 0.08, -0.05],
    "light_x": [0.03, -0.04, 0.01],
    "light_y": [-0.02, 0.05, 0.03],
    "source_flux": [5e3, 4e3, 6e3],
    "source_radius": [0.3, 0.25, 0.25],
    "source_n": [1.0, 0.8, 0.8],
    "source_e1": [0.1, -0.2, 0.15],
    "source_e2": [-0.1, 0.05, 0.1],
    "source_x": [0.1, 0.15, -0.3],
    "source_y": [-0.05, 0.2, 0.12],
}
LENS_STEPS = {"flux": 0.01, "radius": 0.004, "n": 0.005, "x": 0.002, "y": 0.002, "theta_E": 0.001}
LENS_STEPS |= {"gamma": 0.003, **dict.fromkeys(("e1", "e2"), 0.004), **dict.fromkeys(("g1", "g2"), 0.001)}


@functools.cache
def lenstronomy_model():
    from lenstronomy.Data.imaging_data import ImageData
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    side = SIZE + 2 * PAD
    corner = -(side - 1) / 2 * SCALE
    grid = {"ra_at_xy_0": corner, "dec_at_xy_0": corner, "transform_pix2angle": SCALE * np.eye(2)}
    data = ImageData(np.zeros((side, side)), **grid)
    psf = PSF("GAUSSIAN", fwhm=FWHM, pixel_size=SCALE, truncation=7)
    light = LightModel(["SERSIC_ELLIPSE"])
    numerics = {"supersampling_factor": FINER, "supersampling_convolution": True}
    return ImageModel(data, psf, LensModel(["EPL_NUMBA", "SHEAR"]), light, light, kwargs_numerics=numerics)


def sersic(at, owner):
    """lenstronomy's parameters of exactly our profile: it approximates b_n, which another radius makes good."""
    n, radius = at[f"{owner}_n"], at[f"{owner}_radius"]
    b, near = float(sersic_b(n)), 1.9992 * n - 0.3271
    peak = at[f"{owner}_flux"] * b ** (2 * n) / (2 * np.pi * n * gamma_function(2 * n) * radius**2)
    names = {"e1": "e1", "e2": "e2", "center_x": "x", "center_y": "y"}
    shape = {theirs: at[f"{owner}_{ours}"] for theirs, ours in names.items()}
    return [{"amp": peak * np.exp(-near), "R_sersic": radius * (near / b) ** n, "n_sersic": n, **shape}]


def lenstronomy_stamp(part, at):
    lens = {"theta_E": at["theta_E"], "gamma": at["gamma"], "e1": at["lens_e1"], "e2": at["lens_e2"]}
    lens |= {"center_x": at["lens_x"], "center_y": at["lens_y"]}
    shear = {"gamma1": at["shear_g1"], "gamma2": at["shear_g2"]}
    of_light = part == "light"
    lights = sersic(at, "source"), sersic(at, "light")
    image = lenstronomy_model().image([lens, shear], *lights, source_add=not of_light, lens_light_add=of_light)
    return image[PAD:-PAD, PAD:-PAD]


def strong_errors(part):
    names = [name for name in LENSES if name.startswith("light") == (part == "light")]
    tangents = StrongLens(survey=SURVEY, psf=Gaussian(FWHM), size=SIZE).tangent(LENSES, names)
    for row in range(3):
        at = {name: values[row] for name, values in LENSES.items()}
        yield from errors(tangents, row, functools.partial(lenstronomy_stamp, part), at, LENS_STEPS)


@pytest.mark.parametrize("part", ["light", "source"])
def test_strong_lens(part):
    pytest.importorskip("lenstronomy", reason="needs lenstronomy, in the dev extra")
    for tangent, wrong in strong_errors(part):
        assert wrong <= 1e-2, tangent
