"""Elliptical Navarro-Frenk-White halo (NFW)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from simulators._kernels import nfw as kernels
from simulators.deflectors.base import CENTRE, SHAPE, Array, Deflector, Gradient, evaluate
from simulators.labels import Label
from simulators.shapes import axis_ratio

__all__ = ["HALO", "NFW", "NFW_MEAN"]

NFW_MEAN = 1.0 - math.log(2.0)  # alpha_s = 4 kappa_s r_s (1 - ln 2) with kappa_s = rho_s r_s / Sigma_crit
HALO = {
    "r_s": Label("arcsec", "scale radius of a halo", 1e-5, 1e4),
    "alpha_s": Label("arcsec", "deflection at the scale radius", 0.0, 1e3),
}


@dataclass(frozen=True)
class NFW(Deflector):
    """Navarro-Frenk-White haloes, elliptical in the mass: lenstronomy's NFW_ELLIPSE_CSE.

    44 cored steep ellipsoids (Oguri 2021, table 1) that follow the NFW profile to 1e-4 from 1e-4 to 1e3 scale
    radii; deflection, potential and convergence are exactly those of one another.

    Parameters
    ----------
    r_s : array_like
        Scale radius on the geometric mean axis [arcsec], shape (N,) or one value.
    alpha_s : array_like
        Deflection of the round halo at its scale radius [arcsec]; `simulators.cosmology.nfw_angles` gives both
        from mass and concentration.
    e1, e2 : array_like
        Ellipticity of the mass, |e| = (1-q)/(1+q).
    x, y : array_like
        Centre [arcsec].
    """

    r_s: ArrayLike
    alpha_s: ArrayLike
    e1: ArrayLike = 0.0
    e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {**HALO, **SHAPE, **CENTRE}
    moduli: ClassVar = {("e1", "e2"): 0.9}

    def _rows(self) -> Array:
        """Rows [r_s, alpha_s / (1 - ln 2), q, cos, sin, x, y] for the kernels, shape (N, 7)."""
        q, angle = axis_ratio(np.asarray(self.e1), np.asarray(self.e2))
        strength = np.asarray(self.alpha_s) / NFW_MEAN
        columns = [self.r_s, strength, q, np.cos(angle), np.sin(angle), self.x, self.y]
        return np.ascontiguousarray(np.stack([np.asarray(column) for column in columns], axis=-1))

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        ax, ay = evaluate(kernels.nfw_deflection_field, 2, x, y, self._rows())
        return ax, ay

    def _gradient(self, x: Array, y: Array) -> Gradient:
        xx, xy, yx, yy = evaluate(kernels.nfw_gradient_field, 4, x, y, self._rows())
        return xx, xy, yx, yy

    def _potential(self, x: Array, y: Array) -> Array:
        return np.asarray(evaluate(kernels.nfw_potential_field, 1, x, y, self._rows())[0])
