"""The user's own sky: images of one field in several bands, read into one array."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from astrogan.dataset.fits_planes import FITS_SUFFIXES, fits_planes, is_fits
from astrogan.dataset.hdf5_planes import hdf5_planes
from astrogan.dataset.planes import ImageError, Plane, in_wavelength_order
from catalogs.checks import one_of
from catalogs.schema import NJY_ZERO_POINT

__all__ = ["ImageError", "hubble_deep_field", "read_images"]

MAX_PIXELS = 2 * 10**9


def read_images(
    path: str | os.PathLike[str], bands: Iterable[str] | None = None, hdu: int | str | None = None
) -> xr.DataArray:
    """Read the images of one field, in nJy where the files give a zero point.

    Parameters
    ----------
    path : path
        A FITS file (an image, several image HDUs or a cube), a folder of FITS files with one band each, or an HDF5 file
        with a dataset (band, y, x) or 2-D datasets named by band.
    bands : iterable of str, optional
        Bands to return, in this order (``"gri"``, ``"g,r,i"`` or a list); all, by wavelength, when left out. For a cube
        whose planes have no names, their names.
    hdu : int or str, optional
        The HDU, or the HDF5 dataset, to use.

    Returns
    -------
    xarray.DataArray
        float32 (band, y, x), NaN where there is no value. Coordinates of each band: ``zero_point``, the AB magnitude of
        1 unit, and ``gain``, electrons per unit (NaN where unknown; no ``gain`` if unknown in all bands). Attributes:
        ``units``; ``pixel_scale`` [arcsec], absent where unknown.

    Raises
    ------
    ImageError
        In one line naming the file: missing, not FITS or HDF5, damaged, no image in it, all NaN, unknown or repeated
        bands, bands that differ in shape or place, more than 2 gigapixels.
    """
    wanted = bands if bands is None or isinstance(bands, str) else list(bands)
    planes = _select(_find(Path(path), hdu, wanted), wanted, path)
    scale = _check_together(planes, path)
    units, coords = _calibration(planes)
    attrs: dict[str, Any] = {"units": units} | ({"pixel_scale": scale} if math.isfinite(scale) else {})
    factors = [10 ** (0.4 * (NJY_ZERO_POINT - p.zero_point)) if units == "nJy" else 1.0 for p in planes]
    pixels = np.empty((len(planes), *planes[0].shape), np.float32)
    for k, (plane, factor) in enumerate(zip(planes, factors, strict=True)):
        pixels[k] = _pixels(plane, factor)
    return xr.DataArray(pixels, dims=("band", "y", "x"), coords=coords, attrs=attrs)


def hubble_deep_field() -> xr.DataArray:
    """The Hubble eXtreme Deep Field that scikit-image ships, as float32 (band, y, x) with bands b, g, r.

    Its values are those of a colour JPEG (0 to 255, stretched for display), not fluxes; its pixel scale is inferred.
    """
    from skimage.data import hubble_deep_field as picture

    pixels = picture()[::-1, :, ::-1].transpose(2, 0, 1).astype(np.float32)
    attrs = {
        "units": "",
        "pixel_scale": 0.138,
        "pixel_scale_note": "inferred: the published field, 2.3 x 2.0 arcmin, over 1000 x 872 pixels",
        "note": "JPEG display values, not flux",
    }
    coords = {"band": ["b", "g", "r"], "zero_point": ("band", [math.nan] * 3)}
    return xr.DataArray(pixels, dims=("band", "y", "x"), coords=coords, attrs=attrs)


def _find(path: Path, hdu: int | str | None, bands: str | Sequence[str] | None) -> list[Plane]:
    names = None if bands is None else _split(bands, ())
    if not path.exists():
        raise ImageError(f"{path}: no such file or folder")
    if path.is_dir():
        files = sorted(item for item in path.iterdir() if item.name.lower().endswith(FITS_SUFFIXES))
        if not files:
            raise ImageError(f"{path}: no FITS file in this folder (looked for {', '.join(FITS_SUFFIXES)})")
    else:
        files = [path]
        if h5py.is_hdf5(path):
            return hdf5_planes(path, hdu, names)
    planes = []
    for file in files:
        if not is_fits(file):
            raise ImageError(f"{file}: neither a FITS nor an HDF5 file")
        planes += fits_planes(file, hdu, names)
    if not planes:
        raise ImageError(f"{path}: no image in it")
    return planes


def _split(bands: str | Sequence[str], known: Sequence[str]) -> list[str]:
    """Band names from ``"gri"``, ``"g,r,i"``, ``"Ks"`` (if known) or a list."""
    if not isinstance(bands, str):
        return [str(band) for band in bands]
    if "," in bands:
        return [band.strip() for band in bands.split(",")]
    return [bands] if bands in known else list(bands)


def _select(planes: list[Plane], bands: str | Sequence[str] | None, path: str | os.PathLike[str]) -> list[Plane]:
    known = [plane.band for plane in planes]
    wanted = [known[k] for k in in_wavelength_order(known)] if bands is None else _split(bands, known)
    if not wanted:
        raise ImageError(f"{os.fspath(path)}: no bands were asked for; it has {', '.join(known)}")
    if len(set(wanted)) < len(wanted) and bands is not None:
        raise ImageError(f"{os.fspath(path)}: bands {', '.join(wanted)} name one twice")
    chosen = []
    for name in wanted:
        try:
            one_of("band", name, known)
        except ValueError as error:
            raise ImageError(f"{os.fspath(path)}: {error}") from None
        if known.count(name) > 1:
            sources = [plane.source for plane in planes if plane.band == name]
            places = ", ".join(sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")
            raise ImageError(f"{os.fspath(path)}: band {name} is there more than once ({places}); choose with hdu=")
        chosen.append(planes[known.index(name)])
    return chosen


def _check_together(planes: list[Plane], path: str | os.PathLike[str]) -> float:
    """Refuse bands that are not images of one field on one grid; return their pixel scale, NaN when unknown."""
    first = planes[0]
    for plane in planes:
        if plane.shape != first.shape:
            raise ImageError(
                f"{os.fspath(path)}: band {plane.band} has shape {plane.shape}, band {first.band} {first.shape}; "
                "bring them to one grid first"
            )
        shift = _shift(first, plane)
        if shift > 1:
            raise ImageError(
                f"{os.fspath(path)}: band {plane.band} lies {shift:.1f} pixels from band {first.band} (by their WCS); "
                "bring them to one grid first, or read one with bands="
            )
    total = len(planes) * math.prod(first.shape)
    if not 0 < total <= MAX_PIXELS:
        raise ImageError(f"{os.fspath(path)}: {len(planes)} x {first.shape} pixels are outside (0, 2 gigapixels]")
    scales = np.array([plane.pixel_scale for plane in planes if math.isfinite(plane.pixel_scale)])
    if scales.size and np.ptp(scales) > 0.01 * scales.min():
        raise ImageError(f"{os.fspath(path)}: pixel scales differ between bands: {scales.min():g} to {scales.max():g}")
    return float(scales.mean()) if scales.size else math.nan


def _shift(one: Plane, other: Plane) -> float:
    """Largest distance [pixel] between two opposite corners of `one` and the same sky in `other`; 0 if unknown."""
    if one is other or one.wcs is None or other.wcs is None:
        return 0.0
    y, x = np.array([0.0, one.shape[0] - 1.0]), np.array([0.0, one.shape[1] - 1.0])
    found = other.wcs.all_world2pix(*one.wcs.all_pix2world(x, y, 0), 0, quiet=True)
    return float(np.hypot(found[0] - x, found[1] - y).max())


def _calibration(planes: list[Plane]) -> tuple[str, dict[str, Any]]:
    """Unit and coordinates (band, zero points, gains) of the result: nJy if every band has a zero point."""
    zero_points = [plane.zero_point for plane in planes]
    gains = [plane.gain for plane in planes]
    if all(map(math.isfinite, zero_points)):
        gains = [gain * 10 ** (0.4 * (z - NJY_ZERO_POINT)) for gain, z in zip(gains, zero_points, strict=True)]
        unit, zero_points = "nJy", [NJY_ZERO_POINT] * len(planes)
    else:
        units = {plane.unit for plane in planes}
        unit = units.pop() if len(units) == 1 else ""
    coords = {"band": [plane.band for plane in planes], "zero_point": ("band", zero_points)}
    return unit, coords | ({"gain": ("band", gains)} if any(map(math.isfinite, gains)) else {})


def _pixels(plane: Plane, factor: float) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        data = plane.load()
        pixels = (data * np.float64(factor) if factor != 1 else data).astype(np.float32)
    pixels[~np.isfinite(pixels)] = np.nan
    if np.isnan(pixels).all():
        raise ImageError(f"{plane.source}: every pixel of band {plane.band} is NaN")
    return pixels
