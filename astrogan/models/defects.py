"""Simulated defects over real frames: what restorers learn from and are judged on.

Rays, hot pixels, trails and the bleeding of saturated stars are those of `simulators.sensor`, on cameras drawn anew for
every few windows: noise, pixels, silicon, wells, seeing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import one_of, within
from simulators.sensor import FLAGS, CosmicRays, Effect, HotPixels, Saturation, Sensor, Trails
from simulators.streams import normal, uniform

__all__ = ["KINDS", "Defects", "add_defects", "windows_of_frames"]

KINDS = ("hot_pixel", "cosmic_ray", "trail", "bleed", "saturated")
"""Flags of `simulators.sensor` that a restorer tells apart; class k + 1 of `Defects.label` is KINDS[k]."""
SEEN = 3.0  # sigmas of the pixel's own noise above which a defect counts
SIDE = 4  # windows of one camera are exposed as a mosaic of SIDE x SIDE: long tracks are followed once for all
TIME = 60.0  # s
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Defects:
    """Windows with defects, in background sigmas.

    Attributes
    ----------
    image, clean : (N, H, W) float32
        With defects and without; of a saturated star what its full wells can hold.
    label : (N, H, W) uint8
        0 where nothing shows, else 1 + the place in `KINDS` of what adds more than 3 sigma of the pixel's own noise
        (the background's and that of its light).
    electrons : (N,) float32
        Electrons in a background sigma: the camera's.
    """

    image: Array
    clean: Array
    label: NDArray[np.uint8]
    electrons: Array


def windows_of_frames(frames: Sequence[Array], count: int, size: int, *, seed: int) -> Array:
    """Windows (count, size, size) cut at random from frames (H, W), where all their pixels are finite.

    Raises
    ------
    ValueError
        For no frames, frames that are smaller, or in which no whole window is found.
    """
    within("windows", count, 1, 10_000_000)
    within("window size", size, 24, 4096, "pixels")
    if not frames:
        raise ValueError("no frames to cut windows from")
    for k, frame in enumerate(frames):
        if frame.ndim != 2 or min(frame.shape) < size:
            raise ValueError(f"frame {k} of shape {frame.shape} is smaller than a window of {size} pixels")
    share = np.cumsum([frame.size for frame in frames]) / sum(frame.size for frame in frames)
    found: list[Array] = []
    for start in range(0, 20 * count, count):
        for u, v, w in uniform(seed, np.arange(start, start + count), "defects.windows", (3,)):
            frame = frames[int(np.searchsorted(share, u, side="right"))]
            y, x = (int(part * (side - size + 1)) for part, side in zip((v, w), frame.shape, strict=True))
            window = frame[y : y + size, x : x + size]
            if np.isfinite(window).all():
                found.append(window)
            if len(found) == count:
                return np.stack(found).astype(np.float32)
    raise ValueError(f"only {len(found)} of {20 * count} windows of {size} pixels have no missing pixel")


def add_defects(windows: Array, *, seed: int, kinds: Sequence[str] = KINDS, rays: float = 4.0) -> Defects:
    """Put defects on real windows.

    Parameters
    ----------
    windows : array (N, H, W)
        In background sigmas, the sky at 0.
    seed : int
        Window k depends on (seed, k) alone.
    kinds : names
        Of `KINDS`.
    rays : float
        Particles in a window of 64 x 64 pixels, in the mean.

    Raises
    ------
    ValueError
        For other shapes, pixels that are not finite, or unknown kinds.
    """
    for kind in kinds:
        one_of("kind of defect", kind, KINDS)
    within("rays", rays, 0.0, 1000.0)
    if windows.ndim != 3 or not len(windows):
        raise ValueError(f"windows of shape {windows.shape} are not (N, H, W)")
    within("windows", windows, -1e30, 1e30, "sigma")
    group = SIDE**2
    starts = range(0, len(windows), group)
    parts = [_one_camera(windows[k : k + group], k, seed, set(kinds), rays) for k in starts]
    columns = zip(*parts, strict=True)
    return Defects(*(np.concatenate(column) for column in columns))


def _one_camera(windows: Array, start: int, seed: int, kinds: set[str], rays: float) -> tuple[NDArray[Any], ...]:
    """Image, clean, label, electrons of windows that one camera took."""
    ids = np.arange(start, start + len(windows))
    u = uniform(seed, [start], "defects.camera", (8,))[0]
    sigma = float(np.exp(np.interp(u[0], (0, 1), np.log((4.0, 60.0)))))  # electrons
    light = {
        name: _exposed(effect, windows.shape, start, seed) / np.float32(sigma)
        for name, effect in _additive(u, sigma, rays).items()
        if name in kinds
    }
    star = np.zeros_like(windows)
    full = float(np.exp(np.interp(u[1], (0, 1), np.log((1e3, 3e4)))))  # sigmas
    bloomed = {"bleed", "saturated"} & kinds
    if bloomed:
        star = _stars(windows.shape, ids, seed, full, 2.0 + 3.0 * u[2])
    noise = normal(seed, ids, "defects.noise", windows.shape[1:]).astype(np.float32)
    photons = star + light.get("trail", np.float32(0.0))
    shot = noise * np.sqrt(photons / np.float32(sigma))
    clean = windows + star + shot
    image = clean + sum(light.values())
    label = np.zeros(windows.shape, np.uint8)
    own = SEEN * np.sqrt(1.0 + np.maximum(clean, 0.0) / sigma)
    for name, plane in light.items():
        label[plane > own] = 1 + KINDS.index(name)
    if bloomed:
        image, clean = _bloom(image, clean, label, full, own)
    return image, clean, label, np.full(len(windows), sigma, np.float32)


def _exposed(effect: Effect, shape: tuple[int, ...], start: int, seed: int) -> Array:
    """What an effect adds to windows of `shape` (N, H, W) [electron]."""
    count, height, width = shape
    dark = np.zeros((1, 1, SIDE * height, SIDE * width), np.float32)
    mosaic = Sensor((effect,), time=TIME).expose(dark, seed, [start])[0][0, 0]
    cells = mosaic.reshape(SIDE, height, SIDE, width).swapaxes(1, 2)
    return np.asarray(cells.reshape(-1, height, width)[:count])


def _additive(u: NDArray[np.float64], sigma: float, rays: float) -> dict[str, Effect]:
    """Effects that add light or charge, scaled to the camera's noise."""
    pixel, depth = 9.0 + 9.0 * u[3], float(np.exp(np.interp(u[4], (0, 1), np.log((15.0, 250.0)))))
    rate = rays * 60.0 / TIME / (64 * pixel * 1e-4) ** 2  # per cm^2 and minute
    fwhm = 2.0 + 3.0 * u[5]
    return {
        "trail": Trails(0.5, 8.0 * sigma, 600.0 * sigma, fwhm=fwhm, ends=0.3),
        "cosmic_ray": CosmicRays(0.5 * rate, 0.5 * rate, pixel, depth, 0.1 + 0.5 * u[6]),
        "hot_pixel": HotPixels(5e-4, 4.0 * sigma / TIME),
    }


def _stars(shape: tuple[int, ...], ids: NDArray[np.int64], seed: int, full: float, fwhm: float) -> Array:
    """In one window of eight a Moffat star that overfills its pixels, in or near the window."""
    height, width = shape[1:]
    rows, columns = np.ogrid[:height, :width]
    u = uniform(seed, ids, "defects.stars", (5,))
    stars = np.zeros(shape, np.float32)
    for k in np.flatnonzero(u[:, 0] < 0.125):
        beta, peak = 2.5 + 2.0 * u[k, 1], full * 10.0 ** (1.3 * u[k, 2])
        alpha = fwhm / (2.0 * (2.0 ** (1.0 / beta) - 1.0) ** 0.5)
        y, x = height * u[k, 3], width * u[k, 4]
        stars[k] = peak * (1.0 + ((rows - y) ** 2 + (columns - x) ** 2) / alpha**2) ** -beta
    return stars


def _bloom(image: Array, clean: Array, label: NDArray[np.uint8], full: float, own: Array) -> tuple[Array, Array]:
    """Let wells overflow; `label` is changed in place."""
    bloomed, _, mask = Sensor((Saturation(full),), time=TIME).expose(image[:, None].astype(np.float64), 0)
    bloomed, mask = bloomed[:, 0], mask[:, 0]
    clean = np.minimum(clean, np.float32(full))
    charge = (label == 1 + KINDS.index("hot_pixel")) | (label == 1 + KINDS.index("cosmic_ray"))
    label[((mask & FLAGS["bleed"]) > 0) & (bloomed - clean > own) & ~charge] = 1 + KINDS.index("bleed")
    label[((mask & FLAGS["saturated"]) > 0) & ~charge] = 1 + KINDS.index("saturated")
    return np.where(mask > 0, bloomed, image).astype(np.float32), clean.astype(np.float32)
