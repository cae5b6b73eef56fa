"""Simulated defects over real sky that no training saw: the first tables of docs/restoration.md.

python benchmarks/restoration/rays.py [SEED ...]  # trains where it is not trained yet; needs ../shared/data

Every seed leaves build/restoration/rays-SEED.json; the page shows the worst of those that are there.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import torch
from _common import BUILD, IMAGES, SEEDS, SIGCLIP, held_out, lacosmic, put, rows, trained

from astrogan.models import Restorer
from astrogan.models.defects import KINDS, SEEN, Defects, add_defects, windows_of_frames

COUNT, SIDE = 192, 112  # held-out windows
RECALL = 0.95
RAY = 1 + KINDS.index("cosmic_ray")
MEANING = {
    "precision, rays": "of the rays' own probability at 95 % recall: 0.90 or more",
    "precision, any defect": "of the whole probability at 95 % recall",
    "precision, LA-Cosmic": "at the recall that it reaches with any threshold, of the best F1",
    "recall, LA-Cosmic": "of the same",
    "recall at 1e-3": "of rays with one good pixel in a thousand taken for one",
    "rms in hits": "error of restored pixels over LA-Cosmic's, where both found a ray: 0.5 or less",
    "photometry": "scatter of hit sources over that of the others: 1.1 or less",
    "photometry, LA-Cosmic": "the same for its cleaned image",
    "change of clean sky": "rms of what is changed in windows without defects [sigma]: 0.1 or less",
    "change, rays alone": "the same where only rays and hot pixels are looked for",
    "change above 0.9": "the same of pixels with a probability above 0.9",
    "recall above 0.9": "of rays, at that probability",
    "share of clean sky": "pixels of windows without defects that are changed",
    "share, rays alone": "the same where only rays and hot pixels are looked for",
    "Mpx/s": "processor time of one thread on a 1024 x 1024 frame",
    "Mpx/s, astroscrappy": "the same",
}
SMALL_IS_BAD = ("precision", "recall", "Mpx")


def precision_at(score: np.ndarray, truth: np.ndarray, recall: float) -> tuple[float, float]:
    """Precision where so much of the truth is found, and the threshold for it."""
    order = np.argsort(-score.ravel(), kind="stable")
    found = np.cumsum(truth.ravel()[order])
    last = int(np.searchsorted(found, recall * found[-1]))
    return float(found[last] / (last + 1)), float(score.ravel()[order][last])


def recall_at(score: np.ndarray, truth: np.ndarray, false: float) -> float:
    """Recall where a share `false` of the good pixels is taken for bad."""
    return float((score[truth] > np.quantile(score[~truth], 1.0 - false)).mean())


def classical(made: Defects) -> tuple[np.ndarray, np.ndarray, float]:
    """Masks and clean windows of LA-Cosmic at the threshold with the best F1, told each window's gain."""
    truth, best = made.label == RAY, (None, None, 0.0, -1.0)
    for clip in SIGCLIP:
        pairs = [lacosmic(one, float(e), clip) for one, e in zip(made.image, made.electrons, strict=True)]
        mask, clean = (np.stack(part) for part in zip(*pairs, strict=True))
        f1 = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
        best = max(best, (mask, clean, clip, f1), key=lambda one: one[3])
    return best[:3]


def photometry(image: np.ndarray, made: Defects, sources: np.ndarray) -> tuple[float, float]:
    """Scatter of aperture fluxes of hit and of other sources, in units of what another exposure would scatter by.

    The windows with and without rays share their noise; a draw of its own stands for the other exposure's.
    """
    rows_, columns = np.ogrid[: image.shape[1], : image.shape[2]]
    off, hit = [], []
    rng = np.random.default_rng(5)
    for k, y, x in sources:
        inside = (rows_ - y) ** 2 + (columns - x) ** 2 <= 9.0
        noise = np.sqrt((1.0 + np.maximum(made.clean[k][inside], 0.0) / made.electrons[k]).sum())
        off.append((image[k][inside] - made.clean[k][inside]).sum() / noise + rng.normal())
        hit.append((made.label[k][inside] == RAY).any())
    parts = np.array(off)[np.array(hit)], np.array(off)[~np.array(hit)]
    low, high = (np.array([np.quantile(part, q) for part in parts]) for q in (0.16, 0.84))
    return tuple(((high - low) / 2).tolist())


def sources_of(clean: np.ndarray) -> np.ndarray:
    """Places (window, y, x) of peaks above 5 sigma in a smoothed window, away from the rim."""
    from scipy.ndimage import gaussian_filter, maximum_filter

    smooth = gaussian_filter(clean, (0, 1, 1))
    peaks = (maximum_filter(smooth, (1, 7, 7)) == smooth) & (smooth > 5.0)
    peaks[:, :6] = peaks[:, -6:] = peaks[:, :, :6] = peaks[:, :, -6:] = False
    return np.argwhere(peaks)


