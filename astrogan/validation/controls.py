"""Images that are known to be wrong, on which every check of a report must fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANGED", "INVENTED", "WIDE", "WRONG_PSF", "WRONG_SKY", "changed", "invented", "wrong_sky"]

Stamps = NDArray[np.float32]
BLUR, FLUX, SHIFT, SHEAR = 1.0, 1.05, 0.1, 0.02
WRONG_SKY = f"real images blurred by a Gaussian of {BLUR:g} pixel: another PSF and noise"
WIDE = 2.0  # pixels of blur that show in galaxies' properties even where there are few
WRONG_PSF = f"real images blurred by a Gaussian of {WIDE:g} pixels: a far wider PSF"
CHANGED = f"raw images with {100 * (FLUX - 1):.0f} % more flux, moved by {SHIFT:g} pixel, sheared by {SHEAR:g}, blurred"
INVENTED = "refined images with a source of 12 sigma put into each"


def wrong_sky(real: Stamps, blur: float = BLUR) -> Stamps:
    """Real stamps under another PSF, with the correlated, weaker noise that goes with it; `blur` in pixels."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(real, (0, 0, blur, blur)), dtype=np.float32)


def changed(raw: Stamps) -> Stamps:
    """Raw stamps (N, C, y, x) whose flux, place, size and shape have moved a little."""
    from scipy.ndimage import gaussian_filter, spline_filter
    from scipy.ndimage import map_coordinates as sample

    ny, nx = raw.shape[-2:]
    y, x = np.mgrid[:ny, :nx].astype(np.float64)
    dx, dy = x - (nx - 1) / 2 - SHIFT, y - (ny - 1) / 2 - SHIFT
    from_x = (1 - SHEAR) * dx - SHEAR * dy + (nx - 1) / 2
    from_y = (1 + SHEAR) * dy - SHEAR * dx + (ny - 1) / 2
    out = np.empty_like(raw)
    for k, stamp in enumerate(raw.reshape(-1, ny, nx)):
        smooth = spline_filter(gaussian_filter(stamp.astype(np.float64), 0.5))
        out.reshape(-1, ny, nx)[k] = FLUX * sample(smooth, [from_y, from_x], prefilter=False, mode="nearest")
    return out


def invented(refined: Stamps, sigma: NDArray[np.float64], seed: int) -> Stamps:
    """Refined stamps with one more Gaussian of 3 pixels FWHM each, between centre and border.

    `sigma` (C,) is the sky's rms in the stamps' unit.
    """
    rng = np.random.default_rng(seed)
    ny, nx = refined.shape[-2:]
    angle = rng.uniform(0, 2 * np.pi, (len(refined), 1, 1))
    radius = 0.33 * min(ny, nx)
    y, x = np.mgrid[:ny, :nx]
    dx, dy = x - (nx - 1) / 2 - radius * np.cos(angle), y - (ny - 1) / 2 - radius * np.sin(angle)
    light = np.exp(-4 * np.log(2) * (dx**2 + dy**2) / 3.0**2)
    snr = 12.0 / np.sqrt((light**2).sum(axis=(1, 2), keepdims=True) * refined.shape[1])
    return np.asarray(refined + (snr * light)[:, None] * sigma[:, None, None], dtype=np.float32)
