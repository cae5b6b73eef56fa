"""Sources of real frames: detection, photometry, half-light radii, shapes and cut-outs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import within
from simulators._background import blank_sky, clipped_moments
from simulators._cutouts import clear_of_glare, cut_out, glaring, split_by_position, strip_edges
from simulators._frames import Frames, find_objects, read_frames
from simulators._sources import BLENDED, EDGE, SATURATED, STAR, Sources
from simulators._stars import stellar_locus

__all__ = [
    "BLENDED",
    "EDGE",
    "SATURATED",
    "STAR",
    "Frames",
    "Sources",
    "clear_of_glare",
    "cut_out",
    "detect",
    "glaring",
    "local_noise",
    "measure",
    "read_frames",
    "split_by_position",
    "strip_edges",
]

Array = NDArray[np.float64]
KRON_FACTOR, KRON_REACH, SMALLEST_APERTURE = 2.5, 6.0, 3.0  # Kron (1980) apertures as SExtractor has them; last [pixel]
GROWTH = 20  # ellipses of a growth curve
CLIPPED_PIXELS = 10  # pixels at exactly the highest value of a band that make it a clipping level


def detect(
    images: Any, threshold: float = 1.5, *, bands: Iterable[str] | None = None, minimum: int = 5, deblend: float = 0.005
) -> Sources:
    """Detect and measure the sources of registered frames.

    Parameters
    ----------
    images : array or DataArray, (band, y, x) or (y, x)
        Pixels; NaN is missing.
    threshold : float
        Height above the background [rms of the detection image, locally].
    bands : iterable of str, optional
        Bands to use.
    minimum : int
        Least number of connected pixels.
    deblend : float
        Least share of the flux of a blended source; 1 switches deblending off.

    Raises
    ------
    ValueError
        For images of other shapes or absurd sizes, without finite pixels, without noise or without any source.
    """
    within("threshold", threshold, 0.5, 1e6, "rms")
    within("minimum", minimum, 1, 1e6, "pixels")
    within("deblend", deblend, 0.0, 1.0)
    return measure(read_frames(images, bands), threshold, minimum, deblend)[0]


def measure(
    frames: Frames, threshold: float = 1.5, minimum: int = 5, deblend: float = 0.005
) -> tuple[Sources, NDArray[np.int32]]:
    """Sources of prepared frames, brightest first, and the segmentation (y, x) whose values count all detections."""
    objects, segments = find_objects(frames.detection, frames.detection_rms, frames.hidden, threshold, minimum, deblend)
    good = np.isfinite(objects["a"]) & np.isfinite(objects["b"]) & (objects["b"] > 0) & np.isfinite(objects["theta"])
    if not good.any():
        raise ValueError(f"the images have no sources above {threshold:g} rms of their background")
    columns = _photometry(frames, objects[good], 1 + np.flatnonzero(good).astype(np.int64), segments)
    keep = np.isfinite(columns["radius"]) & (columns["snr"] > 0)
    if not keep.any():
        raise ValueError(f"the images have no sources above {threshold:g} rms of their background")
    sources = Sources(**columns)[np.flatnonzero(keep)[np.argsort(-columns["snr"][keep], kind="stable")]]
    return sources, segments


def local_noise(frames: Frames, sources: Sources, segments: NDArray[np.int32]) -> Array:
    """Rms (N, band) of the background around each of the sources that `measure` found [image unit].

    The map of the local rms, which is smooth, scaled so that all blank pixels have unit rms in its units; depths that
    vary widen the rms of a whole frame, but not this one.

    Raises
    ------
    ValueError
        Where a band has too few blank pixels.
    """
    blank = blank_sky(segments, sources, frames.hidden)
    planes = zip(frames.names, frames.data, frames.rms, frames.missing, strict=True)
    scale = [clipped_moments(name, (data / rms)[blank & ~missing])[1] for name, data, rms, missing in planes]
    return np.asarray(sources.rms * np.array(scale))


def _photometry(frames: Frames, objects: Any, ids: NDArray[np.int64], segments: NDArray[np.int32]) -> dict[str, Any]:
    """Columns of `Sources` for SEP's `objects`, which own the pixels `ids` of `segments`."""
    import sep

    x, y, a, b = (np.asarray(objects[name], dtype=np.float64) for name in ("x", "y", "a", "b"))
    theta = np.clip(objects["theta"], -np.pi / 2, np.pi / 2).astype(np.float64)
    own = {"seg_id": ids.astype(np.int32), "segmap": segments, "mask": frames.hidden}
    kron, _ = sep.kron_radius(frames.detection, x, y, a, b, theta, KRON_REACH, **own)
    smallest = SMALLEST_APERTURE / (KRON_FACTOR * np.sqrt(a * b))
    scale = KRON_FACTOR * np.clip(np.nan_to_num(kron, nan=1.0), np.maximum(1.0, smallest), np.maximum(6.0, smallest))
    total, error, _ = sep.sum_ellipse(
        frames.detection, x, y, a, b, theta, scale, err=frames.detection_rms, subpix=5, **own
    )
    error = error * _clumping(frames.detection, segments == 0)
    radii = _growth_radii(frames.detection, (x, y, a, b, theta, scale), own)
    flux, flux_err = _band_fluxes(frames, (x, y, a, b, theta, scale), own)
    modulus = (a - b) / (a + b)
    columns: dict[str, Any] = {"x": x, "y": y, "flux": flux, "flux_err": flux_err, "a": a, "b": b, "theta": theta}
    columns |= dict(zip(("radius20", "radius", "radius80"), radii.T, strict=True))
    columns |= {"e1": modulus * np.cos(2 * theta), "e2": modulus * np.sin(2 * theta), "snr": total / error}
    columns |= {"peak": _peaks(frames.data, segments)[ids], "aperture": scale * np.sqrt(a * b)}
    columns["rms"] = frames.rms[:, np.rint(y).astype(int), np.rint(x).astype(int)].T.astype(np.float64)
    columns["radius"] = np.where((total > 0) & (columns["radius"] > 0), columns["radius"], np.nan)
    columns["flags"] = _flags(frames, objects, ids, segments, columns)
    return columns


