"""Light profiles: arrays of objects, checked at construction.

`LIGHTS` is the list of all; the tests walk it through the laws of light.
"""

from simulators.light.sersic import Sersic, sersic_b, sersic_table

LIGHTS: tuple[type, ...] = (Sersic,)

__all__ = ["LIGHTS", "Sersic", "sersic_b", "sersic_table"]
