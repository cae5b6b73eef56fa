"""Cuts: what they measure, that every sample passes them, and that a sample does not depend on its batch."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from astrogan.dataset import read_samples, validate_samples, write_samples
from catalogs import Band, Survey
from simulators import EPL, ExternalShear, StrongLens, WeakLens
from simulators.selection import Expected, MinArcSNR, MinMagnification, Selection, arc_snr, total_magnification
from simulators.testing import check_batches, check_contents

SURVEY = Survey(
    "two bands",
    0.2,
    (
        Band("g", psf_fwhm=0.8, background_sigma=30.0, electrons_per_unit=5.0),
        Band("r", psf_fwhm=0.7, psf_beta=3.5, background_sigma=20.0, electrons_per_unit=4.0),
    ),
)
LENS = StrongLens(survey=SURVEY, size=24, accuracy="fast", neighbours=0.02)


def wide(truth, images):
    """Einstein radii above the median of the population."""
    return truth["theta_E"].values > 1.23


def judged(simulator, truth):
    """Expected images of a drawn truth, as a cut gets them."""
    labels = simulator._checked(truth)
    return Expected(simulator._drawers(labels), simulator.survey)


def test_every_sample_passes_and_none_depends_on_its_batch():
    cuts = (MinMagnification(3.0), MinArcSNR(8.0, band="r"))
    simulator = dataclasses.replace(LENS, select=cuts)
    truth = simulator.draw(20, seed=4)
    images = judged(simulator, truth)
    assert total_magnification(images).min() >= 3.0
    assert arc_snr(images, "r").min() >= 8.0
    free = judged(LENS, LENS.draw(20, seed=4))
    assert not ((total_magnification(free) >= 3.0) & (arc_snr(free, "r") >= 8.0)).all()
    check_batches(simulator)
    check_contents(simulator)


def test_samples_whose_first_candidate_passes_are_those_without_cuts():
    free, cut = LENS.draw(30, seed=4), dataclasses.replace(LENS, select=wide).draw(30, seed=4)
    first = free["theta_E"].values > 1.23
    assert 5 < first.sum() < 25
    for name in ("theta_E", "source_x", "neighbour_x"):
        same = (free[name].values == cut[name].values).reshape(30, -1).all(axis=1)
        assert np.array_equal(same, first), name
    assert len(np.unique(cut["theta_E"])) == 30


def test_a_cut_cuts_the_distribution_and_reports_its_rate():
    free, cut = LENS.draw(4000, seed=1), dataclasses.replace(LENS, select=wide, neighbours=0.0).draw(3000, seed=2)
    accepted = free["theta_E"].values[free["theta_E"].values > 1.23]
    assert stats.ks_2samp(cut["theta_E"].values, accepted).pvalue > 0.01
    rate = len(accepted) / 4000
    assert cut.attrs["acceptance_rate"] == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / 4000))
    assert cut.attrs["candidates"] == round(3000 / cut.attrs["acceptance_rate"])


def test_the_rate_goes_with_the_samples_into_their_file(tmp_path):
    samples = validate_samples(dataclasses.replace(LENS, select=wide).simulate(3, seed=4))
    write_samples(samples, tmp_path / "x.h5")
    assert read_samples(tmp_path / "x.h5").attrs["acceptance_rate"] == samples.attrs["acceptance_rate"] < 1.0


def test_magnification_is_that_of_rays():
    """Against a fine grid of rays through the lens: area of a disc-like source times its brightness, without PSF."""
    simulator = StrongLens(survey=SURVEY, size=64)
    labels = dict.fromkeys(simulator.labels, 0.0)
    labels |= {"theta_E": 1.2, "gamma": 2.0, "lens_e1": 0.1, "shear_g1": 0.05, "light_radius": 1.0, "light_n": 1.0}
    labels |= {"source_flux": 10.0, "source_radius": 0.3, "source_n": 1.0, "source_x": 0.2, "source_y": 0.1}
    axis = (np.arange(2400) - 1199.5) * 0.005
    x, y = np.meshgrid(axis, axis)
    (ax, ay), (sx, sy) = EPL(1.2, 2.0, 0.1).deflection(x, y), ExternalShear(0.05, 0.0).deflection(x, y)

    def flux(bx, by):
        return np.exp(-1.67834699 * np.hypot(bx - 0.2, by - 0.1) / 0.3).sum()

    expected = flux(x - ax[0] - sx[0], y - ay[0] - sy[0]) / flux(x, y)
    images = judged(simulator, simulator.render({**labels, "light_flux": [[0.0, 0.0]]}))
    assert total_magnification(images)[0] == pytest.approx(expected, rel=2e-3)
    assert expected > 3.0


def test_arc_snr_is_that_of_the_arcs_own_image():
    truth = LENS.draw(5, seed=8)
    seen = LENS.observe(LENS.render(truth), seed=8)
    dark = {name: 0.0 * truth[name] for name in ("light_flux", "neighbour_flux")}
    alone = LENS.render(truth.assign(dark))
    ratio = alone["image"].values.astype(float) ** 2 / seen["variance"].values
    images = judged(LENS, truth)
    np.testing.assert_allclose(arc_snr(images), np.sqrt(ratio.sum(axis=(1, 2, 3))), rtol=1e-5)
    np.testing.assert_allclose(arc_snr(images, "r"), np.sqrt(ratio[:, 1].sum(axis=(1, 2))), rtol=1e-5)
    assert set(images) == {"light", "sources", "neighbours", "image", "variance", "unlensed"}
    assert "arcs" not in images
    assert len(images) == 6


QUASAR = StrongLens(survey=SURVEY.select("g"), size=64, mass="sie", quasar=True)


def quasar_behind_a_sphere(quasar_flux, source_flux):
    """What a cut sees of a quasar 0.4 arcsec from an isothermal sphere of 1.2: images at 1.6 and -0.8 arcsec, magnified
    by 1 + 1.2 / 0.4 = 4 and |1 - 1.2 / 0.4| = 2.
    """
    labels = dict.fromkeys(QUASAR.labels, 0.0) | {"theta_E": 1.2, "light_radius": 1.0, "light_n": 1.0}
    labels |= {"source_radius": 0.3, "source_n": 1.0, "source_x": 0.4, "quasar_x": 0.4}
    fluxes = {"light_flux": [[0.0]], "quasar_flux": [[quasar_flux]], "source_flux": [[source_flux]]}
    return judged(QUASAR, QUASAR.render(labels | fluxes))


def test_magnification_counts_the_images_of_a_quasar():
    alone, host = quasar_behind_a_sphere(70.0, 0.0), quasar_behind_a_sphere(0.0, 30.0)
    assert total_magnification(alone)[0] == pytest.approx(6.0, rel=2e-3)
    both = (70.0 * 6.0 + 30.0 * total_magnification(host)[0]) / 100.0
    assert total_magnification(quasar_behind_a_sphere(70.0, 30.0))[0] == pytest.approx(both, rel=2e-3)
    assert MinMagnification(5.9)(None, alone)
    assert not MinMagnification(6.1)(None, alone)


def test_arc_snr_counts_the_images_of_a_quasar():
    """Against two Gaussians integrated over pixels, in the noise of the sky and of their own photons."""
    edges = (np.arange(65) - 32.0) * 0.2
    scale = 0.8 / np.sqrt(8.0 * np.log(2.0))
    share = [np.diff(stats.norm.cdf(edges, place, scale)) for place in (1.6, -0.8, 0.0)]
    signal = share[2][:, None] * (4.0 * share[0] + 2.0 * share[1]) * 9000.0
    expected = np.sqrt((signal**2 / (30.0**2 + signal / 5.0)).sum())
    images = quasar_behind_a_sphere(9000.0, 0.0)
    assert arc_snr(images)[0] == pytest.approx(expected, rel=1e-3)
    assert MinArcSNR(0.99 * expected)(None, images)
    assert not MinArcSNR(1.01 * expected, band="g")(None, images)


def test_any_simulator_takes_any_function():
    def bright(truth, images):
        return images["galaxy"].max(axis=(1, 2, 3)) > 100.0

    simulator = WeakLens(survey=SURVEY, size=24, select=[bright])
    assert simulator.render(simulator.draw(5, seed=1))["image"].max(dim=("band", "y", "x")).min() > 100.0


def test_a_noise_free_survey_has_infinite_ratios():
    quiet = tuple(dataclasses.replace(b, background_sigma=0.0, electrons_per_unit=np.inf) for b in SURVEY.bands)
    simulator = dataclasses.replace(LENS, survey=dataclasses.replace(SURVEY, bands=quiet))
    assert np.isinf(arc_snr(judged(simulator, simulator.draw(2, seed=1)))).all()


def test_cuts_that_nothing_passes_are_named_with_their_rates():
    select = Selection((wide, MinMagnification(1e5)), most=4)
    words = (
        r"none of 4 candidates of sample 3 was accepted; of 4 candidates in all 0 were. "
        r"Rate by cut: wide [\d.]+, MinMagnification\(minimum=100000\.0\) 0$"
    )
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(LENS, select=select).draw(1, seed=1, start=3)
    with pytest.raises(ValueError, match=r"none of 1 candidates .* of 12 candidates"):
        dataclasses.replace(LENS, select=dataclasses.replace(select, most=1)).draw(12, seed=1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MinMagnification(-1.0), "MinMagnification minimum = -1 is outside"),
        (lambda: MinArcSNR(float("nan")), "MinArcSNR minimum = nan"),
        (lambda: Selection((wide,), most=0), "Selection most = 0 is outside"),
        (lambda: StrongLens(survey=SURVEY, select=(3.0,)), r"select: 3\.0 is no cut"),
        (lambda: StrongLens(survey=SURVEY, select=MinArcSNR(1.0, band="R")).draw(1, seed=1), "did you mean 'r'"),
        (
            lambda: WeakLens(survey=SURVEY, select=MinMagnification(1.0)).draw(1, seed=1),
            "unknown expected image 'sources'",
        ),
        (
            lambda: WeakLens(survey=SURVEY, select=lambda truth, images: True).draw(2, seed=1),
            r"cut <lambda> gave shape \(\) of bool, not 2 booleans",
        ),
    ],
)
def test_bad_cuts_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
