"""Distances and haloes in angles, for any cosmology of astropy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within

__all__ = ["angular_distance", "concentration", "critical_density", "days", "nfw_angles", "time_delay_distance"]

Array = NDArray[np.float64]
ARCSEC = math.pi / 648000.0  # rad
MAX_REDSHIFT = 1100.0


def redshifts(z_lens: float, z_source: float) -> tuple[float, float]:
    """The two redshifts, refused unless 0 < z_lens < z_source <= 1100."""
    far = float(within("z_source", z_source, 0.0, MAX_REDSHIFT, open_low=True))
    near = float(within("z_lens", z_lens, 0.0, MAX_REDSHIFT, open_low=True))
    if near >= far:
        raise ValueError(f"z_lens = {near:g} is outside (0, z_source = {far:g})")
    return near, far


def angular_distance(cosmology: Any, near: float, far: float) -> float:
    """Angular diameter distance from redshift `near` to `far` [Mpc]."""
    try:
        distance = cosmology.angular_diameter_distance(near, far)
    except TypeError:  # astropy before 7.2
        distance = cosmology.angular_diameter_distance_z1z2(near, far)
    return float(distance.to_value("Mpc"))


def time_delay_distance(z_lens: float, z_source: float, cosmology: Any) -> float:
    """(1 + z_l) D_l D_s / D_ls [Mpc] (Refsdal 1964, MNRAS 128, 307)."""
    near, far = redshifts(z_lens, z_source)
    lens, source = angular_distance(cosmology, 0.0, near), angular_distance(cosmology, 0.0, far)
    return (1.0 + near) * lens * source / angular_distance(cosmology, near, far)


def days(distance: float) -> float:
    """Light travel time [days] of 1 arcsec^2 of Fermat potential for a time-delay distance [Mpc]."""
    from astropy import constants, units

    return float((distance * units.Mpc / constants.c).to_value("day")) * ARCSEC**2


def critical_density(z_lens: float, z_source: float, cosmology: Any) -> float:
    """Critical surface density c^2 D_s / (4 pi G D_l D_ls) [solMass / Mpc^2]."""
    from astropy import constants, units

    near, far = redshifts(z_lens, z_source)
    lens, source = angular_distance(cosmology, 0.0, near), angular_distance(cosmology, 0.0, far)
    ratio = source / (lens * angular_distance(cosmology, near, far)) / units.Mpc
    return float((constants.c**2 / (4.0 * math.pi * constants.G) * ratio).to_value("solMass / Mpc2"))


def nfw_angles(
    mass: ArrayLike, concentration: ArrayLike, z_lens: float, z_source: float, cosmology: Any
) -> tuple[Array, Array]:
    """Scale radius r_s and deflection alpha_s at it [arcsec] of NFW haloes, shape of the inputs together.

    Parameters
    ----------
    mass : array_like
        Mass [solMass] within the radius of 200 times the critical density at `z_lens`.
    concentration : array_like
        That radius in scale radii.
    z_lens, z_source : float
    cosmology : astropy.cosmology.FLRW

    Raises
    ------
    ValueError
        A mass outside (0, 1e17], a concentration outside [0.1, 1e3], or redshifts out of order.
    """
    m = within("mass", mass, 0.0, 1e17, "solMass", open_low=True)
    c = within("concentration", concentration, 0.1, 1e3)
    sigma = critical_density(z_lens, z_source, cosmology)
    density = float(cosmology.critical_density(z_lens).to_value("solMass / Mpc3"))
    return halo_angles(m, c, sigma, density, angular_distance(cosmology, 0.0, z_lens))


def halo_angles(
    mass: Array, concentration: Array, sigma: ArrayLike, density: ArrayLike, distance: ArrayLike
) -> tuple[Array, Array]:
    """What `nfw_angles` gives, for the critical surface density [solMass / Mpc^2], critical density [solMass / Mpc^3]
    and distance [Mpc] of each halo.
    """
    r_s = (3.0 * mass / (4.0 * math.pi * 200.0 * np.asarray(density))) ** (1.0 / 3.0) / concentration  # Mpc
    rho_s = mass / (4.0 * math.pi * r_s**3 * (np.log1p(concentration) - concentration / (1.0 + concentration)))
    angle = r_s / (np.asarray(distance) * ARCSEC)
    return angle, 4.0 * rho_s * r_s / np.asarray(sigma) * angle * (1.0 - math.log(2.0))


def concentration(mass: ArrayLike, redshift: float, cosmology: Any) -> Array:
    """Mean concentration of haloes of `mass` [solMass, 200 times critical] (Duffy et al. 2008, MNRAS 390, L64, eq. 4).

    The numbers are those of its table 1 for all haloes at redshift 0 to 2, as CCL's ConcentrationDuffy08 and
    colossus have them too; smaller haloes than its 1e11 solMass / h are extrapolated (equation and limit quoted from
    memory).
    """
    pivot = 2e12 / cosmology.h
    return np.asarray(5.71 * (np.asarray(mass) / pivot) ** -0.084 * (1.0 + redshift) ** -0.47)
