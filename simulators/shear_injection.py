"""An extra shear put into real images: what they would show of a sky that had been sheared, through a rounder PSF."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import catalogs
from catalogs import Band
from catalogs.checks import one_of, within
from simulators._image_forms import common_wcs, pixels_of, planes_of, rebuilt, variance_of, with_pixels
from simulators._psf_choice import check_widths, psfs_of
from simulators._shearing import Shearing, wide_enough
from simulators._survey_choice import survey_of
from simulators.noise import add_noise
from simulators.psf import PSF, Gaussian, PSFLibrary
from simulators.shapes import shape_matrix

__all__ = ["Sheared", "inject_shear"]

Array = NDArray[np.float64]
LARGEST = 0.3  # |g|


@dataclasses.dataclass(frozen=True, eq=False)
class Sheared:
    """Images of a sheared sky.

    Attributes
    ----------
    images : as given
        Of the same kind, with their coordinates, units and headers.
    psf : Gaussian
        That of all bands, without the pixel's response.
    g1, g2 : (S,) or ()
        The shear.
    shape : (int, int)
        Pixels along y and x.
    """

    images: Any
    psf: Gaussian
    g1: Array
    g2: Array
    shape: tuple[int, int]

    def places(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Columns and rows [pixel index] at which what was at `x`, `y` lies now."""
        middle = (np.array(self.shape[::-1]) - 1) / 2.0
        offset = np.stack(np.broadcast_arrays(x, y), axis=-1) - middle
        moved = np.einsum("...ij,...j->...i", shape_matrix(self.g1, self.g2), offset) + middle
        return moved[..., 0], moved[..., 1]


def inject_shear(
    images: Any,
    survey: str | catalogs.Survey,
    g1: ArrayLike,
    g2: ArrayLike,
    *,
    seed: int,
    psf: PSF | tuple[PSF, ...] | None = None,
    fwhm: float | None = None,
    fix_noise: bool = True,
    bands: Iterable[str] | None = None,
    wcs: Any = None,
) -> Sheared:
    """Shear what images show about their geometric centres, as the sky before the PSF (metacalibration).

    Images are deconvolved, sheared and seen with one round PSF, the same for all bands and for shears of one size, so
    that shapes of ``+g`` and ``-g`` give the shear response (Sheldon & Huff 2017, ApJ 841, 24). To that the noise
    of the images is sheared as well, which mimics a response: the same noise, drawn anew and put through all of it a
    quarter of a turn off, takes the direction out of it and doubles its variance (their section 2.2).

    Parameters
    ----------
    images : array (y, x), (band, y, x) or (sample, band, y, x), DataArray, CCDData, or a mapping of band to one of them
        Frames or stamps. Where a pixel that is not finite reaches, the result is NaN; beyond the edges the images are
        taken as mirrored.
    survey : str or Survey
        Whose bands, PSF, pixel scale and noise the images have (`calibrate` measures one).
    g1, g2 : float, or array (S,) for samples
        Reduced shear, |g| up to 0.3.
    seed : int
        Of the noise.
    psf : PSF or one for each band, optional
        Overrides the survey's.
    fwhm : float, optional
        Of the Gaussian PSF of the result [arcsec]; by default the narrowest that answers for 1e-3 of the shear, which
        is a fifth wider than the images' own on three or more pixels in a FWHM, and twice as wide on two.
    fix_noise : bool
        Whether noise is added as said above; of images without noise there is none to fix.
    bands, wcs
        As of `inject`.

    Raises
    ------
    ValueError
        For bands that are not those of the survey, coordinates or a pixel scale that do not fit, a shear out of range,
        shapes that disagree, a PSF wider than the images, or a result narrower than it.
    """
    found = survey_of(survey, None, None)
    psfs = psfs_of(psf, found)
    if isinstance(psfs, PSFLibrary):
        raise ValueError(f"inject_shear psf = {psf!r} is neither one PSF nor one for each band")
    shears = [within(f"inject_shear {name}", value, -LARGEST, LARGEST) for name, value in (("g1", g1), ("g2", g2))]
    size = float(within("inject_shear |g|", np.hypot(*shears), 0.0, LARGEST).max())
    narrowest = max(_narrowest(one, found.pixel_scale, size) for one in psfs)
    width = narrowest if fwhm is None else float(within("fwhm", fwhm, max(p.fwhm for p in psfs), 60.0, "arcsec"))
    setting = _Setting(found, psfs, width, seed, fix_noise)
    if np.ndim(images) == 4 and isinstance(images, np.ndarray):
        check_widths(psfs, len(psfs), images.shape[2:], found.pixel_scale, "image")
        return Sheared(_each(images, setting, shears), Gaussian(width), shears[0], shears[1], images.shape[2:])
    if any(part.ndim for part in shears):
        raise ValueError(f"inject_shear g1, g2 have shapes {[part.shape for part in shears]} for one frame")
    planes = planes_of(images, bands, found.band_names)
    for name in planes:
        one_of("band of the survey", name, found.band_names)
    common_wcs(planes, wcs, found.pixel_scale)
    check_widths(psfs, len(psfs), _shape(planes), found.pixel_scale, "image")
    made = setting.frame(planes, float(shears[0]), float(shears[1]), 0)
    return Sheared(rebuilt(images, made), Gaussian(width), shears[0], shears[1], _shape(planes))


