"""How strongly to augment: as much as the critic overfits (Karras et al. 2020, NeurIPS, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from astrogan.training.augment import augmented
from astrogan.training.distributed import agree, world
from catalogs.checks import within

__all__ = ["AdaptiveAugmentation", "few_real"]

LARGE = 5000  # real images from which on a critic of this size cannot learn them by heart
MOST = 0.8  # above, augmentations begin to show in what is generated (their figure 4)


def few_real(count: int) -> bool:
    """Whether so few real images call for augmentation."""
    return count < LARGE


@dataclass
class AdaptiveAugmentation:
    """Augments critic inputs with a probability that follows the critic's overfitting.

    r_t is the mean sign of the critic's verdict on real images: 0 where it cannot tell, 1 where it knows them all (eq.
    1, right). A relativistic critic has no zero, so its verdict is on pairs, D(real) - D(fake). Every `every` steps
    the probability moves by the share that would take it from 0 to 1 over `ramp` images, up where r_t > `target`.

    Attributes
    ----------
    seed : int
    on : bool
        False augments nothing, ever.
    target : float
    ramp : float
        Images.
    every : int
        Steps.
    probability, r_t : float
        Of now.
    """

    seed: int
    on: bool = True
    target: float = 0.6
    ramp: float = 50_000.0
    every: int = 4
    probability: float = 0.0
    r_t: float = 0.0
    _signs: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        within("augmentation target", self.target, 0.0, 1.0)
        within("augmentation ramp", self.ramp, 1.0, 1e12, "images")
        self._rng = torch.Generator().manual_seed(self.seed)

    def __call__(self, images: Tensor) -> Tensor:
        """Critic inputs of this rank, augmented as part of the global batch."""
        if not self.on or self.probability == 0.0:
            return images
        return augmented(images, self.probability, self._rng)

    def update(self, sign: float, count: int) -> None:
        """Take in the mean sign of the verdicts on this rank's `count` real images, and adapt when it is time."""
        if not self.on:
            return
        self._signs.append(agree({"sign": sign})["sign"])
        if len(self._signs) < self.every:
            return
        self.r_t = sum(self._signs) / len(self._signs)
        moved = self.every * count * world() / self.ramp
        self.probability += moved if self.r_t > self.target else -moved
        self.probability = min(max(self.probability, 0.0), MOST)
        self._signs.clear()

    def scalars(self) -> dict[str, float]:
        """What to log."""
        return {"augmentation": self.probability, "r_t": self.r_t} if self.on else {}

    def state_dict(self) -> dict[str, Any]:
        """Everything that a restart needs."""
        now = {"probability": self.probability, "r_t": self.r_t, "signs": list(self._signs)}
        return {**now, "on": self.on, "rng": self._rng.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state.

        Raises
        ------
        ValueError
            If the saved run augmented and this one does not, or the other way round.
        """
        if state["on"] != self.on:
            raise ValueError(f"the saved run had augmentation {'on' if state['on'] else 'off'}, this one has not")
        self.probability, self.r_t, self._signs = state["probability"], state["r_t"], list(state["signs"])
        self._rng.set_state(state["rng"])
