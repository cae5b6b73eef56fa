"""Gaussian random convergence and shear from power spectra of E and B modes."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators import streams
from simulators.shear_fields.base import Array, ShearField, reduced

__all__ = ["RandomShear"]

Power = Callable[[Array], Array]
Modes = NDArray[np.complex64]


@dataclass(frozen=True, eq=False)
class RandomShear(ShearField):
    """One realisation of Gaussian random convergence and shear on a periodic grid about the frame's centre.

    Shear follows from the modes of E and B by gamma = exp(2 i phi) (E + i B), phi being the direction of k (Kaiser &
    Squires 1993, ApJ 404, 441); kappa is E. The mean and, on an even grid, the modes at the Nyquist frequency, whose
    direction is not defined, are 0. Between the points, fields are cubic splines.

    Parameters
    ----------
    power : function
        P(k) [arcsec^2] of the convergence for k (K,) [rad/arcsec]: its variance is the integral of P d^2k / (2 pi)^2,
        as of `galsim.PowerSpectrum` with units=galsim.arcsec.
    size : int
        Points along a side, 8 to 8192.
    spacing : float
        Distance of the points [arcsec].
    seed : int
        Of the run.
    number : int
        Of the realisation: of the same frame, say.
    b_power : function, optional
        The same for B modes.

    Raises
    ------
    ValueError
        For a number out of range, or power that is negative or not finite.
    """

    power: Power
    size: int
    spacing: float
    seed: int
    number: int = 0
    b_power: Power | None = None

    def __post_init__(self) -> None:
        try:
            operator.index(self.size)
        except TypeError:
            raise ValueError(f"RandomShear size = {self.size!r} is not a whole number of points") from None
        within("RandomShear size", self.size, 8, 8192, "points")
        within("RandomShear spacing", self.spacing, 0.0, 1e6, "arcsec", open_low=True)
        within("RandomShear number", self.number, 0, 2**62)
        streams.round_keys(self.seed, "shear.e")
        self._amplitudes  # noqa: B018  # refuses power that is none

    @functools.cached_property
    def grids(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Shear gamma1, gamma2 and convergence kappa at the points, (size, size) each, y before x."""
        from scipy.fft import irfft2

        n = self.size
        e = self._modes("shear.e", self._amplitudes[0])
        b = None if self.b_power is None else self._modes("shear.b", self._amplitudes[1])
        cos, sin = _directions(n)
        planes = np.empty((3, *e.shape), np.complex64)
        np.multiply(cos, e, out=planes[0])
        np.multiply(sin, e, out=planes[1])
        planes[2] = e
        if b is not None:
            planes[0] -= sin * b
            planes[1] += cos * b
        gamma1, gamma2, kappa = irfft2(planes, s=(n, n), overwrite_x=True)
        return gamma1, gamma2, kappa

    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
        """See `ShearField.at`; the grid repeats beyond its sides."""
        from scipy.ndimage import map_coordinates

        middle = (self.size - 1) / 2.0
        places = np.stack([np.asarray(v, np.float64) / self.spacing + middle for v in (y, x)])
        fields = [map_coordinates(spline, places, prefilter=False, mode="grid-wrap") for spline in self._splines]
        return reduced(fields[0], fields[1], fields[2])

    @functools.cached_property
    def _splines(self) -> list[Array]:
        from scipy.ndimage import spline_filter

        return [spline_filter(grid.astype(np.float64), mode="grid-wrap") for grid in self.grids]

    @functools.cached_property
    def _amplitudes(self) -> tuple[NDArray[np.float32], ...]:
        """Of E and, if any, of B."""
        return tuple(self._amplitude(power) for power in (self.power, self.b_power) if power is not None)

    def _amplitude(self, power: Power) -> NDArray[np.float32]:
        """Standard deviation of the real and imaginary part of each mode, as numpy's irfft2 normalises, kx >= 0."""
        n = self.size
        step = 2.0 * math.pi / (n * self.spacing)
        axis = np.arange(n // 2 + 1) * step  # of kx, and of ky, whose negative half mirrors the other
        k = np.sqrt(axis[None, :] ** 2 + axis[:, None] ** 2)
        k[0, 0] = k[0, 1]
        values = within("RandomShear power", power(k.ravel()), 0.0, 1e30)
        if values.size != k.size:
            raise ValueError(f"RandomShear power gave {values.size} values for {k.size} wave numbers")
        amplitude = np.sqrt(values.reshape(k.shape) * 0.5) * (n / self.spacing)
        amplitude[0, 0] = 0.0
        if n % 2 == 0:
            amplitude[n // 2], amplitude[:, -1] = 0.0, 0.0
        half = amplitude.astype(np.float32)
        return np.concatenate([half, half[1 : n - n // 2][::-1]])

    def _modes(self, effect: str, amplitude: NDArray[np.float32]) -> Modes:
        """Modes (size, size // 2 + 1) of a real field: those at kx = 0 mirror one another."""
        n = self.size
        shape = (n, n // 2 + 1, 2)
        drawn = streams.normal(self.seed, np.array([self.number]), effect, shape)[0].astype(np.float32, copy=False)
        modes: Modes = drawn.view(np.complex64)[..., 0]
        modes *= amplitude
        modes[n - np.arange(1, (n + 1) // 2), 0] = np.conj(modes[1 : (n + 1) // 2, 0])
        return modes


@functools.lru_cache(maxsize=4)
def _directions(n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosine and sine of twice the direction of each mode's wave vector, kx >= 0."""
    kx, ky = np.arange(n // 2 + 1)[None, :].astype(np.float64), np.fft.fftfreq(n, 1.0 / n)[:, None]
    square = kx * kx + ky * ky
    square[0, 0] = 1.0
    return ((kx * kx - ky * ky) / square).astype(np.float32), (2.0 * kx * ky / square).astype(np.float32)
