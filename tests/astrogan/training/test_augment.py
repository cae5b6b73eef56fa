"""Augmentations move pixels and change none; they let gradients through."""

from __future__ import annotations

import pytest
import torch

from astrogan.training.adaptive import MOST, AdaptiveAugmentation, few_real
from astrogan.training.augment import augmented, cutout, shift


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 8, shape: tuple[int, int] = (12, 12)) -> torch.Tensor:
    return torch.rand(count, 2, *shape, generator=rng()) + 1.0


def test_shift_rolls_each_image_by_its_own_pixels():
    x, dy, dx = images(3, (5, 7)), torch.tensor([0, 2, -1]), torch.tensor([3, -6, 0])
    for one, moved, y, j in zip(x, shift(x, dy, dx), dy.tolist(), dx.tolist(), strict=True):
        assert torch.equal(moved, one.roll((y, j), (1, 2)))


def test_cutout_clears_one_square_on_a_torus():
    x = images(2, (6, 8))
    cut = cutout(x, torch.tensor([1, 5]), torch.tensor([2, 7]), 3)
    expected = x.clone()
    expected[0, :, 1:4, 2:5] = 0.0
    rows, columns = torch.tensor([5, 0, 1]), torch.tensor([7, 0, 1])
    expected[1, :, rows[:, None], columns] = 0.0
    assert torch.equal(cut, expected)


@pytest.mark.parametrize("shape", [(12, 12), (10, 14)])
def test_no_pixel_gets_another_value_and_bands_stay_together(shape):
    x = images(40, shape)
    out = augmented(x, 0.7, rng(3))
    assert out.shape == x.shape
    changed = 0
    for one, other in zip(x, out, strict=True):
        pairs = {(a, b) for a, b in one.flatten(1).T.tolist()} | {(0.0, 0.0)}
        assert {(a, b) for a, b in other.flatten(1).T.tolist()} <= pairs
        changed += not torch.equal(one, other)
    assert 30 < changed <= 40
    assert torch.equal(augmented(x, 0.0, rng(3)), x)


def test_gradients_reach_every_pixel_that_is_shown():
    x = images(16).requires_grad_()
    out = augmented(x, 0.5, rng(1))
    torch.autograd.backward(out.sum())
    assert x.grad.unique().tolist() == [0.0, 1.0]
    assert x.grad.sum() == (out != 0).sum()


def test_half_the_images_are_left_alone_at_the_probability_that_says_so():
    x = images(4000, (4, 4))
    kept = (augmented(x, 0.2, rng(2)) == x).flatten(1).all(1).float().mean()
    # of those turned 1/8, of those shifted by at most a pixel 1/9 are as they were
    assert kept == pytest.approx((1 - 0.2 * 7 / 8) * (1 - 0.2 * 8 / 9) * 0.8, abs=0.03)


def test_strength_follows_the_verdict_on_real_images():
    ada = AdaptiveAugmentation(0, ramp=1000.0, every=4)
    x = images(10)
    assert ada(x) is x
    for _ in range(8):
        ada.update(1.0, 10)
    assert ada.probability == pytest.approx(80 / 1000)
    assert ada.scalars() == {"augmentation": ada.probability, "r_t": 1.0}
    assert not torch.equal(torch.stack([ada(x) for _ in range(20)]), x.expand(20, -1, -1, -1, -1))
    for _ in range(4):
        ada.update(0.2, 10)
    assert ada.probability == pytest.approx(40 / 1000)
    assert ada.r_t == pytest.approx(0.2)
    for _ in range(40):
        ada.update(0.0, 10)
    assert ada.probability == 0.0
    for _ in range(400):
        ada.update(1.0, 10)
    assert ada.probability == MOST


def test_switched_off_it_does_nothing_ever():
    ada = AdaptiveAugmentation(0, on=False)
    for _ in range(100):
        ada.update(1.0, 1000)
    x = images()
    assert ada(x) is x
    assert ada.scalars() == {}
    with pytest.raises(ValueError, match="the saved run had augmentation on"):
        ada.load_state_dict(AdaptiveAugmentation(0).state_dict())


def test_it_goes_on_bit_for_bit_after_a_restart():
    one, other = AdaptiveAugmentation(1, ramp=100.0), AdaptiveAugmentation(2, ramp=100.0)
    for _ in range(7):
        one.update(0.9, 8)
        one(images())
    other.load_state_dict(one.state_dict())
    for _ in range(3):
        one.update(0.9, 8)
        other.update(0.9, 8)
        assert torch.equal(one(images()), other(images()))
    assert one.state_dict().keys() == other.state_dict().keys()
    assert one.probability == other.probability


def test_only_small_sets_are_augmented():
    assert few_real(200)
    assert not few_real(5000)


@pytest.mark.parametrize("bad", [{"target": 2.0}, {"ramp": 0.0}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="augmentation"):
        AdaptiveAugmentation(0, **bad)
