"""Sersic profiles fitted to the stamps of real galaxies, through the simulator that will draw them again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs import Survey
from simulators._growth import measured_galaxies
from simulators._sources import SATURATED, Sources
from simulators.detection import cut_out
from simulators.weak_lens import WeakLens

__all__ = ["fit_profiles", "fitted_galaxies"]

Array = NDArray[np.float64]
STEPS, CHUNK = 4, 100
SHAPE = ("radius", "n", "e1", "e2", "x", "y")
WIDTHS = {
    "radius": 0.7,
    "n": 0.4,
    "e1": 0.3,
    "e2": 0.3,
    "x": 1.0,
    "y": 1.0,
}  # of the priors: ln, ln, -, -, pixel, pixel
MISFIT = 0.05  # of a pixel's light: real galaxies are not Sersic profiles
WHITE = 0.97  # of the ceiling, above which a pixel counts as saturated
LARGEST_E, MOST_RADIUS = 0.8, 0.5  # largest |e|; largest radius in stamp sides


def fitted_galaxies(
    images: Any,
    sources: Sources,
    survey: Survey,
    snr: float = 20.0,
    size: int = 32,
    *,
    among: NDArray[np.bool_] | None = None,
    on_progress: Callable[[float], object] | None = None,
) -> tuple[dict[str, Array], NDArray[np.int64]]:
    """Labels of galaxies from Sersic profiles fitted under the survey's PSF, to the pixels that are each galaxy's own.

    Damped least squares (Marquardt 1963) from `measured_galaxies`, with wide Gaussian priors about that start. A pixel
    belongs to the source whose ellipse it lies deepest in; saturated pixels are left out, so that saturated galaxies
    can be fitted and fluxes are those before saturation.

    Parameters
    ----------
    images : array or DataArray (band, y, x)
        The frames that `sources` were detected in.
    sources : Sources
        All of them: they are each other's neighbours.
    survey : Survey
        As `calibrate` returns it.
    snr : float
        Least signal-to-noise ratio.
    size : int
        Side of the stamps that are fitted [pixel].
    among : (N,) bool, optional
        Sources to choose from.
    on_progress : callable, optional
        Told the part that is done.

    Returns
    -------
    rows : dict
        ``flux`` (M, band) [image unit], ``radius`` [arcsec], ``n``, ``e1``, ``e2``, and ``x``, ``y`` from the centre of
        the stamps of `cut_out` [arcsec].
    chosen : (M,) int64
        Indices of the galaxies among the sources: those whose stamps lie inside the frame.

    Raises
    ------
    ValueError
        As `measured_galaxies` and `cut_out`.
    """
    free = replace(sources, flags=sources.flags & ~SATURATED)
    chosen = np.flatnonzero(free.galaxies(snr) & (True if among is None else among))
    stamps, kept = cut_out(images, free.x[chosen], free.y[chosen], size)
    chosen = chosen[kept]
    labels = measured_galaxies(free[chosen], survey, snr=0.0)
    for name, at in (("x", free.x[chosen]), ("y", free.y[chosen])):
        corner = np.rint(at - (size - 1) / 2)  # as `cut_out` places stamps
        labels[name] = (at - corner - (size - 1) / 2) * survey.pixel_scale
    own = _own_pixels(free, chosen, size)
    simulator = WeakLens(survey=survey, size=size, accuracy="fast")
    return fit_profiles(simulator, stamps, own, labels, on_progress), chosen


def fit_profiles(
    simulator: WeakLens,
    stamps: NDArray[np.float32],
    own: NDArray[np.bool_],
    start: dict[str, Array],
    on_progress: Callable[[float], object] | None = None,
) -> dict[str, Array]:
    """Labels of one galaxy in each of the stamps, as `fitted_galaxies` fits them, under the simulator's PSF.

    Parameters
    ----------
    simulator : WeakLens
        Of Sersic profiles, with one PSF for all samples.
    stamps : (N, band, y, x)
        Background subtracted [image unit].
    own : (N, y, x)
        Pixels that are the galaxy's.
    start : dict
        ``flux`` (N, band) and `SHAPE` (N,): where to start, and centre of the priors.
    on_progress : callable, optional
        Told the part that is done.
    """
    parts = []
    for first in range(0, len(stamps), CHUNK):
        part = slice(first, first + CHUNK)
        fit = _Fit(simulator, stamps[part], own[part], {name: values[part] for name, values in start.items()})
        parts.append(fit.run())
        if on_progress is not None:
            on_progress(min(1.0, (first + CHUNK) / len(stamps)))
    return {name: np.concatenate([part[name] for part in parts]) for name in start}


def _own_pixels(sources: Sources, these: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """Pixels (N, y, x) of each source's stamp that lie deeper in its own ellipse than in any other's."""
    from scipy.spatial import cKDTree

    places = np.stack([sources.x, sources.y], axis=1)
    reach = size + np.minimum(4.0 * sources.radius80, 4.0 * size).max()
    near = cKDTree(places).query_ball_point(places[these], reach)
    grid = np.arange(size)
    own = np.empty((len(these), size, size), dtype=bool)
    for k, (i, others) in enumerate(zip(these, near, strict=True)):
        left, low = (np.rint(at - (size - 1) / 2) for at in places[i])
        x, y = left + grid, (low + grid)[:, None]
        depth = {int(j): _elliptical(sources, int(j), x, y) for j in others}
        mine = depth.pop(int(i))
        own[k] = np.all([mine <= other for other in depth.values()], axis=0) if depth else True
    return own


def _elliptical(sources: Sources, j: int, x: Array, y: Array) -> Array:
    """Distance of pixels from source `j` in units of its radius along the same direction."""
    dx, dy, cos, sin = x - sources.x[j], y - sources.y[j], math.cos(sources.theta[j]), math.sin(sources.theta[j])
    q = math.sqrt(sources.b[j] / sources.a[j])
    u, v = (cos * dx + sin * dy) * q, (cos * dy - sin * dx) / q
    return np.asarray(np.hypot(u, v) / max(sources.radius[j], 0.5))


@dataclass(eq=False)
class _Fit:
    """Damped least squares on one chunk; parameters (N, B + 6): fluxes over their scale, then `SHAPE`, in logs first.

    The scale of a flux is its start, or the error of the flux where that is larger.
    """

    simulator: WeakLens
    stamps: NDArray[np.float32]
    own: NDArray[np.bool_]
    start: dict[str, Array]

    def __post_init__(self) -> None:
        bands = self.simulator._survey.bands
        self.pixel = self.simulator._survey.pixel_scale
        sigma = np.array([band.background_sigma for band in bands])[:, None, None]
        ceiling = np.array([band.ceiling for band in bands])[:, None, None]
        light = np.maximum(self.stamps, 0.0)
        self.weight = self.own[:, None] * (self.stamps < WHITE * ceiling) / (sigma**2 + (MISFIT * light) ** 2)
        self.scale = np.maximum(self.start["flux"], 3.0 * sigma[:, 0, 0])
        widths = [1e3] * len(bands) + [WIDTHS[name] * (self.pixel if name in "xy" else 1.0) for name in SHAPE]
        self.prior = 1.0 / np.square(widths)

    def run(self) -> dict[str, Array]:
        """The fitted labels."""
        p = first = self._parameters(self.start)
        damping = np.full(len(p), 1e-2)
        model, jacobian = self._model(p)
        chi2 = self._chi2(p, first, model)
        for step in range(STEPS):
            trial = self._limited(p + self._solve(p, first, model, jacobian, damping))
            new = np.asarray(self.simulator.render(self._labels(trial))["image"].values, dtype=np.float64)
            better = self._chi2(trial, first, new) < chi2
            p = np.where(better[:, None], trial, p)
            damping = np.where(better, damping / 5.0, damping * 10.0)
            if step < STEPS - 1:
                model, jacobian = self._model(p)
                chi2 = self._chi2(p, first, model)
        return {name: values for name, values in self._labels(p).items() if name in self.start}

    def _solve(self, p: Array, first: Array, model: Array, jacobian: Array, damping: Array) -> Array:
        """One step of every object."""
        weighted = jacobian * self.weight[:, None]
        normal = np.einsum("nkbyx,nlbyx->nkl", weighted, jacobian, optimize=True) + np.diag(self.prior)
        gradient = np.einsum("nkbyx,nbyx->nk", weighted, self.stamps - model, optimize=True) - self.prior * (p - first)
        index = np.arange(p.shape[1])
        normal[:, index, index] *= 1.0 + damping[:, None]
        return np.asarray(np.linalg.solve(normal, gradient[..., None])[..., 0])

    def _chi2(self, p: Array, first: Array, model: Array) -> Array:
        misfit = np.einsum("nbyx,nbyx->n", self.weight, np.square(self.stamps - model), optimize=True)
        return np.asarray(misfit + np.square(p - first) @ self.prior)

    def _model(self, p: Array) -> tuple[Array, Array]:
        """Images (N, B, y, x) and their derivatives (N, K, B, y, x) by the parameters."""
        labels = self._labels(p)
        image = np.asarray(self.simulator.render(labels)["image"].values, dtype=np.float64)
        bands = image.shape[1]
        jacobian = np.zeros((len(p), bands + len(SHAPE), *image.shape[1:]))
        for b in range(bands):  # an image is linear in its flux
            jacobian[:, b, b] = image[:, b] * (self.scale / labels["flux"])[:, b, None, None]
        jacobian[:, bands:] = self.simulator.tangent(labels, SHAPE).values
        for k, name in enumerate(("radius", "n")):
            jacobian[:, bands + k] *= labels[name][:, None, None, None]
        return image, jacobian

    def _parameters(self, labels: dict[str, Array]) -> Array:
        shape = [np.log(labels[name]) if name in ("radius", "n") else labels[name] for name in SHAPE]
        return self._limited(np.concatenate([labels["flux"] / self.scale, np.stack(shape, axis=1)], axis=1))

    def _labels(self, p: Array) -> dict[str, Array]:
        shape = dict(zip(SHAPE, p[:, -len(SHAPE) :].T, strict=True))
        logs = {name: np.exp(shape[name]) for name in ("radius", "n")}
        return {"flux": p[:, : -len(SHAPE)] * self.scale, **shape, **logs, **dict.fromkeys(("g1", "g2", "kappa"), 0.0)}

    def _limited(self, p: Array) -> Array:
        """Parameters brought back into their ranges."""
        p = p.copy()
        bands = p.shape[1] - len(SHAPE)
        side = self.simulator.size * self.pixel
        p[:, :bands] = np.maximum(p[:, :bands], 1e-3)
        p[:, bands] = np.clip(p[:, bands], math.log(0.1 * self.pixel), math.log(MOST_RADIUS * side))
        p[:, bands + 1] = np.clip(p[:, bands + 1], math.log(0.5), math.log(6.0))
        modulus = np.hypot(p[:, bands + 2], p[:, bands + 3])
        p[:, bands + 2 : bands + 4] *= np.minimum(1.0, LARGEST_E / np.maximum(modulus, 1e-12))[:, None]
        p[:, bands + 4 :] = np.clip(p[:, bands + 4 :], -0.1 * side, 0.1 * side)
        return p
