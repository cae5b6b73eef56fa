"""Deflectors on several planes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators.cosmology import MAX_REDSHIFT, angular_distance, redshifts
from simulators.cosmology import time_delay_distance as distance_of
from simulators.deflectors.base import Array, Deflector, Gradient
from simulators.deflectors.sum import Sum, together
from simulators.labels import Label

__all__ = ["MultiPlane"]


@dataclass(frozen=True)
class MultiPlane(Deflector):
    """Deflectors at several redshifts, traced plane by plane (Schneider, Ehlers & Falco 1992, chapter 9).

    With several planes the deflection is not the gradient of a potential. `potential` is then what gives the
    arrival times: time_delay_distance / c x (|deflection|^2 / 2 - potential), as for a lens on one plane.

    Parameters
    ----------
    parts : sequence of Deflector
        Each of N lenses or of one, with the deflection of sources at `z_source` and the positions of lenses as they
        would be seen without what lies in front. They are kept in order of redshift, equal redshifts as one `Sum`.
    z : sequence of float
        Redshift of each part.
    z_source : float
    cosmology : astropy.cosmology.FLRW

    Raises
    ------
    ValueError
        For redshifts that are not as many as the parts, or not in (0, z_source), and as for `Sum`.
    """

    parts: Iterable[Deflector]
    z: Sequence[float]
    z_source: float
    cosmology: Any

    ranges: ClassVar[dict[str, Label]] = {}
    irrotational: ClassVar[bool] = False

    def __post_init__(self) -> None:
        parts = together("MultiPlane", self.parts)
        z = np.atleast_1d(within("MultiPlane z", self.z, 0.0, MAX_REDSHIFT, open_low=True))
        if z.shape != (len(parts),):
            raise ValueError(f"MultiPlane has {len(parts)} parts, but z of shape {z.shape}")
        redshifts(float(z.max()), self.z_source)
        planes: dict[float, list[Deflector]] = {}
        for index in np.argsort(z, kind="stable"):
            planes.setdefault(float(z[index]), []).append(parts[index])
        object.__setattr__(self, "parts", tuple(one[0] if len(one) == 1 else Sum(one) for one in planes.values()))
        object.__setattr__(self, "z", tuple(planes))
        object.__setattr__(self, "_weights", self._distance_ratios())

    def _distance_ratios(self) -> Array:
        """D_ij D_s / (D_j D_is) of planes i < j, the source last, zero for i >= j; shape (planes, planes + 1)."""
        z = [*self.z, float(self.z_source)]
        to = [angular_distance(self.cosmology, 0.0, one) for one in z]
        weights = np.zeros((len(z) - 1, len(z)))
        for i, j in itertools.combinations(range(len(z)), 2):
            between, behind = (angular_distance(self.cosmology, z[i], z[k]) for k in (j, -1))
            weights[i, j] = between * to[-1] / (to[j] * behind)
        return weights

    @property
    def time_delay_distance(self) -> float:
        """Of the nearest plane [Mpc], in which `potential` is measured."""
        return distance_of(self.z[0], self.z_source, self.cosmology)

    def __len__(self) -> int:
        return len(next(iter(self.parts)))

    def take(self, index: ArrayLike) -> MultiPlane:
        """See `Deflector.take`."""
        return replace(self, parts=tuple(part.take(index) for part in self.parts))

    def _trace(self, x: Array, y: Array) -> Iterator[tuple[Deflector | None, Array, Array]]:
        """Each plane and where the rays meet it [arcsec], and last None and where they meet the source plane."""
        bends: list[tuple[Array, Array]] = []
        weights: Array = self._weights  # type: ignore[attr-defined]  # set when made
        for j, plane in enumerate((*self.parts, None)):
            px, py = np.array(x), np.array(y)
            for i, (ax, ay) in enumerate(bends):
                px -= weights[i, j] * ax
                py -= weights[i, j] * ay
            yield plane, px, py
            if plane is not None:
                bends.append(plane._deflection(px, py))

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        *_, (_, sx, sy) = self._trace(x, y)
        return x - sx, y - sy

    def _gradient(self, x: Array, y: Array) -> Gradient:
        weights: Array = self._weights  # type: ignore[attr-defined]  # set when made
        bends: list[Array] = []
        jacobian = np.eye(2)
        for j, (plane, px, py) in enumerate(self._trace(x, y)):
            jacobian = (
                np.eye(2) - sum(weights[i, j] * bend for i, bend in enumerate(bends)) + np.zeros((*x.shape, 2, 2))
            )
            if plane is not None:
                bends.append(np.stack(plane._gradient(px, py), axis=-1).reshape(*x.shape, 2, 2) @ jacobian)
        (xx, xy), (yx, yy) = np.moveaxis(np.eye(2) - jacobian, (-2, -1), (0, 1))
        return xx, xy, yx, yy

    def _potential(self, x: Array, y: Array) -> Array:
        """Geometric and Shapiro delays of all planes, taken from the geometric one of the whole."""
        met = list(self._trace(x, y))
        delay = np.zeros(x.shape)
        for (plane, px, py), (_, qx, qy), near, far in zip(
            met, met[1:], self.z, (*self.z[1:], self.z_source), strict=False
        ):
            assert plane is not None
            delay += 0.5 * distance_of(near, far, self.cosmology) * ((px - qx) ** 2 + (py - qy) ** 2)
            delay -= distance_of(near, self.z_source, self.cosmology) * plane._potential(px, py)
        _, sx, sy = met[-1]
        return np.asarray(0.5 * ((x - sx) ** 2 + (y - sy) ** 2) - delay / self.time_delay_distance)
