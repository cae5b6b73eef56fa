"""Zero points and other quantities recomputed: from apertures and throughputs, from calibrations, from count rates."""

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

# Area of the aperture [m2], and the share of its light that is detected, integrated over the logarithm of wavelength:
# public curves, by the trapezoid rule on 2026-11-24. Apertures and their obscurations are those that surveycodex 1.3.0
# cites, but for NIRCam's, 25.4 m2 (STScI), the 1 m2 of Roman, whose curves are areas, and Hubble's.
THROUGHPUT = {
    # speclite 1.0.0: hsc2017, decam2014, sdss2010 (with the atmosphere), cfht_megacam (the filters since 2015), Euclid
    "hsc": (math.pi / 4 * (8.3**2 - 1.2**2), {"g": 0.1253, "r": 0.1207, "i": 0.09603, "z": 0.04066, "y": 0.02962}),
    "des": (
        math.pi / 4 * (3.934**2 - 1.651**2),
        {"g": 0.08916, "r": 0.1135, "i": 0.1012, "z": 0.07844, "Y": 0.03048},
    ),
    "sdss": (
        math.pi / 4 * 2.5**2 * 0.73,
        {"u": 0.01373, "g": 0.09975, "r": 0.09005, "i": 0.06563, "z": 0.01065},
    ),
    "cfhtls": (8.0216, {"u": 0.05274, "g": 0.1654, "r": 0.1173, "i": 0.08075, "z": 0.02306}),
    "euclid_vis": (math.pi / 4 * 1.2**2 * 0.87, {"VIS": 0.4328}),
    "euclid_nisp": (math.pi / 4 * 1.2**2 * 0.87, {"YE": 0.1831, "JE": 0.2166, "HE": 0.2044}),
    # sedpy 0.4.1: wfc3_ir; roman_wfi, jwst_mod[ab], geometric means of the 18 detectors and of the two modules
    "hst_wfc3": (HUBBLE, {"F140W": 0.15371}),
    "roman": (1.0, {"F106": 0.6355, "F129": 0.6346, "F158": 0.6481, "F184": 0.4229}),
    "jwst_nircam": (25.4, {"F090W": 0.0701, "F115W": 0.0741, "F150W": 0.1000, "F200W": 0.1188}),
    "jwst_nircam_lw": (25.4, {"F277W": 0.1135, "F356W": 0.1296, "F444W": 0.1328}),
}
TOLERANCE = dict.fromkeys(THROUGHPUT, 0.006) | {"roman": 0.001, "hst_wfc3": 0.002}
TOLERANCE |= {"jwst_nircam": 0.05, "jwst_nircam_lw": 0.012}  # calibrated in flight, on stars
# Zero points on file less those recomputed, where they are of another filter or measured in flight.
LESS = {
    "cfhtls": {"u": -0.13, "g": -0.04, "r": -0.04, "i": -0.155, "z": 0.005},
    "euclid_vis": {"VIS": -0.20},
    "euclid_nisp": {"YE": 0.054, "JE": 0.091, "HE": 0.105},
}

# Surveys whose throughputs no public file holds: the area [m2] of the unobstructed mirror and the width of each band in
# the logarithm of wavelength (that of SDSS's filters of the same name, and of Pan-STARRS's, from speclite 1.0.0).
MIRROR = {
    "kids": (math.pi / 4 * (2.65**2 - 0.938**2), {"u": 0.142, "g": 0.248, "r": 0.180, "i": 0.147}),
    "ztf": (math.pi / 4 * 1.219**2, {"g": 0.241, "r": 0.213, "i": 0.165}),
}
FROM_GALSIM = {
    "lsst": tuple("ugrizy"),
    "hst_acs": ("F435W", "F606W", "F775W", "F814W", "F850LP"),
    "hst_wfc3": ("F105W", "F125W", "F160W"),
}


def zero_point(nanometres, square_metres):
    """AB magnitude of 1 electron/s: 3631 Jy give 3631e-26 / h integral(A dlambda / lambda) through the area A."""
    return magnitude(np.trapezoid(square_metres / nanometres, nanometres))


def magnitude(square_metres):
    """The same of the integral itself."""
    return 2.5 * math.log10(3631e-26 / PLANCK * square_metres)


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


def test_every_band_is_recomputed():
    tables = [(name, bands) for name, (_, bands) in (THROUGHPUT | MIRROR).items()] + list(FROM_GALSIM.items())
    recomputed = sorted((name, band) for name, bands in tables for band in bands)
    assert recomputed == sorted(
        (name, band) for name in catalogs.list_surveys() for band in catalogs.get_survey(name).band_names
    )


@pytest.mark.parametrize("name", THROUGHPUT)
def test_zero_points_from_throughputs(name):
    area, bands = THROUGHPUT[name]
    for band, share in bands.items():
        expected = magnitude(area * share) + LESS.get(name, {}).get(band, 0.0)
        assert value_of(name, "zero_point", band) == pytest.approx(expected, abs=TOLERANCE[name]), band


