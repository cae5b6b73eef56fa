"""Scenes with known answers, drawn by GalSim: 320 galaxies and 40 stars on 1000 x 1000 pixels, without noise."""

from __future__ import annotations

from dataclasses import dataclass

import galsim
import numpy as np
import pytest

SIDE, SCALE, STAMP = 1000, 0.25, 128
GALAXIES, STARS = 320, 40


@dataclass(frozen=True)
class Scene:
    """Noise-free frames (band, y, x), their PSFs, and truth: positions [pixel], total fluxes (N, band), shapes."""

    images: np.ndarray
    psfs: tuple
    galaxies: dict
    stars: dict


def _truth(rng):
    grid = np.stack(np.meshgrid(np.arange(19), np.arange(19)), -1).reshape(-1, 2)[: GALAXIES + STARS]
    places = 50.0 + 50.0 * grid[rng.permutation(len(grid))] + rng.uniform(-8.0, 8.0, (len(grid), 2))
    flux = 10 ** rng.uniform(3.2, 4.9, GALAXIES)[:, None] * rng.uniform(0.6, 1.6, (GALAXIES, 2))
    modulus, angle = np.clip(rng.rayleigh(0.2, GALAXIES), 0.0, 0.55), rng.uniform(0, np.pi, GALAXIES)
    galaxies = {
        "x": places[:GALAXIES, 0],
        "y": places[:GALAXIES, 1],
        "flux": flux,
        "n": rng.choice([1.0, 1.5, 2.5], GALAXIES),
        "radius": np.clip(rng.lognormal(np.log(0.6), 0.35, GALAXIES), 0.25, 1.6),
        "e1": modulus * np.cos(2 * angle),
        "e2": modulus * np.sin(2 * angle),
    }
    brightness = np.repeat(10 ** rng.uniform(4.0, 5.5, STARS)[:, None], 2, axis=1)
    return galaxies, {"x": places[GALAXIES:, 0], "y": places[GALAXIES:, 1], "flux": brightness}


def _add(image, profile, x, y):
    stamp = profile.drawImage(
        nx=STAMP, ny=STAMP, scale=SCALE, center=galsim.PositionD(float(x), float(y)), dtype=np.float64
    )
    shared = stamp.bounds & image.bounds
    image[shared] += stamp[shared]


@pytest.fixture(scope="session")
def scene():
    galaxies, stars = _truth(np.random.default_rng(20))
    psfs = (galsim.Moffat(beta=3.0, fwhm=0.8), galsim.Gaussian(fwhm=0.7))
    frames = []
    for band, psf in enumerate(psfs):
        image = galsim.ImageD(SIDE, SIDE, scale=SCALE, xmin=0, ymin=0)
        for i in range(GALAXIES):
            light = galsim.Sersic(n=galaxies["n"][i], half_light_radius=galaxies["radius"][i])
            light = light.shear(g1=galaxies["e1"][i], g2=galaxies["e2"][i]) * galaxies["flux"][i, band]
            _add(image, galsim.Convolve(light, psf), galaxies["x"][i], galaxies["y"][i])
        for i in range(STARS):
            _add(image, psf * stars["flux"][i, band], stars["x"][i], stars["y"][i])
        frames.append(image.array)
    return Scene(np.stack(frames), psfs, galaxies, stars)
