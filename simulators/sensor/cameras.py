"""Sensors of surveys' cameras, as far as their numbers are published."""

from __future__ import annotations

from collections.abc import Callable

from catalogs.checks import one_of
from simulators.sensor.base import Effect
from simulators.sensor.chain import Sensor
from simulators.sensor.charge import BrighterFatter, Dark, Photons
from simulators.sensor.cosmic_rays import CosmicRays
from simulators.sensor.defects import BadColumns, HotPixels
from simulators.sensor.glare import Ghosts
from simulators.sensor.readout import Bias, Gain, NonLinearity, Quantisation, ReadNoise
from simulators.sensor.trails import Trails
from simulators.sensor.wells import ChargeTransfer, Saturation

__all__ = ["sensor_of"]

# What an electron moves DECam's borders between rows by, as `BrighterFatter.along` but in the mean of an exposure, half
# of what it is at its end: chip S2 of the table of Gruen et al. (2015) with which DES corrects its images
# (github.com/emhuff/pixShift, DarkEnergySurvey/pixcorrect), whose nearest borders move within 2 % of the mean of 20
# chips. Charge beyond these four pixels adds 0.6 % to the growth of a star.
_DECAM_ALONG = (
    (-1.27308e-7, -2.48595e-8, -3.91224e-9, -1.26972e-9, -5.77129e-10),
    (-2.79984e-8, -1.75511e-8, -7.23838e-9, -3.08711e-9, -1.53533e-9),
    (-1.21396e-8, -9.14924e-9, -5.91622e-9, -3.38674e-9, -1.97869e-9),
    (-6.98589e-9, -5.4869e-9, -4.26376e-9, -2.968e-9, -1.9854e-9),
)
_DECAM_ACROSS = ((-8.52073e-8, *(row[0] for row in _DECAM_ALONG[1:])), *tuple(zip(*_DECAM_ALONG, strict=True))[1:])

Camera = tuple[float, tuple[int, int], int, tuple[Effect, ...]]  # exposure time, frame, amplifiers, effects


def _des() -> Camera:
    """DECam: 2048 x 4096 pixels of 15 um in 250 um of silicon, two amplifiers (Flaugher et al. 2015, AJ 150, 150); read
    noise of 7 electrons, 4 electrons for each adu, 0.05 % bad pixels (blocked columns, from half way on in the mean)
    and 1 % of non-linearity at 100,000 electrons (NOIRLab, "DECam Characteristics", read 2026-11-24); wells of 2e5
    electrons, at which bloomed columns of three public frames of 2017 and 2018 level out (`benchmarks/sensor_real.py`;
    their headers say 1.7e5, the Community Pipeline's limit). 5 cosmic rays per cm^2 and minute, DES' requirement, of
    which 2 here are muons at 2200 m; dark current and diffusion of the LBNL devices (Flaugher 2006, SPIE 6269). 90 s
    exposures. Brighter-fatter as measured on its flats (Gruen et al. 2015, JINST 10, C05032).
    """
    pixels = CosmicRays(muons=2.0, electrons=3.0, pixel=15.0, depth=250.0, diffusion=8.0 / 15.0)
    fatter = BrighterFatter(2.0, _DECAM_ACROSS, _DECAM_ALONG, 2.0e5)
    charge = (
        fatter,
        Dark(2.0 / 3600.0),
        pixels,
        HotPixels(1e-5),
        BadColumns(1e-3),
        Saturation(2.0e5),
        ChargeTransfer(),
    )
    return 90.0, (4096, 2048), 2, (*charge, NonLinearity(1e-7), ReadNoise(7.0), Gain(4.0), Bias())


def _lsst() -> Camera:
    """LSST: 10 um pixels in 100 um of silicon, 16 amplifiers in two rows of 8, of which one row is simulated (2000 x
    4072 pixels), exposures of 15 s, two to a visit, and a read noise of 8.8 electrons (Ivezic et al. 2019, ApJ 873,
    111); 1.7 electrons for each adu (lsst/obs_lsst, nominal gain). From tests of the whole camera (SITCOMTN-148 of
    2025, secs. 3.2 and 4): a dark current of 0.0035 electrons/s behind a filter, 1e-7 and 2e-7 of the charge left
    behind in a transfer, wells full above 90,000 electrons with 2 % of non-linearity there at most, and areas that
    shrink by 2 to 3e-6 for an electron of their own, twice what GalSim's file for the ITL sensors has.
    """
    charge = (BrighterFatter(2.0), Dark(0.0035), CosmicRays(muons=2.0, electrons=1.0), HotPixels(), BadColumns())
    wells = (Saturation(1.0e5), ChargeTransfer(1e-7, 2e-7), NonLinearity(1e-7))
    return 15.0, (2000, 4072), 8, (*charge, *wells, ReadNoise(8.8), Gain(1.7), Bias())


_CAMERAS: dict[str, Callable[[], Camera]] = {"des": _des, "lsst": _lsst}


def sensor_of(survey: str, detector: int | None = None, overscan: int = 0) -> Sensor:
    """The sensor of a survey's camera; the sky and its fringes, which differ from band to band, are left to the caller.

    Parameters
    ----------
    survey : {"des", "lsst"}
        Name of the survey.
    detector, overscan
        See `Sensor`.

    Raises
    ------
    ValueError
        For a survey without published numbers here; the nearest name is given.
    """
    time, frame, amplifiers, effects = _CAMERAS[one_of("survey with a sensor", survey, _CAMERAS)]()
    all_have = (Ghosts(), Trails(), Photons(), Quantisation())
    return Sensor((*all_have, *effects), time, amplifiers, overscan, detector, None if overscan else frame)
