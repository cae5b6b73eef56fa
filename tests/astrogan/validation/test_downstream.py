from __future__ import annotations

import numpy as np
import pytest

from astrogan.validation import downstream


def labelled(galaxies, seed: int, n: int = 150, **what: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Galaxies of two fluxes, and their log flux."""
    faint, bright = galaxies(n // 2, seed, bands=1, flux=200.0, **what), galaxies(n // 2, seed + 50, bands=1, **what)
    stamps = np.concatenate([faint, bright])
    order = np.random.default_rng(seed).permutation(len(stamps))
    total = np.arcsinh(stamps[:, 0, 8:24, 8:24].sum(axis=(1, 2)))
    return stamps[order], {"log flux": total[order]}


def test_real_training_is_best_and_shuffled_labels_tell_nothing(galaxies) -> None:
    sets = {"raw": labelled(galaxies, 2, noise=3.0), "real": labelled(galaxies, 1)}
    rows = {row.trained_on: row.score for row in downstream(sets, labelled(galaxies, 3), seed=0)}
    assert list(rows) == ["raw", "real", "shuffled"]
    assert rows["real"].value > 0.9
    assert rows["shuffled"].value < 0.2
    assert rows["real"].value > rows["shuffled"].value + 5 * rows["shuffled"].error
    assert 0 < rows["real"].error < 0.1


def test_classes_are_told_by_both_models(galaxies) -> None:
    def classes(seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        stamps = np.concatenate([galaxies(60, seed, bands=1), galaxies(60, seed + 50, bands=1, correlation=0.7)])
        return stamps, {"correlated": np.repeat([0.0, 1.0], 60)}

    for model in ("features", "cnn"):
        rows = downstream({"real": classes(1)}, classes(2), seed=0, task="classification", model=model, images=1500)
        found = {row.trained_on: row.score.value for row in rows}
        assert found["real"] > 0.9, model
        assert abs(found["shuffled"] - 0.5) < 0.25, model


def test_numbers_are_told_from_pixels(galaxies) -> None:
    rows = downstream({"real": labelled(galaxies, 1)}, labelled(galaxies, 3), seed=0, model="cnn", images=3000)
    assert rows[0].score.value > 0.5
    assert rows[1].score.value < 0.3


def test_bad_input_is_refused(galaxies) -> None:
    one = labelled(galaxies, 1)
    with pytest.raises(ValueError, match="unknown task 'regresion': did you mean 'regression'"):
        downstream({"real": one}, one, seed=0, task="regresion")
    with pytest.raises(ValueError, match=r"raw: \['flux'\], stamps"):
        downstream({"raw": (one[0], {"flux": one[1]["log flux"]})}, one, seed=0)
    with pytest.raises(ValueError, match="test: label 'log flux' has shape"):
        downstream({"real": one}, (one[0], {"log flux": np.ones(3)}), seed=0)
    with pytest.raises(ValueError, match="real: there is no label"):
        downstream({"real": (one[0], {})}, one, seed=0)
