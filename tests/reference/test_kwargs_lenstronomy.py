"""Labels in lenstronomy's keyword arguments and back: the numbers, and the images that both draw of them."""

import dataclasses

import numpy as np
import pytest

from astrogan.export import from_lenstronomy, to_lenstronomy
from catalogs import get_survey
from simulators import Gaussian, StrongLens

pytest.importorskip("lenstronomy", reason="needs lenstronomy, in the dev extra")
pytestmark = pytest.mark.reference
SIZE, SCALE, FWHM = 48, 0.2, 0.7
SHAPE = {"e1": 0.1, "e2": -0.05}
MODEL = {
    "lens_model_list": ["SHEAR", "EPL"],
    "lens_light_model_list": ["SERSIC"],
    "source_light_model_list": ["SERSIC_ELLIPSE", "SERSIC"],
}
PARAMS = {
    "kwargs_lens": [
        {"gamma1": 0.03, "gamma2": -0.02, "ra_0": 0, "dec_0": 0},
        {"theta_E": 1.2, "gamma": 2.1, **SHAPE, "center_x": 0.05, "center_y": 0.0},
    ],
    "kwargs_lens_light": [{"amp": 3.0, "R_sersic": 0.8, "n_sersic": 1.3, "center_x": 0.05, "center_y": 0.0}],
    "kwargs_source": [
        {"amp": 8.0, "R_sersic": 0.35, "n_sersic": 1.0, "e1": 0.2, "e2": 0.1, "center_x": 0.1, "center_y": 0.02},
        {"amp": 4.0, "R_sersic": 0.2, "n_sersic": 1.4, "center_x": -0.2, "center_y": 0.3},
    ],
}


@pytest.fixture(scope="module")
def sim():
    survey = dataclasses.replace(get_survey("lsst").select("r"), pixel_scale=SCALE)
    return StrongLens(survey=survey, psf=Gaussian(FWHM), size=SIZE, accuracy="high")


def drawn_by_lenstronomy(model, params):
    """Their image, nine rays to a pixel's side, PSF and pixels convolved on that grid."""
    from lenstronomy.Data.imaging_data import ImageData
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    corner = -SCALE * (SIZE - 1) / 2
    grid = {"ra_at_xy_0": corner, "dec_at_xy_0": corner, "transform_pix2angle": np.eye(2) * SCALE}
    data = ImageData(image_data=np.zeros((SIZE, SIZE)), **grid)
    psf = PSF(psf_type="GAUSSIAN", fwhm=FWHM, pixel_size=SCALE, truncation=6)
    fine = {"supersampling_factor": 9, "supersampling_convolution": True}
    lights = (LightModel(model[f"{name}_light_model_list"]) for name in ("source", "lens"))
    image = ImageModel(data, psf, LensModel(model["lens_model_list"]), *lights, kwargs_numerics=fine)
    return image.image(params["kwargs_lens"], params["kwargs_source"], params["kwargs_lens_light"])


def test_their_lens_is_drawn_by_us(sim):
    ours = sim.render(from_lenstronomy(MODEL, PARAMS))["image"].values[0, 0]
    theirs = drawn_by_lenstronomy(MODEL, PARAMS)
    assert np.abs(ours - theirs).max() < 1e-3 * theirs.max()
    assert ours.sum() == pytest.approx(theirs.sum(), rel=3e-4)


def test_our_lenses_are_drawn_by_them(sim):
    truth = sim.draw(3, seed=6)
    truth["light_n"] = 0 * truth["light_n"] + 1.5  # cusps of n = 4 need more rays than lenstronomy's grid has
    for sample, ours in enumerate(sim.render(truth)["image"].values[:, 0]):
        theirs = drawn_by_lenstronomy(*to_lenstronomy(truth, sample))
        assert np.abs(ours - theirs).max() < 1e-3 * theirs.max()


@pytest.mark.parametrize("mass", [("epl", "shear"), ("sie", "shear"), ("sie",)])
def test_labels_come_back(mass):
    sim = StrongLens(survey="lsst", bands="gr", mass=mass)
    truth = sim.draw(4, seed=2)
    models = {tuple(to_lenstronomy(truth, k, "g")[0]["lens_model_list"]) for k in range(4)}
    assert models == {("EPL" if "epl" in mass else "SIE", *(["SHEAR"] if "shear" in mass else []))}
    model = to_lenstronomy(truth, 0, "g")[0]
    back = from_lenstronomy(model, [to_lenstronomy(truth, k, "g")[1] for k in range(4)])
    for name in sim.layout.labels:
        expected = truth[name].sel(band="g").values if "band" in truth[name].dims else truth[name].values
        assert np.allclose(np.ravel(back[name]), expected, rtol=1e-12, atol=1e-14), name
    assert ("gamma" in truth) or (back["gamma"] == 2.0).all()


def changed(part, at, **values):
    rows = [dict(row) for row in PARAMS[part]]
    rows[at] = {name: value for name, value in {**rows[at], **values}.items() if value is not None}
    return PARAMS | {part: rows}


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        ({"lens_model_list": ["SHEAR", "ELP"]}, PARAMS, "did you mean 'EPL'"),
        ({"lens_model_list": ["EPL"]}, PARAMS, "names 1 models, kwargs_lens has 2"),
        ({"lens_model_list": ["SHEAR", "SHEAR"]}, PARAMS, "number of EPL or SIE in lens_model_list = 0"),
        ({"source_light_model_list": []}, PARAMS | {"kwargs_source": []}, "source_light_model_list = 0"),
        ({}, changed("kwargs_lens", 0, ra_0=0.5), "ra_0 = 0.5 is not 0"),
        ({}, changed("kwargs_lens", 1, theta_E=None), "'theta_E' is missing"),
        ({}, changed("kwargs_source", 0, amp=None), "'amp' is missing"),
        ({}, changed("kwargs_source", 1, n_sersic=12.0), r"n_sersic = 12 is outside \[0.3, 8\]"),
    ],
)
def test_other_lenses_are_refused(model, params, message):
    with pytest.raises(ValueError, match=message):
        from_lenstronomy(MODEL | model, params)


def test_samples_that_lenstronomy_would_draw_otherwise_are_refused():
    quasars = StrongLens(survey="lsst", bands="r", quasar=True, population="lensed-quasar").draw(1, seed=1)
    with pytest.raises(ValueError, match="has quasar_"):
        to_lenstronomy(quasars, 0)
    knots = StrongLens(survey="lsst", bands="r", source="knots").draw(1, seed=1)
    with pytest.raises(ValueError, match="lacks source_n"):
        to_lenstronomy(knots, 0)
    plain = StrongLens(survey="lsst", bands="gr").draw(1, seed=1)
    with pytest.raises(ValueError, match="unknown band"):
        to_lenstronomy(plain, 0)
    with pytest.raises(ValueError, match="sample = 1 is outside"):
        to_lenstronomy(plain, 1, "g")
