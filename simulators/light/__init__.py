"""Light profiles: arrays of objects, checked at construction.

`LIGHTS` is the list of all; the tests walk it through the laws of light.
"""

from simulators.light.base import Light
from simulators.light.bulge_disk import BulgeDisk
from simulators.light.gaussian import Gaussian
from simulators.light.image import GalaxyImage, ImageSource
from simulators.light.knots import Knots
from simulators.light.point import PointSource
from simulators.light.sersic import Sersic, sersic_b, sersic_table
from simulators.light.sum import Sum

LIGHTS: tuple[type[Light], ...] = (Sersic, Gaussian, PointSource, BulgeDisk, Knots, ImageSource, Sum)

__all__ = [
    "LIGHTS",
    "BulgeDisk",
    "GalaxyImage",
    "Gaussian",
    "ImageSource",
    "Knots",
    "Light",
    "PointSource",
    "Sersic",
    "Sum",
    "sersic_b",
    "sersic_table",
]
