"""Galaxies of a bulge and a disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from simulators.labels import LABELS
from simulators.light.base import Array, Light
from simulators.light.sersic import Sersic

__all__ = ["BulgeDisk"]


@dataclass(frozen=True)
class BulgeDisk(Light):
    """A Sersic bulge and an exponential disk (n = 1) about one centre.

    Parameters
    ----------
    flux : array_like
        Total flux of both, shape (...) or one value.
    bulge_fraction : array_like
        Share of the bulge in the flux, 0 to 1.
    bulge_radius, disk_radius : array_like
        Half-light radii on the geometric mean axis [arcsec].
    bulge_n : array_like
        Sersic index of the bulge; 4 is de Vaucouleurs (1948).
    bulge_e1, bulge_e2, disk_e1, disk_e2 : array_like
        Ellipticities, |e| = (1-q)/(1+q).
    x, y : array_like
        Centre [arcsec].
    """

    flux: ArrayLike
    bulge_fraction: ArrayLike
    bulge_radius: ArrayLike
    disk_radius: ArrayLike
    bulge_n: ArrayLike = 4.0
    bulge_e1: ArrayLike = 0.0
    bulge_e2: ArrayLike = 0.0
    disk_e1: ArrayLike = 0.0
    disk_e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {
        name: LABELS[name]
        for name in (
            *("flux", "bulge_fraction", "bulge_radius", "bulge_n", "bulge_e1", "bulge_e2"),
            *("disk_radius", "disk_e1", "disk_e2", "x", "y"),
        )
    }

    def components(self) -> tuple[tuple[Sersic, Array], ...]:
        """See `Light.components`."""
        bulge = Sersic(1.0, self.bulge_radius, self.bulge_n, self.bulge_e1, self.bulge_e2, self.x, self.y)
        disk = Sersic(1.0, self.disk_radius, 1.0, self.disk_e1, self.disk_e2, self.x, self.y)
        share = self._column("bulge_fraction")
        return (bulge, share), (disk, 1.0 - share)
