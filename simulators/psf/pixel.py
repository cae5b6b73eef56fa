"""PSF given as an array of pixels."""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators._interpolated import interpolant_transform, interpolate
from simulators.psf.base import PSF, Array, core_width, radius_holding, ring_mean

__all__ = ["PixelPSF"]

_CHUNK = 16384  # scattered points at once


@dataclass(frozen=True, eq=False, repr=False)
class PixelPSF(PSF):
    """A measured or computed PSF of any shape, given as an array.

    Parameters
    ----------
    image : array_like, shape (rows, columns)
        Samples of the PSF, not necessarily normalised; odd or even sides. Between the samples it is the quintic
        interpolation of Bernstein & Gruen (2014), GalSim's default; outside it is zero.
    scale : float
        Distance of the samples [arcsec], of any relation to the pixels of the stamp: the stamp's pixel scale over the
        supersampling, for a supersampled PSF.
    centre : (float, float), optional
        Column and row of the PSF's origin, where a point source lies; the array's geometric centre by default.

    The samples are those of the PSF without the pixel response, which the simulators put in. From stacked stars and
    "effective" PSFs take it out first, as `GalSimPSF` of ``galsim.Convolve(galsim.InterpolatedImage(...),
    galsim.Deconvolve(galsim.Pixel(...)))`` does.

    Raises
    ------
    ValueError
        For an array that is not two-dimensional, finite or of positive sum, or a number out of range.
    """

    image: ArrayLike
    scale: float
    centre: tuple[float, float] | None = None
    fwhm: float = field(init=False)

    def __post_init__(self) -> None:
        image = np.array(self.image, dtype=np.float64, order="C")
        if image.ndim != 2 or not all(3 <= side <= 4096 for side in image.shape):
            raise ValueError(f"PixelPSF image has shape {image.shape}; it must be two-dimensional, sides of 3 to 4096")
        if not np.isfinite(image).all():
            raise ValueError(f"PixelPSF image holds {np.count_nonzero(~np.isfinite(image))} values that are not finite")
        within("PixelPSF sum of the image", image.sum(), 0.0, math.inf, open_low=True)
        within("PixelPSF scale", self.scale, 0.0, 60.0, "arcsec", open_low=True)
        rows, columns = image.shape
        centre = ((columns - 1) / 2.0, (rows - 1) / 2.0) if self.centre is None else tuple(map(float, self.centre))
        for name, value, side in zip("xy", centre, (columns, rows), strict=True):
            within(f"PixelPSF centre {name}", value, 0.0, side - 1.0, "pixels")
        image /= image.sum()
        image.setflags(write=False)
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "centre", centre)
        object.__setattr__(self, "fwhm", self._width())

    def _key(self) -> tuple[str, float, object]:
        return self._digest, self.scale, self.centre

    @functools.cached_property
    def _digest(self) -> str:
        image = self._samples
        return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PixelPSF) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        rows, columns = self._samples.shape
        return f"PixelPSF({rows}x{columns}, scale={self.scale:g}, centre={self.centre}, fwhm={self.fwhm:.4g})"

    @property
    def circular(self) -> bool:
        """See `PSF.circular`."""
        return False

    @property
    def _samples(self) -> Array:
        assert isinstance(self.image, np.ndarray)
        return self.image

    @property
    def _origin(self) -> tuple[float, float]:
        assert self.centre is not None
        return self.centre

    def _width(self) -> float:
        """Diameter of the circle with the area above half the maximum [arcsec]."""
        image = self._samples
        row, column = (int(i) for i in np.unravel_index(image.argmax(), image.shape))
        bright = np.argwhere(image > 0.2 * image.max())
        reach = min(int(np.abs(bright - (row, column)).max()) + 2, 128)
        x, y = (column - self._origin[0]) * self.scale, (row - self._origin[1]) * self.scale
        return core_width(self.brightness, x, y, reach * self.scale, 8 * reach)

    def brightness(self, x: ArrayLike, y: ArrayLike) -> Array:
        """See `PSF.brightness`."""
        column, row = (np.asarray(v, np.float64) / self.scale + at for v, at in zip((x, y), self._origin, strict=True))
        return interpolate(self._samples, column, row) / self.scale**2

    def spectrum(self, kx: ArrayLike, ky: ArrayLike) -> NDArray[np.complex128]:
        """See `PSF.spectrum`; exact for the interpolated image."""
        px, py = np.asarray(kx, dtype=np.float64), np.asarray(ky, dtype=np.float64)
        response = interpolant_transform(px * (self.scale / (2.0 * math.pi)))
        response = response * interpolant_transform(py * (self.scale / (2.0 * math.pi)))
        if px.ndim == py.ndim == 2 and px.shape[1] == py.shape[0] == 1:  # an open grid: one product of matrices
            return np.asarray(response * (self._waves(px, 1) @ self._samples.T @ self._waves(py, 0).T))
        flat_x, flat_y = (k.ravel() for k in np.broadcast_arrays(px, py))
        total = np.empty(flat_x.size, dtype=np.complex128)
        for start in range(0, total.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            rows = self._waves(flat_y[part], 0) @ self._samples
            total[part] = np.einsum("pq,pq->p", self._waves(flat_x[part], 1), rows)
        return np.asarray(response * total.reshape(response.shape))

    def _waves(self, k: Array, axis: int) -> NDArray[np.complex128]:
        """exp(-i k r) at the samples along an axis, shape (k.size, side)."""
        places = (np.arange(self._samples.shape[axis]) - self._origin[1 - axis]) * self.scale
        return np.asarray(np.exp(-1j * np.outer(k, places)))

    def profile(self, radius: ArrayLike) -> Array:
        """See `PSF.profile`: the mean over rings about the origin."""
        return ring_mean(self.brightness, radius)

    def transform(self, k: ArrayLike) -> Array:
        """See `PSF.transform`: the mean over rings about the origin."""
        return ring_mean(self.spectrum, k)

    @functools.cached_property
    def _growth(self) -> tuple[Array, Array]:
        """Radii out to the array's farthest corner and the light within, made to grow where noise would not let it."""
        from scipy.integrate import cumulative_simpson

        rows, columns = self._samples.shape
        sides = [max(at, side - 1 - at) + 3.0 for at, side in zip(self._origin, (columns, rows), strict=True)]
        corner = math.hypot(*sides)
        r = np.linspace(0.0, corner * self.scale, 4 * math.ceil(corner) + 1)
        light = cumulative_simpson(2.0 * math.pi * r * self.profile(r), x=r, initial=0.0)
        return r, np.maximum.accumulate(light)

    def radius_of(self, fraction: float) -> float:
        """See `PSF.radius_of`: about the origin."""
        return radius_holding(fraction, *self._growth)
