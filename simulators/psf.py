"""Point-spread functions, circular and without the pixel response: profile, transform, separable operators."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs import Band
from catalogs.checks import within
from simulators.grid import PixelGrid

__all__ = ["PSF", "Gaussian", "Moffat", "psf_of", "separable_operators"]

FWHM_TO_SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))


class PSF(ABC):
    """A circular point-spread function of unit integral and full width at half maximum `fwhm` [arcsec].

    Radii are in arcsec, wave numbers in rad/arcsec.
    """

    fwhm: float

    @abstractmethod
    def profile(self, radius: ArrayLike) -> NDArray[np.float64]:
        """Surface brightness [1/arcsec^2] at `radius` [arcsec], same shape."""

    @abstractmethod
    def transform(self, k: ArrayLike) -> NDArray[np.float64]:
        """Fourier transform at wave number `k` [rad/arcsec], same shape; 1 at k = 0."""

    @abstractmethod
    def radius_of(self, fraction: float) -> float:
        """Radius [arcsec] that holds `fraction` of the light."""


@dataclass(frozen=True)
class Gaussian(PSF):
    """Gaussian PSF of a given `fwhm` [arcsec]."""

    fwhm: float

    def __post_init__(self) -> None:
        within("fwhm", self.fwhm, 0.0, 60.0, "arcsec", open_low=True)

    @property
    def sigma(self) -> float:
        """Standard deviation along an axis [arcsec]."""
        return self.fwhm * FWHM_TO_SIGMA

    def profile(self, radius: ArrayLike) -> NDArray[np.float64]:
        """See `PSF.profile`."""
        r2 = np.square(np.asarray(radius, dtype=np.float64)) / self.sigma**2
        return np.exp(-0.5 * r2) / (2.0 * math.pi * self.sigma**2)

    def transform(self, k: ArrayLike) -> NDArray[np.float64]:
        """See `PSF.transform`."""
        return np.exp(-0.5 * np.square(np.asarray(k, dtype=np.float64) * self.sigma))

    def radius_of(self, fraction: float) -> float:
        """See `PSF.radius_of`."""
        return self.sigma * math.sqrt(-2.0 * math.log1p(-fraction))


@dataclass(frozen=True)
class Moffat(PSF):
    """Moffat (1969) PSF, I(r) proportional to (1 + (r/alpha)^2)^-beta, of a given `fwhm` [arcsec] and slope `beta` >
    1.
    """

    fwhm: float
    beta: float = 3.5

    def __post_init__(self) -> None:
        within("fwhm", self.fwhm, 0.0, 60.0, "arcsec", open_low=True)
        within("beta", self.beta, 1.0, 100.0, open_low=True)

    @property
    def alpha(self) -> float:
        """Core scale [arcsec]."""
        return self.fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / self.beta) - 1.0))

    def profile(self, radius: ArrayLike) -> NDArray[np.float64]:
        """See `PSF.profile`."""
        r2 = np.square(np.asarray(radius, dtype=np.float64) / self.alpha)
        return (self.beta - 1.0) / (math.pi * self.alpha**2) * (1.0 + r2) ** -self.beta

    def transform(self, k: ArrayLike) -> NDArray[np.float64]:
        """See `PSF.transform`; 2 (k alpha / 2)^(beta-1) K_(beta-1)(k alpha) / Gamma(beta-1)."""
        from scipy.special import gammaln, kve

        order = self.beta - 1.0
        z = np.maximum(np.abs(np.asarray(k, dtype=np.float64)) * self.alpha, 1e-12)
        with np.errstate(divide="ignore"):
            logs = math.log(2.0) + order * np.log(z / 2.0) - gammaln(order) + np.log(kve(order, z)) - z
        return np.where(z < 1e-6, 1.0, np.exp(logs))

    def radius_of(self, fraction: float) -> float:
        """See `PSF.radius_of`."""
        return self.alpha * math.sqrt((1.0 - fraction) ** (1.0 / (1.0 - self.beta)) - 1.0)


def psf_of(band: Band) -> PSF:
    """The PSF that a survey's `band` records."""
    return Gaussian(band.psf_fwhm) if math.isinf(band.psf_beta) else Moffat(band.psf_fwhm, band.psf_beta)


def separable_operators(
    psf: PSF, grid: PixelGrid, oversample: int, pad: int, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """PSF and pixel response as a sum of column times row operators from fine cells to pixels.

    The PSF, tabulated on an eight times finer grid over the padding, is split by its singular value decomposition;
    each singular vector is integrated over the pixel exactly (spline). The pixel sum of a fine image f (surface
    brightness) is ``sum_k R_k^T f C_k``.

    Returns
    -------
    operators : (K, 2, cells, size)
        Cell areas included; K is the least with the neglected singular values below `tolerance` of the first.
    first, last : (K, cells)
        The pixels [first, last) that a cell reaches.
    """
    from scipy.interpolate import CubicSpline

    cell = grid.scale / oversample
    reach = (pad - 0.5) * grid.scale
    half = max(64, math.ceil(8 * reach / cell))
    axis = np.linspace(-reach, reach, 2 * half + 1)
    u, s, v = np.linalg.svd(psf.profile(np.hypot(axis[:, None], axis[None, :])))
    rank = max(1, int(np.count_nonzero(s > tolerance * s[0])))
    offset = grid.axis()[None, :] - grid.axis(oversample, pad)[:, None]
    lower = np.clip(offset - grid.scale / 2.0, -reach, reach)
    upper = np.clip(offset + grid.scale / 2.0, -reach, reach)
    operators = np.empty((rank, 2, *offset.shape))
    for k in range(rank):
        for side, vector in enumerate((u[:, k], v[k])):
            integral = CubicSpline(axis, vector * math.sqrt(s[k])).antiderivative()
            operators[k, side] = (integral(upper) - integral(lower)) * cell
    touched = np.broadcast_to(upper > lower, operators.shape[:1] + offset.shape)
    first = np.where(touched.any(-1), touched.argmax(-1), 0)
    last = np.where(touched.any(-1), touched.shape[-1] - touched[..., ::-1].argmax(-1), 0)
    return operators, first, last
