"""A model file of one band that changes pixels: an untrained refiner changes none."""

import pytest
import torch

from astrogan.models.refiner import Refiner, RefinerConfig


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Path of the file."""
    refiner = Refiner(RefinerConfig(bands=1, width=8, blocks=1))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weights in refiner.networks["refiner"].parameters():
            weights += 0.1 * torch.randn(weights.shape, generator=generator)
    path = tmp_path_factory.mktemp("model") / "refiner.safetensors"
    refiner.save(path)
    return path
