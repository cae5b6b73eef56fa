"""What a light profile is: arrays of objects, checked at construction, and how they are moved, turned and sheared."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators._columns import rows_at, set_columns
from simulators.labels import Label

__all__ = ["Array", "Component", "Light"]

Array = NDArray[np.float64]
MOST_ELLIPTICAL = 0.95  # |e|
Component = tuple["Light", Array]


class Light(ABC):
    """N objects, each with a total flux and a centre.

    A profile is a frozen dataclass whose fields named in `ranges` are arrays of shape (N,), among them `flux`, `x` and
    `y`. One that consists of others says its `components`, and the rest follows; one that does not says brightness,
    transform and what an affine map makes of it.

    Raises
    ------
    ValueError
        For a field that is not finite or out of range, an ellipticity |e| above 0.95, or shapes that do not broadcast
        to one dimension.
    """

    ranges: ClassVar[Mapping[str, Label]]  # fields and their unit, meaning and range
    flux: ArrayLike
    x: ArrayLike
    y: ArrayLike

    def __post_init__(self) -> None:
        moduli = {(name, f"{name[:-1]}2"): MOST_ELLIPTICAL for name in self.ranges if name.endswith("e1")}
        set_columns(self, self.ranges, moduli)

    def __len__(self) -> int:
        return len(self._column("flux"))

    def _column(self, name: str) -> Array:
        return np.asarray(getattr(self, name), dtype=np.float64)

    def _with(self, **fields: Any) -> Self:
        """The same objects with other fields."""
        return dataclasses.replace(self, **fields)  # type: ignore[type-var]  # every subclass is a dataclass

    def take(self, index: ArrayLike) -> Self:
        """The objects at `index` (a whole number, or an array of them or of booleans)."""
        rows = rows_at(len(self), index)
        return self._with(**{name: self._column(name)[rows] for name in self.ranges})

    @abstractmethod
    def components(self) -> tuple[Component, ...]:
        """(profile of N objects, its share of the flux (N,)) of what is drawn one by one: Sersics, points, images.

        The components' own flux is 1; one that consists of nothing but itself is its only component.
        """

    def brightness(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Surface brightness [flux/arcsec^2] at the points x, y [arcsec], shape (N, *x.shape)."""
        flux = self._column("flux")
        each = [_down(flux * share, part.brightness(x, y)) for part, share in self.components()]
        return np.asarray(np.sum(each, axis=0))

    def transform(self, kx: ArrayLike, ky: ArrayLike) -> NDArray[Any]:
        """Fourier transform about each object's centre on the grid kx (P,), ky (Q,) [rad/arcsec], shape (N, P, Q)."""
        flux = self._column("flux")
        total: NDArray[Any] = np.zeros((len(self), np.size(kx), np.size(ky)))
        for part, share in self.components():
            phase = _offset_phase(kx, ky, *(part._column(name) - self._column(name) for name in "xy"))
            total = total + _down(flux * share, part.transform(kx, ky) * phase)
        return np.asarray(total)

    def transformed(self, matrix: ArrayLike, shift: ArrayLike = 0.0) -> Light:
        """These objects after the map r -> `matrix` r + `shift`: brightness stays, so flux grows as area.

        Parameters
        ----------
        matrix : array_like, shape (2, 2) or (N, 2, 2)
            A shear, rotation or magnification about the origin; of weak lensing, the inverse Jacobian.
        shift : array_like, shape (2,) or (N, 2)
            [arcsec]
        """
        from simulators.light.sum import Sum

        flux = self._column("flux")
        return Sum([part._with(flux=flux * share).transformed(matrix, shift) for part, share in self.components()])

    def reach(self) -> Array:
        """Half-width [arcsec] of a square about each centre that holds the light, (N,); asked of components that are
        drawn by their transform.
        """
        raise NotImplementedError(f"{type(self).__name__} says neither components nor its reach")

    def _mapped(self, matrix: ArrayLike, shift: ArrayLike) -> tuple[Array, dict[str, Array]]:
        """The matrices (N, 2, 2), and the flux and centre that the map leads to."""
        maps = np.broadcast_to(np.asarray(matrix, dtype=np.float64), (len(self), 2, 2))
        centre = np.einsum("nij,nj->ni", maps, np.stack([self._column("x"), self._column("y")], axis=-1))
        centre = centre + np.asarray(shift, dtype=np.float64)
        flux = self._column("flux") * np.abs(np.linalg.det(maps))
        return maps, {"flux": flux, "x": centre[:, 0], "y": centre[:, 1]}


def _offset_phase(kx: ArrayLike, ky: ArrayLike, x: Array, y: Array) -> NDArray[np.complex128]:
    """exp(-i k r) of offsets x, y (N,) on the grid kx (P,), ky (Q,), shape (N, P, Q)."""
    along_x = np.exp(-1j * np.multiply.outer(x, np.atleast_1d(kx)))
    along_y = np.exp(-1j * np.multiply.outer(y, np.atleast_1d(ky)))
    return np.asarray(along_x[:, :, None] * along_y[:, None, :])


def _down(weight: Array, values: NDArray[Any]) -> NDArray[Any]:
    """`values` (N, ...) times a weight of each object."""
    return np.asarray(weight.reshape(-1, *(1,) * (values.ndim - 1)) * values)