@pytest.mark.parametrize("name", MIRROR)
def test_zero_points_ask_for_a_share_of_the_light(name):
    """A tenth to a half of what falls on the mirror within the band, and less in u than elsewhere."""
    area, bands = MIRROR[name]
    for band, width in bands.items():
        share = 10 ** (0.4 * (value_of(name, "zero_point", band) - magnitude(area * width)))
        assert (0.08 if band == "u" else 0.15) < share < 0.55, band


@pytest.mark.parametrize(
    ("name", "camera", "band", "tolerance"),
    [("hst_acs", "ACS_wfc", band, 0.03) for band in FROM_GALSIM["hst_acs"]]
    + [("hst_wfc3", "WFC3_ir", band, 0.003) for band in FROM_GALSIM["hst_wfc3"]],
)
def test_hubble_from_its_throughput(name, camera, band, tolerance):
    """GalSim's copies of STScI's total throughputs; those of ACS are not the very curves of the file's source."""
    import galsim

    x, share = np.loadtxt(f"{galsim.meta_data.share_dir}/bandpasses/{camera}_{band}.dat").T
    assert zero_point(x, HUBBLE * share) == pytest.approx(value_of(name, "zero_point", band), abs=tolerance)


# The Hubble Ultra Deep Field, CDS II/258: zero points and exposures, which those of the XDF contain.
HUDF = {"F435W": (25.673, 112), "F606W": (26.486, 112), "F775W": (25.654, 288), "F850LP": (24.862, 288)}


@pytest.mark.parametrize("band", HUDF)
def test_acs_as_in_the_ultra_deep_field(band):
    zero, exposures = HUDF[band]
    assert value_of("hst_acs", "zero_point", band) == zero
    assert value_of("hst_acs", "exposure_time", band) == 1200.0
    assert exposures < value_of("hst_acs", "n_exposures", band) < 1.4 * exposures


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
    assert value_of("roman", "n_exposures", band) == roman.n_dithers
    assert value_of("roman", "read_noise", band) == roman.read_noise


@pytest.mark.parametrize("band", FROM_GALSIM["lsst"])
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


@pytest.mark.parametrize(("name", "band"), [(n, b) for n in GAIN for b in catalogs.get_survey(n).band_names])
def test_nircam_from_its_flux_calibration(name, band):
    megajansky = np.mean(np.multiply(PHOTMJSR[band], PIXEL_AREA[name])) * 1e-14 / GAIN[name]  # of 1 electron/s
    flight = 8.90 - 2.5 * math.log10(megajansky * 1e6)
    assert value_of(name, "zero_point", band) == pytest.approx(flight, abs=0.01)
    frames = 9 * (8 + 2) - 2  # MEDIUM8, nine groups: eight frames kept and two skipped, but for the last group
    assert value_of(name, "exposure_time", band) == pytest.approx(frames * 10.73677, abs=0.5)


def test_acs_sky_from_its_count_rate():
    """Zodiacal light of the ACS team's page, electron/s in a pixel of 0.05 arcsec."""
    for band, rate in {"F435W": 0.0180, "F606W": 0.0851, "F775W": 0.0538, "F814W": 0.0755, "F850LP": 0.0371}.items():
        sky = value_of("hst_acs", "zero_point", band) - 2.5 * math.log10(rate / 0.05**2)
        assert value_of("hst_acs", "sky_brightness", band) == pytest.approx(sky, abs=0.01)


# Gain [electron/DN] and dark variance [DN2] of the six camera columns, SDSS data model, page frame.
SDSS_GAIN = {
    "u": [1.62, 1.595, 1.59, 1.6, 1.47, 2.17],
    "g": [3.32, 3.855, 3.845, 3.995, 4.05, 4.035],
    "r": [4.71, 4.6, 4.72, 4.76, 4.725, 4.895],
    "i": [5.165, 6.565, 4.86, 4.885, 4.64, 4.76],
    "z": [4.745, 5.155, 4.885, 4.775, 3.48, 4.69],
}
SDSS_DARK = {
    "u": [9.61, 12.6025, 8.7025, 12.6025, 9.3025, 7.0225],
    "g": [15.6025, 1.44, 1.3225, 1.96, 1.1025, 1.8225],
    "r": [1.8225, 1.00, 1.3225, 1.3225, 0.81, 0.9025],
    "i": [7.84, 5.76, 4.6225, 6.25, 7.84, 5.0625],
    "z": [0.81, 1.0, 1.0, 9.61, 1.8225, 1.21],
}


@pytest.mark.parametrize("band", SDSS_GAIN)
def test_sdss_read_noise_from_its_dark_variance(band):
    electrons = np.square(SDSS_GAIN[band]) * SDSS_DARK[band]
    assert value_of("sdss", "read_noise", band) == pytest.approx(math.sqrt(electrons.mean()), abs=0.06)


def test_ztf_is_calibrated_in_counts_of_a_whole_exposure():
    for band, counts in {"g": 26.325, "r": 26.275, "i": 25.660}.items():
        per_electron_second = counts + 2.5 * math.log10(5.8 / 30.0)
        assert value_of("ztf", "zero_point", band) == pytest.approx(per_electron_second, abs=0.01)
