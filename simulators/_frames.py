"""Frames as detection and calibration need them: checked input, background, rms and detection image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import one_of, within

__all__ = ["MAX_SIDE", "Frames", "as_cube", "find_objects", "read_frames"]

MESH = 64  # side of a background cell [pixel]
CROWDED = 0.4  # masked share above which background cells would run out of sky
MIN_SIDE, MAX_SIDE, MAX_PIXELS = 32, 65_536, 1 << 30


@dataclass(frozen=True, eq=False)
class Frames:
    """Background-subtracted frames of one sky.

    Attributes
    ----------
    names : tuple of str
        Band names.
    raw, data, rms : (band, y, x) float32
        The input, the input minus its background, and the local rms of the background; 0, 0 and 1 where missing.
    missing : (band, y, x) bool
        Pixels that are NaN, infinite or in an area filled with zeros.
    detection, detection_rms : (y, x) float32
        Inverse-variance weighted sum over bands in units of its noise (Szalay, Connolly & Szokoly 1999, for equal
        spectra), and its measured rms.
    """

    names: tuple[str, ...]
    raw: NDArray[np.float32]
    data: NDArray[np.float32]
    rms: NDArray[np.float32]
    missing: NDArray[np.bool_]
    detection: NDArray[np.float32]
    detection_rms: NDArray[np.float32]

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Pixels (y, x) missing in every band."""
        return np.asarray(self.missing.all(axis=0))


def as_cube(images: Any, bands: Iterable[str] | None = None) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return `images` (band, y, x) or (y, x) as a float32 cube and its band names.

    `bands` selects by name where `images` has a ``band`` coordinate and names the planes otherwise.

    Raises
    ------
    ValueError
        For other shapes, absurd sizes, no finite pixel in a band, or unknown or repeated band names.
    """
    labelled = hasattr(images, "coords") and "band" in getattr(images, "coords", {})
    own = [str(name) for name in np.atleast_1d(images.coords["band"].values)] if labelled else None
    try:
        cube = np.asarray(images, dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError("images must be a numeric array (band, y, x) or (y, x)") from None
    if cube.ndim not in (2, 3) or 0 in cube.shape:
        raise ValueError(f"images have shape {cube.shape}; they must be (band, y, x) or (y, x)")
    cube = cube.reshape(-1, *cube.shape[-2:])
    for side, pixels in zip(("y", "x"), cube.shape[-2:], strict=True):
        within(f"image side in {side}", pixels, MIN_SIDE, MAX_SIDE, "pixels")
    within("number of pixels", cube.size, 1, MAX_PIXELS)
    names = _names(bands, own) if bands is not None else tuple(own or (f"band{i}" for i in range(len(cube))))
    if own is not None and bands is not None:
        cube = cube[[own.index(one_of("band of the images", name, own)) for name in names]]
    if len(names) != len(cube) or len(set(names)) != len(names):
        raise ValueError(f"images have {len(cube)} planes; the bands are {', '.join(names)}: one unique name for each")
    for name, plane in zip(names, cube, strict=True):
        if not np.isfinite(plane).any():
            raise ValueError(f"band {name!r} of the images has no finite pixel")
    return cube, names


def _names(bands: Iterable[str], own: list[str] | None) -> tuple[str, ...]:
    """Band names of a list, ``"gri"``, ``"g,Ks"``, or one of the images' `own` names."""
    if isinstance(bands, str) and (bands in (own or ()) or "," in bands):
        return tuple(name.strip() for name in bands.split(","))
    return tuple(bands)


