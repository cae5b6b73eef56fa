"""Shapes of ellipses, against linear algebra."""

from __future__ import annotations

import numpy as np

from simulators.shapes import semi_axes


def test_semi_axes_are_singular_values():
    matrices = np.random.default_rng(1).normal(size=(500, 2, 2))
    matrices[:3] = [np.zeros((2, 2)), np.eye(2), [[0.0, 1.0], [0.0, 0.0]]]
    np.testing.assert_allclose(semi_axes(matrices), np.linalg.svd(matrices, compute_uv=False), rtol=1e-12, atol=1e-15)
