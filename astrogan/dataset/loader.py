"""Samples for PyTorch, one by one or as shuffled batches, from stores larger than memory.

Stored images are rounded to ``image_step``; a critic could tell them by that comb. Both readers therefore add uniform
noise of one step, keyed by (seed, epoch, sample id): the same whatever the workers, ranks and order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from astrogan.dataset.reading import SampleStore
from catalogs.checks import one_of, within

__all__ = ["SampleDataset", "SampleStream"]

DITHER, ORDER, WINDOW = 1, 2, 3  # keys of random numbers
Batch = dict[str, Tensor]


class _Source:
    """Chosen variables of a store, dithered."""

    def __init__(self, path: str | os.PathLike[str], variables: Sequence[str], dither: bool, seed: int) -> None:
        self.store = SampleStore(path)
        held = {name: what for name, what in self.store.header.variables.items() if what["dims"][0] == "sample"}
        self.names = tuple(one_of("variable", name, held) for name in variables)
        self.dither = dither and "image" in self.names and "image_step" in held
        within("seed", seed, 0, 2**63)
        self.seed = seed
        self._epoch = torch.zeros(1, dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]  # seen by workers that have started already

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch[0] = epoch

    def generator(self, effect: int, number: int = 0) -> np.random.Generator:
        counter = np.array([0, 0, self.epoch, number % 2**64], np.uint64)
        return np.random.Generator(np.random.Philox(key=np.array([self.seed, effect], np.uint64), counter=counter))

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """Samples `rows` in their order, read in that of the file."""
        order = np.argsort(rows, kind="stable")
        back = np.argsort(order, kind="stable")
        values = {name: self.store.read(name, rows[order])[back] for name in self.names}
        if self.dither:
            ids, steps = (self.store.read(name, rows[order])[back] for name in ("sample_id", "image_step"))
            for image, number, step in zip(values["image"], ids.tolist(), steps, strict=True):
                if step.any():
                    noise = self.generator(DITHER, number).random(image.shape, np.float32)
                    image += (noise - np.float32(0.5)) * step[:, None, None]
        return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in values.items()}


class SampleDataset(Dataset[Batch]):
    """Samples by number, for a `DataLoader` with any sampler and number of workers.

    Parameters
    ----------
    path
        A store: directory or ``.h5`` file.
    variables
        What each sample holds, as tensors without the sample axis.
    dither
        Add noise of one rounding step to images.
    seed
        Key of the dither.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        variables: Sequence[str] = ("image",),
        *,
        dither: bool = True,
        seed: int = 0,
    ) -> None:
        self._source = _Source(path, variables, dither, seed)

    def set_epoch(self, epoch: int) -> None:
        """Dither anew; also in workers that have started already."""
        self._source.epoch = epoch

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._source.store)

    def __getitem__(self, index: int) -> Batch:
        """One sample."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Batch]:
        """Several samples; a `DataLoader` fetches a whole batch so."""
        rows = np.asarray(indices, dtype=np.int64)
        rows = np.where(rows < 0, rows + len(self), rows)
        batch = self._source.read(rows)
        return [{name: value[place] for name, value in batch.items()} for place in range(len(rows))]


class SampleStream(IterableDataset[Batch]):
    """Every sample once an epoch, in shuffled batches, read almost in order; for ``DataLoader(batch_size=None)``.

    Runs of `block` neighbouring samples are shuffled over the whole store and dealt to the workers of all ranks; each
    worker reads `window` samples at a time, shuffles them, and cuts batches. With several ranks every worker gives
    equally many samples, so that ranks stay in step; the few that are left out differ from epoch to epoch.

    Parameters
    ----------
    path, variables, dither
        As for `SampleDataset`.
    batch_size
        Samples in a batch; a last smaller one comes only with a single rank.
    seed
        Key of order and dither; the order also depends on the epoch (`set_epoch`).
    shuffle
        False keeps the order of the store.
    window
        Samples in memory per worker.
    block
        Neighbouring samples that stay together until they are shuffled in a window.
    rank, ranks
        This process of a distributed run and their number.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        variables: Sequence[str] = ("image",),
        *,
        batch_size: int = 128,
        seed: int = 0,
        shuffle: bool = True,
        dither: bool = True,
        window: int = 4096,
        block: int = 32,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        super().__init__()
        self._source = _Source(path, variables, dither, seed)
        within("batch_size", batch_size, 1, 1e6)
        within("window", window, batch_size, 1e7)
        within("block", block, 1, window)
        within("ranks", ranks, 1, 1e6)
        within("rank", rank, 0, ranks - 1)
        self.batch_size, self.shuffle, self.window, self.block = batch_size, shuffle, window, block
        self.rank, self.ranks = rank, ranks

    def set_epoch(self, epoch: int) -> None:
        """Another order and dither; also in workers that have started already."""
        self._source.epoch = epoch

    def __iter__(self) -> Iterator[Batch]:
        """Batches of this worker of this rank."""
        worker = get_worker_info()
        each = 1 if worker is None else worker.num_workers
        mine = self.rank * each + (0 if worker is None else worker.id)
        blocks = self._blocks()
        shares = [np.concatenate(blocks[k :: self.ranks * each] or [_NONE]) for k in range(self.ranks * each)]
        rows = shares[mine]
        if self.ranks > 1:
            rows = rows[: min(map(len, shares)) // self.batch_size * self.batch_size]
        yield from self._batches(rows, mine)

    def _blocks(self) -> list[NDArray[np.int64]]:
        """Runs of rows that lie in one shard, shuffled."""
        starts = self._source.store.starts
        runs = [
            np.arange(first, min(first + self.block, stop))
            for begin, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
            for first in range(begin, stop, self.block)
        ]
        if self.shuffle:
            order = self._source.generator(ORDER).permutation(len(runs))
            runs = [runs[place] for place in order]
        return runs

    def _batches(self, rows: NDArray[np.int64], mine: int) -> Iterator[Batch]:
        generator = self._source.generator(WINDOW, mine)
        window = self.window // self.batch_size * self.batch_size
        for start in range(0, len(rows), window):
            part = rows[start : start + window]
            if self.shuffle:
                part = generator.permutation(part)
            whole: dict[str, Any] = self._source.read(part)
            for first in range(0, len(part), self.batch_size):
                yield {name: value[first : first + self.batch_size] for name, value in whole.items()}


_NONE = np.zeros(0, np.int64)
