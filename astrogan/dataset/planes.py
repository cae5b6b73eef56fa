"""What an image file says about one band before its pixels are read: shape, calibration, pixel size, name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.schema import NJY_ZERO_POINT

__all__ = ["ImageError", "Plane", "calibration", "in_wavelength_order", "number"]

ZERO_POINT_KEYS = ("MAGZERO", "MAGZPT", "MAGZP", "ZP", "PHOTZP", "MZP_AB", "ZERO_POINT")
PIXEL_SCALE_KEYS = ("PIXSCALE", "PIXEL_SCALE", "PIXEL_SCALE_ARCSEC")
GAIN_KEYS = ("GAIN", "EGAIN")
UNIT_KEYS = ("BUNIT", "UNITS", "UNIT")
CALIBRATION_KEYS = ZERO_POINT_KEYS + PIXEL_SCALE_KEYS + GAIN_KEYS + UNIT_KEYS

# Central wavelengths [nm], rounded: only their order is used.
_WAVELENGTH = {
    "u": 355,
    "U": 365,
    "b": 440,
    "B": 440,
    "g": 475,
    "v": 550,
    "V": 550,
    "VIS": 700,
    "r": 622,
    "R": 650,
    "i": 763,
    "I": 800,
    "z": 885,
    "Z": 885,
    "y": 980,
    "Y": 1020,
    "J": 1250,
    "H": 1640,
    "K": 2150,
    "Ks": 2150,
}
_TENS_OF_NM = {62, 70, 87, 90, 106, 115, 129, 146, 150, 158, 184, 277, 356, 444}  # only JWST and Roman have these


class ImageError(ValueError):
    """An image file that cannot be used; one line that names the file and the reason."""


@dataclass(frozen=True)
class Plane:
    """One band of a user's images, not yet read.

    Parameters
    ----------
    source : str
        File (and HDU or dataset), for messages.
    band : str
        Band name.
    shape : tuple
        (ny, nx).
    load : callable
        Reads the pixels, shape (ny, nx), in `unit`.
    unit : str
        Image unit, parsable by astropy; ``""`` when the file does not say.
    zero_point, pixel_scale, gain : float
        AB magnitude of 1 `unit`; side of a pixel [arcsec]; electrons per `unit`. NaN when the file does not say.
    wcs : astropy.wcs.WCS or None
        Celestial coordinates.
    """

    source: str
    band: str
    shape: tuple[int, ...]
    load: Callable[[], NDArray[Any]]
    unit: str
    zero_point: float
    pixel_scale: float
    gain: float
    wcs: Any = None


def calibration(header: Mapping[str, object]) -> dict[str, Any]:
    """Unit, zero point, pixel scale and gain from header keywords, as keyword arguments of `Plane`."""
    unit = next((str(header[key]).strip() for key in UNIT_KEYS if header.get(key)), "")
    zero_point = number(header, ZERO_POINT_KEYS, -10.0, 60.0)
    unit, from_unit = _known_unit(unit)
    return {
        "unit": unit,
        "zero_point": zero_point if math.isfinite(zero_point) else from_unit,
        "pixel_scale": number(header, PIXEL_SCALE_KEYS, 1e-6, 3600.0),
        "gain": number(header, GAIN_KEYS, 1e-30, 1e30),
    }


def number(header: Mapping[str, object], keys: Iterable[str], low: float, high: float) -> float:
    """The first value under `keys` that is a number in [low, high]; NaN if there is none."""
    for key in keys:
        try:
            value = float(np.asarray(header.get(key), dtype=np.float64).reshape(-1)[0])
        except (TypeError, ValueError, IndexError):
            continue
        if low <= value <= high:
            return value
    return math.nan


def _known_unit(unit: str) -> tuple[str, float]:
    """The unit as astropy writes it (``""`` if it is none) and, for flux densities, its AB zero point."""
    from astropy import units

    try:
        known = units.Unit(unit)
    except (ValueError, TypeError):
        return "", math.nan
    if known.is_equivalent(units.nJy):
        return known.to_string(), NJY_ZERO_POINT - 2.5 * math.log10(known.to(units.nJy))
    return known.to_string(), math.nan


def in_wavelength_order(names: Iterable[str]) -> list[int]:
    """Indices that sort band names by wavelength; in the given order where a name is not known.

    Filters called F###W count in nm, or in tens of nm where one of them can only be JWST's or Roman's; below 200
    always in tens (HST's F160W).
    """
    listed = list(names)
    numbers = [int(found[1]) if (found := re.fullmatch(r"F(\d{3})\w*", name)) else None for name in listed]
    tens = any(value in _TENS_OF_NM for value in numbers)
    waves: list[float] = []
    for name, value in zip(listed, numbers, strict=True):
        if value is not None:
            waves.append(value * 10.0 if tens or value < 200 else value)
        elif name in _WAVELENGTH:
            waves.append(_WAVELENGTH[name])
        else:
            return list(range(len(listed)))
    return sorted(range(len(listed)), key=waves.__getitem__)
