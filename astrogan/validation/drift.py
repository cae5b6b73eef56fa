"""How far a change of the pixels moved what is measured from them: fitted labels and adaptive moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps
from astrogan.validation.tables import mean_of
from catalogs.checks import one_of
from simulators.fit import label_shift
from simulators.labels import LABELS

__all__ = ["Drift", "label_drift", "moment_drift"]

Array = NDArray[np.float64]
MOVED = 1e-3


@dataclass(frozen=True)
class Drift:
    """How far one quantity moved: absolute shifts over `n` stamps, and the mean signed one with its standard error.

    `median` and `worst` are in `unit`; `median_sigma` and `worst_sigma` in statistical errors of that stamp's own
    fit (NaN for moments); `mean_sigma` is the mean signed shift in those, with its standard error. `moved` is the share
    of stamps whose shift exceeds 1e-3: where neighbours crowd a stamp, the iteration of adaptive moments can end on
    another object although its old solution still stands. The ``control_*`` are the same for the control images, NaN
    when none were given.
    """

    quantity: str
    unit: str
    n: int
    median: float
    worst: float
    median_sigma: float = nan
    worst_sigma: float = nan
    control_median: float = nan
    control_worst: float = nan
    control_median_sigma: float = nan
    control_worst_sigma: float = nan
    moved: float = nan
    control_moved: float = nan
    mean: float = nan
    mean_error: float = nan
    mean_sigma: float = nan
    mean_sigma_error: float = nan
    control_mean: float = nan
    control_mean_error: float = nan
    control_mean_sigma: float = nan
    control_mean_sigma_error: float = nan


def label_drift(
    before: ArrayLike,
    after: ArrayLike,
    tangents: ArrayLike,
    variance: ArrayLike,
    names: Sequence[str],
    *,
    control: ArrayLike | None = None,
    units: Sequence[str] | None = None,
) -> tuple[Drift, ...]:
    """Shift of the weighted least-squares estimate of each label, all labels fitted at once.

    Parameters
    ----------
    before, after : (N, C, y, x)
        Images.
    tangents : (N, K, C, y, x)
        d image / d label.
    variance : (N, C, y, x)
        Noise variance of the images; infinity masks a pixel.
    names, units : K of str
        Label names and units; by default those of `simulators.LABELS`.
    control : (N, C, y, x), optional
        Images that should fail: those with the unprojected residual.

    Raises
    ------
    ValueError
        If a shape does not match or the variance is not positive.
    """
    x = as_stamps("before", before)
    if units is None:
        units = tuple(LABELS[name].unit if name in LABELS else "" for name in names)
    if np.ndim(tangents) != 5 or np.shape(tangents)[1] != len(names) or len(units) != len(names):
        raise ValueError(f"tangents {np.shape(tangents)}, {len(names)} names and {len(units)} units do not match")
    shift, sigma = label_shift(_change("after", x, after), tangents, variance)
    wrong = None
    if control is not None:
        wrong = label_shift(_change("control", x, control), tangents, variance)[0]
    return tuple(
        _row(name, unit, shift[:, k], sigma[:, k], None if wrong is None else wrong[:, k])
        for k, (name, unit) in enumerate(zip(names, units, strict=True))
    )


def _change(name: str, before: NDArray[np.float32], after: ArrayLike) -> Array:
    """`after` - `before` in float64."""
    images = as_stamps(name, after)
    if images.shape != before.shape:
        raise ValueError(f"shapes do not match: before {before.shape}, {name} {images.shape}")
    return images.astype(np.float64) - before


def _row(name: str, unit: str, shift: Array, sigma: Array | None, control: Array | None) -> Drift:
    numbers: dict[str, float] = {}
    for prefix, values in (("", shift), ("control_", control)):
        if values is None or not len(values):
            continue
        size = np.abs(values)
        numbers |= {f"{prefix}median": float(np.median(size)), f"{prefix}worst": float(size.max())}
        numbers[f"{prefix}moved"] = float(np.mean(size > MOVED))
        numbers |= _mean(f"{prefix}mean", values)
        if sigma is not None:
            numbers |= _mean(f"{prefix}mean_sigma", values / np.where(sigma > 0, sigma, np.inf))
            relative = size / np.where(sigma > 0, sigma, np.inf)
            numbers[f"{prefix}median_sigma"] = float(np.median(relative))
            numbers[f"{prefix}worst_sigma"] = float(relative.max())
    return Drift(name, unit, len(shift), **({"median": nan, "worst": nan} | numbers))


def _mean(name: str, values: Array) -> dict[str, float]:
    found = mean_of(values)
    return {name: found.value, f"{name}_error": found.error}


def moment_drift(
    before: ArrayLike, after: ArrayLike, *, control: ArrayLike | None = None, bands: str = "each"
) -> tuple[Drift, ...]:
    """Shift of flux, size, centroid and ellipticity by GalSim's adaptive moments (Hirata & Seljak 2003).

    Parameters
    ----------
    before, after, control : (N, C, y, x)
        Images; `control` as in `label_drift`.
    bands : {"each", "sum"}
        Measure every band of every stamp, or the sum over bands.

    Returns
    -------
    tuple of Drift
        Relative flux and sigma, centroid [pixel], e1 and e2 with |e| = (1-q)/(1+q), over the images that converge
        in all sets; `n` is their number.

    Raises
    ------
    ValueError
        If the shapes differ or `bands` is unknown.
    """
    one_of("bands", bands, ("each", "sum"))
    sets = [as_stamps("before", before), as_stamps("after", after)]
    sets += [] if control is None else [as_stamps("control", control)]
    if len({images.shape for images in sets}) != 1:
        raise ValueError(f"shapes do not match: {', '.join(str(images.shape) for images in sets)}")
    moments = [_adaptive_moments(i.sum(axis=1) if bands == "sum" else i.reshape(-1, *i.shape[2:])) for i in sets]
    good = np.isfinite(np.stack(moments)).all(axis=(0, 2))
    first, *others = [measured[good] for measured in moments]
    shifts = [_moment_shifts(first, other) for other in others]
    return tuple(
        _row(name, unit, shifts[0][:, k], None, shifts[1][:, k] if len(shifts) > 1 else None)
        for k, (name, unit) in enumerate(
            (("flux", "relative"), ("size", "relative"), ("centroid", "pixel"), ("e1", ""), ("e2", ""))
        )
    )


def _moment_shifts(a: Array, b: Array) -> Array:
    """Shifts (N, 5) between moments (N, 6) = [amplitude, sigma, x, y, e1, e2]."""
    relative = b[:, :2] / a[:, :2] - 1.0
    centroid = np.hypot(*(b[:, 2:4] - a[:, 2:4]).T)
    return np.column_stack([relative, centroid, b[:, 4:] - a[:, 4:]])


def _adaptive_moments(images: NDArray[np.float32]) -> Array:
    """[amplitude, sigma, x, y, e1, e2] of each image (N, y, x) by `galsim.hsm`; NaN where it does not converge."""
    import galsim

    from simulators.moments import OBJECT_SIGMA

    exact = galsim.hsm.HSMParams(convergence_threshold=1e-8, max_mom2_iter=1000)

    measured = np.full((len(images), 6), nan)
    for row, image in zip(measured, images, strict=True):
        moments = galsim.hsm.FindAdaptiveMom(galsim.Image(image), strict=False, guess_sig=OBJECT_SIGMA, hsmparams=exact)
        if moments.moments_status == 0 and moments.moments_amp > 0:
            shape, centre = moments.observed_shape, moments.moments_centroid
            row[:] = moments.moments_amp, moments.moments_sigma, centre.x, centre.y, shape.g1, shape.g2
    return measured
