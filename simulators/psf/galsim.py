"""PSF given as a GalSim object."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.psf.base import PSF, Array, core_width, radius_holding, ring_mean
from simulators.psf.pixel import PixelPSF

__all__ = ["GalSimPSF"]


@dataclass(frozen=True, repr=False)
class GalSimPSF(PSF):
    """Any GalSim surface brightness profile as a PSF, its flux set to one.

    Its Fourier transform is GalSim's `kValue`. Its brightness is GalSim's `xValue`, or for objects without one
    (convolutions) an image that GalSim draws four times finer than their Nyquist scale.

    Parameters
    ----------
    profile_object : galsim.GSObject
        In arcsec, without the pixel response; of any shape and centre. Its `gsparams` bound its accuracy.

    Raises
    ------
    ValueError
        For anything else, or an object whose flux is not positive.
    """

    profile_object: Any
    fwhm: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        import galsim

        given = self.profile_object
        if not isinstance(given, galsim.GSObject):
            raise ValueError(f"GalSimPSF profile_object = {given!r} is not a galsim.GSObject")
        if not 0.0 < given.flux < math.inf:
            raise ValueError(f"GalSimPSF flux = {given.flux:g} is outside (0, inf]")
        object.__setattr__(self, "profile_object", given.withFlux(1.0))
        object.__setattr__(self, "fwhm", self._width())

    def __repr__(self) -> str:
        return f"GalSimPSF({type(self.profile_object).__name__}, fwhm={self.fwhm:.4g})"

    def _width(self) -> float:
        """Full width of an axisymmetric object, else that of the circle with the area above half the maximum."""
        width = float(self.profile_object.calculateFWHM())
        if self.circular:
            return width
        centre = self.profile_object.centroid
        return core_width(self.brightness, centre.x, centre.y, 2.0 * width, 60)

    @property
    def circular(self) -> bool:
        """See `PSF.circular`."""
        return bool(self.profile_object.is_axisymmetric)

    def _along_x(self, function: Any, radius: ArrayLike) -> Array:
        r = np.asarray(radius, dtype=np.float64)
        return np.array([function(value, 0.0).real for value in r.ravel()]).reshape(r.shape)

    def profile(self, radius: ArrayLike) -> Array:
        """See `PSF.profile`: along x, or the mean over rings about the origin."""
        if self.circular and self.profile_object.is_analytic_x:
            return self._along_x(self.profile_object.xValue, radius)
        return ring_mean(self.brightness, radius, 32)

    def transform(self, k: ArrayLike) -> Array:
        """See `PSF.transform`: along x, or the mean over rings about the origin."""
        if self.circular:
            return self._along_x(self.profile_object.kValue, k)
        return ring_mean(self.spectrum, k, 32)

    @functools.cached_property
    def _drawn(self) -> tuple[PixelPSF, float]:
        """The object as GalSim draws it, and the light in that image."""
        fine = self.profile_object.withGSParams(folding_threshold=1e-3)
        scale = fine.nyquist_scale / 4.0
        side = min(2 * (fine.getGoodImageSize(scale) // 2) + 1, 4095)
        image = fine.drawImage(nx=side, ny=side, scale=scale, method="no_pixel", dtype=float).array
        return PixelPSF(image, scale), float(image.sum())

    @functools.cached_property
    def _wing(self) -> tuple[float, float, float, float]:
        """Half-side of that image, and a power law for the light outside: radius, brightness there and slope."""
        drawn, light = self._drawn
        half = drawn.scale * (np.shape(drawn.image)[0] // 2)
        near, far = np.log(ring_mean(lambda x, y: np.maximum(drawn.brightness(x, y), 1e-30), [0.6 * half, 0.9 * half]))
        slope = min(max((near - far) / math.log(1.5), 2.5), 12.0)
        radius = 2.0 * half / math.sqrt(math.pi)  # of the circle of the same area
        return half, radius, max(1.0 - light, 0.0) * (slope - 2.0) / (2.0 * math.pi * radius**2), slope

    def brightness(self, x: ArrayLike, y: ArrayLike) -> Array:
        """See `PSF.brightness`; one that GalSim knows by its transform alone has a power law for its far wing."""
        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        if not self.profile_object.is_analytic_x:
            drawn, light = self._drawn
            half, radius, at_radius, slope = self._wing
            wing = at_radius * (np.maximum(np.hypot(px, py), radius / 2.0) / radius) ** -slope
            return np.where(np.maximum(np.abs(px), np.abs(py)) > half, wing, drawn.brightness(px, py) * light)
        values = [self.profile_object.xValue(a, b) for a, b in zip(px.flat, py.flat, strict=True)]
        return np.array(values, dtype=np.float64).reshape(px.shape)

    def spectrum(self, kx: ArrayLike, ky: ArrayLike) -> NDArray[np.complex128]:
        """See `PSF.spectrum`; on an open grid of whole steps GalSim draws it at once."""
        px, py = np.asarray(kx, dtype=np.float64), np.asarray(ky, dtype=np.float64)
        if px.ndim == py.ndim == 2 and px.shape[1] == py.shape[0] == 1 and px.size > 1 and px[1, 0] != px[0, 0]:
            step = abs(float(px[1, 0] - px[0, 0]))
            i, j = np.rint(px.ravel() / step).astype(np.int64), np.rint(py.ravel() / step).astype(np.int64)
            whole = np.allclose(i * step, px.ravel(), rtol=1e-12) and np.allclose(j * step, py.ravel(), rtol=1e-12)
            if whole and np.ptp(i) < i.size and np.ptp(j) < j.size:
                return self._drawn_spectrum(i, j, step)
        px, py = np.broadcast_arrays(px, py)
        values = [self.profile_object.kValue(a, b) for a, b in zip(px.flat, py.flat, strict=True)]
        return np.array(values, dtype=np.complex128).reshape(px.shape)

    def _drawn_spectrum(self, i: NDArray[np.int64], j: NDArray[np.int64], step: float) -> NDArray[np.complex128]:
        """Spectrum at the wave vectors (i, j) `step`, shape (i.size, j.size)."""
        import galsim

        bounds = galsim.BoundsI(int(i.min()), int(i.max()), int(j.min()), int(j.max()))
        image = galsim.ImageCD(bounds, scale=step)
        self.profile_object.drawKImage(image=image, recenter=False)
        return np.asarray(image.array[(j - j.min())[None, :], (i - i.min())[:, None]])

    @functools.cached_property
    def _growth(self) -> tuple[Array, Array]:
        """Radii out to 100 FWHM, and the light within."""
        from scipy.integrate import cumulative_simpson

        r = self.fwhm * np.concatenate([np.linspace(0.0, 3.0, 121), np.geomspace(3.05, 100.0, 180)])
        light = cumulative_simpson(2.0 * math.pi * r * self.profile(r), x=r, initial=0.0)
        return r, np.maximum.accumulate(light)

    def radius_of(self, fraction: float) -> float:
        """See `PSF.radius_of`: about the origin, 100 FWHM at most."""
        return radius_holding(fraction, *self._growth)
