from __future__ import annotations

from collections import Counter

import pytest
import torch

from astrogan.training import Batches
from astrogan.training.augment import d4, draw_d4


def groups(sim: int = 10, real: int = 7) -> dict[str, dict[str, torch.Tensor]]:
    return {
        "sim": {"image": torch.arange(float(sim)).view(-1, 1, 1, 1).expand(-1, 2, 4, 4), "id": torch.arange(sim)},
        "real": {"image": torch.arange(float(real)).view(-1, 1, 1, 1).expand(-1, 2, 4, 4)},
    }


def test_variables_of_a_sample_stay_together_and_every_epoch_shows_every_sample_once():
    batches = Batches(groups(), 4, seed=1)
    drawn = [batches.next() for _ in range(35)]
    for batch in drawn:
        assert batch["sim"]["image"].shape == (4, 2, 4, 4)
        assert torch.equal(batch["sim"]["image"][:, 0, 0, 0], batch["sim"]["id"].float())
    for name, count in (("sim", 14), ("real", 20)):
        seen = torch.cat([batch[name]["image"][:, 0, 0, 0] for batch in drawn]).tolist()
        assert set(Counter(seen).values()) == {count}
        size = len(set(seen))
        assert all(len(set(seen[k : k + size])) == size for k in range(0, len(seen), size))
        assert seen[:size] != seen[size : 2 * size]


def test_a_batch_larger_than_its_group_repeats_as_evenly_as_it_can():
    batch = Batches({"few": {"id": torch.arange(3)}}, 8, seed=0).next()
    assert sorted(Counter(batch["few"]["id"].tolist()).values()) == [2, 3, 3]


def test_order_depends_on_seed_and_name_and_not_on_the_other_groups():
    both, alone, other = Batches(groups(), 4, seed=1), Batches({"sim": groups()["sim"]}, 4, seed=1), None
    other = Batches(groups(), 4, seed=2)
    a, b, c = ([x.next()["sim"]["id"].tolist() for _ in range(6)] for x in (both, alone, other))
    assert a == b != c


def test_d4_makes_the_eight_symmetries_and_moves_all_images_of_a_sample_alike():
    image = torch.arange(9.0).view(1, 1, 3, 3)
    turned = d4(image.expand(8, 1, 3, 3), torch.arange(8))
    expected = [torch.rot90(f, k, (-2, -1)) for f in (image, image.flip(-1)) for k in range(4)]
    assert {tuple(t.flatten().tolist()) for t in turned} == {tuple(e.flatten().tolist()) for e in expected}
    stamps = torch.randn(50, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    group = {"image": stamps, "tangent": stamps.unsqueeze(1).repeat(1, 3, 1, 1, 1), "label": stamps[:, 0, 0, :2]}
    batch = Batches({"real": group}, 50, seed=0, augment=["real"]).next()["real"]
    assert torch.equal(batch["tangent"][:, 2], batch["image"])
    plain = Batches({"real": group}, 50, seed=0).next()["real"]
    assert torch.equal(batch["label"], plain["label"])
    same = (batch["image"] == plain["image"]).flatten(1).all(1)
    assert 0 < same.sum() < 20


def test_images_that_are_not_square_keep_their_shape():
    images = torch.randn(40, 1, 4, 6)
    batch = Batches({"real": {"image": images}}, 40, seed=0, augment=["real"]).next()["real"]["image"]
    assert batch.shape == images.shape
    assert set(draw_d4(400, torch.Generator().manual_seed(0), square=False).tolist()) == {0, 1, 2, 3}


def test_goes_on_bit_for_bit_after_a_restart_within_an_epoch():
    straight, first, second = (Batches(groups(), 4, seed=s, augment=["real"]) for s in (1, 1, 9))
    for _ in range(4):
        straight.next()
        first.next()
    second.load_state_dict(first.state_dict())
    for _ in range(9):
        a, b = straight.next(), second.next()
        assert all(torch.equal(a[g][k], b[g][k]) for g in a for k in a[g])


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="no group"):
        Batches({}, 4, seed=0)
    with pytest.raises(ValueError, match="batch_size = 0"):
        Batches(groups(), 0, seed=0)
    with pytest.raises(ValueError, match="unknown group 'sims': did you mean 'sim'"):
        Batches(groups(), 4, seed=0, augment=["sims"])
    with pytest.raises(ValueError, match="one length above zero, not a: 3, b: 4"):
        Batches({"x": {"a": torch.zeros(3), "b": torch.zeros(4)}}, 4, seed=0)
    with pytest.raises(ValueError, match="one length above zero"):
        Batches({"x": {"a": torch.zeros(0)}}, 4, seed=0)
    saved = Batches(groups(), 4, seed=0).state_dict()
    with pytest.raises(ValueError, match="10 samples, this one has 11"):
        Batches(groups(sim=11), 4, seed=0).load_state_dict(saved)
    with pytest.raises(ValueError, match="saved batches of sim, real"):
        Batches({"sim": groups()["sim"]}, 4, seed=0).load_state_dict(saved)
