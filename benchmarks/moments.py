"""Adaptive moments beside GalSim's HSM, and morphology beside statmorph, on noisy galaxies, interleaved.

python benchmarks/moments.py

Prints stamps per second of processor time on one thread. statmorph is left out where it is not installed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec

from _timing import prepare, rates

if __name__ == "__main__":
    prepare()

import galsim
import numpy as np

from simulators.moments import adaptive_moments
from simulators.morphology import morphology

ROUNDS = 5


def stamps(size: int, count: int) -> np.ndarray:
    """Sersic galaxies of S/N 20 to 200 under a Moffat PSF, in units of the noise, (count, size, size)."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(count):
        galaxy = galsim.Sersic(rng.choice([1.0, 2.0, 4.0]), half_light_radius=rng.uniform(1.5, 4.0))
        galaxy = galaxy.shear(g1=rng.uniform(-0.3, 0.3), g2=rng.uniform(-0.3, 0.3)).shift(*rng.uniform(-1, 1, 2))
        image = galsim.Convolve(galaxy, galsim.Moffat(3.0, fwhm=3.0)).drawImage(nx=size, ny=size, scale=1.0).array
        sigma = np.sqrt((image**2).sum()) / np.exp(rng.uniform(np.log(20), np.log(200)))
        made.append(image / sigma + rng.normal(size=image.shape))
    return np.array(made, dtype=np.float32)


def hsm(images: np.ndarray, **settings: float) -> Callable[[], None]:
    """GalSim on images that are made beforehand."""
    given = [galsim.Image(image) for image in images]

    def job() -> None:
        for image in given:
            image.FindAdaptiveMom(strict=False, **settings)

    return job


def statmorphs(images: np.ndarray) -> Callable[[], None]:
    import statmorph
    from scipy.ndimage import gaussian_filter, label

    def job() -> None:
        for image in images:
            marks, _ = label(gaussian_filter(image, 1.5) > 0.5)
            own = (marks == marks[len(marks) // 2, len(marks) // 2]).astype(int)
            one = statmorph.SourceMorphology(image, own, label=1, weightmap=np.ones_like(image), skybox_size=8)
            _ = one.concentration, one.asymmetry, one.smoothness, one.gini, one.m20

    return job


def main() -> None:
    warnings.simplefilter("ignore")
    print("| stamps | code | stamps/s | ratio |\n|---|---|---|---|")
    for size in (32, 48, 64):
        images = stamps(size, 400)
        many = np.tile(images, (10, 1, 1))
        jobs: dict[str, tuple[Callable[[], object], int]] = {
            "GalSim HSM, its defaults": (hsm(images), len(images)),
            "GalSim HSM, to 1e-8": (hsm(images, precision=1e-8), len(images)),
            "adaptive_moments, to 1e-8": (lambda many=many: adaptive_moments(many), len(many)),
            "adaptive_moments that leaps": (lambda many=many: adaptive_moments(many, leap=True), len(many)),
            "morphology": (lambda images=images: morphology(images), len(images)),
        }
        if find_spec("statmorph"):
            jobs["statmorph"] = (statmorphs(images[:8]), 8)
        for function, _ in jobs.values():
            function()
        found = {name: float(np.median(each)) for name, each in rates(jobs, ROUNDS).items()}
        for name, value in found.items():
            peer = "GalSim HSM, its defaults" if name.startswith(("GalSim", "adaptive")) else "statmorph"
            ratio = f"{value / found[peer]:.1f}" if peer in found else "–"
            print(f"| {size} x {size} | {name} | {value:.0f} | {ratio} |")


if __name__ == "__main__":
    main()
