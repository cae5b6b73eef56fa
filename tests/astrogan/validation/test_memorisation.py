from __future__ import annotations

import numpy as np
import pytest

from astrogan.validation import memorisation, two_model_memorisation


def copies(stamps: np.ndarray, seed: int = 9) -> np.ndarray:
    return (stamps + np.random.default_rng(seed).normal(0, 0.5, stamps.shape)).astype(np.float32)


@pytest.mark.parametrize("space", ["pixels", "features"])
def test_copies_are_found_out_and_new_images_are_not(galaxies, space: str) -> None:
    training, held_out, fresh = galaxies(120, 1), galaxies(150, 2), galaxies(100, 3)
    fair = memorisation(fresh, training, held_out, seed=0, space=space)
    assert abs(fair["nearer"].value - 0.5) < 3 * fair["nearer"].error
    assert abs(fair["ratio"].value - 1.0) < 3 * fair["ratio"].error
    caught = memorisation(copies(training), training, held_out, seed=0, space=space)
    assert caught["nearer"].value > 0.5 + 5 * caught["nearer"].error
    assert caught["ratio"].value < 0.8


def test_half_memory_is_seen_by_two_models(galaxies) -> None:
    one, other, fresh = galaxies(120, 1), galaxies(120, 2), galaxies(120, 3)
    mixed = [np.concatenate([copies(half)[:60], fresh[:60]]) for half in (one, other)]
    found = two_model_memorisation(*mixed, one, other, seed=0)["nearer"]
    assert found.value == pytest.approx(0.75, abs=0.1)
    assert found.value > 0.5 + 4 * found.error
    fair = two_model_memorisation(fresh[:60], fresh[60:], one, other, seed=0)["nearer"]
    assert abs(fair.value - 0.5) < 3 * fair.error


def test_bad_input_is_refused(galaxies) -> None:
    with pytest.raises(ValueError, match="training and held-out images = 5"):
        memorisation(galaxies(20, 1), galaxies(5, 2), galaxies(20, 3), seed=0)
    with pytest.raises(ValueError, match="unknown space 'pixel': did you mean 'pixels'"):
        memorisation(galaxies(20, 1), galaxies(20, 2), galaxies(20, 3), seed=0, space="pixel")
