"""Shear of clusters: deflectors in front of a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators.deflectors import Deflector
from simulators.shear_fields.base import Array, ShearField, reduced

__all__ = ["ClusterShear"]


@dataclass(frozen=True, eq=False)
class ClusterShear(ShearField):
    """Reduced shear and convergence behind haloes, all at the redshift their deflections are for.

    Parameters
    ----------
    haloes : Deflector
        N of any kind, `deflectors.NFW` for clusters, with centres [arcsec] from the frame's centre; their fields add.

    limit : float
        Near and inside critical curves galaxies have no single shear: kappa and |g| are cut at this value there.

    Raises
    ------
    ValueError
        For what is no deflector, or a limit outside (0, 0.9].
    """

    haloes: Deflector
    limit: float = 0.8

    def __post_init__(self) -> None:
        if not isinstance(self.haloes, Deflector):
            raise ValueError(f"ClusterShear haloes = {self.haloes!r} is not a Deflector")
        within("ClusterShear limit", self.limit, 0.0, 0.9, open_low=True)

    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
        """See `ShearField.at`."""
        gradient = self.haloes.gradient(np.atleast_1d(x), np.atleast_1d(y)).sum(axis=0)
        xx, xy, yx, yy = gradient.reshape(-1, 4).T
        kappa = np.minimum(0.5 * (xx + yy), self.limit)
        g1, g2, _ = reduced(0.5 * (xx - yy), 0.5 * (xy + yx), kappa)
        shrink = np.minimum(1.0, self.limit / np.maximum(np.hypot(g1, g2), 1e-30))
        return g1 * shrink, g2 * shrink, kappa
