"""Real galaxies: images with their own PSF, taken out as far as a sharper or equal PSF is put in."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators._image_spectra import ImageSpectrum
from simulators._interpolated import interpolate
from simulators.labels import LABELS
from simulators.light.base import Array, Light
from simulators.shapes import ellipse, shape_matrix

__all__ = ["GalaxyImage", "ImageSource"]

FLOOR = 1e-3  # modes that a galaxy's own PSF leaves less of are lost; GalSim's maxk_threshold
_LABELS = ("flux", "image_index", "zoom", "angle", "e1", "e2", "x", "y")


def _checked(name: str, image: ArrayLike, scale: float) -> Array:
    """An image of unit sum."""
    pixels = np.array(image, dtype=np.float64, order="C")
    if pixels.ndim != 2 or not all(8 <= side <= 4096 for side in pixels.shape):
        raise ValueError(f"{name} has shape {pixels.shape}; it must be two-dimensional, sides of 8 to 4096")
    if not np.isfinite(pixels).all():
        raise ValueError(f"{name} holds {np.count_nonzero(~np.isfinite(pixels))} values that are not finite")
    within(f"{name} scale", scale, 0.0, 60.0, "arcsec", open_low=True)
    within(f"sum of {name}", pixels.sum(), 0.0, np.inf, open_low=True)
    pixels /= pixels.sum()
    pixels.setflags(write=False)
    return pixels


@dataclass(frozen=True, eq=False)
class GalaxyImage:
    """The pixels of one galaxy, background subtracted, and the PSF that they were seen with.

    Parameters
    ----------
    image : array_like, shape (rows, columns)
        Any unit: the sum becomes 1. Its geometric centre is the galaxy's centre. Between pixels it is the quintic
        interpolation of Bernstein & Gruen (2014), GalSim's default; outside it is zero.
    scale : float
        Side of a pixel [arcsec].
    psf : array_like, shape (rows, columns), optional
        The PSF, pixel response included, as it is in the image; centred, any unit. None for an image without one, such
        as that of a simulation or a generative network.
    psf_scale : float, optional
        Side of its pixels [arcsec]; by default that of the image's.

    Raises
    ------
    ValueError
        For arrays that are not two-dimensional, finite or of positive sum, or a scale that is not positive.
    """

    image: ArrayLike
    scale: float
    psf: ArrayLike | None = None
    psf_scale: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", _checked("GalaxyImage image", self.image, self.scale))
        if self.psf is not None:
            object.__setattr__(self, "psf_scale", self.scale if self.psf_scale is None else self.psf_scale)
            object.__setattr__(self, "psf", _checked("GalaxyImage psf", self.psf, self.psf_scale))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        rows, columns = self.pixels.shape
        return f"GalaxyImage({rows}x{columns}, scale={self.scale:g}{'' if self.psf is None else ', with its PSF'})"

    @property
    def pixels(self) -> Array:
        """The image, of unit sum."""
        assert isinstance(self.image, np.ndarray)
        return self.image

    @functools.cached_property
    def _spectra(self) -> tuple[ImageSpectrum, ImageSpectrum | None]:
        return ImageSpectrum.of(self.pixels), None if self.psf is None else ImageSpectrum.of(np.asarray(self.psf))

    def spectrum(self, kx: Array, ky: Array) -> NDArray[np.complex128]:
        """Fourier transform about the centre without the galaxy's own PSF, at kx, ky (P,) [rad/arcsec].

        Zero where that PSF leaves less than `FLOOR` of a mode.
        """
        image, psf = self._spectra
        modes = image.at(kx * self.scale, ky * self.scale)
        if psf is None or self.psf_scale is None:
            return modes
        own = psf.at(kx * self.psf_scale, ky * self.psf_scale)
        kept = np.abs(own) >= FLOOR
        return np.asarray(np.divide(modes, own, out=np.zeros_like(modes), where=kept))

    def brightness(self, x: Array, y: Array) -> Array:
        """Surface brightness [1/arcsec^2] at offsets x, y [arcsec] from the centre, its own PSF still in it."""
        rows, columns = self.pixels.shape
        at = x / self.scale + (columns - 1) / 2.0, y / self.scale + (rows - 1) / 2.0
        return interpolate(self.pixels, *at) / self.scale**2

    def sharpened(self, fwhm: float) -> GalaxyImage:
        """The same galaxy seen with a circular Gaussian PSF of `fwhm` [arcsec] instead of its own, on pixels of a third
        of it (or its own, if these are finer), as rays see it.
        """
        within("sharpened fwhm", fwhm, 0.0, 60.0, "arcsec", open_low=True)
        scale = min(self.scale, fwhm / 3.0)
        rows, columns = (int(np.ceil(side * self.scale / scale)) for side in self.pixels.shape)
        kx, ky = (2.0 * np.pi * np.fft.fftfreq(side, scale) for side in (columns, rows))
        k = np.broadcast_arrays(kx[None, :], ky[:, None])
        sigma = fwhm / np.sqrt(8.0 * np.log(2.0))
        modes = self.spectrum(*(part.ravel() for part in k)).reshape(rows, columns)
        modes = modes * np.exp(-0.5 * sigma**2 * (k[0] ** 2 + k[1] ** 2))
        shift = np.exp(-0.5j * scale * ((columns - 1) * k[0] + (rows - 1) * k[1]))
        return GalaxyImage(np.fft.ifft2(modes * shift).real, scale)


@dataclass(frozen=True)
class ImageSource(Light):
    """Real galaxies: each object is one of a library's images, turned, zoomed and sheared, and brought to a flux.

    Under a PSF (`draw_light`, `WeakLens`) a galaxy's own PSF is taken out, as by GalSim's ``RealGalaxy``: the target's
    PSF should be half as wide again, or noise that was below the PSF shows. Behind a strong lens (`brightness`) it
    stays in, unless the image is `GalaxyImage.sharpened`.

    The noise of an image is taken for light. It is scaled with the flux, turned, zoomed and sheared with the galaxy,
    and filtered by the target's PSF over the galaxy's own, so that it ends up correlated, and not alike in all
    directions: from noise of the power P(k) at the wavevector k [rad/arcsec] comes a power prop. to P(M^T k)
    |target(k) / own(M^T k)|^2, M being `matrix`. It is the same in every draw of the entry, part of ``clean``, and
    in no ``variance``; the survey's noise is added on top. Nothing is whitened or made isotropic, which GalSim's
    ``RealGalaxy`` leaves to its user as well (``image.whitenNoise``, ``image.symmetrizeNoise``): shears that are
    calibrated on such stamps need images of a signal-to-noise ratio far above the survey's.

    Parameters
    ----------
    galaxies : sequence of GalaxyImage
        The library.
    flux : array_like
        Total flux, shape (...) or one value.
    image_index : array_like
        Which galaxy, from 0.
    zoom : array_like
        Size over that of the image.
    angle : array_like
        Turn counter-clockwise [rad].
    e1, e2 : array_like
        Shape given to the turned image, as a shear |e| = (1-q)/(1+q).
    x, y : array_like
        Centre [arcsec].

    Raises
    ------
    ValueError
        For an empty library, an index past its end, or a value that is not finite or out of range.
    """

    galaxies: Sequence[GalaxyImage]
    flux: ArrayLike = 1.0
    image_index: ArrayLike = 0
    zoom: ArrayLike = 1.0
    angle: ArrayLike = 0.0
    e1: ArrayLike = 0.0
    e2: ArrayLike = 0.0
    x: ArrayLike = 0.0
    y: ArrayLike = 0.0

    ranges: ClassVar = {name: LABELS[name] for name in _LABELS}

    def __post_init__(self) -> None:
        galaxies = tuple(self.galaxies)
        if not galaxies or not all(isinstance(galaxy, GalaxyImage) for galaxy in galaxies):
            raise ValueError("ImageSource galaxies must be one or more GalaxyImage")
        object.__setattr__(self, "galaxies", galaxies)
        super().__post_init__()
        index = within("ImageSource image_index", self.image_index, 0, len(galaxies) - 1)
        if (index % 1 != 0).any():
            raise ValueError(f"ImageSource image_index = {index[index % 1 != 0][0]:g} is not a whole number")

    def matrix(self) -> Array:
        """Matrices (N, 2, 2) from the image to the sky, both in arcsec."""
        cos, sin = np.cos(self._column("angle")), np.sin(self._column("angle"))
        turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        shape = shape_matrix(self._column("e1"), self._column("e2"))
        return np.asarray(self._column("zoom")[:, None, None] * (shape @ turn))

    def _each(self) -> list[GalaxyImage]:
        return [self.galaxies[int(i)] for i in self._column("image_index")]

    def components(self) -> tuple[tuple[ImageSource, Array], ...]:
        """See `Light.components`."""
        return ((self._with(flux=np.ones(len(self))), np.ones(len(self))),)

    def brightness(self, x: ArrayLike, y: ArrayLike) -> Array:
        """See `Light.brightness`: with the galaxy's own PSF."""
        px, py = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        inverse, area = np.linalg.inv(self.matrix()), np.linalg.det(self.matrix())
        out = np.empty((len(self), *px.shape))
        for n, galaxy in enumerate(self._each()):
            u, v = px - self._column("x")[n], py - self._column("y")[n]
            i = inverse[n]
            seen = galaxy.brightness(i[0, 0] * u + i[0, 1] * v, i[1, 0] * u + i[1, 1] * v)
            out[n] = self._column("flux")[n] / area[n] * seen
        return out

    def transform(self, kx: ArrayLike, ky: ArrayLike) -> NDArray[np.complex128]:
        """See `Light.transform`: without the galaxy's own PSF."""
        u, v = np.broadcast_arrays(np.reshape(kx, (-1, 1)), np.reshape(ky, (1, -1)))
        out = np.empty((len(self), *u.shape), dtype=np.complex128)
        for n, (galaxy, m) in enumerate(zip(self._each(), self.matrix(), strict=True)):
            k = m[0, 0] * u + m[1, 0] * v, m[0, 1] * u + m[1, 1] * v
            out[n] = self._column("flux")[n] * galaxy.spectrum(*(part.ravel() for part in k)).reshape(u.shape)
        return out

    def transformed(self, matrix: ArrayLike, shift: ArrayLike = 0.0) -> ImageSource:
        """See `Light.transformed`.

        Raises
        ------
        ValueError
            For a map that mirrors.
        """
        maps, moved = self._mapped(matrix, shift)
        within("determinant of the map", np.linalg.det(maps), 0.0, np.inf, open_low=True)
        whole = maps @ self.matrix()
        zoom, e1, e2 = ellipse(whole)
        turn = np.linalg.solve(shape_matrix(e1, e2), whole)
        return self._with(zoom=zoom, e1=e1, e2=e2, angle=np.arctan2(turn[:, 1, 0], turn[:, 0, 0]), **moved)

    def reach(self) -> Array:
        """See `Light.reach`: the edge of the image."""
        halves = [np.array(galaxy.pixels.shape[::-1]) * (galaxy.scale / 2.0) for galaxy in self._each()]
        return np.asarray((np.abs(self.matrix()) @ np.stack(halves)[:, :, None]).max(axis=(1, 2)))
