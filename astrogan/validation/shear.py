"""Multiplicative and additive shear bias that a refiner adds, from rings of galaxies under shears of both signs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from astrogan.validation.tables import Measurement
from catalogs import Survey
from catalogs.checks import one_of, within

if TYPE_CHECKING:
    import xarray as xr

    from simulators.weak_lens import WeakLens

__all__ = ["ESTIMATORS", "ShearBias", "shear_bias"]

Array = NDArray[np.float64]
ESTIMATORS = ("adaptive", "fixed")
ASTRAY = 0.5  # sizes from the galaxy's place, beyond which moments are those of a neighbour or a blend


@dataclasses.dataclass(frozen=True)
class ShearBias:
    """g_refined = (1 + m) g_raw + c for both components, over `rings` rings that were measured in every image."""

    m1: Measurement
    m2: Measurement
    c1: Measurement
    c2: Measurement
    rings: int


def shear_bias(
    refine: Callable[[xr.Dataset], xr.Dataset],
    simulator: WeakLens,
    *,
    rings: int = 200,
    shear: float = 0.02,
    seed: int,
    estimator: str = "adaptive",
) -> ShearBias:
    """Send the same rings of galaxies under +shear and -shear, with the same noise, through a refiner.

    The response is R = <e(+) - e(-)> / 2 g of the mean ellipticity; m is R after over R before, minus 1; c is the mean
    change of the ellipticity over R before. Turned galaxies and both signs cancel the shapes, so that the errors are
    those of the refiner's doing alone. Errors are bootstrapped over the rings of which every image has its adaptive
    centroid within half a size of the galaxy's true place.

    Parameters
    ----------
    refine : function
        Samples with all labels to samples: ``lambda ds: refiner.apply(ds, simulator.tangent(ds))``.
    simulator : WeakLens
        Draws the galaxies; made to rings of 2.
    rings : int
        Rings for each component and sign.
    shear : float
        g.
    seed : int
        Of galaxies, noise and bootstrap.
    estimator : {"adaptive", "fixed"}
        Adaptive moments of every image, or moments under the weight that is adaptive for the raw image.

    Raises
    ------
    ValueError
        If a refiner returns other shapes, or fewer than 8 rings can be measured.
    """
    one_of("estimator", estimator, ESTIMATORS)
    within("rings", rings, 8, 10_000_000)
    within("shear", shear, 0.0, 0.2, open_low=True)
    paired = dataclasses.replace(simulator, ring=2)
    truth = paired.draw(2 * rings, seed)
    m, c = [], []
    kept = np.inf
    for part in range(2):
        shapes = [_shapes(refine, paired, truth, part, sign * shear, seed, estimator) for sign in (1.0, -1.0)]
        table = np.stack([shape[..., part] for shape in shapes]).reshape(2, 2, rings, -1)  # sign, before/after, ring
        table = table[:, :, np.isfinite(table).all(axis=(0, 1, 3))].mean(axis=3)
        if table.shape[2] < 8:
            raise ValueError(f"{table.shape[2]} of {rings} rings can be measured in every image; at least 8 are needed")
        kept = min(kept, table.shape[2])
        values = _biases(table, shear)
        draws = np.random.default_rng([seed, part]).integers(0, table.shape[2], (200, table.shape[2]))
        errors = np.std([_biases(table[:, :, draw], shear) for draw in draws], axis=0, ddof=1)
        m.append(Measurement(float(values[0]), float(errors[0])))
        c.append(Measurement(float(values[1]), float(errors[1])))
    return ShearBias(m[0], m[1], c[0], c[1], int(kept))


def _biases(table: Array, shear: float) -> tuple[float, float]:
    """M and c of ellipticities (sign, before/after, ring)."""
    plus, minus = table.mean(axis=2)
    response = (plus - minus) / (2 * shear)
    offset = (plus + minus) / 2
    return float(response[1] / response[0] - 1), float((offset[1] - offset[0]) / response[0])


def _shapes(
    refine: Callable[[xr.Dataset], xr.Dataset],
    simulator: WeakLens,
    truth: xr.Dataset,
    part: int,
    shear: float,
    seed: int,
    estimator: str,
) -> Array:
    """e1, e2 before and after refinement, (2, sample, band, 2); NaN where not measured."""
    zero = np.zeros(truth.sizes["sample"])
    labels = {"g1": zero, "g2": zero, f"g{part + 1}": zero + shear}
    sheared = truth.assign({name: truth[name].copy(data=value) for name, value in labels.items()})
    raw = simulator.observe(simulator.render(sheared), seed)
    refined = refine(raw)
    before, after = raw["image"].values, refined["image"].values
    if before.shape != after.shape:
        raise ValueError(f"refine made images {after.shape} of {before.shape}")
    scale, side = Survey.from_json(raw.attrs["survey"]).pixel_scale, np.array(before.shape[:1:-1])
    places = np.stack([truth[name].values for name in "xy"], axis=-1) / scale + (side - 1) / 2
    return ellipticities(before, after, estimator, places[:, None])


def ellipticities(
    before: NDArray[np.float32], after: NDArray[np.float32], estimator: str, places: NDArray[np.float64]
) -> Array:
    """e1, e2 of both sets of images (..., y, x), (2, ..., 2); NaN where what is measured is not at `places`.

    `places` (..., 2) are x and y [pixel].
    """
    from simulators.moments import OBJECT_SIGMA, adaptive_moments

    sets = (before,) if estimator == "fixed" else (before, after)
    moments = [adaptive_moments(images, start_sigma=OBJECT_SIGMA) for images in sets]
    near = [np.hypot(m.x - places[..., 0], m.y - places[..., 1]) < ASTRAY * m.sigma for m in moments]
    if estimator == "adaptive":
        shapes = [np.stack([m.e1, m.e2], axis=-1) for m in moments]
    else:
        shapes = [_fixed(images, moments[0].weight) for images in (before, after)]
    good = np.broadcast_to(np.stack(near)[..., None], np.shape(shapes))
    return np.where(good, shapes, np.nan)


def _fixed(images: NDArray[np.float32], weights: Array) -> Array:
    """e1, e2 of second moments under Gaussian weights [x, y, mxx, mxy, myy] of given places and shapes."""
    ny, nx = images.shape[-2:]
    cx, cy, xx, xy, yy = (weights[..., k, None, None] for k in range(5))
    dx, dy = np.arange(nx) - cx, np.arange(ny)[:, None] - cy
    det = xx * yy - xy**2
    light = images * np.exp(-0.5 * (yy * dx**2 - 2 * xy * dx * dy + xx * dy**2) / det)
    qxx, qxy, qyy = (np.einsum("...yx,...yx->...", light, one) for one in (dx**2 + 0 * dy, dx * dy, dy**2 + 0 * dx))
    return np.stack([(qxx - qyy) / (qxx + qyy), 2 * qxy / (qxx + qyy)], axis=-1)
