"""Rays through lenses: a power law with or without external shear by kernels, others by their own `source`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.deflectors import EPL, Deflector, ExternalShear, Sum

__all__ = ["FAR", "lens_rows", "power_law", "shoot"]

Single = NDArray[np.float32]
FAR = 1e6  # [arcsec]


def power_law(lens: Deflector) -> tuple[EPL, ExternalShear] | None:
    """What `lens` consists of, where the kernels know how to trace it."""
    parts = tuple(lens.parts) if isinstance(lens, Sum) else (lens,)
    kinds = tuple(type(part) for part in parts)
    if kinds == (EPL,):
        parts = (*parts, ExternalShear(np.zeros(len(lens)), 0.0))
    return parts if kinds in ((EPL,), (EPL, ExternalShear)) else None  # type: ignore[return-value]  # as `kinds` says


def lens_rows(lens: EPL, shear: ExternalShear, tolerance: float) -> tuple[Single, NDArray[np.int64]]:
    """Rows (N, 10) and the number of terms (N,) for `trace_block`."""
    theta_e, slope, q, cos, sin, x, y = lens.packed()[:, :7].T
    f = np.clip((1.0 - q) / (1.0 + q), 1e-12, None)
    size = 2.0 / (1.0 + q) * (theta_e * np.sqrt(q)) ** slope
    rows = [q, cos, sin, x, y, size, slope, f, np.asarray(shear.g1), np.asarray(shear.g2)]
    terms = np.ceil(np.log(tolerance) / np.log(f)).astype(np.int64)
    return np.stack(rows, axis=-1).astype(np.float32), np.maximum(terms, 1)


def shoot(lens: Deflector, x: Single, y: Single, u: Single, v: Single) -> None:
    """Source-plane positions of rays through x, y, all (P,); singular ones end where nothing is."""
    for out, ends in zip((u, v), lens.source(x.astype(np.float64), y.astype(np.float64)), strict=True):
        out[: len(x)] = np.where(np.isfinite(ends[0]), ends[0], FAR)
