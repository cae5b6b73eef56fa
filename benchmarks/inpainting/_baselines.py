"""What fills holes without learning, band by band: windows (N, y, x) with holes in, filled windows out."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from astropy.convolution import Gaussian2DKernel, interpolate_replace_nans

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]


def biharmonic(windows: np.ndarray, holes: np.ndarray) -> np.ndarray:
    from skimage.restoration import inpaint_biharmonic

    return np.stack([inpaint_biharmonic(x, u) for x, u in zip(windows.astype(float), holes, strict=True)])


def interpolation(windows: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """astropy.convolution, with a Gaussian that grows until it bridges the hole."""
    out = np.where(holes, np.nan, windows.astype(float))
    for index, image in enumerate(out):
        for sigma in (1.0, 2.0, 4.0, 8.0, 16.0):
            if not np.isnan(image).any():
                break
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image = interpolate_replace_nans(image, Gaussian2DKernel(sigma))
        out[index] = image
    return out


def maskfill(windows: np.ndarray, holes: np.ndarray) -> np.ndarray:
    from maskfill import maskfill as fill

    return np.stack([fill(x, u, writesteps=False)[0] for x, u in zip(windows.astype(float), holes, strict=True)])


def baselines() -> dict[str, Fill]:
    """Those that are installed."""
    found = {"biharmonic": biharmonic, "interpolation": interpolation}
    try:
        import maskfill as _  # noqa: F401
    except ImportError:
        return found
    return {**found, "maskfill": maskfill}
