"""Zero points recomputed from throughputs and calibrations, and compared with what others use."""

import math
import tomllib
from importlib.resources import files

import numpy as np
import pytest

import catalogs
from catalogs.reading import read_facts

PLANCK = 6.62607015e-34  # J s
HUBBLE = math.pi * 1.2**2  # m2: the throughputs of HST are relative to the unobstructed primary
ROMAN = {"F106": "Y106", "F129": "J129", "F158": "H158", "F184": "F184"}

# surveycodex 1.3.0 (LSST DESC), zero points of 1 electron/s, as read on 2026-11-24.
SURVEYCODEX = {
    "lsst": {"u": 26.44, "g": 28.29, "r": 28.13, "i": 27.81, "z": 27.42, "y": 26.59},
    "hsc": {"g": 28.90, "r": 28.86, "i": 28.61, "z": 27.68, "y": 27.34},
    "des": {"g": 26.72, "r": 26.99, "i": 26.86, "z": 26.58, "Y": 25.56},
    "sdss": {"u": 23.58, "g": 25.73, "r": 25.62, "i": 25.28, "z": 23.30},
    "cfhtls": {"u": 25.78, "g": 27.11, "r": 26.74, "i": 26.22, "z": 25.02},
    "euclid_vis": {"VIS": 25.92},
    "euclid_nisp": {"Y": 24.99, "J": 25.17, "H": 25.11},
    "roman": {"F106": 26.32, "F129": 26.32, "F158": 26.32},
    "hst_acs": {"F814W": 25.94},
}
DISAGREE = {("euclid_vis", "VIS"): 0.20}  # computed from a curve, against measured in flight

# Other sources than the one on file: lenstronomy 1.14.2, ObservationConfig. Its ZTF values are for 1 DN in 30 s.
LENSTRONOMY = {
    "des": ({"g": 26.58, "r": 26.78, "i": 26.75, "z": 26.48, "Y": 25.40}, 0.22),
    "hst_wfc3": ({"F160W": 25.96}, 0.02),
}

# Surveys whose files hold no published depth, and why.
NO_DEPTH = {"euclid_nisp"}  # the published one is measured in apertures that are not stated


def zero_point(nanometres, square_metres):
    """AB magnitude of 1 electron/s: 3631 Jy give 3631e-26 / h integral(A dlambda / lambda) through the area A."""
    return 2.5 * math.log10(3631e-26 / PLANCK * np.trapezoid(square_metres / nanometres, nanometres))


def facts_of(survey):
    text = files("catalogs").joinpath("surveys", f"{survey}.toml").read_text(encoding="utf-8")
    return read_facts(tomllib.loads(text))


def value_of(name, quantity, band):
    return facts_of(name)[quantity].values[band]


def test_a_perfect_telescope():
    """1 m2 that detects every photon from 500 to 600 nm: 3631 Jy are 5.48e10 photons/s/m2 in a unit of ln lambda."""
    x = np.linspace(500.0, 600.0, 1001)
    photons = 3631e-26 / PLANCK * math.log(1.2)
    assert photons == pytest.approx(5.48e10 * math.log(1.2), rel=1e-3)
    assert zero_point(x, np.ones_like(x)) == pytest.approx(2.5 * math.log10(photons), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "camera", "band", "tolerance"),
    [("hst_acs", "ACS_wfc", band, 0.03) for band in ("F435W", "F606W", "F775W", "F814W", "F850LP")]
    + [("hst_wfc3", "WFC3_ir", band, 0.003) for band in ("F105W", "F125W", "F160W")],
)
def test_hubble_from_its_throughput(name, camera, band, tolerance):
    """GalSim's copies of STScI's total throughputs; those of ACS are not the very curves of the file's source."""
    import galsim

    x, share = np.loadtxt(f"{galsim.meta_data.share_dir}/bandpasses/{camera}_{band}.dat").T
    assert zero_point(x, HUBBLE * share) == pytest.approx(value_of(name, "zero_point", band), abs=tolerance)


@pytest.mark.parametrize("band", ROMAN)
def test_roman_from_its_effective_area(band):
    """GalSim's effective areas are those of 2021; the zero points on file are newer and 0.11 to 0.15 lower."""
    import galsim

    table = np.genfromtxt(f"{galsim.meta_data.share_dir}/roman/Roman_effarea_20210614.txt", names=True)
    computed = zero_point(1e3 * table["Wave"], table[ROMAN[band]])
    assert computed - value_of("roman", "zero_point", band) == pytest.approx(0.13, abs=0.03)


@pytest.mark.parametrize("band", ROMAN)
def test_roman_sky_from_its_count_rate(band):
    import galsim.roman as roman

    band_pass = roman.getBandpasses(bandnames=[ROMAN[band]])[ROMAN[band]]
    theirs = band_pass.zeropoint + 2.5 * math.log10(roman.collecting_area)
    sky = theirs - 2.5 * math.log10(roman.getSkyLevel(band_pass, exptime=1.0))
    assert value_of("roman", "sky_brightness", band) == pytest.approx(sky, abs=0.01)
    dark = roman.dark_current + roman.thermal_backgrounds[ROMAN[band]]
    assert value_of("roman", "dark_current", band) == pytest.approx(dark)
    assert value_of("roman", "exposure_time", band) == roman.exptime
    assert value_of("roman", "read_noise", band) == roman.read_noise


