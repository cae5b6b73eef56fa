"""Trains a small refiner on stamps made here; run alone or under torchrun by test_distributed.py."""

from __future__ import annotations

import sys

import torch

from astrogan.models import Refiner, RefinerConfig, Stamps
from astrogan.models.training import RefinerTraining, refiner_trainer
from astrogan.training import Budget, device, process_group
from astrogan.training.distributed import rank, world


def stamps(count: int = 24) -> Stamps:
    rng = torch.Generator().manual_seed(3)
    y, x = torch.meshgrid(*[torch.arange(24.0) - 11.5] * 2, indexing="ij")
    blob = torch.exp(-(x**2 + y**2) / 18)
    image = 20.0 * blob + torch.randn(count, 1, 24, 24, generator=rng)
    ones, flat = torch.ones_like(image), torch.full((count, 1), float("inf"))
    moments = torch.tensor([11.5, 11.5, 9.0, 0.0, 9.0]).expand(count, 1, 5)
    none, psf = torch.zeros(count, 0, 1, 24, 24), torch.full((count, 1), 3.0)
    ids, unit = torch.arange(count), torch.ones(1)
    return Stamps(image, ones, ones.bool(), psf, moments, none, ids, -flat, flat, unit)


def main(folder: str) -> None:
    device.has_fast_bfloat16 = lambda kind: False  # its rounding depends on the size of a batch
    real = stamps(60).image + torch.randn(60, 1, 24, 1, generator=torch.Generator().manual_seed(5))
    refiner = Refiner(RefinerConfig(bands=1, width=4, blocks=1, critic_width=4))
    how = RefinerTraining(Budget(images=8 * 6), batch_size=8, history=16, augment="adaptive")
    trainer, _ = refiner_trainer(refiner, stamps(), real, how, folder=folder, device="cpu")
    trainer.recipe.augment.probability = 0.4
    trainer.fit()
    assert trainer.images == 48
    if rank() == 0:
        print(f"{world()} processes")


if __name__ == "__main__":
    with process_group("gloo"):
        main(*sys.argv[1:])
