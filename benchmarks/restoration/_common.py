"""Real frames, the training of each seed, and the classical method beside it, for all scripts of this folder."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _pages import ROOT, put, rows

from astrogan.models import Restorer, RestorerConfig, RestorerTraining, train_restorer
from astrogan.training import Budget
from simulators.detection import read_frames

__all__ = ["BUILD", "ROOT", "SEEDS", "held_out", "lacosmic", "put", "rows", "scaled", "trained", "training"]

DATA = ROOT.parent / "shared" / "data"
BUILD = ROOT / "build" / "restoration"
KIDS, SDSS = "kids_viking/frame_x0000-2079/{}.fits", "sdss_stripe82/fpC-004192-{}4-0300.fit.gz"
LINE = 1600  # column of the KiDS frames from which on no training looks
IMAGES = 3600  # windows shown
SEEDS = (0, 1, 2)
SIGCLIP = (3.0, 4.5, 6.0, 10.0)  # of LA-Cosmic; 4.5 is its default


def scaled(image: np.ndarray) -> np.ndarray:
    """A frame in background sigmas, NaN where it holds nothing."""
    frames = read_frames(image.astype(np.float32))
    return np.where(frames.missing[0], np.float32(np.nan), frames.data[0] / frames.rms[0])


def training() -> list[np.ndarray]:
    kids = [scaled(fits.getdata(DATA / KIDS.format(band)))[:, :LINE] for band in "gri"]
    return [*kids, *(scaled(fits.getdata(DATA / SDSS.format(band))) for band in "gri")]


def held_out() -> np.ndarray:
    """The r frame of KiDS beyond the line."""
    return scaled(fits.getdata(DATA / KIDS.format("r")))[:, LINE:]


def trained(seed: int) -> Restorer:
    """The restorer of a seed, trained where it is not there yet."""
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / f"restorer-{seed}.safetensors"
    if not path.is_file():
        begun = time.process_time()
        settings, config = RestorerTraining(Budget(images=IMAGES), seed=seed), RestorerConfig(seed=seed)
        restorer, _ = train_restorer(training(), settings, config, device="cpu")
        restorer.card["processor_seconds"] = round(time.process_time() - begun, 1)
        restorer.save(path)
    return Restorer.load(path)


def lacosmic(sigmas: np.ndarray, electrons: float, clip: float = 4.5) -> tuple[np.ndarray, np.ndarray]:
    """Mask and cleaned image of LA-Cosmic (van Dokkum 2001) by astroscrappy, told the true gain and noise.

    Parameters
    ----------
    sigmas : array (H, W)
        In background sigmas, the sky at 0.
    electrons : float
        Electrons in a sigma.
    clip : float
        Its threshold, `sigclip` [sigma].
    """
    import astroscrappy

    sky = electrons**2  # whose photons make the noise
    image = (sigmas * electrons + sky).astype(np.float32)
    mask, clean = astroscrappy.detect_cosmics(image, gain=1.0, readnoise=0.1, satlevel=np.inf, sigclip=clip,
                                              cleantype="medmask")  # fmt: skip
    return mask, (clean - sky) / electrons
