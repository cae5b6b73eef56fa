"""Stars of real frames: the stellar locus, and the PSF fitted to stars."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Locus", "PsfFit", "fit_psf", "sharpest", "stellar_locus"]

Array = NDArray[np.float64]
LOCUS_SNR, ROUND, WINDOWS = (30.0, 100.0), 0.15, (math.log(1.03), math.log(1.06))
FEWEST, SIGNIFICANT = 6, 2.4  # stars, and sigma of their excess over larger radii (1 of 26 starless fields)
SHALLOWEST, GAUSSIAN = 0.65, 0.04  # limits of 1/beta; below the second the wings are a Gaussian's within the errors
MISFIT = 0.02  # error of the model, as a share of a star's peak


@dataclass(frozen=True, eq=False)
class Locus:
    """The stellar locus: median half-light radius [pixel], relative upper edge, members (N,), whether it is real."""

    radius: float
    width: float
    members: NDArray[np.bool_]
    found: bool


@dataclass(frozen=True)
class PsfFit:
    """A fitted PSF without the pixel response: FWHM [pixel], Moffat slope (infinite for a Gaussian), stars used."""

    fwhm: float
    beta: float
    stars: int


def stellar_locus(radius: Array, snr: Array, ellipticity: Array, usable: NDArray[np.bool_]) -> Locus:
    """The narrow excess of round sources at the compact end of the half-light radii [pixel] of bright sources."""
    members = np.zeros(len(radius), dtype=bool)
    usable = usable & (ellipticity < ROUND) & (radius > 0)
    best: tuple[float, Array] = (0.0, np.empty(0))
    for faintest in LOCUS_SNR:
        log = np.sort(np.log(radius[usable & (snr > faintest)]))
        for step in WINDOWS if len(log) else ():
            score = _excess(log, step)
            peak = int(np.argmax(score))
            best = max(best, (float(score[peak]), log[np.abs(log - log[peak]) < step]), key=lambda found: found[0])
    if best[0] < SIGNIFICANT:
        return Locus(math.nan, 1.0, members, False)
    middle = float(np.median(best[1]))
    spread = 3 * 1.4826 * float(np.median(np.abs(best[1] - middle)))
    width = min(max(spread, math.log(1.06)), math.log(1.15))
    candidates = np.flatnonzero(usable & (snr > LOCUS_SNR[0]))
    members[candidates] = np.abs(np.log(radius[candidates]) - middle) < width
    return Locus(math.exp(middle), math.exp(width), members, True)


def _excess(log: Array, step: float) -> Array:
    """Excess [sigma] within `step` of each sorted log radius over the next 2 `step`; 0 where many are smaller."""

    def count(low: Array, high: Array) -> Array:
        return (np.searchsorted(log, high, "right") - np.searchsorted(log, low, "left")).astype(np.float64)

    inside, beside = count(log - step, log + step), count(log + step, log + 3 * step)
    below = np.searchsorted(log, log - 1.5 * WINDOWS[-1])
    excess = (inside - beside) / np.sqrt(np.maximum(inside + beside, 1.0))
    return np.where((inside >= FEWEST) & (below <= 1 + inside // 8), excess, 0.0)


def fit_psf(stamps: Array, sigma: float, x: Array, y: Array, *, free_beta: bool = True, clip: float = 3.0) -> PsfFit:
    """One circular Moffat (1969) profile, averaged over pixels, fitted to all stars with their own flux and sky.

    Parameters
    ----------
    stamps : (N, size, size)
        Stars; NaN where another source is.
    sigma : float
        Rms of the background, in the stamps' unit.
    x, y : (N,)
        Centroids in the stamps [pixel index].
    free_beta : bool
        Fit the slope too; else the profile is a Gaussian.
    clip : float
        Stars whose rms residual (as a share of their peak) exceeds this many times the median are dropped.
    """
    size = 2 if free_beta else 1
    free = np.array([math.log(3.0), 0.3 if free_beta else 0.0])
    for loss in ("cauchy", "linear", "linear"):  # the first is robust against galaxies among the stars
        stars = _Stars(stamps, sigma, x, y)
        free = stars.fit(free, size, loss)
        misfit = stars.misfit(free)
        good = misfit <= clip * np.median(misfit)
        if (good.all() and loss == "linear") or good.sum() < 3:
            break
        stamps, x, y = stamps[good], x[good], y[good]
    beta = 1.0 / float(free[1]) if free[1] > GAUSSIAN else math.inf
    return PsfFit(math.exp(free[0]), beta, len(stars.peak))


def sharpest(fits: list[PsfFit]) -> PsfFit:
    """The fit with the tenth smallest FWHM in a hundred: larger ones are galaxies, smaller ones luck of the noise."""
    fwhm = float(np.quantile([fit.fwhm for fit in fits], 0.1))
    return PsfFit(fwhm, math.inf, len(fits))


class _Stars:
    """Residuals of stars against a common profile whose flux and sky are fitted to each star."""

    def __init__(self, stamps: Array, sigma: float, x: Array, y: Array) -> None:
        self.seen = np.isfinite(stamps).reshape(len(stamps), -1)
        self.values = np.nan_to_num(stamps).reshape(len(stamps), -1)
        self.peak = np.where(self.seen, self.values, -np.inf).max(axis=1)
        self.weight = self.seen / np.hypot(sigma / self.peak, MISFIT)[:, None] / self.peak[:, None]
        nodes, self.shares = np.polynomial.legendre.leggauss(4)
        pixel = np.arange(stamps.shape[-1])[:, None] + nodes / 2
        self.dy2, self.dx2 = ((pixel[None] - at[:, None, None]) ** 2 for at in (y, x))

    def profile(self, log_fwhm: float, slope: float) -> Array:
        """Pixel averages (N, pixel) of the profile with unit peak, by 4 x 4 Gauss-Legendre nodes."""
        r2 = self.dy2[:, :, None, :, None] + self.dx2[:, None, :, None, :]
        s = max(slope, 1e-3)
        values = np.exp(-np.log1p(math.expm1(s * math.log(2.0)) * 4.0 * math.exp(-2.0 * log_fwhm) * r2) / s)
        return np.asarray(values @ self.shares @ self.shares / 4.0).reshape(len(values), -1)

    def residuals(self, free: Array) -> Array:
        """Weighted residuals (N, pixel) after fitting each star's flux and sky."""
        model, w = self.profile(float(free[0]), float(free[1])), self.weight
        mm, m1, one = (w**2 * model**2).sum(1), (w**2 * model).sum(1), (w**2).sum(1)
        md, d1 = (w**2 * model * self.values).sum(1), (w**2 * self.values).sum(1)
        determinant = mm * one - m1**2
        flux, sky = (md * one - m1 * d1) / determinant, (mm * d1 - m1 * md) / determinant
        return np.asarray(w * (self.values - flux[:, None] * model - sky[:, None]))

    def fit(self, start: Array, size: int, loss: str) -> Array:
        """Log FWHM and 1/beta of least squares; the first `size` of them are free."""
        from scipy.optimize import least_squares

        low, high = [math.log(0.3), 0.0], [math.log(self.dx2.shape[1]), SHALLOWEST]
        fit = least_squares(
            lambda free: self.residuals(np.append(free, start[size:])).ravel(),
            start[:size],
            bounds=(low[:size], high[:size]),
            x_scale=[0.05] * size,
            loss=loss,
            xtol=1e-5,
        )
        return np.append(fit.x, start[size:])

    def misfit(self, free: Array) -> Array:
        """Rms residual of each star, in units of its expected error."""
        return np.asarray(np.sqrt((self.residuals(free) ** 2).sum(axis=1) / self.seen.sum(axis=1)))
