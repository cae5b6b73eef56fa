"""Subhaloes: many truncated clumps in each lens, and a population to draw them from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from catalogs.checks import within
from simulators import streams
from simulators._kernels import clumps as kernels
from simulators.cosmology import ARCSEC, angular_distance, concentration, nfw_angles, redshifts
from simulators.deflectors.base import CENTRE, Array, Deflector, Gradient, evaluate
from simulators.deflectors.nfw import HALO, NFW_MEAN
from simulators.labels import Label

__all__ = ["SubhaloPopulation", "Subhalos"]


@dataclass(frozen=True)
class Subhalos(Deflector):
    """K truncated NFW clumps in each of N lenses (Baltz, Marshall & Oguri 2009, n = 1), lenstronomy's TNFW.

    Within 1e-3 scale radii a clump's mass is uniform. Where a lens has fewer clumps than K, the rest have
    alpha_s = 0.

    Parameters
    ----------
    r_s : array_like
        Scale radius [arcsec], shape (N, K), or any shape that broadcasts to two dimensions.
    alpha_s : array_like
        Deflection [arcsec] that the same halo without truncation has at its scale radius.
    tau : array_like
        Truncation radius in scale radii.
    x, y : array_like
        Centre [arcsec].
    """

    r_s: ArrayLike
    alpha_s: ArrayLike
    tau: ArrayLike
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {**HALO, "tau": Label("", "truncation radius in scale radii", 1e-2, 1e3), **CENTRE}
    dimensions: ClassVar[int] = 2

    def _rows(self) -> Array:
        """Clumps [x, y, r_s, 4 kappa_s, tau] for the kernels, shape (N, K, 5)."""
        strength = np.asarray(self.alpha_s) / (np.asarray(self.r_s) * NFW_MEAN)
        columns = [self.x, self.y, self.r_s, strength, self.tau]
        return np.ascontiguousarray(np.stack([np.asarray(column) for column in columns], axis=-1))

    def _deflection(self, x: Array, y: Array) -> tuple[Array, Array]:
        ax, ay = evaluate(kernels.clumps_deflection_field, 2, x, y, self._rows())
        return ax, ay

    def _gradient(self, x: Array, y: Array) -> Gradient:
        xx, xy, yx, yy = evaluate(kernels.clumps_gradient_field, 4, x, y, self._rows())
        return xx, xy, yx, yy

    def _potential(self, x: Array, y: Array) -> Array:
        return np.asarray(evaluate(kernels.clumps_potential_field, 1, x, y, self._rows())[0])


@dataclass(frozen=True, kw_only=True)
class SubhaloPopulation:
    """Subhaloes scattered evenly over a disc, their number Poisson and their masses from a power law.

    d^2N / dm dA = sigma_sub / m_0 (m / m_0)^slope with m_0 = 1e8 solMass: the slope that Springel et al. (2008, MNRAS
    391, 1685) find for bound subhaloes (-1.9; Maciejewski et al. 2011, arXiv:1010.2491, quote it too), normalised as in
    Gilman et al. (2020, MNRAS 491, 6077; public codes that use its pyHalo have the default `sigma_sub`, m_0 is quoted
    from memory) for a host whose scaling with mass and redshift is 1. Concentrations are the mean ones of Duffy et al.
    (2008).

    Parameters
    ----------
    z_lens, z_source : float
    cosmology : astropy.cosmology.FLRW
    sigma_sub : float
        Normalisation [1/kpc^2].
    slope : float
        Logarithmic slope of the mass function, below -1.
    mass : tuple of float
        Least and largest mass [solMass], before truncation, within 200 times the critical density.
    radius : float
        Of the disc around the stamp's centre [arcsec].
    tau : float
        Truncation radius in scale radii.
    """

    z_lens: float
    z_source: float
    cosmology: Any
    sigma_sub: float = 0.025
    slope: float = -1.9
    mass: tuple[float, float] = (1e7, 1e10)
    radius: float = 3.0
    tau: float = 5.0

    PIVOT: ClassVar[float] = 1e8

    def __post_init__(self) -> None:
        redshifts(self.z_lens, self.z_source)
        within("SubhaloPopulation sigma_sub", self.sigma_sub, 0.0, 100.0, "1/kpc2")
        within("SubhaloPopulation slope", self.slope, -3.0, -1.01)
        within("SubhaloPopulation radius", self.radius, 0.0, 100.0, "arcsec", open_low=True)
        within("SubhaloPopulation tau", self.tau, 1e-2, 1e3)
        least, largest = within("SubhaloPopulation mass", self.mass, 1e4, 1e13, "solMass")
        if not least < largest:
            raise ValueError(f"SubhaloPopulation mass = ({least:g}, {largest:g}) must be (least, largest)")

    def expected(self) -> float:
        """Mean number of subhaloes in a lens: the integral of the mass function over masses and disc."""
        low, high = (mass / self.PIVOT for mass in self.mass)
        power = self.slope + 1.0
        kpc = self.radius * ARCSEC * angular_distance(self.cosmology, 0.0, self.z_lens) * 1e3
        return float(math.pi * kpc**2 * self.sigma_sub * (high**power - low**power) / power)

    def draw(self, seed: int, ids: ArrayLike) -> Subhalos:
        """The subhaloes of the lenses `ids`, shape (N, K); each lens is a function of `seed` and its id alone."""
        counts = streams.poisson(seed, ids, "subhalos.count", self.expected())
        return Subhalos(**self._clumps(seed, ids, counts, int(counts.max(initial=0.0))))

    def __call__(self, seed: int, ids: ArrayLike, survey: Any) -> dict[str, Array]:
        """The same as labels ``subhalo_*``: a population of a `StrongLens` that has ``subhalos`` among its masses.

        All samples have as many, those beyond their number without mass (a number more than 5 standard deviations
        above the mean is cut).
        """
        mean = self.expected()
        most = math.ceil(mean + 5.0 * math.sqrt(mean)) + 1
        counts = np.minimum(streams.poisson(seed, ids, "subhalos.count", mean), most)
        return {f"subhalo_{name}": column for name, column in self._clumps(seed, ids, counts, most).items()}

    def _clumps(self, seed: int, ids: ArrayLike, counts: Array, most: int) -> dict[str, Array]:
        """Fields of `most` subhaloes in each lens, of which `counts` have mass."""
        uniform = streams.uniform(seed, ids, "subhalos", (most, 3))
        power = self.slope + 1.0
        low, high = (mass**power for mass in self.mass)
        mass = (low + uniform[..., 0] * (high - low)) ** (1.0 / power)
        lens = (self.z_lens, self.z_source, self.cosmology)
        r_s, alpha_s = nfw_angles(mass, concentration(mass, self.z_lens, self.cosmology), *lens)
        radius, angle = self.radius * np.sqrt(uniform[..., 1]), 2.0 * math.pi * uniform[..., 2]
        return {
            "r_s": r_s,
            "alpha_s": np.where(np.arange(most) < counts[:, None], alpha_s, 0.0),
            "tau": np.full_like(r_s, self.tau),
            "x": radius * np.cos(angle),
            "y": radius * np.sin(angle),
        }
