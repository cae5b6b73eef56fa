"""Deflectors: arrays of lenses that say deflection, potential and all that follows from them.

`DEFLECTORS` is the list of all; the tests walk it through the laws of lensing. `MASSES` are those that a
simulator's lens can be made of, by name.
"""

from simulators.deflectors.base import Deflector
from simulators.deflectors.each import Each
from simulators.deflectors.epl import EPL
from simulators.deflectors.masses import MASSES, Mass, lens_of
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
    Each,
)

__all__ = [
    "DEFLECTORS",
    "EPL",
    "MASSES",
    "NFW",
    "SIE",
    "ConvergenceSheet",
    "Deflector",
    "Each",
    "ExternalShear",
    "Mass",
    "MultiPlane",
    "Multipole",
    "PointMass",
    "SubhaloPopulation",
    "Subhalos",
    "Sum",
    "lens_of",
]