@pytest.mark.parametrize("band", list("ugrizy"))
def test_lsst_from_its_throughput(band):
    """GalSim's curves are at airmass 1.2, the file at the zenith; the mirror is 6.423 m wide (Ivezic et al. 2019)."""
    import galsim

    x, share = np.loadtxt(f"{galsim.meta_data.share_dir}/bandpasses/LSST_{band}.dat").T
    zenith = value_of("lsst", "zero_point", band)
    extinction = value_of("lsst", "sky_zero_point", band) - zenith  # mag per airmass
    computed = zero_point(x, math.pi * (6.423 / 2) ** 2 * share)
    assert computed == pytest.approx(zenith - 0.2 * extinction, abs=0.02)


# PHOTMJSR [MJy/sr per DN/s] and PIXAR_SR [1e-14 sr] of NRCA1..4, NRCB1..4 or NRCALONG, NRCBLONG in jwst_1293.pmap, as
# listed by grizli 1.14.3 (jwst_zeropoints.yml); gains of the JWST documentation, NIRCam Detector Performance, Table 1.
PIXEL_AREA = {"jwst_nircam": [2.24, 2.23, 2.26, 2.25, 2.23, 2.29, 2.25, 2.31], "jwst_nircam_lw": [9.21, 9.24]}
GAIN = {"jwst_nircam": 2.05, "jwst_nircam_lw": 1.82}
PHOTMJSR = {
    "F090W": [3.179, 3.405, 3.132, 3.008, 3.637, 3.534, 3.501, 3.138],
    "F115W": [3.106, 3.190, 3.113, 2.846, 3.360, 3.194, 3.239, 2.769],
    "F150W": [2.333, 2.412, 2.296, 2.137, 2.447, 2.338, 2.370, 2.056],
    "F200W": [1.964, 2.100, 1.896, 1.829, 2.056, 1.969, 1.958, 1.797],
    "F277W": [0.491, 0.420],
    "F356W": [0.421, 0.379],
    "F444W": [0.402, 0.371],
}
# Means of the CLEAR rows of MIRAGE's NIRCam_zeropoints.list, AB magnitude of 1 DN/s.
MIRAGE = {"F090W": 26.723, "F115W": 26.807, "F150W": 27.125, "F200W": 27.307, "F277W": 27.354}


@pytest.mark.parametrize(("name", "band"), [(n, b) for n in GAIN for b in catalogs.get_survey(n).band_names])
def test_nircam_from_its_flux_calibration(name, band):
    megajansky = np.mean(np.multiply(PHOTMJSR[band], PIXEL_AREA[name])) * 1e-14 / GAIN[name]  # of 1 electron/s
    flight = 8.90 - 2.5 * math.log10(megajansky * 1e6)
    assert value_of(name, "zero_point", band) == pytest.approx(flight, abs=0.01)
    if band in MIRAGE:
        theirs = MIRAGE[band] + 2.5 * math.log10(GAIN[name])
        assert value_of(name, "zero_point", band) == pytest.approx(theirs, abs=0.03)


def test_acs_sky_from_its_count_rate():
    """Zodiacal light of the ACS team's page, electron/s in a pixel of 0.05 arcsec."""
    for band, rate in {"F435W": 0.0180, "F606W": 0.0851, "F775W": 0.0538, "F814W": 0.0755, "F850LP": 0.0371}.items():
        sky = value_of("hst_acs", "zero_point", band) - 2.5 * math.log10(rate / 0.05**2)
        assert value_of("hst_acs", "sky_brightness", band) == pytest.approx(sky, abs=0.01)


def test_ztf_is_calibrated_in_counts_of_a_whole_exposure():
    for band, magnitude in {"g": 26.325, "r": 26.275, "i": 25.660}.items():
        per_electron_second = magnitude + 2.5 * math.log10(5.8 / 30.0)
        assert value_of("ztf", "zero_point", band) == pytest.approx(per_electron_second, abs=0.01)


@pytest.mark.parametrize("name", SURVEYCODEX)
def test_surveycodex_agrees(name):
    theirs = SURVEYCODEX[name]
    assert set(theirs) <= set(catalogs.get_survey(name).band_names)
    for band, magnitude in theirs.items():
        difference = abs(value_of(name, "zero_point", band) - magnitude)
        assert difference == pytest.approx(DISAGREE.get((name, band), 0.0), abs=0.105), band


@pytest.mark.parametrize("name", LENSTRONOMY)
def test_lenstronomy_agrees(name):
    theirs, tolerance = LENSTRONOMY[name]
    for band, magnitude in theirs.items():
        assert value_of(name, "zero_point", band) == pytest.approx(magnitude, abs=tolerance)


def test_sources_disagree_on_lsst_u():
    """26.50 (SMTN-002, on file), 26.44 (surveycodex) and 26.40 are all in use, the last two at airmass 1.2."""
    ours = value_of("lsst", "zero_point", "u")
    assert ours == 26.50
    assert "26.40-26.44" in catalogs.references("lsst")["zero_point"]
    at_airmass = ours - 0.2 * (value_of("lsst", "sky_zero_point", "u") - ours)
    assert at_airmass == pytest.approx(26.40, abs=0.005)
    assert at_airmass == pytest.approx(SURVEYCODEX["lsst"]["u"], abs=0.05)


def test_surveys_without_depth_are_known():
    assert {name for name in catalogs.list_surveys() if "depth" not in facts_of(name)} == NO_DEPTH
