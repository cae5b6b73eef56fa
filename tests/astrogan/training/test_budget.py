"""How long training lasts."""

import math

import pytest

from astrogan.training import Budget


def test_a_budget_is_spent_when_either_part_is():
    budget = Budget(images=100, seconds=10.0)
    assert budget.fraction(50, 1.0) == 0.5
    assert budget.fraction(10, 9.0) == 0.9
    assert budget.fraction(100, 0.0) == 1.0


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({}, "images, seconds, or both"),
        ({"images": 0}, "images = 0"),
        ({"seconds": 0.0}, "seconds = 0"),
        ({"seconds": math.nan}, "seconds = nan"),
    ],
)
def test_bad_budgets_are_refused(numbers, said):
    with pytest.raises(ValueError, match=said):
        Budget(**numbers)
