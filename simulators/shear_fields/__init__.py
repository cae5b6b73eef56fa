"""Fields of reduced shear and convergence over a frame."""

from simulators.shear_fields.base import ShearField, ShearLike, shear_at

__all__ = ["ShearField", "ShearLike", "shear_at"]
