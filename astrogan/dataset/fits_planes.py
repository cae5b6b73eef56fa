"""The images inside a FITS file, one `Plane` per band."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrogan.dataset.planes import CALIBRATION_KEYS, ImageError, Plane, calibration

__all__ = ["FITS_SUFFIXES", "fits_planes", "is_fits", "opened", "stem"]

FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz", ".fits.fz", ".fit.fz")
_MAGIC = (b"SIMPLE", b"\x1f\x8b", b"BZh")
_SCIENCE = {"SCI", "SCIENCE", "IMAGE"}
_OTHER = {"ERR", "ERROR", "DQ", "VAR", "VARIANCE", "IVAR", "WHT", "WEIGHT", "MASK", "FLAGS", "CTX", "CON", "EXP", "PSF"}
_NAMELESS = {"", "PRIMARY", "COMPRESSED_IMAGE", *_SCIENCE}
_FILTER_KEYS = ("FILTER", "BAND", "FILTNAM", "FILTNAM1", "FILTER1", "FILTER2")


def is_fits(path: Path) -> bool:
    """Whether the file begins like FITS or like a compressed file that may hold FITS."""
    with open(path, "rb") as file:
        return file.read(6).startswith(_MAGIC)


def stem(path: Path) -> str:
    """The file's name without its FITS suffixes."""
    return re.sub(r"(\.(fits|fit|fts))?(\.(gz|fz|bz2))?$", "", path.name, flags=re.IGNORECASE) or path.name


def fits_planes(path: Path, hdu: int | str | None, bands: Sequence[str] | None) -> list[Plane]:
    """One plane per band of the file; empty if it holds tables only.

    Parameters
    ----------
    hdu : int, str or None
        The HDU to use; None takes the images called SCI or IMAGE, or else all that are no weights, masks or errors.
    bands : sequence of str or None
        Names for the planes of a cube that has none.

    Raises
    ------
    ImageError
        If the file is no FITS file, has no such HDU, or an image that is neither 2-D nor a cube of named bands.
    """
    with opened(path) as hdus:
        chosen = _chosen(hdus, hdu, path)
        planes = [_planes_of(hdus, index, path, len(chosen) == 1, bands) for index in chosen]
    return [plane for group in planes for plane in group]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file's HDUs; astropy's complaints about odd headers are kept from the user, its errors become one line."""
    from astropy.io import fits

    damage = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError, fits.VerifyError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(path, memmap=False) as hdus:
                yield hdus
        except ImageError:
            raise
        except damage as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ImageError(f"{path}: cannot be read as FITS: {reason}") from None


def _chosen(hdus: Any, hdu: int | str | None, path: Path) -> list[int]:
    images = [index for index, item in enumerate(hdus) if item.is_image and item.shape]
    if hdu is not None:
        key = hdu.upper() if isinstance(hdu, str) else hdu
        found = [index for index, item in enumerate(hdus) if key in (index, item.name)]
        if not set(found) & set(images):
            names = ", ".join(f"{index} {hdus[index].name}".strip() for index in images) or "none"
            raise ImageError(f"{path}: HDU {hdu!r} is not one of its images: {names}")
        return [index for index in found if index in images]
    science = [index for index in images if hdus[index].name in _SCIENCE]
    return science or [index for index in images if hdus[index].name not in _OTHER]


def _planes_of(hdus: Any, index: int, path: Path, alone: bool, bands: Sequence[str] | None) -> list[Plane]:
    item, first = hdus[index], hdus[0].header
    shape = tuple(item.shape)
    source = f"{path}[{index}]" if len(hdus) > 1 else str(path)
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) not in (2, 3):
        raise ImageError(f"{source}: shape {tuple(item.shape)} is neither an image (y, x) nor a cube (band, y, x)")
    merged = {key: item.header.get(key, first.get(key)) for key in CALIBRATION_KEYS}
    common = calibration(merged)
    wcs, scale = _sky(item.header)
    common.update(wcs=wcs, pixel_scale=scale if math.isfinite(scale) else common["pixel_scale"])
    load = partial(_load, path, index, shape)
    if len(shape) == 2:
        name = _band(item.header) or (_band(first) if alone else "")
        name = name or (item.name if item.name not in _NAMELESS else stem(path))
        return [Plane(source, name, shape, load, **common)]
    names = _cube_names(hdus, item.header, shape[0], bands)
    if names is None:
        raise ImageError(f"{source}: a cube of {shape[0]} planes without band names; pass as many with bands=")
    return [Plane(source, name, shape[1:], partial(load, k), **common) for k, name in enumerate(names)]


def _load(path: Path, index: int, shape: tuple[int, ...], plane: int | None = None) -> NDArray[Any]:
    with opened(path) as hdus:
        if hdus[index].verify_datasum() == 0:
            raise ImageError(f"{path}[{index}]: the pixels do not match their DATASUM; the file is damaged")
        data = np.asarray(hdus[index].data).reshape(shape)
    return data if plane is None else data[plane]


def _band(header: Mapping[str, object]) -> str:
    """The first word under the filter keywords: ``r.MP9601`` is r; a filter wheel's CLEAR is none."""
    for key in _FILTER_KEYS:
        words = re.split(r"[\s.;,]", str(header.get(key) or "").strip())
        if words[0] and not words[0].upper().startswith(("CLEAR", "NONE", "UNKNOWN")):
            return words[0]
    return ""


def _cube_names(hdus: Any, header: Any, count: int, bands: Sequence[str] | None) -> list[str] | None:
    """Band names of a cube: BAND1.. or FILTER1.. cards, a list under FILTER, a BANDS table, or what the caller says."""
    numbered = [[str(header.get(f"{key}{k + 1}", "")).strip() for k in range(count)] for key in ("BAND", "FILTER")]
    listed = re.split(r"[\s,;]+", str(header.get("FILTER", "")).strip())
    tables = [list(item.data["band"]) for item in hdus if item.name == "BANDS" and "band" in item.columns.names]
    for names in (*numbered, listed, *tables, list(bands or ())):
        if len(names) == count and all(names):
            return [str(name).strip() for name in names]
    return None


def _sky(header: Any) -> tuple[Any, float]:
    """The celestial WCS and its pixel scale [arcsec]; None and NaN if the header has none that can be used."""
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    try:
        wcs = WCS(header).celestial
        if not wcs.has_celestial:
            return None, math.nan
        scales = np.asarray(proj_plane_pixel_scales(wcs), dtype=np.float64) * 3600.0
    except (ValueError, TypeError, KeyError, IndexError, AssertionError, OSError):
        return None, math.nan
    good = scales.size == 2 and np.isfinite(scales).all() and abs(scales[0] / scales[1] - 1) < 0.02
    return (wcs, float(np.sqrt(scales.prod()))) if good else (None, math.nan)
