from __future__ import annotations

import numpy as np
import pytest

from astrogan.training import Budget, fit_classifier


def stamps(count: int, seed: int, correlation: float = 0.0, blob: float = 0.0, bands: int = 2) -> np.ndarray:
    """Unit noise of a given lag-1 correlation along x and y around a source; `blob` adds a knot at a random angle."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(count, bands, 24, 24))
    noise = white + correlation * (np.roll(white, 1, -1) + np.roll(white, 1, -2))
    noise /= np.sqrt(1.0 + 2.0 * correlation**2)
    y, x = np.mgrid[:24, :24] - 11.5
    angle = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    knot = np.exp(-((x - 4 * np.cos(angle)) ** 2 + (y - 4 * np.sin(angle)) ** 2) / 3.0)
    source = rng.lognormal(3.0, 0.5, (count, 1, 1)) * (np.exp(-np.hypot(x, y) / 2.5) + blob * knot)
    return (1e3 + 50.0 * (noise + source[:, None])).astype(np.float32)


def accuracy(kind: dict[str, float], images: int, seed: int = 0) -> float:
    train = np.concatenate([stamps(300, 1), stamps(300, 2, **kind)])
    test = np.concatenate([stamps(400, 3), stamps(400, 4, **kind)])
    judge = fit_classifier(train, np.repeat([0, 1], 300), seed=seed, budget=Budget(images=images), device="cpu")
    guess = judge(test)
    assert guess.shape == (800,)
    assert guess.dtype == np.float64
    assert ((guess >= 0.0) & (guess <= 1.0)).all()
    return float(np.mean((guess > 0.5) == np.repeat([False, True], 400)))


def test_tells_correlated_noise_from_white_noise():
    assert accuracy({"correlation": 0.35}, 4000) > 0.9


def test_tells_a_knot_in_the_source():
    assert accuracy({"blob": 0.5}, 6000) > 0.8


def test_tells_nothing_where_there_is_nothing_to_tell():
    assert accuracy({}, 2000) == pytest.approx(0.5, abs=0.06)


def test_the_seed_fixes_the_judge_and_the_units_of_the_stamps_do_not_matter():
    x, y = np.concatenate([stamps(40, 1), stamps(40, 2, 0.3)]), np.repeat([0, 1], 40)
    fit = [fit_classifier(x, y, seed=s, budget=Budget(images=320), device="cpu")(x) for s in (1, 1, 2)]
    assert np.array_equal(fit[0], fit[1])
    assert not np.array_equal(fit[0], fit[2])
    scaled = fit_classifier(1e-6 * x, y, seed=1, budget=Budget(images=320), device="cpu")(1e-6 * x)
    np.testing.assert_allclose(scaled, fit[0], atol=0.05)


def test_flat_bands_are_no_obstacle():
    x = np.zeros((20, 2, 24, 24), np.float32)
    x[:, 0] = stamps(20, 1, bands=1)[:, 0]
    assert np.isfinite(fit_classifier(x, np.arange(20) % 2, seed=0, budget=Budget(images=64), device="cpu")(x)).all()


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros((4, 24, 24)), [0, 1, 0, 1], r"\(4, 24, 24\) are not \(N, C, H, W\)"),
        (np.zeros((4, 1, 24, 24)), [0, 1, 0], r"each of 4 stamps"),
        (np.zeros((4, 1, 24, 24)), [1, 1, 1, 1], "use both"),
        (np.zeros((4, 1, 24, 24)), [0, 1, 2, 1], "0 or 1"),
        (np.full((4, 1, 24, 24), np.nan), [0, 1, 0, 1], "stamps = nan"),
        (np.zeros((4, 1, 16, 16)), [0, 1, 0, 1], "image size = 16"),
    ],
)
def test_bad_input_is_refused(x, y, said):
    with pytest.raises(ValueError, match=said):
        fit_classifier(x, y, seed=0, budget=Budget(images=8), device="cpu")


def test_a_judge_of_two_bands_refuses_three():
    judge = fit_classifier(stamps(8, 1), [0, 1] * 4, seed=0, budget=Budget(images=32), device="cpu")
    with pytest.raises(ValueError, match=r"not \(N, 2, H, W\)"):
        judge(np.zeros((4, 3, 24, 24)))
