from __future__ import annotations

import numpy as np
import pytest

from astrogan.validation import label_drift, moment_drift

NAMES = ("flux", "x", "y")


def tangents(n: int = 30, bands: int = 2, size: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Images of Gaussians (n, band, y, x) and their derivatives in flux, x and y (n, 3, band, y, x)."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    sigma = rng.uniform(2, 3, (n, bands, 1, 1))
    light = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return 500 * light, np.stack([light, 500 * light * x / sigma**2, 500 * light * y / sigma**2], axis=1)


def test_a_change_along_the_tangents_is_read_off_exactly() -> None:
    images, jacobian = tangents()
    delta = np.array([3.0, -0.02, 0.01])
    rows = label_drift(
        images, images + np.einsum("k,nkcyx->ncyx", delta, jacobian), jacobian, np.ones_like(images), NAMES
    )
    assert [row.quantity for row in rows] == list(NAMES)
    assert [row.median for row in rows] == pytest.approx(np.abs(delta), rel=1e-4)
    assert [row.worst for row in rows] == pytest.approx(np.abs(delta), rel=1e-3)


def test_pure_noise_moves_each_label_by_its_statistical_error() -> None:
    images, jacobian = tangents(600)
    variance = np.random.default_rng(2).uniform(0.5, 2.0, images.shape)
    noise = np.random.default_rng(3).normal(size=images.shape) * np.sqrt(variance)
    for row in label_drift(images, images + noise, jacobian, variance, NAMES, units=("u", "arcsec", "arcsec")):
        assert row.median_sigma == pytest.approx(0.6745, abs=0.08)  # median of |N(0, 1)|
        assert 2.5 < row.worst_sigma < 5
        assert row.n == 600
    assert row.unit == "arcsec"


def test_projection_passes_and_its_control_fails() -> None:
    images, jacobian = tangents()
    residual = np.random.default_rng(4).normal(size=images.shape) + 0.5
    flat = jacobian.reshape(len(images), 3, -1)
    inner = np.einsum("nkp,np->nk", flat, residual.reshape(len(images), -1))
    gone = np.einsum("nk,nkp->np", np.linalg.solve(flat @ flat.transpose(0, 2, 1), inner[..., None])[..., 0], flat)
    safe = residual - gone.reshape(images.shape)
    rows = label_drift(images, images + safe, jacobian, np.ones_like(images), NAMES, control=images + residual)
    for row in rows:
        assert row.worst_sigma < 1e-4
    assert rows[0].control_median_sigma > 1
    assert rows[0].control_worst > 100 * rows[0].worst


def test_a_label_without_effect_does_not_move() -> None:
    images, jacobian = tangents(5)
    jacobian[:, 2] = 0
    rows = label_drift(images, images + jacobian[:, 0], jacobian, np.ones_like(images), NAMES)
    assert rows[0].median == pytest.approx(1.0, rel=1e-4)
    assert rows[2].worst == rows[2].worst_sigma == 0.0
    assert [row.unit for row in rows] == ["flux", "arcsec", "arcsec"]


def test_degenerate_labels_share_the_shift() -> None:
    images, jacobian = tangents(5)
    jacobian[:, 1] = jacobian[:, 0]
    rows = label_drift(images, images + jacobian[:, 0], jacobian, np.ones_like(images), NAMES)
    assert [row.median for row in rows[:2]] == pytest.approx([0.5, 0.5], rel=1e-4)


@pytest.mark.parametrize("bands", ["each", "sum"])
def test_moments_see_flux_size_position_and_shape(bands: str) -> None:
    images = tangents(10)[0]
    y, x = np.mgrid[:24, :24] - 11.5
    brighter = {row.quantity: row for row in moment_drift(images, 1.03 * images, bands=bands)}
    assert brighter["flux"].median == pytest.approx(0.03, rel=1e-3)
    assert max(brighter[name].worst for name in ("size", "centroid", "e1", "e2")) < 1e-5
    one, moved = (np.exp(-((x - d) ** 2 + y**2) / 8)[None, None] * 100 for d in (0.0, 0.25))
    assert moment_drift(one, moved, bands=bands)[2].median == pytest.approx(0.25, abs=1e-3)
    wide = np.exp(-(x**2 / 9 + y**2 / 4) / 2)[None, None] * 100
    rows = {row.quantity: row.median for row in moment_drift(one, wide, bands=bands)}
    assert rows["e1"] == pytest.approx((3 - 2) / (3 + 2), abs=1e-3)  # (1 - q) / (1 + q)
    assert rows["size"] == pytest.approx(np.sqrt(1.5) - 1, abs=2e-3)


def test_moments_of_a_change_outside_the_templates_do_not_move() -> None:
    images = tangents(10, bands=1)[0]
    y, x = np.mgrid[:24, :24] - 11.5
    change = 0.02 * x * y * (x**2 - y**2) * images / 100  # fourth order: orthogonal to all six moments
    rows = moment_drift(images, images + change, control=images + 0.02 * (x**2 + y**2) * images)
    assert max(row.worst for row in rows) < 2e-5
    assert rows[0].control_median > 0.05
    assert rows[1].control_median > 0.02


def test_stamps_that_do_not_converge_are_left_out() -> None:
    images = tangents(6, bands=1)[0]
    broken = images.copy()
    broken[:2] = -1.0
    rows = moment_drift(images, broken)
    assert rows[0].n == 4
    assert rows[0].worst < 1e-6
    nothing = moment_drift(images[:2], broken[:2])
    assert nothing[0].n == 0
    assert np.isnan(nothing[0].median)


def test_bad_input_is_refused() -> None:
    images, jacobian = tangents(4)
    ones = np.ones_like(images)
    with pytest.raises(ValueError, match="shapes do not match"):
        label_drift(images, images[:2], jacobian, ones, NAMES)
    with pytest.raises(ValueError, match="2 names and 2 units do not match"):
        label_drift(images, images, jacobian, ones, NAMES[:2])
    with pytest.raises(ValueError, match="variance must be positive"):
        label_drift(images, images, jacobian, 0 * ones, NAMES)
    with pytest.raises(ValueError, match="unknown bands 'sums': did you mean 'sum'"):
        moment_drift(images, images, bands="sums")
    with pytest.raises(ValueError, match="shapes do not match"):
        moment_drift(images, images[:2])
