"""Least-squares label shifts against numpy's solver and the scatter that noise really causes."""

import numpy as np
import pytest

from simulators.fit import label_shift


def problem(samples=4, labels=3, bands=2, size=9):
    rng = np.random.default_rng(5)
    tangents = rng.normal(size=(samples, labels, bands, size, size))
    variance = rng.uniform(0.5, 3.0, (samples, bands, size, size))
    return rng.normal(size=variance.shape), tangents, variance


def test_shift_is_numpys_least_squares():
    difference, tangents, variance = problem()
    shift, error = label_shift(difference, tangents, variance)
    for s in range(4):
        a = (tangents[s] / np.sqrt(variance[s])).reshape(3, -1).T
        assert np.allclose(shift[s], np.linalg.lstsq(a, (difference[s] / np.sqrt(variance[s])).ravel())[0], atol=1e-12)
        assert np.allclose(error[s], np.sqrt(np.diag(np.linalg.inv(a.T @ a))), rtol=1e-10)


def test_change_along_the_tangents_is_returned():
    _, tangents, variance = problem()
    moved = np.random.default_rng(1).normal(size=(4, 3))
    shift, _ = label_shift(np.einsum("sk,skbyx->sbyx", moved, tangents), tangents, variance)
    assert np.allclose(shift, moved, atol=1e-12)


def test_error_is_the_scatter_under_noise():
    _, tangents, variance = problem(1)
    noise = np.random.default_rng(2).normal(size=(4000, *variance.shape[1:])) * np.sqrt(variance)
    shift, error = label_shift(noise, np.broadcast_to(tangents, (4000, *tangents.shape[1:])), variance)
    assert np.allclose(shift.std(axis=0), error[0], rtol=0.05)
    assert np.abs(shift.mean(axis=0) / error[0]).max() < 4 / np.sqrt(4000)


def test_units_of_labels_scale_out():
    difference, tangents, variance = problem()
    unit = np.array([1e-12, 1.0, 1e9])
    shift, error = label_shift(difference, tangents, variance)
    scaled, scaled_error = label_shift(difference, tangents * unit[:, None, None, None], variance)
    assert np.allclose(scaled * unit, shift, rtol=1e-9)
    assert np.allclose(scaled_error * unit, error, rtol=1e-9)


def test_degenerate_labels_have_infinite_errors():
    difference, tangents, variance = problem()
    tangents[0, 2] = 2.0 * tangents[0, 0]
    tangents[1, 1] = 0.0
    shift, error = label_shift(difference, tangents, variance)
    assert np.isfinite(shift).all()
    assert np.isinf(error).tolist() == [[True, False, True], [False, True, False], [False] * 3, [False] * 3]
    assert shift[1, 1] == 0.0
    alone = label_shift(difference[:1], tangents[:1, :2], variance[:1])[0]
    assert shift[0, 0] + 2.0 * shift[0, 2] == pytest.approx(alone[0, 0])


def test_masked_pixels_do_not_count():
    difference, tangents, variance = problem()
    variance[..., :4] = np.inf
    wild = difference.copy()
    wild[..., :4] = 1e6
    assert np.array_equal(label_shift(wild, tangents, variance)[0], label_shift(difference, tangents, variance)[0])
    shift, _ = label_shift(difference[..., 4:], tangents[..., 4:], variance[..., 4:])
    assert np.allclose(label_shift(difference, tangents, variance)[0], shift, atol=1e-12)


def test_chunks_join(monkeypatch):
    parts = problem()
    whole = label_shift(*parts)
    monkeypatch.setattr("simulators.fit.CHUNK_PIXELS", 1)
    assert all(np.allclose(a, b, rtol=1e-12) for a, b in zip(label_shift(*parts), whole, strict=True))


def test_no_samples_and_no_labels():
    difference, tangents, variance = problem()
    assert label_shift(difference[:0], tangents[:0], 1.0)[0].shape == (0, 3)
    assert label_shift(difference, tangents[:, :0], variance)[1].shape == (4, 0)


def spoil(array, value):
    array = array.copy()
    array.flat[3] = value
    return array


FAULTS = {
    "bands differ": (lambda d, j, v: (d, j[:, :, :1], v), "difference .* and tangents"),
    "one sample": (lambda d, j, v: (d[0], j[0], v[0]), "difference .* and tangents"),
    "NaN difference": (lambda d, j, v: (spoil(d, np.nan), j, v), "difference = nan"),
    "infinite tangent": (lambda d, j, v: (d, spoil(j, np.inf), v), "tangents = inf"),
    "zero variance": (lambda d, j, v: (d, j, spoil(v, 0.0)), "variance must be positive"),
    "NaN variance": (lambda d, j, v: (d, j, spoil(v, np.nan)), "variance must be positive"),
    "variance of another shape": (lambda d, j, v: (d, j, v[..., :3]), "variance .* does not fit"),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_bad_input_is_refused(fault, message):
    with pytest.raises(ValueError, match=message):
        label_shift(*fault(*problem()))