def speed(restorer: Restorer) -> tuple[float, float]:
    """Mpx/s of the restorer and of LA-Cosmic on sky with rays, of one thread's processor time."""
    torch.set_num_threads(1)
    sky = np.random.default_rng(3).normal(0, 1, (1, 1024, 1024)).astype(np.float32)
    frame = add_defects(sky, seed=5, kinds=["cosmic_ray"], rays=1.0).image
    found = []
    for work in (lambda: restorer.clean(frame, device="cpu"), lambda: lacosmic(frame[0], 20.0)):
        work()
        begun = time.process_time()
        work()
        found.append(frame.size / 1e6 / (time.process_time() - begun))
    return found[0], found[1]


def changed(restorer: Restorer, sky: np.ndarray, kinds: tuple[str, ...], threshold: float = 0.5) -> tuple[float, float]:
    """What happens to windows without defects: rms of the change [sigma], share of pixels."""
    found = restorer.clean(sky, threshold=threshold, kinds=kinds, device="cpu")
    change = np.where(found.replaced, found.clean - sky, 0.0)
    return float(np.sqrt(np.mean(change**2))), float(found.replaced.mean())


def figures(restorer: Restorer, seed: int) -> dict[str, float]:
    """All figures of one seed: its network, its windows, its rays."""
    sky = windows_of_frames([held_out()], COUNT, SIDE, seed=100 + seed)
    made = add_defects(sky, seed=200 + seed, kinds=["cosmic_ray"])
    truth, found = made.label == RAY, restorer.clean(made.image, device="cpu")
    ray = found.kinds[:, :2].sum(axis=1)  # a ray in one pixel and a hot pixel look alike
    mask, la, clip = classical(made)
    both = mask & (found.probability >= 0.5) & truth
    rms = [float(np.sqrt(np.mean((image - made.clean)[both] ** 2))) for image in (found.clean, la)]
    restored = np.where(found.replaced, found.clean, made.image)
    sources, changes = sources_of(sky), [changed(restorer, sky, kinds) for kinds in (KINDS, KINDS[:2])]
    certain = changed(restorer, sky, KINDS, 0.9)
    (ours, un), (theirs, other) = (photometry(image, made, sources) for image in (restored, la))
    ratio = ours / un, theirs / other
    rate = speed(restorer)
    return {
        "precision, rays": precision_at(ray, truth, RECALL)[0],
        "precision, any defect": precision_at(found.probability, truth, RECALL)[0],
        "precision, LA-Cosmic": float((mask & truth).sum() / mask.sum()),
        "recall, LA-Cosmic": float((mask & truth).sum() / truth.sum()),
        "recall at 1e-3": recall_at(ray, truth, 1e-3),
        "rms in hits": rms[0] / rms[1],
        "photometry": ratio[0],
        "photometry, LA-Cosmic": ratio[1],
        "change of clean sky": changes[0][0],
        "change, rays alone": changes[1][0],
        "change above 0.9": certain[0],
        "recall above 0.9": float((found.probability[truth] >= 0.9).mean()),
        "share of clean sky": changes[0][1],
        "share, rays alone": changes[1][1],
        "Mpx/s": rate[0],
        "Mpx/s, astroscrappy": rate[1],
        "clip": clip,
    }


def write(seeds: list[dict[str, float]]) -> None:
    lines = []
    for name, meaning in MEANING.items():
        values = [one[name] for one in seeds]
        worst = min(values) if name.startswith(SMALL_IS_BAD) else max(values)
        lines.append([name, f"{worst:.3g}", ", ".join(f"{value:.3g}" for value in values), meaning])
    about = (
        f"{len(seeds)} seeds, {IMAGES} windows shown to each. A ray's pixel counts where it adds more than {SEEN:g} "
        "sigma of the pixel's noise. LA-Cosmic knows gain and noise of every window; its best threshold is "
        f"{seeds[0]['clip']:g}."
    )
    put("restoration.md", "rays", f"{about}\n\n{rows(('figure', 'worst seed', 'each', 'meaning'), lines)}")


def main() -> None:
    for seed in map(int, sys.argv[1:] or map(str, SEEDS)):
        found = figures(trained(seed), seed)
        (BUILD / f"rays-{seed}.json").write_text(json.dumps(found, indent=1))
    write([json.loads(path.read_text()) for path in sorted(BUILD.glob("rays-*.json"))])


if __name__ == "__main__":
    main()
