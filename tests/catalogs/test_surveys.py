"""Packaged surveys: names, references, and quantities recomputed from the facts on file."""

import math
import tomllib
from importlib.resources import files

import numpy as np
import pytest

import catalogs
from catalogs.load import MAX_BYTES
from catalogs.reading import QUANTITIES, read_facts

SURVEYS = catalogs.list_surveys()
BANDS = [(name, band) for name in SURVEYS for band in catalogs.get_survey(name).band_names]


def facts_of(survey):
    text = files("catalogs").joinpath("surveys", f"{survey}.toml").read_text(encoding="utf-8")
    return read_facts(tomllib.loads(text))


# Published depths that the facts do not give, though each of them is well sourced.
OFF = {("sdss", "u"): -0.3}


MINIMAL = """
bands = ["r"]
pixel_scale = { value = 0.2, unit = "arcsec", reference = "a paper", date = 2026-11-22 }
zero_point = { value = 28.0, unit = "mag", reference = "a paper", date = 2026-11-22 }
exposure_time = { value = 30.0, unit = "s", reference = "a paper", date = 2026-11-22 }
n_exposures = { value = 2, unit = "", reference = "a paper", date = 2026-11-22 }
sky_brightness = { value = 21.0, unit = "mag / arcsec2", reference = "a paper", date = 2026-11-22 }
read_noise = { value = 5.0, unit = "electron", reference = "a paper", date = 2026-11-22 }
psf_fwhm = { value = 0.7, unit = "arcsec", reference = "a paper", date = 2026-11-22 }
psf_beta = { value = inf, unit = "", reference = "a paper", date = 2026-11-22 }
"""


@pytest.fixture
def survey_file(tmp_path):
    def write(old="", new=""):
        assert old in MINIMAL
        path = tmp_path / "mine.toml"
        path.write_text(MINIMAL.replace(old, new) if old else MINIMAL, encoding="utf-8")
        return str(path)

    return write


def test_the_promised_surveys_are_there():
    ground = {"lsst", "hsc", "des", "kids", "sdss", "cfhtls", "ztf"}
    space = {"euclid_vis", "euclid_nisp", "roman", "hst_acs", "hst_wfc3", "jwst_nircam", "jwst_nircam_lw"}
    assert ground | space <= set(SURVEYS)
    assert catalogs.get_survey("lsst").band_names == tuple("ugrizy")


@pytest.mark.parametrize("name", SURVEYS)
def test_every_number_has_a_source(name):
    survey = catalogs.get_survey(name)
    assert survey is catalogs.get_survey(name)
    sources = catalogs.references(name)
    assert set(sources) == set(facts_of(name))
    assert all(len(text) > 25 and " (2026-" in text for text in sources.values())
    assert dict(survey.references) == sources


@pytest.mark.parametrize(("name", "band"), BANDS)
def test_quantities_follow_from_the_facts(name, band):
    """By hand: photons of a source of 1 nJy, and the sky's photons and read noise in one pixel."""
    value = {key: fact.values[band] for key, fact in facts_of(name).items()}
    survey = catalogs.get_survey(name)
    this = survey.band(band)
    seconds = value["exposure_time"] * value["n_exposures"]
    njy_per_electron_per_second = 3631e9 * 10 ** (-value["zero_point"] / 2.5)
    assert this.electrons_per_unit == pytest.approx(seconds / njy_per_electron_per_second, rel=2e-3)
    magnitude_per_pixel = value["sky_brightness"] - 2.5 * math.log10(survey.pixel_scale**2)
    zero_point = value.get("sky_zero_point", value["zero_point"])
    electrons = seconds * 10 ** ((zero_point - magnitude_per_pixel) / 2.5)
    assert this.sky * this.electrons_per_unit == pytest.approx(electrons, rel=1e-9)
    dark = seconds * value.get("dark_current", 0.0)
    noise = math.hypot(math.sqrt(electrons + dark), value["read_noise"] * math.sqrt(value["n_exposures"]))
    assert this.background_sigma * this.electrons_per_unit == pytest.approx(noise, rel=1e-9)
    assert (this.psf_fwhm, this.psf_beta) == (value["psf_fwhm"], value["psf_beta"])
    assert this.zero_point == 31.4


