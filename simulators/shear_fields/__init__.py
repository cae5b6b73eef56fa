"""Fields of reduced shear and convergence over a frame.

`SHEAR_FIELDS` is the list of all.
"""

from simulators.shear_fields.base import ShearField, ShearLike, shear_at
from simulators.shear_fields.clusters import ClusterShear
from simulators.shear_fields.random import RandomShear
from simulators.shear_fields.table import ShearCatalogue

SHEAR_FIELDS: tuple[type[ShearField], ...] = (RandomShear, ClusterShear, ShearCatalogue)

__all__ = ["SHEAR_FIELDS", "ClusterShear", "RandomShear", "ShearCatalogue", "ShearField", "ShearLike", "shear_at"]
