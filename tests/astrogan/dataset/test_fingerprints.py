from __future__ import annotations

import numpy as np
import pytest

from astrogan.dataset.fingerprints import fingerprints


def images(n: int = 200, size: int = 32) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    noise = np.random.default_rng(1).normal(size=(n, 2, size, size))
    return (noise + 300 * np.exp(-(x**2 + y**2) / 8)).astype(np.float32)


def test_units_gain_and_sky_do_not_matter() -> None:
    stamps = images()
    names = fingerprints(stamps)
    assert names.shape == (200, 2)
    assert len(set(names.ravel())) == 400
    scaled = (stamps * np.array([3.1, 0.02])[:, None, None] - 1.0).astype(np.float32)
    assert np.mean(fingerprints(scaled) == names) > 0.99


def test_neither_does_the_size_of_the_cut_out() -> None:
    assert np.array_equal(fingerprints(images(5)[..., 4:-4, 4:-4]), fingerprints(images(5)))


def test_rounding_to_a_sixteenth_of_the_noise_keeps_nearly_all() -> None:
    stamps = images()
    assert np.mean(fingerprints(np.round(stamps * 16) / 16) == fingerprints(stamps)) > 0.2


def test_bands_count_one_by_one_and_other_images_are_others() -> None:
    stamps = images()
    assert np.array_equal(fingerprints(stamps[:, 1:]), fingerprints(stamps)[:, 1:])
    assert not set(fingerprints(stamps[..., ::-1]).ravel()) & set(fingerprints(stamps).ravel())


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"images \(3, 2, 12, 32\) must be"):
        fingerprints(np.zeros((3, 2, 12, 32)))
