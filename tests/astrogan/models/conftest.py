"""A few bright galaxies in two bands, their tangents, and a refiner that nobody trained to be gentle."""

import numpy as np
import pytest
import torch

from astrogan.models import Refiner, RefinerConfig, as_stamps
from catalogs import Band, Survey
from simulators import WeakLens

SURVEY = Survey(
    "test",
    0.2,
    (
        Band("g", psf_fwhm=0.7, background_sigma=2.0, electrons_per_unit=3.0),
        Band("r", psf_fwhm=0.6, background_sigma=3.0, electrons_per_unit=2.0),
    ),
)
BRIGHT = {"flux": 3000.0, "radius": 0.5, "n": 1.0, "e1": 0.1, "e2": -0.2, "x": 0.03, "y": 0.0}
NO_KAPPA = {"g1": 0.02, "g2": 0.0, "kappa": 0.0}


def _bright(size=32, count=12):
    sim = WeakLens(survey=SURVEY, size=size)
    spread = np.linspace(0.8, 1.2, count)
    labels = {**BRIGHT, **NO_KAPPA, "flux": np.outer(3000 * spread, [1, 1.5]), "radius": 0.5 * spread}
    samples = sim.observe(sim.render(labels), seed=3)
    return samples, sim.tangent(samples)


@pytest.fixture(scope="session")
def bright():
    """``bright(size, count)``: samples and their tangents."""
    return _bright


@pytest.fixture(scope="session")
def simulated():
    """Twelve samples and their tangents."""
    return _bright()


@pytest.fixture(scope="session")
def stamps(simulated):
    """The same as networks see them."""
    return as_stamps(*simulated)


@pytest.fixture(scope="session")
def wild():
    """``wild(bands, seed, **config)``: a refiner with large random weights."""

    def make(bands=2, seed=5, **config):
        refiner = Refiner(RefinerConfig(bands=bands, **config))
        rng = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in refiner.networks["refiner"].parameters():
                parameter.copy_(0.15 * torch.randn(parameter.shape, generator=rng))
        return refiner

    return make


@pytest.fixture(scope="session")
def small():
    """``small(**config)``: a new refiner of two bands that trains in a moment."""
    return lambda **config: Refiner(RefinerConfig(bands=2, **{"width": 8, "blocks": 1, "critic_width": 8, **config}))


@pytest.fixture(scope="session")
def real(stamps):
    """Sixty real stamps in sigmas: the simulated ones, noisier in one direction."""
    rng = torch.Generator().manual_seed(0)
    stripes = torch.randn(60, 2, 32, 1, generator=rng).expand(-1, -1, -1, 32)
    return stamps.image.repeat(5, 1, 1, 1) + 1.5 * stripes