def read_frames(images: Any, bands: Iterable[str] | None = None) -> Frames:
    """Check `images` and measure their background twice: on everything, then with the first pass's objects masked.

    `Frames` are returned as they are: what works on images takes them too, and need not measure again.

    Raises
    ------
    ValueError
        As `as_cube`; or where the background of a band has no noise.
    """
    if isinstance(images, Frames):
        return images
    raw, names = as_cube(images, bands)
    missing = np.stack([_missing(plane) for plane in raw])
    raw = np.where(missing, np.float32(0), raw)
    mask = missing
    hidden = missing.all(axis=0)
    objects = _bright(*_combine(*_subtract(raw, names, missing, missing), missing))
    mask = missing | objects if (objects | hidden).mean() < CROWDED else missing
    data, rms = _subtract(raw, names, missing, mask)
    return Frames(names, raw, data, rms, missing, *_combine(data, rms, missing))


def find_objects(
    detection: NDArray[np.float32],
    rms: NDArray[np.float32],
    hidden: NDArray[np.bool_],
    threshold: float,
    minimum: int = 5,
    deblend: float = 0.005,
) -> tuple[Any, NDArray[np.int32]]:
    """Objects (structured array) and segmentation (y, x) above `threshold` rms.

    SEP (Barbary 2016) runs the algorithm of Bertin & Arnouts (1996). `deblend` is the least share of an object's flux
    that a peak must hold to become its own object; 1 is never.
    """
    import sep

    sep.set_extract_pixstack(max(300_000, detection.size))
    objects, segments = sep.extract(
        detection, threshold, err=rms, mask=hidden, minarea=minimum, deblend_cont=deblend, segmentation_map=True
    )
    return objects, np.asarray(segments, dtype=np.int32)


def _missing(plane: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels of a plane that are not finite, or lie in an area of zeros at least 5 x 5 wide (a mosaic's filling)."""
    from scipy.ndimage import binary_opening

    bad = ~np.isfinite(plane)
    zero = plane == 0
    return bad | binary_opening(zero, np.ones((5, 5))) if zero.any() else bad


def _bright(detection: NDArray[np.float32], rms: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels (y, x) within 2 of a 3 x 3 mean above one rms of single pixels."""
    from scipy.ndimage import maximum_filter, uniform_filter

    return np.asarray(maximum_filter(uniform_filter(detection, 3) > rms, 5))


def _subtract(
    raw: NDArray[np.float32], names: tuple[str, ...], missing: NDArray[np.bool_], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Background-subtracted planes and local rms of the background."""
    import sep

    data, rms = np.empty_like(raw), np.empty_like(raw)
    mesh = min(MESH, *raw.shape[-2:])
    for i, name in enumerate(names):
        scale = np.float32(np.std(raw[i][::8, ::8], dtype=np.float64)) or np.float32(1)  # SEP works near unit values
        sky = sep.Background(np.ascontiguousarray(raw[i] / scale), mask=mask[i], bw=mesh, bh=mesh)
        noise = sky.rms(dtype=np.float32) * scale
        if not noise.max() > 0:
            raise ValueError(f"band {name!r} of the images has no noise: the rms of its background is 0")
        noise = np.maximum(noise, np.float32(0.1) * np.median(noise))
        data[i] = np.where(missing[i], 0, raw[i] - sky.back(dtype=np.float32) * scale)
        rms[i] = np.where(missing[i], 1, noise)
    return data, rms


def _combine(
    data: NDArray[np.float32], rms: NDArray[np.float32], missing: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Detection image in units of its noise were bands and pixels independent, and its measured rms."""
    import sep

    image, total = np.zeros_like(data[0]), np.zeros_like(data[0])
    unit = float(np.median(rms[0]))  # keeps squares within the range of float32
    for plane, noise, absent in zip(data, rms, missing, strict=True):
        inverse = np.where(absent, 0, np.float32(unit) / noise)
        image += plane / np.float32(unit) * inverse**2
        total += inverse**2
    image /= np.sqrt(np.maximum(total, np.float32(1e-30)))
    mesh = min(MESH, *image.shape)
    sky = sep.Background(image, mask=missing.all(axis=0), bw=mesh, bh=mesh)
    return image - sky.back(dtype=np.float32), np.maximum(sky.rms(dtype=np.float32), np.float32(0.1 * sky.globalrms))
