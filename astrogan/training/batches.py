"""Mini-batches from tensors in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Protocol

import torch
from torch import Tensor

from astrogan.training.augment import d4, draw_d4
from catalogs.checks import one_of, within

__all__ = ["Batch", "Batches", "Sampler"]

Batch = dict[str, dict[str, Tensor]]


class Sampler(Protocol):
    """What the engine asks of a source of batches."""

    batch_size: int

    def next(self) -> Batch:
        """The next batch: group name to variable name to tensor (batch_size, ...)."""

    def state_dict(self) -> dict[str, Any]:
        """State from which the sequence goes on bit for bit."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""


class Batches:
    """Endless batches from groups of tensors of different lengths, each group in shuffled epochs of its own.

    Parameters
    ----------
    groups
        Group name to variable name to tensor (n, ...), n the same within a group:
        ``{"sim": {"image": x, "sigma": s}, "real": {"image": y}}``.
    batch_size
        Drawn from every group at every step.
    seed
        Together with its name it fixes a group's order, so adding a group leaves the others' as they were.
    augment
        Groups whose images (tensors of four dimensions or more, the last two y and x) get a random symmetry of the
        square, the same for all variables of a sample. Labels with a direction do not follow: leave such groups out.
    """

    def __init__(
        self, groups: Mapping[str, Mapping[str, Tensor]], batch_size: int, *, seed: int, augment: Iterable[str] = ()
    ) -> None:
        within("batch_size", batch_size, 1, 1e6)
        if not groups:
            raise ValueError("no group of tensors to draw batches from")
        self.batch_size = batch_size
        turned = {one_of("group", name, groups) for name in augment}
        self._groups = {name: _Group(name, group, seed, name in turned) for name, group in groups.items()}

    def next(self) -> Batch:
        """The next batch, ``{group: {variable: (batch_size, ...)}}``."""
        return {name: group.draw(self.batch_size) for name, group in self._groups.items()}

    def state_dict(self) -> dict[str, Any]:
        """Every group's order, place in it, and generator."""
        return {name: group.state_dict() for name, group in self._groups.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state.

        Raises
        ------
        ValueError
            If it was saved for other groups or other lengths.
        """
        if state.keys() != self._groups.keys():
            raise ValueError(f"saved batches of {', '.join(state)}, not of {', '.join(self._groups)}")
        for name, group in self._groups.items():
            group.load_state_dict(state[name])


class _Group:
    def __init__(self, name: str, tensors: Mapping[str, Tensor], seed: int, augment: bool) -> None:
        lengths = {len(tensor) for tensor in tensors.values()}
        if len(lengths) != 1 or 0 in lengths:
            sizes = ", ".join(f"{key}: {len(tensor)}" for key, tensor in tensors.items())
            raise ValueError(f"group {name!r} needs tensors of one length above zero, not {sizes or 'none'}")
        self.name, self.tensors, self.augment = name, dict(tensors), augment
        self.length = lengths.pop()
        self.square = all(t.shape[-1] == t.shape[-2] for t in tensors.values() if t.ndim >= 4)
        word = blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
        self.rng = torch.Generator().manual_seed(int.from_bytes(word, "little") >> 1)
        self.order, self.cursor = torch.empty(0, dtype=torch.long), 0

    def draw(self, count: int) -> dict[str, Tensor]:
        index = self._indices(count)
        batch = {key: tensor[index.to(tensor.device)] for key, tensor in self.tensors.items()}
        if self.augment:
            elements = draw_d4(count, self.rng, square=self.square)
            batch = {key: d4(x, elements) if x.ndim >= 4 else x for key, x in batch.items()}
        return batch

    def _indices(self, count: int) -> Tensor:
        parts = []
        while count:
            if self.cursor == len(self.order):
                self.order, self.cursor = torch.randperm(self.length, generator=self.rng), 0
            part = self.order[self.cursor : self.cursor + count]
            self.cursor += len(part)
            count -= len(part)
            parts.append(part)
        return torch.cat(parts)

    def state_dict(self) -> dict[str, Any]:
        return {"length": self.length, "order": self.order, "cursor": self.cursor, "rng": self.rng.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["length"] != self.length:
            raise ValueError(
                f"group {self.name!r} was saved with {state['length']} samples, this one has {self.length}"
            )
        self.order, self.cursor = state["order"], state["cursor"]
        self.rng.set_state(state["rng"])
