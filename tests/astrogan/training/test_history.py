from __future__ import annotations

import pytest
import torch

from astrogan.training import History


def fresh(step: int, batch: int = 8) -> torch.Tensor:
    return torch.arange(step * batch, (step + 1) * batch, dtype=torch.float32).view(batch, 1, 1, 1)


@pytest.mark.parametrize(("capacity", "batch"), [(20, 8), (16, 8), (7, 3), (50, 5)])
def test_fills_at_half_a_batch_per_step_up_to_its_capacity(capacity, batch):
    history = History(capacity, seed=0)
    for step in range(12):
        history.mix(fresh(step, batch))
        assert len(history) == min((step + 1) * (batch // 2), capacity)


def test_batch_is_half_fresh_and_half_old_and_old_ones_were_seen_before():
    history, past = History(20, seed=0), set()
    past.update(history.mix(fresh(0)).flatten().tolist(), fresh(0).flatten().tolist())
    for step in range(1, 60):
        values = history.mix(fresh(step)).flatten()
        new = set(fresh(step).flatten().tolist())
        assert [v.item() in new for v in values] == [True] * 4 + [False] * 4
        assert len(set(values.tolist())) == 8
        assert set(values[4:].tolist()) <= past
        past |= new


def test_a_full_history_is_replaced_at_random():
    history, ages = History(20, seed=0), []
    for step in range(400):
        history.mix(fresh(step))
        kept = history.state_dict()["images"].flatten()
        assert len(set(kept.tolist())) == len(kept)
        ages += (8 * (step + 1) - kept).tolist() if step > 40 else []
    # 4 of 20 replaced per step: an entry's age is geometric with mean (1 - 0.2) / 0.2 steps, plus 2.5 images on average
    assert sum(ages) / len(ages) == pytest.approx(8 * 4 + 2.5, rel=0.05)


def test_the_stored_images_are_copies_without_gradients():
    history = History(4, seed=0)
    images = torch.ones(8, 1, 2, 2, requires_grad=True)
    history.mix(images)
    with torch.no_grad():
        images.zero_()
    mixed = history.mix(images)
    assert not mixed.requires_grad
    assert mixed[4:].min() == 1.0


def test_goes_on_bit_for_bit_after_a_restart():
    straight, first, second = (History(10, seed=3) for _ in range(3))
    for step in range(5):
        straight.mix(fresh(step))
        first.mix(fresh(step))
    second.load_state_dict(first.state_dict())
    for step in range(5, 12):
        assert torch.equal(straight.mix(fresh(step)), second.mix(fresh(step)))


def test_an_empty_history_survives_a_restart():
    history = History(10, seed=3)
    history.load_state_dict(History(10, seed=4).state_dict())
    assert len(history) == 0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="capacity = 0"):
        History(0, seed=0)
    with pytest.raises(ValueError, match=r"half the batch = 4 .*\[0, 3\]"):
        History(3, seed=0).mix(fresh(0))
    history = History(8, seed=0)
    history.mix(torch.zeros(4, 1, 8, 8))
    with pytest.raises(ValueError, match=r"\(1, 9, 9\), history of \(1, 8, 8\)"):
        history.mix(torch.zeros(4, 1, 9, 9))
    with pytest.raises(ValueError, match="holds 8 images, this one 9"):
        History(9, seed=0).load_state_dict(history.state_dict())
