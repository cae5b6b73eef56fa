"""Real sky of the inpainting benchmarks: KiDS/VIKING frames and HST COSMOS galaxies, split in two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from astrogan.models.holes import Holes

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
FRAME = DATA / "kids_viking" / "frame_x0000-2079"
EDGE, SCALE = 1600, 0.339  # x between train and val [pixel]; arcsec
SIZE, STAMP = 32, 48  # windows, and the training stamps they are cut from [pixel]
FAINTEST, BRIGHTEST = 7.0, 17.0  # SNR of sources in training stamps; magnitude of stars left out
SNR = 10.0  # of galaxies that are judged
JITTER, TWICE = 8, 1  # pixels that judged galaxies are off the middle of their windows; windows of each


@dataclass(frozen=True)
class Sky:
    """Stamps to train on and windows (N, C, y, x) to judge on, in background sigmas."""

    bands: tuple[str, ...]
    training: Holes
    judged: Holes


def holes_of(images: np.ndarray, fwhm: float, known: np.ndarray | None = None) -> Holes:
    """Images in background sigmas as an inpainter takes them."""
    image = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
    seen = torch.ones_like(image, dtype=torch.bool) if known is None else torch.from_numpy(known.copy())
    count, bands = image.shape[:2]
    psf = torch.full((count, bands), fwhm)
    return Holes(
        torch.where(seen, image, 0.0), torch.ones_like(image), seen, psf, torch.arange(count), torch.ones(bands)
    )


def kids_frame(bands: tuple[str, ...]) -> np.ndarray:
    """Frames (band, y, x) less their median, in sigmas of the half below it."""
    from astrogan.dataset import read_images

    frames = read_images(FRAME, list(bands)).values.astype(np.float64)
    frames -= np.median(frames, axis=(1, 2), keepdims=True)
    sigma = [np.sqrt(np.mean(frame[frame < 0] ** 2)) for frame in frames]
    return (frames / np.array(sigma)[:, None, None]).astype(np.float32)


def cut(frame: np.ndarray, x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """Windows around places, of those that lie within the frame."""
    left, low = (np.rint(at - (size - 1) / 2).astype(int) for at in (x, y))
    inside = (left >= 0) & (low >= 0) & (left + size <= frame.shape[2]) & (low + size <= frame.shape[1])
    return np.stack([frame[:, b : b + size, a : a + size] for a, b in zip(left[inside], low[inside], strict=True)])


def kids(bands: tuple[str, ...], seed: int) -> Sky:
    """Stamps around sources of the training side, windows around galaxies of the other side; no pixel is in both."""
    from astropy.io import fits

    frame, table = kids_frame(bands), fits.getdata(DATA / "kids_viking" / "detections_r.fits")
    x, y = (np.asarray(table[name], dtype=float) for name in "xy")
    bright = np.asarray(table["mag_r_kron"], dtype=float)
    snr = np.asarray(table["snr_r_kron"], dtype=float)
    small = np.asarray(table["flux_radius_px"], dtype=float) < SIZE / 6
    learn = (x < EDGE - STAMP / 2) & (snr > FAINTEST) & (bright > BRIGHTEST)
    judge = (x > EDGE + SIZE) & (snr > SNR) & np.asarray(table["resolved"], dtype=bool) & small
    off = np.random.default_rng(seed).integers(-JITTER, JITTER + 1, (2, TWICE, int(judge.sum())))
    places = ((at[judge] + by).ravel() for at, by in zip((x, y), off, strict=True))
    judged = cut(frame, *places, SIZE)
    return Sky(bands, holes_of(cut(frame, x[learn], y[learn], STAMP), 2.0), holes_of(judged, 2.0))