@pytest.mark.parametrize(("name", "band"), [at for at in BANDS if "depth" in facts_of(at[0])])
def test_depth_is_the_published_one(name, band):
    depth = facts_of(name)["depth"]
    survey, snr = catalogs.get_survey(name), depth.details["snr"]
    if "aperture" in depth.details:
        pixels = math.pi * (0.5 * depth.details["aperture"] / survey.pixel_scale) ** 2
        computed = 31.4 - 2.5 * math.log10(snr * survey.band(band).background_sigma * math.sqrt(pixels))
    else:
        computed = survey.depth(band, snr)
    assert computed == pytest.approx(depth.values[band] + OFF.get((name, band), 0.0), abs=0.3)


@pytest.mark.parametrize(
    ("ask", "near"),
    [("lst", "lsst"), ("LSST", "lsst"), ("KiDs", "kids"), ("euclid", "euclid_vis"), ("jwst", "jwst_nircam")],
)
def test_unknown_survey_names_the_nearest(ask, near):
    with pytest.raises(ValueError, match=f"unknown survey '{ask}': did you mean '{near}'"):
        catalogs.get_survey(ask)
    with pytest.raises(ValueError, match="unknown survey or population"):
        catalogs.references(ask)


def test_unknown_band_names_the_nearest():
    with pytest.raises(ValueError, match=r"unknown band of survey 'lsst' 'Y': did you mean 'y'"):
        catalogs.get_survey("lsst").select("grY")


def test_a_users_own_file(survey_file):
    path = survey_file()
    survey = catalogs.get_survey(path)
    assert (survey.name, survey.band_names) == ("mine", ("r",))
    assert catalogs.references(path)["zero_point"] == "a paper (2026-11-22)"
    checked = survey_file("value = 0.7,", 'value = 0.7, checked = "another paper",')
    assert catalogs.references(checked)["psf_fwhm"] == "a paper (2026-11-22); checked: another paper"
    # 10^(0.4 (28 - 21)) 0.2^2 = 25.24 electron/s of sky, 60 s, twice 5^2 of read noise; 0.0437 electron/s per nJy
    assert survey.bands[0].background_sigma == pytest.approx(math.sqrt(25.24 * 60 + 50) / (60 * 0.04365), rel=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('28.0, unit = "mag", reference = "a paper"', '28.0, unit = "mag", reference = " "', "reference is empty"),
        ('30.0, unit = "s", reference = "a paper",', '30.0, unit = "s",', "exposure_time: the reference is empty"),
        ('30.0, unit = "s", reference = "a paper", date = 2026-11-22', '30.0, unit = "s", reference = "b"', "no date"),
        ('0.7, unit = "arcsec"', "0.7", "psf_fwhm: it has no unit"),
        ('30.0, unit = "s"', '30.0, unit = "min"', "unit is 'min'; it must be 's'"),
        ("value = 0.7", "value = -0.7", r"psf_fwhm of r = -0.7 is outside \[0.0001, 60\] arcsec"),
        ("value = 0.7", "value = nan", "psf_fwhm of r = nan is outside"),
        ("value = 0.7", 'value = "wide"', "psf_fwhm of r = 'wide' is not a number"),
        ("value = 0.7", "values = { g = 0.7 }", "unknown band of psf_fwhm 'g': did you mean 'r'"),
        ("value = 0.7", "values = { }", "psf_fwhm: no value for band r"),
        ("value = 0.7, ", "", "psf_fwhm: give either value"),
        ("psf_fwhm =", "psf_fhwm =", "unknown quantity 'psf_fhwm': did you mean 'psf_fwhm'"),
        ("value = 0.7,", 'value = 0.7, checked = " ",', "psf_fwhm: checked is empty"),
        ("psf_beta = {", "depth = {", "missing psf_beta"),
        ('bands = ["r"]', "bands = []", "bands must be a list"),
        ('bands = ["r"]', 'bands = ["r"', "not TOML"),
        ("value = 5.0,", "value = 5.0, snr = 5.0,", "unknown detail of read_noise 'snr'"),
    ],
)
def test_bad_files_are_refused_by_entry(survey_file, old, new, message):
    with pytest.raises(ValueError, match=message) as refused:
        catalogs.get_survey(survey_file(old, new))
    assert "mine.toml" in str(refused.value)


def test_no_file_and_a_huge_file(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        catalogs.get_survey(str(tmp_path / "absent.toml"))
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="no catalogue entry"):
        catalogs.get_survey(str(huge))


def test_units_are_astropys():
    import astropy.units as u

    for quantity in QUANTITIES.values():
        u.Unit(quantity.unit)
    assert np.isclose((31.4 * u.ABmag).to_value(u.nJy), 1.0, rtol=2e-3)
