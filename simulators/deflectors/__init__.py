"""Deflectors: arrays of lenses that say deflection, potential and all that follows from them.

`DEFLECTORS` is the list of all; the tests walk it through the laws of lensing.
"""

from simulators.deflectors.base import Deflector
from simulators.deflectors.epl import EPL
from simulators.deflectors.multiplane import MultiPlane
from simulators.deflectors.multipole import Multipole
from simulators.deflectors.nfw import NFW
from simulators.deflectors.point import PointMass
from simulators.deflectors.shear import ExternalShear
from simulators.deflectors.sheet import ConvergenceSheet
from simulators.deflectors.sie import SIE
from simulators.deflectors.subhalos import SubhaloPopulation, Subhalos
from simulators.deflectors.sum import Sum

DEFLECTORS: tuple[type[Deflector], ...] = (
    EPL,
    SIE,
    NFW,
    PointMass,
    ExternalShear,
    ConvergenceSheet,
    Multipole,
    Subhalos,
    Sum,
    MultiPlane,
)

__all__ = [
    "DEFLECTORS",
    "EPL",
    "NFW",
    "SIE",
    "ConvergenceSheet",
    "Deflector",
    "ExternalShear",
    "MultiPlane",
    "Multipole",
    "PointMass",
    "SubhaloPopulation",
    "Subhalos",
    "Sum",
]
