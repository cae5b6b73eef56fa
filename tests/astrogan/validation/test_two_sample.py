from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from astrogan.validation import two_sample
from astrogan.validation.two_sample import _auc, _cross_fit, _score


def test_area_under_the_curve_is_mann_whitney_with_delongs_error() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 150).round(1), rng.normal(0.7, 1.3, 150).round(1)  # rounded: with ties
    area, variance = _auc(a, b)
    assert area == pytest.approx(mannwhitneyu(b, a).statistic / (len(a) * len(b)))
    draws = [_auc(rng.choice(a, len(a)), rng.choice(b, len(b)))[0] for _ in range(500)]
    assert np.sqrt(variance) == pytest.approx(np.std(draws), rel=0.15)


def test_a_perfect_judge_still_has_an_error() -> None:
    sure = _score("any", [(np.full(50, -9.0), np.full(50, 9.0))] * 2, 100)
    assert (sure.accuracy, sure.auc) == (1.0, 1.0)
    assert 0.001 < sure.error < 0.02
    assert 0.001 < sure.auc_error < 0.02


def test_no_stamp_is_judged_by_a_judge_that_saw_it() -> None:
    seen: list[int] = []

    def judge(train: np.ndarray, test: np.ndarray, fold: int) -> tuple[np.ndarray, np.ndarray]:
        assert not set(train) & set(test)
        assert len(train) + len(test) == 100
        seen.extend(test)
        return np.zeros(len(test)), np.zeros(len(test))

    _cross_fit(judge, np.array_split(np.arange(100), 3))
    assert sorted(seen) == list(range(100))


def test_features_cannot_separate_one_distribution_and_say_so_with_the_right_error(galaxies) -> None:
    everything = galaxies(1600, 5, bands=1)
    tests = [
        two_sample(pair[:100], pair[100:], seed=k, classifiers=["features"])[0]
        for k, pair in enumerate(np.split(everything, 8))
    ]
    accuracy = np.array([test.accuracy for test in tests])
    error = np.mean([test.error for test in tests])
    assert error == pytest.approx(np.sqrt(0.25 / 200), rel=0.1)
    assert abs(accuracy.mean() - 0.5) < 4 * error / np.sqrt(8)
    assert 0.4 * error < accuracy.std(ddof=1) < 1.8 * error


@pytest.mark.parametrize("change", [{"correlation": 0.45}, {"flux": 450.0}, {"noise": 1.1}, {"clumps": 0.6}])
def test_features_find_a_planted_difference(galaxies, change: dict[str, float]) -> None:
    found = two_sample(galaxies(300, 1), galaxies(300, 2, **change), seed=0, classifiers=["features"])[0]
    assert found.accuracy > 0.5 + 4 * found.error
    assert found.auc > 0.5 + 4 * found.auc_error


def test_the_network_finds_clumps_and_nothing_where_there_is_nothing(galaxies) -> None:
    x = galaxies(120, 1, size=24, flux=1500.0)
    for clumps, found in ((0.0, False), (1.0, True)):
        y = galaxies(120, 2, size=24, flux=1500.0, clumps=clumps)
        test = two_sample(x, y, seed=0, classifiers=["cnn"], images=1500)[0]
        assert (test.classifier, test.n_real) == ("cnn", 120)
        assert (test.accuracy > 0.5 + 4 * test.error) is found, test


def test_the_larger_set_is_thinned_and_seeds_decide_everything(galaxies) -> None:
    x, y = galaxies(90, 1), galaxies(60, 2, flux=500.0)
    once = two_sample(x, y, seed=3, classifiers=["features"], folds=3)
    assert once == two_sample(x, y, seed=3, classifiers=["features"], folds=3)
    assert (once[0].n_real, once[0].n_synthetic) == (60, 60)
    assert once != two_sample(x, y, seed=4, classifiers=["features"], folds=3)


def test_bad_input_is_refused(galaxies) -> None:
    x, y = galaxies(60, 1), galaxies(60, 2)
    with pytest.raises(ValueError, match="5 stamps are in both sets"):
        two_sample(x, np.concatenate([y, x[:5]]), seed=0)
    with pytest.raises(ValueError, match="real and synthetic stamps differ"):
        two_sample(x, y[:, :2], seed=0)
    with pytest.raises(ValueError, match="3 folds need at least 60 of each"):
        two_sample(x[:59], y, seed=0, folds=3)
    with pytest.raises(ValueError, match="unknown classifier 'ccn': did you mean 'cnn'"):
        two_sample(x, y, seed=0, classifiers=["ccn"])
    with pytest.raises(ValueError, match="synthetic: 60 of 60 stamps contain NaN"):
        two_sample(x, y * np.nan, seed=0)
    with pytest.raises(ValueError, match="folds = 1"):
        two_sample(x, y, seed=0, folds=1)


def test_real_sky_against_itself_and_against_white_noise_in_place_of_its_own(shared_data: Path) -> None:
    with h5py.File(shared_data / "kids_viking" / "stamps_gri_48px.h5") as file:
        real = file["image"][:]
    rng = np.random.default_rng(6)
    real = np.unique(real, axis=0)
    real = real[rng.permutation(len(real))]
    half = len(real) // 2
    same = two_sample(real[:half], real[half:], seed=0, classifiers=["features"])[0]
    assert abs(same.accuracy - 0.5) < 4 * same.error
    noisier = real[half:] + rng.normal(0, 0.3, real[half:].shape)
    other = two_sample(real[:half], noisier, seed=0, classifiers=["features"])[0]
    assert other.accuracy > 0.5 + 5 * other.error
