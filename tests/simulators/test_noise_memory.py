"""Noise written to arrays that the caller has."""

from __future__ import annotations

import numpy as np
import pytest

from catalogs.schema import Band
from simulators import noise

BANDS = (Band("g", 0.7, 2.0, electrons_per_unit=5.0, sky=20.0), Band("z", 0.7, 3.0))


def scene():
    """An expected image with faint, bright and negative pixels."""
    return np.broadcast_to(np.linspace(-2.0, 40.0, 143, dtype=np.float32).reshape(11, 13), (6, 2, 11, 13)).copy()


def test_given_arrays_are_written_to_and_returned():
    fresh = noise.add_noise(scene(), BANDS, 3, np.arange(6))
    out = tuple(np.full_like(plane, np.nan) for plane in fresh)
    given = noise.add_noise(scene(), BANDS, 3, np.arange(6), out=out)
    for new, plane, mine in zip(fresh, given, out, strict=True):
        assert plane is mine
        np.testing.assert_array_equal(plane, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda clean, a, b: (a,), "out has 1 array"),
        (lambda clean, a, b: (a[:2], b), r"image is float32 \(2, "),
        (lambda clean, a, b: (a, b.astype(np.float64)), "variance is float64"),
        (lambda clean, a, b: (a, np.asfortranarray(b)), "variance is not contiguous"),
        (lambda clean, a, b: (a, np.frombuffer(b.tobytes(), np.float32).reshape(b.shape)), "cannot be written"),
        (lambda clean, a, b: (clean, b), "share memory"),
        (lambda clean, a, b: (a, a), "share memory"),
    ],
)
def test_arrays_that_cannot_be_written_to_are_refused(change, message):
    clean = scene()
    with pytest.raises(ValueError, match=message):
        noise.add_noise(clean, BANDS, 3, np.arange(6), out=change(clean, clean.copy(), clean.copy()))
