"""Labels drawn from others: redshifts, Einstein radii, luminosities and sizes in a flat LambdaCDM cosmology."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs import Population
from catalogs.checks import within
from catalogs.relations import Relation
from simulators import streams
from simulators.cosmology import ARCSEC, halo_angles
from simulators.labels import LABELS

__all__ = ["Distances", "relate"]

Array = NDArray[np.float64]
LIGHT_SPEED = 299792.458  # km / s
GRAVITY = 4.300917e-9  # Mpc km^2 / (s^2 solMass), CODATA 2018 and the IAU's nominal solar mass
MAX_REDSHIFT = 20.0
NODES = 4096
MAGNITUDES, REDSHIFTS = 131, 2048


@dataclass(frozen=True, eq=False)
class Distances:
    """Comoving distances of a flat cosmology by redshift and back, to 1e-8, for redshifts 0 to 20.

    Parameters
    ----------
    H0 : float
        Hubble constant [km / (Mpc s)].
    Om0 : float
        Matter density; the rest is a cosmological constant.
    """

    H0: float
    Om0: float
    _forward: Any = field(init=False, repr=False)  # logarithm of 1 + z to distance
    _back: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from astropy.cosmology import FlatLambdaCDM
        from scipy.interpolate import CubicSpline

        logs = np.linspace(0.0, math.log1p(MAX_REDSHIFT), NODES)
        distances = FlatLambdaCDM(self.H0, self.Om0).comoving_distance(np.expm1(logs)).to_value("Mpc")
        object.__setattr__(self, "_forward", CubicSpline(logs, distances))
        object.__setattr__(self, "_back", CubicSpline(distances, logs))

    def comoving(self, z: ArrayLike) -> Array:
        """Comoving distance [Mpc]."""
        return np.asarray(self._forward(np.log1p(within("redshift", z, 0.0, MAX_REDSHIFT))))

    def redshift(self, comoving: ArrayLike) -> Array:
        """Redshift of a comoving distance [Mpc]."""
        return np.asarray(np.expm1(self._back(comoving)))

    def modulus(self, z: ArrayLike) -> Array:
        """Distance modulus [mag]."""
        return np.asarray(5.0 * np.log10(self.comoving(z) * (1.0 + np.asarray(z)) * 1e5))

    def arcsec_per_kpc(self, z: ArrayLike) -> Array:
        """Angle of a proper kpc [arcsec]."""
        return np.asarray((1.0 + np.asarray(z)) / (self.comoving(z) * 1e3 * ARCSEC))


@lru_cache(maxsize=8)
def _distances(h0: float, om0: float) -> Distances:
    return Distances(h0, om0)


@dataclass(frozen=True)
class _Draw:
    """What a relation works with: its numbers, the labels and magnitudes drawn so far, and its random numbers."""

    relation: Relation
    distances: Distances
    labels: Mapping[str, Array]
    magnitudes: Mapping[str, Array]
    seed: int
    ids: NDArray[np.int64]
    tag: str

    def __getitem__(self, name: str) -> float:
        return self.relation.parameters[name]

    @property
    def inputs(self) -> list[Array]:
        return [self.labels[name] for name in self.relation.inputs]

    def argument(self) -> Array:
        """The first input; its magnitude where it is a flux that was drawn as one."""
        name, own = self.relation.inputs[0], self.relation.labels[0]
        if name.endswith("flux") and name not in self.magnitudes:
            raise ValueError(f"{own} follows the magnitude of {name}, which was given as a flux: give {own} as well")
        return self.magnitudes[name] if name in self.magnitudes else self.labels[name]

    def uniforms(self, shape: tuple[int, ...] = ()) -> Array:
        return streams.uniform(self.seed, self.ids, f"label.{self.relation.labels[0]}{self.tag}", shape)

    def normal(self) -> Array:
        return streams.normal(self.seed, self.ids, f"label.{self.relation.labels[0]}.scatter{self.tag}")

    def scatter(self) -> Array:
        return self["scatter"] * self.normal()


def _einstein_radius(draw: _Draw) -> tuple[Array, ...]:
    """(Schneider, Ehlers & Falco 1992, eq. 8.34a); D_ls / D_s is 1 - chi_l / chi_s where space is flat."""
    sigma, near, far = draw.inputs
    behind = 1.0 - draw.distances.comoving(near) / draw.distances.comoving(far)
    return (4.0 * math.pi * (sigma / LIGHT_SPEED) ** 2 * behind / ARCSEC,)


def _lens_redshift(draw: _Draw) -> tuple[Array, ...]:
    """Lenses per comoving volume times (D_ls / D_s)^2: chi_l / chi_s has the density x^2 (1 - x)^2."""
    from scipy.special import betaincinv

    share = betaincinv(3.0, 3.0, draw.uniforms())
    return (draw.distances.redshift(share * draw.distances.comoving(draw.inputs[0])),)


def _galaxy_counts(distances: Distances, p: Mapping[str, float], m: Array, z: Array) -> tuple[Array, Array]:
    """Galaxies by magnitude (M,), and by redshift at each (M, Z)."""
    z0 = within("lensed_sources: z0", p["intercept"] + p["slope"] * m, 1e-3, MAX_REDSHIFT)[:, None]
    shape = (p["index"] + 1.0) / p["power"]
    normal = z0 ** (p["index"] + 1.0) * math.gamma(shape) / p["power"]  # without lensing, over all redshifts
    return 10.0 ** (p["counts"] * (m - m[-1])), z ** p["index"] * np.exp(-((z / z0) ** p["power"])) / normal


def _quasar_counts(distances: Distances, p: Mapping[str, float], m: Array, z: Array) -> tuple[Array, Array]:
    """One (M,), and quasars by magnitude and redshift (M, Z): a double power law times the comoving volume."""
    evolution = p["zeta"] * z + np.log1p(np.exp(p["xi"] * p["peak"]))
    evolution -= 2.0 * np.log(np.exp(0.5 * p["xi"] * z) + np.exp(0.5 * p["xi"] * p["peak"]))
    star = p["star"] - 2.5 * evolution / math.log(10.0)
    correction = -2.5 * (1.0 + p["spectrum"]) * np.log10(1.0 + z)
    t = 0.4 * (m[:, None] - distances.modulus(z) - correction - star)  # below 0 for the bright ones
    steep = np.where(z < p["late"], p["bright_slope"], p["late_slope"])
    density = 1.0 / (10.0 ** (t * (1.0 + steep)) + 10.0 ** (t * (1.0 + p["faint_slope"])))
    expansion = np.sqrt(distances.Om0 * (1.0 + z) ** 3 + 1.0 - distances.Om0)
    return np.ones_like(m), density * distances.comoving(z) ** 2 / expansion


@lru_cache(maxsize=8)
def _source_tables(
    kind: str, distances: Distances, parameters: tuple[tuple[str, float], ...]
) -> tuple[Array, Array, Array, Array]:
    """Magnitudes (M,) and their cumulative (M,); redshifts (Z,) and their cumulative at each magnitude (M, Z)."""
    p = dict(parameters)
    m, z = np.linspace(p["bright"], p["faint"], MAGNITUDES), np.linspace(p["low"], p["high"], REDSHIFTS)
    counts, density = {"lensed_sources": _galaxy_counts, "lensed_quasars": _quasar_counts}[kind](distances, p, m, z)
    by_redshift = _cumulative(density * distances.comoving(z) ** 3)
    by_magnitude = _cumulative(counts * by_redshift[:, -1])
    return m, by_magnitude / by_magnitude[-1], z, by_redshift / by_redshift[:, -1:]


def _cumulative(density: Array) -> Array:
    """Integral along the last axis by trapezia, up to a factor."""
    steps = np.cumsum(density[..., 1:] + density[..., :-1], axis=-1)
    return np.concatenate([np.zeros((*steps.shape[:-1], 1)), steps], axis=-1)


def _lensed_sources(draw: _Draw) -> tuple[Array, ...]:
    """Magnitudes by their marginal density, then redshifts: straight lines between the quantiles of two magnitudes."""
    relation = draw.relation
    tables = _source_tables(relation.kind, draw.distances, tuple(sorted(relation.parameters.items())))
    m, by_magnitude, z, by_redshift = tables
    uniforms = draw.uniforms((2,))
    place = np.interp(uniforms[:, 0], by_magnitude, np.arange(MAGNITUDES))
    below = np.minimum(place.astype(np.int64), MAGNITUDES - 2)
    redshift = np.zeros(len(draw.ids))
    for node in np.unique(below):
        rows = below == node
        low, high = (np.interp(uniforms[rows, 1], by_redshift[k], z) for k in (node, node + 1))
        redshift[rows] = low + (place[rows] - node) * (high - low)
    return m[0] + place * (m[1] - m[0]), redshift


def _luminosity(draw: _Draw) -> tuple[Array, ...]:
    x, z = draw.inputs
    c0, c1, c2 = draw["c0"] - np.log10(x), draw["c1"], draw["c2"]
    root = within("luminosity: discriminant", c1 * c1 - 4.0 * c2 * c0, 0.0, 1e30)
    # of the two roots the one that stays finite as c2 vanishes
    magnitude = -2.0 * c0 / (c1 + math.copysign(1.0, c1) * np.sqrt(root))
    return (magnitude + draw.scatter() + draw.distances.modulus(z),)


def _absolute(draw: _Draw) -> Array:
    """Absolute magnitude of the first input, for a spectrum flat in f_nu."""
    z = draw.inputs[1]
    return draw.argument() - draw.distances.modulus(z) + 2.5 * np.log10(1.0 + z)


def _angle(draw: _Draw, log_kpc: Array) -> tuple[Array, ...]:
    """Radii [arcsec], evolved with redshift."""
    z = draw.inputs[1]
    log_kpc = log_kpc + draw["evolution"] * np.log10((1.0 + z) / draw["pivot"])
    return (10.0**log_kpc * draw.distances.arcsec_per_kpc(z),)


def _size(draw: _Draw) -> tuple[Array, ...]:
    t = _absolute(draw) if draw.relation.inputs[0] in draw.magnitudes else np.log10(draw.argument())
    return _angle(draw, draw["c0"] + draw["c1"] * t + draw["c2"] * t * t + draw.scatter())


def _size_luminosity(draw: _Draw) -> tuple[Array, ...]:
    """(Shen et al. 2003, eqs. 15 and 16)."""
    if draw.relation.inputs[0] not in draw.magnitudes:
        raise ValueError(f"size_luminosity: {draw.relation.inputs[0]} was not drawn as a magnitude")
    magnitude = _absolute(draw)
    fainter = magnitude - draw["break"]
    bend = np.logaddexp(0.0, -0.4 * math.log(10.0) * fainter) / math.log(10.0)
    log_kpc = draw["gamma"] - 0.4 * draw["alpha"] * magnitude + (draw["beta"] - draw["alpha"]) * bend
    bright, faint = draw["bright_scatter"], draw["faint_scatter"]
    spread = bright + (faint - bright) / (1.0 + 10.0 ** (-0.8 * fainter))
    return _angle(draw, log_kpc + spread * draw.normal() / math.log(10.0))


def _apparent_size(draw: _Draw) -> tuple[Array, ...]:
    log_arcsec = draw["c0"] + draw["c1"] * (draw.argument() - draw["pivot"]) + draw.scatter()
    return (np.clip(10.0**log_arcsec, LABELS["radius"].low, LABELS["radius"].high),)


def _axis_ratio(draw: _Draw) -> tuple[Array, ...]:
    x = draw.inputs[0] if draw.relation.inputs else np.zeros(len(draw.ids))
    scale = within("axis_ratio: scale", draw["intercept"] + draw["slope"] * x, 0.0, 1e3, open_low=True)
    uniforms = draw.uniforms((2,))
    inside = -np.expm1(-0.5 * ((1.0 - draw["lowest"]) / scale) ** 2)
    flattening = scale * np.sqrt(-2.0 * np.log1p(-uniforms[:, 0] * inside))
    modulus, angle = flattening / (2.0 - flattening), 2.0 * math.pi * uniforms[:, 1]
    return modulus * np.cos(angle), modulus * np.sin(angle)


def _nfw_halo(draw: _Draw) -> tuple[Array, ...]:
    """(Navarro, Frenk & White 1997); mass and concentration within 200 times the critical density."""
    mass, near, far = draw.inputs
    to, behind = draw.distances.comoving(near), draw.distances.comoving(far)
    sigma = LIGHT_SPEED**2 / (4.0 * math.pi * GRAVITY) * behind * (1.0 + near) / (to * (behind - to))
    hubble2 = draw.distances.H0**2 * (draw.distances.Om0 * (1.0 + near) ** 3 + 1.0 - draw.distances.Om0)
    ratio = np.log10(draw["c0"]) + draw["c1"] * np.log10(mass / draw["pivot"]) + draw.scatter()
    concentration = 10.0**ratio * (1.0 + near) ** draw["evolution"]
    return halo_angles(mass, concentration, sigma, 3.0 * hubble2 / (8.0 * math.pi * GRAVITY), to / (1.0 + near))


_RELATIONS = {
    "einstein_radius": _einstein_radius,
    "lens_redshift": _lens_redshift,
    "lensed_sources": _lensed_sources,
    "lensed_quasars": _lensed_sources,
    "nfw_halo": _nfw_halo,
    "luminosity": _luminosity,
    "size": _size,
    "size_luminosity": _size_luminosity,
    "apparent_size": _apparent_size,
    "axis_ratio": _axis_ratio,
}


def relate(
    relation: Relation,
    population: Population,
    labels: Mapping[str, Array],
    magnitudes: Mapping[str, Array],
    seed: int,
    ids: NDArray[np.int64],
    tag: str = "",
) -> dict[str, Array]:
    """Draw the labels of `relation` for samples `ids`, each of shape (S,).

    Parameters
    ----------
    relation, population : Relation, Population
        The relation, and the population whose cosmology it uses.
    labels, magnitudes : mapping of str to array
        What is drawn already; magnitudes of the fluxes that were drawn as such.
    seed, ids, tag
        As for `draw_labels`.

    Raises
    ------
    ValueError
        For redshifts outside 0 to 20, or an input for which the relation has no solution.
    """
    if relation.kind not in ("size", "size_luminosity", "apparent_size") and set(relation.inputs) & set(magnitudes):
        raise ValueError(f"relation {relation.kind} takes no magnitude such as {', '.join(relation.inputs)}")
    distances = _distances(population.cosmology["H0"], population.cosmology["Om0"])
    values = _RELATIONS[relation.kind](_Draw(relation, distances, labels, magnitudes, seed, ids, tag))
    return dict(zip(relation.labels, values, strict=True))
