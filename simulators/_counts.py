"""How many galaxies and stars a survey sees in a field, how faint, and where they lie."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

import catalogs
from catalogs import Survey
from simulators import streams
from simulators.population import Source

__all__ = ["density", "limit_of", "places", "truncated"]

Array = NDArray[np.float64]
SNR = 5.0  # of a point source at the depth
BEYOND = 1.0  # magnitudes below the depth down to which there are objects: their blends are part of the sky
# Objects per square arcmin and magnitude at a magnitude. Galaxies: LSST Science Book (arXiv:0912.0201), section 3.7,
# 46 x 10^(0.31 (i - 25)) brighter than i, times the 0.8 that a KiDS field has of it at r = 22.5 to 24.5. Stars: there.
AMOUNT = {"field": (26.3, 25.0), "stars": (0.18, 20.0)}
CLUSTER, POWER = 20.0, 0.8  # largest separation in a group [arcsec], and w(theta) ~ theta^-0.8 (Peebles 1980)


def limit_of(survey: Survey, population: catalogs.Population) -> float:
    """Magnitude, as `population` draws them, to which the deepest of the bands sees: `BEYOND` below 5 sigma."""
    limits = [survey.depth(band, SNR) - population.offset("flux", band) for band in survey.band_names]
    deepest = np.array(limits)[~np.isnan(limits)]
    if not deepest.size:
        raise ValueError(
            f"survey {survey.name!r} has no zero point, so its depth is unknown: give density, stars and populations"
        )
    return float(deepest.max()) + BEYOND


def truncated(population: Source, survey: Survey) -> Source:
    """`population` without what the survey cannot see; of another kind than number counts, as it is."""
    if not isinstance(population, catalogs.Population):
        return population
    prior = population.priors.get("flux")
    if prior is None or prior.distribution != "counts":
        return population
    low, high = prior.parameters["low"], prior.parameters["high"]
    faint = min(max(limit_of(survey, population), low + 0.1), high)
    cut = dataclasses.replace(prior, parameters={**prior.parameters, "high": faint})
    return dataclasses.replace(population, priors={**population.priors, "flux": cut})


def density(name: str, survey: Survey) -> float:
    """Objects per square arcmin of the number counts of population `name` down to the survey's limit."""
    population = catalogs.get_population(name)
    counts = population.priors["flux"].parameters
    amount, at = AMOUNT[name]
    faint = min(limit_of(survey, population), counts["high"])
    knee = counts.get("knee", counts["low"])
    slope, bright = (counts.get(name, 0.0) * math.log(10.0) for name in ("slope", "bright_slope"))
    total = math.expm1(slope * max(faint - knee, 0.0)) / slope
    if bright:
        total += (math.exp(bright * min(faint - knee, 0.0)) - math.exp(bright * (counts["low"] - knee))) / bright
    return float(amount * math.exp(slope * (knee - at)) * total)


def places(seed: int, ids: NDArray[np.int64], sides: tuple[float, float], clustering: float) -> tuple[Array, Array]:
    """Places x and y (N,) [arcsec] in a rectangle of `sides` (along y, x) about the origin.

    The share `clustering` of the objects lie around others, each in a random direction at a distance of the density
    theta^(1 - 0.8) up to 20 arcsec: pairs have that correlation function.
    """
    uniforms = streams.uniform(seed, ids, "field.place", (2,))
    y, x = ((uniforms[:, i] - 0.5) * side for i, side in enumerate(sides))
    if clustering == 0.0:
        return x, y
    choice = streams.uniform(seed, ids, "field.cluster", (4,))
    satellite = choice[:, 0] < clustering
    hosts = np.flatnonzero(~satellite)
    if hosts.size:
        host = hosts[np.minimum((choice[satellite, 1] * hosts.size).astype(np.int64), hosts.size - 1)]
        distance = CLUSTER * choice[satellite, 2] ** (1.0 / (2.0 - POWER))
        angle = 2.0 * math.pi * choice[satellite, 3]
        x[satellite], y[satellite] = x[host] + distance * np.cos(angle), y[host] + distance * np.sin(angle)
    return x, y
