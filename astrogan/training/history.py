"""The history of refined images that keeps a critic from forgetting old flaws."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from catalogs.checks import within

__all__ = ["History"]


class History:
    """Buffer of past fakes (Shrivastava et al. 2017, section 2.3): half of each critic batch is drawn from it.

    Parameters
    ----------
    capacity
        Images kept.
    seed
        Of the buffer's own generator.
    """

    def __init__(self, capacity: int, *, seed: int) -> None:
        within("capacity", capacity, 1, 1e9, "images")
        self.capacity = capacity
        self._rng = torch.Generator().manual_seed(seed)
        self._images: Tensor | None = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def mix(self, fresh: Tensor) -> Tensor:
        """Fresh fakes (B, ...) to a critic batch (B, ...): the first B - B//2 of them, then B//2 old ones.

        The fresh ones left out enter the buffer (in place of random old ones once it is full), to be shown later. While
        the buffer is empty the batch is all fresh.

        Raises
        ------
        ValueError
            If half a batch exceeds the capacity, or the images change their shape.
        """
        fresh = fresh.detach()
        half = len(fresh) // 2
        within("half the batch", half, 0, self.capacity, "images")
        self._reserve(fresh)
        old = self._draw(min(half, self._length))
        batch = torch.cat([fresh[: len(fresh) - len(old)], old])
        self._push(fresh[len(fresh) - half :])
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs to go on bit for bit."""
        images = None if self._images is None else self._images[: self._length].clone()
        return {"capacity": self.capacity, "images": images, "rng": self._rng.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state.

        Raises
        ------
        ValueError
            If it was saved with another capacity.
        """
        if state["capacity"] != self.capacity:
            raise ValueError(f"the saved history holds {state['capacity']} images, this one {self.capacity}")
        self._rng.set_state(state["rng"])
        self._images, self._length = None, 0
        if state["images"] is not None:
            self._reserve(state["images"])
            self._push(state["images"])

    def _reserve(self, like: Tensor) -> None:
        if self._images is None:
            self._images = like.new_empty((self.capacity, *like.shape[1:]))
        if self._images.shape[1:] != like.shape[1:]:
            raise ValueError(f"images of shape {tuple(like.shape[1:])}, history of {tuple(self._images.shape[1:])}")
        self._images = self._images.to(like.device)

    def _draw(self, count: int) -> Tensor:
        assert self._images is not None
        where = torch.randperm(self._length, generator=self._rng)[:count] if count else torch.empty(0, dtype=torch.long)
        return self._images[where.to(self._images.device)]

    def _push(self, images: Tensor) -> None:
        assert self._images is not None
        added = min(self.capacity - self._length, len(images))
        replaced = torch.randperm(self._length, generator=self._rng)[: len(images) - added]
        where = torch.cat([torch.arange(self._length, self._length + added), replaced])
        self._images[where.to(self._images.device)] = images
        self._length += added
