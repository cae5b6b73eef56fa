"""Unlabelled company: galaxies that happen to lie in an object's stamp, drawn and kept in the truth like everything
else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from catalogs import Survey
from simulators import streams
from simulators.drawing import draw_sersic
from simulators.grid import PixelGrid
from simulators.light import Sersic
from simulators.population import PopulationLike, draw_labels
from simulators.psf import PSF

__all__ = ["NEIGHBOUR_LABELS", "add_neighbours", "draw_neighbours", "each_neighbour"]

Array = NDArray[np.float64]
_SHAPE = ("flux", "radius", "n", "e1", "e2", "x", "y")
_DRAWN = (*_SHAPE, "g1", "g2", "kappa")
NEIGHBOUR_LABELS = tuple(f"neighbour_{name}" for name in _SHAPE)
MARGIN = 1.25  # neighbours are drawn over a square this much wider than the stamp: their wings reach in


def draw_neighbours(
    density: float,
    population: PopulationLike,
    survey: Survey,
    grid: PixelGrid,
    seed: int,
    ids: NDArray[np.int64],
    tag: str = "",
) -> dict[str, Array]:
    """Neighbours at random positions, Poisson in number; labels (S, K) and flux (S, K, B), flux 0 where there is none.

    None lies within 1.5 FWHM of the stamp's centre, where detection would not have told it from the object itself.

    Parameters
    ----------
    density : float
        Mean number per square arcsec.
    population : as for a simulator
        Gives flux, radius, n, e1 and e2.
    tag : str
        Another one is another draw for the same samples.
    """
    side = MARGIN * grid.size * grid.scale
    mean = density * side**2
    most = math.ceil(mean + 5.0 * math.sqrt(mean)) + 1
    count = np.minimum(streams.poisson(seed, ids, f"neighbours.count{tag}", np.full(len(ids), mean)), most)
    keep_out = 1.5 * max(band.psf_fwhm for band in survey.bands)
    columns: dict[str, list[Array]] = {name: [] for name in _SHAPE}
    for k in range(most):
        drawn = draw_labels("weak-lensing", population, survey, _DRAWN, seed, ids, tag=f".neighbour{k}{tag}")
        place = (streams.uniform(seed, ids, f"neighbours.place{k}{tag}", (2,)) - 0.5) * side
        drawn["x"], drawn["y"] = place[:, 0], place[:, 1]
        there = (k < count) & (np.hypot(drawn["x"], drawn["y"]) >= keep_out)
        drawn["flux"] = drawn["flux"] * there[:, None]
        for name, column in columns.items():
            column.append(drawn[name])
    return {f"neighbour_{name}": np.stack(column, axis=1) for name, column in columns.items()}


def each_neighbour(
    labels: dict[str, Array], grid: PixelGrid, psfs: tuple[PSF, ...], accuracy: str, owner: str = "neighbour"
) -> Iterator[tuple[int, NDArray[np.int64], Array]]:
    """(number k, samples that have a k-th neighbour, its image in each of them (samples, B, size, size)).

    Another `owner` stands for other galaxies, several to a sample, whose labels begin with its name.
    """
    for k in range(labels[f"{owner}_flux"].shape[1]):
        flux = labels[f"{owner}_flux"][:, k]
        there = np.flatnonzero(flux.any(axis=1))
        if there.size:
            shape = {name: labels[f"{owner}_{name}"][there, k] for name in _SHAPE[1:]}
            image = np.zeros((there.size, len(psfs), grid.size, grid.size))
            draw_sersic(Sersic(flux=flux[there].mean(axis=1), **shape), flux[there], grid, psfs, accuracy, image)
            yield k, there, image


def add_neighbours(
    labels: dict[str, Array],
    grid: PixelGrid,
    psfs: tuple[PSF, ...],
    accuracy: str,
    out: Array,
    owner: str = "neighbour",
) -> None:
    """Add the light of all neighbours, or of `owner`, to `out` (S, B, size, size)."""
    for _, there, image in each_neighbour(labels, grid, psfs, accuracy, owner):
        out[there] += image
