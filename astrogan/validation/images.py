"""Stamps as colour pixels on one common scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps, border, robust_sigma

__all__ = ["Stretch", "fit_stretch", "lupton_rgb", "tile"]

SATURATION = 0.95  # of bright pixels; the sky fades to grey, so that its noise does not read as confetti


@dataclass(frozen=True)
class Stretch:
    """One asinh scale for any number of panels.

    Parameters
    ----------
    gains : tuple of float
        Factor of each band before they are mixed, so that the typical object is neutral.
    black, white : float
        Intensity shown as black and as full brightness, after the gains.
    soft : float
        Intensity above black at which the scale turns from linear to logarithmic.
    """

    gains: tuple[float, ...]
    black: float
    white: float
    soft: float

    def __post_init__(self) -> None:
        if not (self.gains and self.soft > 0 and self.white > self.black):
            raise ValueError(
                f"stretch needs gains, soft > 0 and white > black; got {self.gains}, {self.soft:g}, "
                f"{self.black:g} .. {self.white:g}"
            )


def fit_stretch(stamps: ArrayLike, *, black: float = -1.0, soft: float = 2.5, quantile: float = 0.996) -> Stretch:
    """The scale on which `stamps` (N, C, y, x), usually the real ones, look best.

    `black` and `soft` are in units of the sky's rms; `quantile` of the central pixels stay below white.
    """
    images = as_stamps("stamps", stamps)
    ny, nx = images.shape[-2:]
    centre = images[:, :, ny // 2 - 2 : ny // 2 + 2, nx // 2 - 2 : nx // 2 + 2].mean(axis=(-2, -1))
    bright = centre.mean(axis=1) >= np.quantile(centre.mean(axis=1), 0.6)
    typical = np.maximum(np.median(centre[bright], axis=0), 1e-12)
    gains = np.clip((typical.mean() / typical) ** 0.75, 0.3, 3.0)  # three quarters of a full white balance
    gains /= gains.mean()
    intensity = np.einsum("ncyx,c->nyx", images, gains / len(gains))
    sigma = max(float(np.median(robust_sigma(intensity[:, border(ny, nx)].astype(np.float32))[1])), 1e-12)
    inner = intensity[:, ny // 4 : ny - ny // 4, nx // 4 : nx - nx // 4]
    white = max(float(np.quantile(inner, quantile)), 8 * sigma)
    return Stretch(tuple(float(g) for g in gains), black * sigma, white, soft * sigma)


def lupton_rgb(stamps: ArrayLike, stretch: Stretch | None = None) -> NDArray[np.uint8]:
    """Colour images of stamps by the asinh mapping of Lupton et al. (2004, eq. 2), which keeps hue at any brightness;
    faint pixels are faded to grey.

    Parameters
    ----------
    stamps : (N, C, y, x)
        Bands from blue to red: the last is shown red, the first blue, the middle one green; one band is grey.
    stretch : Stretch, optional
        The common scale; fitted to `stamps` when absent.

    Returns
    -------
    (N, y, x, 3) uint8
        Row 0 is y = 0: flip it for display.
    """
    images = as_stamps("stamps", stamps)
    stretch = stretch or fit_stretch(images)
    if len(stretch.gains) != images.shape[1]:
        raise ValueError(f"the stretch has {len(stretch.gains)} bands; the stamps have {images.shape[1]}")
    scaled = images * np.asarray(stretch.gains, dtype=np.float32)[:, None, None] - np.float32(stretch.black)
    rgb = np.moveaxis(_three(scaled), 1, -1)
    intensity = np.maximum(rgb.mean(axis=-1, keepdims=True), 1e-12)
    bright = np.arcsinh(intensity / stretch.soft) / np.arcsinh((stretch.white - stretch.black) / stretch.soft)
    hue = SATURATION * intensity / (intensity + 2 * stretch.soft)
    colour = np.maximum(hue * rgb + (1 - hue) * intensity, 0) * (bright / intensity)
    colour /= np.maximum(colour.max(axis=-1, keepdims=True), 1.0)
    return np.asarray(255 * colour + 0.5, dtype=np.uint8)


def _three(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Red, green and blue from bands (N, C, y, x) in wavelength order."""
    count = bands.shape[1]
    if count == 2:
        return np.stack([bands[:, 1], bands.mean(axis=1), bands[:, 0]], axis=1)
    return bands[:, [count - 1, count // 2, 0]]


def tile(
    rgb: NDArray[np.uint8], columns: int, *, zoom: int = 3, gap: int = 4, ground: tuple[int, int, int] = (13, 17, 23)
) -> NDArray[np.uint8]:
    """Stamps (N, y, x, 3) in rows of `columns`, y up, each pixel `zoom` wide, `gap` pixels of `ground` between."""
    n, ny, nx, _ = rgb.shape
    rows = -(-n // columns)
    high, wide = ny * zoom + gap, nx * zoom + gap
    sheet = np.empty((rows * high - gap, columns * wide - gap, 3), dtype=np.uint8)
    sheet[:] = ground
    for i, stamp in enumerate(rgb[:, ::-1].repeat(zoom, axis=1).repeat(zoom, axis=2)):
        top, left = i // columns * high, i % columns * wide
        sheet[top : top + ny * zoom, left : left + nx * zoom] = stamp
    return sheet
