"""Figures of filled windows: arrays in, numbers out. Shapes: windows (N, C, y, x), draws (N, D, C, y, x)."""

from __future__ import annotations

import numpy as np

from astrogan.validation import two_sample

Figures = dict[str, float]
BLOCKS = 1.96  # half width of the 95 % interval, in standard deviations


def psnr(truth: np.ndarray, filled: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Peak of the window over the rms error in its hole [dB], of each window and band with a hole."""
    peak = truth.max((-1, -2))
    count = holes.sum((-1, -2))
    square = (np.square(truth - filled) * holes).sum((-1, -2)) / np.maximum(count, 1)
    return 10 * np.log10(np.square(peak) / np.maximum(square, 1e-12))[count > 0]


def light(windows: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Light of each hole and band (…, C)."""
    return (windows * holes).sum((-1, -2))


def of_mean(truth: np.ndarray, filled: np.ndarray, holes: np.ndarray) -> Figures:
    """PSNR, the median error of the light in the hole, and its mean, both over the window's light [%]."""
    off, total = light(filled - truth, holes), truth.sum((-1, -2))
    good = total > 3 * np.sqrt(truth.shape[-1] * truth.shape[-2])  # three sigmas of the window's light
    return {
        "PSNR": float(psnr(truth, filled, holes).mean()),
        "flux": 100 * float(np.median(np.abs(off[good]) / total[good])),
        "bias": 100 * float(off.sum() / total.sum()),
    }


def of_variance(truth: np.ndarray, mean: np.ndarray, std: np.ndarray, holes: np.ndarray) -> Figures:
    """χ² of pixels: over all, and the median over windows."""
    square = np.square((truth - mean) / np.where(holes, std, 1.0)) * holes
    each = square.sum((1, 2, 3)) / holes.sum((1, 2, 3))
    return {"chi2": float(square.sum() / holes.sum()), "median chi2": float(np.median(each))}


def of_draws(truth: np.ndarray, mean: np.ndarray, draws: np.ndarray, holes: np.ndarray) -> Figures:
    """PSNR of draws, their spread over the mean's error, and how often intervals of the hole's light hold the truth."""
    each = np.mean([psnr(truth, draws[:, k], holes).mean() for k in range(draws.shape[1])])
    off, spread = light(truth - mean, holes), light(draws, holes[:, None]).std(1, ddof=1)
    pixels = (np.square(draws - mean[:, None]) * holes[:, None]).sum((1, 2, 3, 4)) / draws.shape[1]
    errors = (np.square(truth - mean) * holes).sum((1, 2, 3))
    return {
        "PSNR of draws": float(each),
        "68 %": 100 * float(np.mean(np.abs(off) < spread)),
        "95 %": 100 * float(np.mean(np.abs(off) < BLOCKS * spread)),
        "spread over error": float(np.sqrt(np.median(pixels / errors))),
    }


def power_off(truth: np.ndarray, filled: np.ndarray, at: tuple[slice, slice]) -> float:
    """Largest relative difference [%] of the windows' median power within a square, in three bins of wave number."""
    square = [one[..., at[0], at[1]] for one in (truth, filled)]
    side = square[0].shape[-1]
    wave = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    taper = np.hanning(side + 2)[1:-1]
    power = [np.abs(np.fft.fft2(one * taper[:, None] * taper)) ** 2 for one in square]
    bins = [(wave > low) & (wave <= high) for low, high in ((0.0, 0.2), (0.2, 0.35), (0.35, 0.8))]
    middle = [[np.median(one[..., at_].sum(-1)) for at_ in bins] for one in power]
    return 100 * float(np.max(np.abs(np.divide(middle[1], middle[0]) - 1)))


def told(truth: np.ndarray, filled: np.ndarray, seed: int) -> float:
    """Accuracy of a classifier of features between true and filled crops."""
    tests = [two_sample(truth, filled, seed=seed + k, classifiers=("features",))[0].accuracy for k in range(2)]
    return float(np.mean(tests))