def _growth_radii(detection: NDArray[np.float32], ellipses: tuple[Array, ...], own: dict[str, Any]) -> Array:
    """Geometric mean radii (N, 3) [pixel] of the ellipses that hold 20, 50 and 80 % of the light in the aperture."""
    import sep

    x, y, a, b, theta, scale = ellipses
    shares = np.append(0.0, (np.arange(1, GROWTH + 1) / GROWTH) ** 1.5)
    sums = [sep.sum_ellipse(detection, x, y, a, b, theta, scale * share, subpix=0, **own)[0] for share in shares[1:]]
    curves = np.maximum.accumulate(np.stack([np.zeros_like(sums[0]), *sums], axis=1), axis=1)
    wanted = np.array([0.2, 0.5, 0.8])
    inverse = [np.interp(wanted * curve[-1], curve, shares) for curve in curves]
    return np.asarray(inverse).reshape(-1, 3) * (scale * np.sqrt(a * b))[:, None]


def _band_fluxes(frames: Frames, ellipses: tuple[Array, ...], own: dict[str, Any]) -> tuple[Array, Array]:
    """Aperture sums and errors (N, band) of every band."""
    import sep

    sums = []
    for data, rms, missing in zip(frames.data, frames.rms, frames.missing, strict=True):
        unit = float(np.median(rms))  # SEP squares in float32
        flux, error, _ = sep.sum_ellipse(
            data / np.float32(unit), *ellipses, err=rms / np.float32(unit), subpix=5, **{**own, "mask": missing}
        )
        excess = _clumping(data, (own["segmap"] == 0) & ~missing)
        sums.append((np.nan_to_num(flux) * unit, np.where(error > 0, error, np.inf) * unit * excess))
    return np.stack([flux for flux, _ in sums], axis=1), np.stack([error for _, error in sums], axis=1)


def _clumping(image: NDArray[np.float32], blank: NDArray[np.bool_], side: int = 4) -> float:
    """Rms of blank `side` x `side` means over that of white noise of the same pixel rms (1 where too few are blank)."""
    ny, nx = (n // side * side for n in image.shape)
    cells = image[:ny, :nx].reshape(ny // side, side, nx // side, side).swapaxes(1, 2)
    empty = blank[:ny, :nx].reshape(ny // side, side, nx // side, side).all(axis=(1, 3))
    if empty.sum() < 100:
        return 1.0
    cells = cells[empty]
    means = cells.mean(axis=(1, 2), dtype=np.float64)
    white = math.sqrt(float(np.median(cells.var(axis=(1, 2), dtype=np.float64)))) / side
    return max(1.0, 1.4826 * float(np.median(np.abs(means - np.median(means)))) / max(white, 1e-300))


def _peaks(data: NDArray[np.float32], segments: NDArray[np.int32]) -> Array:
    """Highest value (1 + number of segments, band) in each segment; row 0 is sky."""
    owned = np.flatnonzero(segments)
    peaks = np.full((int(segments.max()) + 1, len(data)), -np.inf)
    for i, plane in enumerate(data):
        np.maximum.at(peaks[:, i], segments.ravel()[owned], plane.ravel()[owned])
    return peaks


def _flags(
    frames: Frames, objects: Any, ids: NDArray[np.int64], segments: NDArray[np.int32], columns: dict[str, Any]
) -> Any:
    """Flags (N,) as `Sources` has them."""
    import sep

    x, y, aperture = columns["x"], columns["y"], columns["aperture"]
    ny, nx = segments.shape
    outside = (np.minimum(x, y) < aperture / 2) | (x > nx - 1 - aperture / 2) | (y > ny - 1 - aperture / 2)
    edge = (objects["flag"] & sep.OBJ_TRUNC > 0) | outside
    gaps = frames.missing.any(axis=0)
    if gaps.any():
        edge |= sep.sum_circle(gaps.astype(np.float32), x, y, aperture)[0] > 0.5
    saturated = _clipped(frames, segments)[ids]
    blended = objects["flag"] & sep.OBJ_MERGED > 0
    usable = ~(edge | saturated)
    locus = stellar_locus(columns["radius"], columns["snr"], np.hypot(columns["e1"], columns["e2"]), usable)
    star = np.zeros(len(x), dtype=bool)
    if locus.found:
        star = (columns["radius"] < locus.radius * locus.width) & (columns["snr"] > 20)
        members = star & usable
        if members.any() and not saturated.any():  # levels that vary over a coadd: brighter and wider than the locus
            beyond = (columns["peak"] > columns["peak"][members].max(axis=0)).any(axis=1)
            swollen = beyond & (columns["radius"] < 2 * locus.radius) & ~star
            star, saturated = star | swollen, swollen
    return (EDGE * edge + SATURATED * saturated + BLENDED * blended + STAR * star).astype(np.int64)


def _clipped(frames: Frames, segments: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each segment (1 + number of segments) holds 3 or more pixels at a level where a band is clipped."""
    touched = np.zeros(int(segments.max()) + 1, dtype=bool)
    for plane in frames.raw:
        top = plane == plane.max()
        if top.sum() >= CLIPPED_PIXELS:
            touched |= np.bincount(segments[top], minlength=len(touched)) >= 3
    touched[0] = False
    return touched
