"""Readers for PyTorch: every sample once, the same numbers whatever the workers, no comb."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler

from astrogan.dataset.backend import open_samples
from astrogan.dataset.loader import SampleDataset, SampleStream
from astrogan.dataset.sharding import write_store

N = 300
NAMES = ("image", "sample_id", "flux")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from catalogs.schema import Band, Survey

    rng = np.random.default_rng(4)
    import xarray as xr

    survey = Survey("toy", 0.2, tuple(Band(name, 0.7, 1.0, electrons_per_unit=2.0) for name in "gr"))
    samples = xr.Dataset(
        {
            "sample_id": ("sample", np.arange(N) + 1000),
            "qc_flag": ("sample", np.zeros(N, np.int8)),
            "image": (("sample", "band", "y", "x"), rng.normal(size=(N, 2, 24, 24)).astype(np.float32)),
            "flux": (("sample", "band"), rng.uniform(1, 2, (N, 2))),
        },
        coords={"band": ["g", "r"]},
        attrs={"pixel_scale": 0.2, "survey": survey.to_json(), "simulator": "Toy", "seed": 7},
    )
    folder = tmp_path_factory.mktemp("loader") / "store"
    write_store(samples, folder, shard_size=70)
    return folder


@pytest.fixture(scope="module")
def truth(store):
    return open_samples(store).load()


def by_id(batches):
    """Sample id -> image, of batches; no id may come twice."""
    images = {}
    for batch in batches:
        for number, image in zip(batch["sample_id"].tolist(), batch["image"], strict=True):
            assert number not in images
            images[number] = image.numpy()
    return images


def test_samples_are_those_of_the_store(store, truth):
    plain = SampleDataset(store, NAMES, dither=False)
    assert len(plain) == N
    for index in (0, 69, 70, 299, -1):
        assert np.array_equal(plain[index]["image"], truth["image"].values[index])
        assert np.array_equal(plain[index]["flux"], truth["flux"].values[index])


def test_dither_is_uniform_over_a_step_and_hides_the_comb(store, truth):
    dithered = SampleDataset(store, NAMES)
    images = np.stack([sample["image"].numpy() for sample in dithered.__getitems__(list(range(N)))])
    steps = truth["image_step"].values[:, :, None, None]
    moved = (images - truth["image"].values) / steps
    assert np.abs(moved).max() <= 0.5 + 1e-3
    assert abs(moved.mean()) < 2e-3
    assert np.var(moved) == pytest.approx(1 / 12, rel=0.01)
    assert len(np.unique(images[0, 0])) > 550
    assert len(np.unique(truth["image"].values[0, 0])) < 150


def test_dither_is_keyed_by_sample_seed_and_epoch(store):
    first, second = SampleDataset(store, NAMES), SampleDataset(store, NAMES)
    alone = second[123]["image"]
    assert torch.equal(first.__getitems__([5, 123, 9])[1]["image"], alone)
    second.set_epoch(1)
    assert not torch.equal(second[123]["image"], alone)
    assert not torch.equal(SampleDataset(store, NAMES, seed=1)[123]["image"], alone)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_gives_every_sample_once_and_the_same_pixels(store, workers):
    stream = SampleStream(store, NAMES, batch_size=32, window=64, block=8)
    images = by_id(DataLoader(stream, batch_size=None, num_workers=workers))
    assert sorted(images) == list(range(1000, 1000 + N))
    one_by_one = SampleDataset(store, NAMES)
    for number in (1000, 1100, 1299):
        assert np.array_equal(images[number], one_by_one[number - 1000]["image"])


def test_a_loader_with_workers_reads_what_one_without_reads(store):
    def images(workers):
        sampler = RandomSampler(range(N), generator=torch.Generator().manual_seed(3))
        return by_id(DataLoader(SampleDataset(store, NAMES), batch_size=50, sampler=sampler, num_workers=workers))

    none, two = images(0), images(2)
    assert list(none) == list(two)
    assert all(np.array_equal(none[number], two[number]) for number in none)


def test_order_is_shuffled_and_depends_on_seed_and_epoch(store):
    def order(seed=0, epoch=0, **options):
        stream = SampleStream(store, ("sample_id",), batch_size=50, window=100, block=5, seed=seed, **options)
        stream.set_epoch(epoch)
        return torch.cat([batch["sample_id"] for batch in stream]).tolist()

    first = order()
    assert first == order()
    assert len({tuple(first), tuple(order(seed=1)), tuple(order(epoch=1))}) == 3
    assert np.corrcoef(first, np.arange(N))[0, 1] < 0.3
    assert order(shuffle=False) == list(range(1000, 1000 + N))


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_samples_and_stay_in_step(store, ranks):
    shares = []
    for rank in range(ranks):
        stream = SampleStream(store, NAMES, batch_size=16, window=64, block=4, rank=rank, ranks=ranks)
        batches = list(stream)
        assert all(len(batch["image"]) == 16 for batch in batches)
        shares.append(by_id(batches))
    assert len({len(share) for share in shares}) == 1
    assert not set.intersection(*(set(share) for share in shares))
    assert sum(map(len, shares)) >= N - 16 * ranks - 4 * ranks


def test_workers_that_stay_alive_see_new_epochs_on_every_rank(store):
    """Ranks of two workers each: shares of one size without overlap in each epoch, and in a few epochs all samples."""
    loaders, orders, images = [], [], []
    for rank in range(2):
        stream = SampleStream(store, NAMES, batch_size=16, window=64, block=4, rank=rank, ranks=2)
        loaders.append((stream, DataLoader(stream, batch_size=None, num_workers=2, persistent_workers=True)))
    for epoch in range(4):
        shares = []
        for stream, loader in loaders:
            stream.set_epoch(epoch)
            shares.append(by_id(loader))
        assert len(shares[0]) == len(shares[1]) >= N / 2 - 2 * (16 + 4)
        assert not set(shares[0]) & set(shares[1])
        orders.append(list(shares[0]))
        images.append(shares[0] | shares[1])
    assert len({tuple(order) for order in orders}) == 4
    assert {number for one in images for number in one} == set(range(1000, 1000 + N))
    both = set(images[0]) & set(images[1])
    assert not any(np.array_equal(images[0][number], images[1][number]) for number in both)


def test_neighbours_of_the_store_are_no_neighbours_of_the_stream(store):
    """A random order has two such pairs, in ten epochs 20; windows and blocks may make it three times as many."""
    stream, near = SampleStream(store, ("sample_id",), batch_size=50, window=150, block=10), 0
    for epoch in range(10):
        stream.set_epoch(epoch)
        order = torch.cat([batch["sample_id"] for batch in stream])
        near += int((order.diff().abs() == 1).sum())
    assert 0 < near < 3 * 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variables": ("imgae",)}, "unknown variable 'imgae': did you mean 'image'"),
        ({"window": 8}, "window = 8 is outside"),
        ({"rank": 2, "ranks": 2}, "rank = 2 is outside"),
        ({"batch_size": 0}, "batch_size = 0 is outside"),
    ],
)
def test_refusals(store, options, words):
    with pytest.raises(ValueError, match=words):
        SampleStream(store, **options)


def test_damage_is_not_trained_on(store, tmp_path):
    import shutil

    from astrogan.dataset import StoreError

    shutil.copytree(store, tmp_path / "store")
    path = tmp_path / "store" / "shards" / "shard-00002.h5"
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 16
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"shard-00002\.h5"):
        list(SampleStream(tmp_path / "store", NAMES))