def _narrowest(psf: PSF, scale: float, size: float) -> float:
    """FWHM [arcsec] for shears of this size in every direction."""
    turns = ((size, 0.0), (-size, 0.0), (0.0, size), (0.0, -size))
    return max(wide_enough(psf, scale, *turn) for turn in turns)


def _shape(planes: Mapping[str, Any]) -> tuple[int, int]:
    """Pixels of the planes along y and x."""
    rows, columns = np.shape(pixels_of(next(iter(planes.values()))))
    return rows, columns


def _each(images: NDArray[Any], setting: _Setting, shears: list[Array]) -> NDArray[Any]:
    """Samples (S, B, y, x), each with its own shear."""
    names = setting.survey.band_names
    if images.shape[1] != len(names):
        raise ValueError(f"images have {images.shape[1]} planes for the {len(names)} bands {', '.join(names)}")
    if any(part.shape not in ((), (len(images),)) for part in shears):
        raise ValueError(f"inject_shear g1, g2 have shapes {[part.shape for part in shears]} for {len(images)} samples")
    g1, g2 = (np.broadcast_to(part, (len(images),)) for part in shears)
    made = [
        list(setting.frame(dict(zip(names, sample, strict=True)), float(g1[i]), float(g2[i]), i).values())
        for i, sample in enumerate(images)
    ]
    return np.array(made).reshape(images.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class _Setting:
    """What all images of a call have in common."""

    survey: catalogs.Survey
    psfs: tuple[PSF, ...]
    fwhm: float
    seed: int
    fix_noise: bool

    def frame(self, planes: dict[str, Any], g1: float, g2: float, number: int) -> dict[str, Any]:
        """The planes of one frame, sheared."""
        shape = _shape(planes)
        turned = self._noise(shape[::-1], number) if self.fix_noise else {}
        made = {}
        for name, plane in planes.items():
            index = self.survey.band_names.index(name)
            one = Shearing(shape, self.survey.pixel_scale, self.psfs[index], self.fwhm, g1, g2)
            pixels = one.apply_known(np.asarray(pixels_of(plane)))
            if self.fix_noise:
                quarter = dataclasses.replace(one, shape=shape[::-1]).apply(turned[name])
                pixels += np.rot90(quarter)
            variance = variance_of(plane)
            if variance is not None:
                growth = one.growth(self.survey.bands[index].acf) * (1.0 + self.fix_noise)
                variance = growth * one.moved(variance)
            made[name] = with_pixels(plane, pixels, variance)
        return made

    def _noise(self, shape: tuple[int, int], number: int) -> dict[str, NDArray[np.float32]]:
        """Background of every band (y, x), as `add_noise` draws it, of a stream of its own."""
        bands = [_background(band) for band in self.survey.bands]
        dark = np.zeros((1, len(bands), *shape), np.float32)
        noise, _ = add_noise(dark, bands, self.seed, np.array([number]), self.survey.noise_mixing)
        return dict(zip(self.survey.band_names, noise[0], strict=True))


def _background(band: Band) -> Band:
    """The band with its whole background as Gaussian noise."""
    off: dict[str, Any] = {"sky": 0.0, "level_scatter": 0.0, "electrons_per_unit": math.inf}
    return dataclasses.replace(band, **off, floor=-math.inf, ceiling=math.inf)
