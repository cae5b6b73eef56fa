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

Camera = tuple[float, tuple[int, int], int, tuple[Effect, ...]]  # exposure time, frame, amplifiers, effects


def _des() -> Camera:
    """DECam: 2048 x 4096 pixels of 15 um in 250 um of silicon, two amplifiers (Flaugher et al. 2015, AJ 150, 150);
    NOIRLab's table of characteristics for gain, read noise, linearity (1 % at 100,000 electrons) and 0.05 % bad pixels;
    DES' requirement of 5 cosmic rays per cm^2 and minute, of which 2 here are muons at 2200 m; dark current, full well
    and diffusion of the LBNL devices (Flaugher 2006, SPIE 6269). 90 s exposures. Its brighter-fatter effect (Gruen et
    al. 2015, JINST 10, C05032) is left out: the areas are not tabulated there.
    """
    pixels = CosmicRays(muons=2.0, electrons=3.0, pixel=15.0, depth=250.0, diffusion=8.0 / 15.0)
    charge = (Dark(2.0 / 3600.0), pixels, HotPixels(1e-5), BadColumns(5e-4), Saturation(1.7e5))
    return 90.0, (4096, 2048), 2, (*charge, NonLinearity(1e-7), ReadNoise(7.0), Gain(4.0), Bias())


def _lsst() -> Camera:
    """LSST: 10 um pixels in 100 um of silicon, 16 amplifiers in two rows of 8, of which one row is simulated (2000 x
    4072 pixels), exposures of 15 s, two to a visit, and a read noise of 8.8 electrons (Ivezic et al. 2019, ApJ 873,
    111); brighter-fatter of the ITL sensors; all else typical.
    """
    charge = (BrighterFatter(), Dark(), CosmicRays(muons=2.0, electrons=1.0), HotPixels(), BadColumns(), Saturation())
    return 15.0, (2000, 4072), 8, (*charge, NonLinearity(), ReadNoise(8.8), Gain(), Bias())


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
    all_have = (Ghosts(), Trails(), Photons(), ChargeTransfer(), Quantisation())
    return Sensor((*all_have, *effects), time, amplifiers, overscan, detector, None if overscan else frame)
