"""Sersic profiles and their Fourier transforms."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators._kernels import modes as mode_kernels
from simulators._kernels import sersic as sersic_kernels
from simulators._kernels._jit import run
from simulators.labels import LABELS
from simulators.light.base import Array, Light
from simulators.shapes import ellipse, shape_matrix

__all__ = ["Sersic", "sersic_b", "sersic_table"]

N_MIN, N_MAX = LABELS["n"].low, LABELS["n"].high
TABLE_ROWS = 160
TABLE_NODES = 4096


def sersic_b(n: ArrayLike) -> NDArray[np.float64]:
    """The b_n that makes `radius` the half-light radius: P(2n, b) = 1/2 (Ciotti & Bertin 1999), solved exactly."""
    from scipy.special import gammaincinv

    def solve(first: int, last: int) -> None:
        gammaincinv(twice[first:last], 0.5, out=b[first:last])

    twice = 2.0 * np.asarray(n, dtype=np.float64).ravel()
    b = np.empty_like(twice)
    run(solve, twice.size, share=512)
    return b.reshape(np.shape(n))


@functools.cache
def sersic_table() -> NDArray[np.float64]:
    """Fourier transforms of unit Sersic profiles, shape (rows, nodes).

    Rows are uniform in log n over [0.3, 8] with one guard row at either end, nodes uniform in t = k / (1 + k) with k
    in units of 1/radius. Each row is a Hankel transform by FFTLog (Hamilton 2000, MNRAS 312, 257).
    """
    from scipy.fft import fht, fhtoffset
    from scipy.interpolate import CubicSpline
    from scipy.special import gamma

    step = math.log(N_MAX / N_MIN) / (TABLE_ROWS - 3)
    ln_r = np.linspace(-22.0, 16.0, 16384)
    dln = ln_r[1] - ln_r[0]
    r = np.exp(ln_r)
    offset = fhtoffset(dln, 0.0, bias=0.2)
    ln_k = offset - ln_r[::-1]
    t = np.linspace(0.0, 1.0, TABLE_NODES)[1:-1]
    table = np.zeros((TABLE_ROWS, TABLE_NODES))
    table[:, 0] = 1.0
    for i in range(TABLE_ROWS):
        n = N_MIN * math.exp((i - 1) * step)
        b = float(sersic_b(n))
        norm = 2.0 * math.pi * n * b ** (-2.0 * n) * gamma(2.0 * n)
        with np.errstate(under="ignore"):
            brightness = np.exp(-b * r ** (1.0 / n)) / norm
        hankel = 2.0 * math.pi * fht(brightness * r, dln, 0.0, offset=offset, bias=0.2) * np.exp(-ln_k)
        table[i, 1:-1] = CubicSpline(ln_k, hankel)(np.log(t / (1.0 - t)))
    table.setflags(write=False)
    return table


@dataclass(frozen=True)
class Sersic(Light):
    """Sersic (1963) profiles, one per element of its broadcast parameters.

    Parameters
    ----------
    flux : array_like
        Total flux, shape (...) or one value.
    radius : array_like
        Half-light radius on the geometric mean axis [arcsec].
    n : array_like
        Sersic index, 0.3 to 8, continuous.
    e1, e2 : array_like
        Ellipticity, |e| = (1-q)/(1+q).
    x, y : array_like
        Centre [arcsec].

    Raises
    ------
    ValueError
        For a value that is not finite or out of range, or shapes that do not broadcast to one dimension.
    """

    flux: ArrayLike
    radius: ArrayLike
    n: ArrayLike
    e1: ArrayLike = 0.0
    e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {name: LABELS[name] for name in ("flux", "radius", "n", "e1", "e2", "x", "y")}

    def components(self) -> tuple[tuple[Sersic, Array], ...]:
        """See `Light.components`."""
        return ((self._with(flux=np.ones(len(self))), np.ones(len(self))),)

    def transformed(self, matrix: ArrayLike, shift: ArrayLike = 0.0) -> Sersic:
        """See `Light.transformed`: ellipses stay ellipses."""
        maps, moved = self._mapped(matrix, shift)
        half_light = maps @ self.matrix()
        radius, e1, e2 = ellipse(half_light)
        return self._with(radius=radius, e1=e1, e2=e2, **moved)

    def matrix(self) -> NDArray[np.float64]:
        """Matrices M, shape (N, 2, 2) [arcsec], that map the unit circle to the half-light ellipses."""
        unit = shape_matrix(np.asarray(self.e1), np.asarray(self.e2))
        return np.asarray(unit * np.asarray(self.radius)[:, None, None])

    def packed(self) -> NDArray[np.float64]:
        """Rows [x, y, inverse of M, 1/(2n), b, I0] of a unit-flux profile for the kernels, shape (N, 9)."""
        from scipy.special import gamma

        n = np.asarray(self.n)
        radius = np.asarray(self.radius)
        b = sersic_b(n)
        central = b ** (2.0 * n) / (2.0 * np.pi * n * gamma(2.0 * n) * radius**2)
        inverse = shape_matrix(-np.asarray(self.e1), -np.asarray(self.e2)).reshape(-1, 4) / radius[:, None]
        columns = [np.asarray(self.x), np.asarray(self.y), *inverse.T, 0.5 / n, b, central]
        return np.ascontiguousarray(np.stack(columns, axis=-1))

    def brightness(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """See `Light.brightness`."""
        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        out = np.empty((len(self), px.size))
        sersic_kernels.brightness(
            0,
            len(self),
            np.ascontiguousarray(px.ravel()),
            np.ascontiguousarray(py.ravel()),
            self.packed(),
            self.flux,
            out,
        )
        return out.reshape(len(self), *px.shape)

    def table_position(self) -> NDArray[np.float64]:
        """Fractional row of `sersic_table` of each profile, shape (N,)."""
        return np.log(np.asarray(self.n) / N_MIN) / math.log(N_MAX / N_MIN) * (TABLE_ROWS - 3) + 1.0

    def transform(self, kx: ArrayLike, ky: ArrayLike) -> NDArray[np.float64]:
        """See `Light.transform`; real."""
        kx, ky = np.atleast_1d(np.asarray(kx, np.float64)), np.atleast_1d(np.asarray(ky, np.float64))
        row = np.empty(TABLE_NODES)
        modes = np.empty((len(self), len(kx), len(ky)))
        for i, (position, m) in enumerate(zip(self.table_position(), self.matrix(), strict=True)):
            mode_kernels.table_row(sersic_table(), position, row)
            u, v = np.einsum("ab,apq->bpq", m, np.broadcast_arrays(kx[:, None], ky[None, :]))
            k = np.hypot(u, v)
            modes[i] = np.interp(k / (1.0 + k), np.linspace(0.0, 1.0, TABLE_NODES), row)
        return np.asarray(self.flux)[:, None, None] * modes
