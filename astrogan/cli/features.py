"""The frozen features that validation measures with: trained on simulations only."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astrogan.cli.progress import Steps
from catalogs.checks import within

if TYPE_CHECKING:
    from astrogan.networks import FeatureNet

__all__ = ["FeatureSettings", "run_feature_training"]

SKIES, SIZE = 60, 40  # random PSFs and noises; pixels of a stamp
KINDS = ("sersic", "knots", "bulge-disk")
LABELS = (
    "log flux", "log radius", "e1", "e2", "n", "knots", "bulge and disk", "log psf fwhm", "noise correlation",
    "log neighbours",
)  # fmt: skip


@dataclass(frozen=True)
class FeatureSettings:
    """What to train on, for how long, and where the weights go."""

    out: Path
    galaxies: int = 15_000
    images: int = 200_000
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        within("galaxies", self.galaxies, 10 * SKIES, 1_000_000)
        within("images", self.images, 100, 1e9)
        within("seed", self.seed, 0, 2**31)
        if self.out.suffix != ".safetensors":
            raise ValueError(f"{self.out.name}: a model file ends in .safetensors")


def run_feature_training(settings: FeatureSettings, steps: Steps) -> None:
    """Simulate galaxies under random skies, learn their labels, write weights and card."""
    from astrogan.dataset.files import check_target
    from astrogan.networks.files import save_model
    from astrogan.training import Budget, train_features

    check_target(settings.out, settings.overwrite)
    with steps.step(f"Simulate {settings.galaxies} galaxies under {SKIES} skies") as step:
        parts = []
        for sky in range(SKIES):
            parts.append(_lesson(sky, settings.galaxies // SKIES, settings.seed))
            step.advance((sky + 1) / SKIES)
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.random.default_rng(settings.seed).permutation(len(images))
    held, seen = order[: len(order) // 10], order[len(order) // 10 :]
    centre, scale = np.nanmean(labels[seen], axis=0), np.nanstd(labels[seen], axis=0)
    with steps.step("Train") as step:
        network = train_features(
            images[seen], (labels[seen] - centre) / scale, budget=Budget(images=settings.images), seed=settings.seed,
            on_progress=lambda part, scalars: step.advance(part, f"error {scalars['error']:.3f}"),
        )  # fmt: skip
        told = _told(network, images[held], (labels[held] - centre) / scale)
        step.done(", ".join(f"{name} {value:.2f}" for name, value in told.items()))
    save_model(settings.out, network, _card(settings, told))


def _lesson(sky: int, count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Stamps (N, 1, y, x), asinh of sky sigmas, and `LABELS` (N, 10) under one random PSF and noise."""
    from catalogs.schema import Band, Survey
    from simulators import WeakLens

    rng = np.random.default_rng([seed, sky])
    fwhm, rho = float(np.exp(rng.uniform(np.log(1.8), np.log(6.0)))), float(rng.uniform(0.0, 0.45))
    beta, crowd, kind = float(rng.uniform(2.5, 6.0)), float(rng.choice([0.0, 0.01, 0.04])), KINDS[sky % len(KINDS)]
    acf = ((rho**1.5, rho, rho**1.5), (rho, 1.0, rho), (rho**1.5, rho, rho**1.5))
    band = Band(
        "r", 0.2 * fwhm, float(np.exp(rng.uniform(np.log(0.8), np.log(15.0)))), 2.0, psf_beta=beta, autocorrelation=acf
    )
    simulator = WeakLens(survey=Survey("lesson", 0.2, (band,)), size=SIZE, light=kind, neighbours=crowd)
    samples = simulator.simulate(count, seed, sky * count)
    image = np.arcsinh(samples["image"].values / band.background_sigma)
    found = {
        str(name): np.asarray(samples[name].values, dtype=np.float64) for name in samples.variables if name != "band"
    }
    radius, (e1, e2) = found.get("radius", found.get("disk_radius")), _shape(found)
    assert radius is not None
    n = found["n"] if kind == "sersic" else np.full(count, np.nan)
    near = found["neighbour_flux"].sum(axis=(1, 2)) if crowd else np.zeros(count)
    rows = [
        np.log(found["flux"][:, 0] / band.background_sigma), np.log(radius / 0.2), e1, e2, n,
        *(np.full(count, float(kind == other)) for other in KINDS[1:]),
        np.full(count, np.log(fwhm)), np.full(count, rho), np.log1p(near / band.background_sigma),
    ]  # fmt: skip
    return image.astype(np.float32), np.stack(rows, axis=1)


def _shape(found: dict[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    prefix = "" if "e1" in found else "disk_"
    return found[f"{prefix}e1"] + found["g1"], found[f"{prefix}e2"] + found["g2"]


def _told(network: FeatureNet, images: NDArray[np.float32], labels: NDArray[np.float64]) -> dict[str, float]:
    """Share of each label's variance that the network tells on stamps it has not seen."""
    import torch

    with torch.no_grad():
        miss = network(torch.from_numpy(images)).double().numpy() - labels
    return {name: round(float(1 - np.nanvar(miss[:, k]) / np.nanvar(labels[:, k])), 3) for k, name in enumerate(LABELS)}


def _card(settings: FeatureSettings, told: dict[str, float]) -> dict[str, Any]:
    return {
        "name": settings.out.stem,
        "model": "features",
        "config": {"labels": len(LABELS), "width": 24, "features": 64},
        "scaling": "asinh of pixels in sky sigmas, one band at a time",
        "trained_on": f"{settings.galaxies} galaxies of WeakLens under {SKIES} random PSFs and noises; no real image",
        "training": {"images": settings.images},
        "labels": list(LABELS),
        "variance_told": told,
        "seed": settings.seed,
        "command": shlex.join(["astrogan", *sys.argv[1:]]),
        "licence": "BSD-3-Clause",
    }
