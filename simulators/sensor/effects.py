"""The list of all effects, in the order of nature."""

from __future__ import annotations

from simulators.sensor.base import Effect
from simulators.sensor.charge import BrighterFatter, Dark, Photons
from simulators.sensor.cosmic_rays import CosmicRays
from simulators.sensor.defects import BadColumns, ChipGaps, HotPixels
from simulators.sensor.glare import Fringing, Ghosts, Sky
from simulators.sensor.readout import Bias, Gain, NonLinearity, Quantisation, ReadNoise
from simulators.sensor.trails import Trails
from simulators.sensor.wells import ChargeTransfer, Saturation

__all__ = ["EFFECTS"]

EFFECTS: tuple[type[Effect], ...] = (
    Sky,
    Fringing,
    Ghosts,
    Trails,
    Photons,
    BrighterFatter,
    Dark,
    CosmicRays,
    HotPixels,
    BadColumns,
    Saturation,
    ChargeTransfer,
    NonLinearity,
    ReadNoise,
    Gain,
    Bias,
    Quantisation,
    ChipGaps,
)
