"""Band and Survey: refusals, selection, depth and the JSON round trip."""

import dataclasses
import math

import numpy as np
import pytest

import catalogs
from catalogs import Band, Survey
from catalogs.checks import nearest, one_of, within

GOOD = Band("r", psf_fwhm=0.7, background_sigma=2.0, electrons_per_unit=100.0, sky=300.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"psf_fwhm": 0.0}, "band 'r': psf_fwhm = 0 is outside"),
        ({"psf_fwhm": math.nan}, "psf_fwhm = nan"),
        ({"background_sigma": -1.0}, "background_sigma = -1 is outside"),
        ({"electrons_per_unit": 0.0}, "electrons_per_unit = 0 is outside"),
        ({"electrons_per_unit": math.nan}, "electrons_per_unit = nan is outside"),
        ({"psf_beta": 1.0}, "psf_beta = 1 is outside"),
        ({"sky": 1e6}, "photon noise exceeds"),
        ({"sky": -1.0}, "sky = -1 is outside"),
        ({"autocorrelation": ((1.0, 0.0), (0.0, 1.0))}, "square with an odd side"),
        ({"autocorrelation": ((0.5,),)}, "1 at its centre"),
        ({"autocorrelation": ((0, 0, 0), (0, 1.0, math.nan), (0, 0, 0))}, "autocorrelation = nan"),
    ],
)
def test_bad_bands_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(GOOD, **change)


def test_bad_surveys_are_refused():
    with pytest.raises(ValueError, match="pixel_scale = 0 is outside"):
        Survey("s", 0.0, (GOOD,))
    with pytest.raises(ValueError, match="has no bands"):
        Survey("s", 0.2, ())
    with pytest.raises(ValueError, match="band names repeat: r, r"):
        Survey("s", 0.2, (GOOD, GOOD))


def test_objects_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GOOD.sky = 1.0


def test_select_keeps_the_order_asked_for():
    survey = catalogs.get_survey("lsst").select("ig")
    assert survey.band_names == ("i", "g")
    assert survey.pixel_scale == 0.2


@pytest.mark.parametrize("beta", [2.5, 4.765, math.inf])
@pytest.mark.parametrize(("fwhm", "rel"), [(1.4, 2e-3), (0.7, 1e-2), (0.3, 6e-2)])
def test_point_source_sigma_is_that_of_a_fitted_psf(beta, fwhm, rel):
    """Against the rms of a linear fit: sigma / sqrt(sum PSF^2) of the pixels, averaged over where the source falls."""
    survey = Survey("s", 0.2, (dataclasses.replace(GOOD, psf_fwhm=fwhm, psf_beta=beta),))
    step, fine = 0.02, 10
    x = np.arange(-20, 20, step) + step / 2
    r2 = x[:, None] ** 2 + x**2
    if math.isinf(beta):
        psf = np.exp(-4 * math.log(2) * r2 / fwhm**2)
    else:
        psf = (1 + 4 * r2 * (2 ** (1 / beta) - 1) / fwhm**2) ** -beta
    total = np.pad(psf / psf.sum(), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    flux = total[fine:, fine:] - total[:-fine, fine:] - total[fine:, :-fine] + total[:-fine, :-fine]
    expected = 2.0 / math.sqrt((flux**2).sum() / fine**2)
    assert survey.point_source_sigma("r") == pytest.approx(expected, rel=rel)
    assert survey.depth("r", 5.0) == pytest.approx(31.4 - 2.5 * math.log10(5 * expected), abs=1.1 * rel)


def test_correlated_noise_is_shallower():
    acf = ((0.0, 0.2, 0.0), (0.2, 1.0, 0.2), (0.0, 0.2, 0.0))
    survey = Survey("s", 0.2, (GOOD, dataclasses.replace(GOOD, name="c", autocorrelation=acf)))
    assert survey.point_source_sigma("c") == pytest.approx(survey.point_source_sigma("r") * math.sqrt(1.8))


def test_depth_needs_a_zero_point():
    survey = Survey("s", 0.2, (dataclasses.replace(GOOD, zero_point=math.nan),), unit="")
    assert math.isnan(survey.depth("r"))


@pytest.mark.parametrize("name", catalogs.list_surveys())
def test_json_round_trip(name):
    survey = catalogs.get_survey(name)
    assert Survey.from_json(survey.to_json()) == survey


def test_checks_name_value_range_and_count():
    with pytest.raises(ValueError, match=r"width = -3 \(2 of 3 values\) is outside \(0, 10\] px"):
        within("width", [1.0, -3.0, 0.0], 0.0, 10.0, "px", open_low=True)
    with pytest.raises(ValueError, match="width = 'wide' is not a number"):
        within("width", "wide", 0.0, 1.0)
    assert within("width", np.float32(0.5), 0.0, 1.0).dtype == np.float64


def test_one_of_with_nothing_to_choose_from():
    with pytest.raises(ValueError, match="there is none to choose from"):
        one_of("thing", "a", [])
    assert nearest("THETA_e", ["gamma", "theta_E"]) == "theta_E"


def test_fewer_exposures_are_shallower_by_their_square_root():
    coadd = catalogs.get_survey("des")
    one = coadd.with_exposures(1)
    assert {band.exposures for band in coadd.bands} == {10}
    assert one.with_exposures(10).depth("r") == pytest.approx(coadd.depth("r"))
    assert Survey.from_json(one.to_json()) == one
    for band, deep in zip(one.bands, coadd.bands, strict=True):
        assert (band.exposures, band.sky) == (1, deep.sky)
        assert band.electrons_per_unit == pytest.approx(deep.electrons_per_unit / 10)
        assert one.depth(band.name) == pytest.approx(coadd.depth(band.name) - 1.25)
    for wrong in (0, 2.5, math.nan):
        with pytest.raises(ValueError, match="exposures = "):
            coadd.with_exposures(wrong)
