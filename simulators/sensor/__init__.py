"""Detectors: what happens to light between the focal plane and the file.

`EFFECTS` is the list of all, in the order in which they act; the tests walk it through the laws of an effect.
"""

from simulators.sensor.base import FLAGS, Effect, Exposure, flag_attributes
from simulators.sensor.cameras import sensor_of
from simulators.sensor.chain import Sensor
from simulators.sensor.charge import BrighterFatter, Dark, Photons
from simulators.sensor.coaddition import coadd, dithers
from simulators.sensor.cosmic_rays import CosmicRays
from simulators.sensor.defects import BadColumns, ChipGaps, HotPixels
from simulators.sensor.effects import EFFECTS
from simulators.sensor.glare import Fringing, Ghosts, Sky
from simulators.sensor.readout import Bias, Gain, NonLinearity, Quantisation, ReadNoise
from simulators.sensor.trails import Trails
from simulators.sensor.wells import ChargeTransfer, Saturation

__all__ = [
    "EFFECTS",
    "FLAGS",
    "BadColumns",
    "Bias",
    "BrighterFatter",
    "ChargeTransfer",
    "ChipGaps",
    "CosmicRays",
    "Dark",
    "Effect",
    "Exposure",
    "Fringing",
    "Gain",
    "Ghosts",
    "HotPixels",
    "NonLinearity",
    "Photons",
    "Quantisation",
    "ReadNoise",
    "Saturation",
    "Sensor",
    "Sky",
    "Trails",
    "coadd",
    "dithers",
    "flag_attributes",
    "sensor_of",
]
