"""Deflectors: arrays of lenses that say deflection, potential and all that follows from them.

`DEFLECTORS` is the list of all; the tests walk it through the laws of lensing.
"""

from simulators.deflectors.base import Deflector
from simulators.deflectors.epl import EPL
from simulators.deflectors.multipole import Multipole
from simulators.deflectors.point import PointMass
from simulators.deflectors.shear import ExternalShear
from simulators.deflectors.sheet import ConvergenceSheet
from simulators.deflectors.sie import SIE

DEFLECTORS: tuple[type[Deflector], ...] = (EPL, SIE, PointMass, ExternalShear, ConvergenceSheet, Multipole)

__all__ = [
    "DEFLECTORS",
    "EPL",
    "SIE",
    "ConvergenceSheet",
    "Deflector",
    "ExternalShear",
    "Multipole",
    "PointMass",
]
