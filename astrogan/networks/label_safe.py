"""The label-safe projection: a refiner's residual without what a change of the labels would look like.

x' = x + (r - J (J^T W J)^-1 J^T W r), W = 1 / sigma^2: weighted least-squares estimates of the labels do not move, to
first order in J (range-null space decomposition: Schwab et al. 2019; Wang et al. 2023). With the six templates of the
adaptive Gaussian weight in place of W J, amplitude, centroid, size and ellipticity of adaptive moments do not move at
all. Needs a device with float64.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from simulators.moments import WEIGHT_FLOOR

__all__ = ["alternate", "constraint_basis", "moment_templates", "project", "project_within"]

RANK_TOLERANCE = 1e-12  # squared length, relative to its row's, below which a direction counts as dependent


@torch.no_grad()
def moment_templates(moments: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixel templates whose sums with an image are its adaptive moments: w (1, x, y, x^2-y^2, 2xy, x^2+y^2).

    Parameters
    ----------
    moments : Tensor
        [x, y, mxx, mxy, myy] of each weight, shape (B, C, 5) [pixel], as ``Moments.weight``.
    size : tuple of int
        (ny, nx) [pixel].

    Returns
    -------
    Tensor
        Shape (B, C, 6, ny, nx), float64, cut where the measurement cuts its weight; zero where `moments` is not
        finite or no positive covariance (a stamp without adaptive moments has none to keep).

    Raises
    ------
    ValueError
        `moments` has not the shape (B, C, 5).
    """
    if moments.ndim != 3 or moments.shape[-1] != 5:
        raise ValueError(f"moments has shape {tuple(moments.shape)}; it must be (sample, band, 5)")
    values = moments.double()
    det = values[..., 2] * values[..., 4] - values[..., 3].square()
    good = values.isfinite().all(-1) & (det > 0) & (values[..., 2] > 0)
    circle = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0], dtype=torch.float64, device=values.device)
    x0, y0, mxx, mxy, myy = torch.where(good[..., None], values, circle)[..., None, None].unbind(2)
    dx = torch.arange(size[1], dtype=torch.float64, device=values.device) - x0
    dy = torch.arange(size[0], dtype=torch.float64, device=values.device)[:, None] - y0
    rho2 = (myy * dx.square() - 2.0 * mxy * dx * dy + mxx * dy.square()) / (mxx * myy - mxy.square())
    w = torch.exp(-0.5 * rho2)
    w = w * ((w > WEIGHT_FLOOR) & good[..., None, None])
    xx, yy = dx.square(), dy.square()
    return torch.stack([w, w * dx, w * dy, w * (xx - yy), 2.0 * w * dx * dy, w * (xx + yy)], dim=2)


@torch.no_grad()
def constraint_basis(
    tangents: Tensor | None, templates: Tensor | None, sigma: Tensor, good: Tensor | None = None
) -> Tensor:
    """Orthonormal rows spanning, in whitened pixels r / sigma, all that a residual must not contain.

    Parameters
    ----------
    tangents : Tensor or None
        d image / d label, shape (B, K, C, ny, nx) [image unit per label unit]; they enter as J / sigma.
    templates : Tensor or None
        From `moment_templates`, shape (B, C, 6, ny, nx), each for its own band; they enter as t sigma, so that the
        plain sums of r t vanish.
    sigma : Tensor
        Noise rms of each pixel, shape (B, C, ny, nx) [image unit].
    good : Tensor, optional
        Pixels that may change, bool, shape (B, C, ny, nx). A residual that is zero at the others stays so, and sums
        over all pixels, the others' whatever they hold, do not move.

    Returns
    -------
    Tensor
        Shape (B, R, C ny nx), R = 6 C + K without the parts that are None, float64. Directions shorter than 1e-6 of
        their row, and all of a zero row, give rows of zeros: they constrain nothing.

    Raises
    ------
    ValueError
        No constraint, shapes that do not match, a sigma that is not positive and finite, tangents or templates that are
        not finite.
    """
    _check_constraints(tangents, templates, sigma)
    samples, bands = sigma.shape[:2]
    noise = sigma.double().flatten(2)
    usable = torch.ones_like(noise) if good is None else good.to(noise).flatten(2)
    count = 0 if templates is None else 6 * bands
    labels = 0 if tangents is None else tangents.shape[1]
    basis = noise.new_empty(samples, count + labels, *noise.shape[1:])
    basis[:, :count] = 0.0
    if templates is not None:
        rows = (templates.flatten(3) * (noise * usable)[:, :, None]).flatten(0, 1)
        rows = _orthonormal(rows, torch.linalg.vector_norm(rows, dim=-1), "templates")
        rows = rows.view(samples, bands, 6, -1)
        for band in range(bands):
            basis[:, 6 * band : 6 * band + 6, band] = rows[:, band]
    basis = basis.flatten(2)
    if tangents is not None:
        free = (tangents.flatten(3) * (usable / noise)[:, None]).flatten(2)
        length = torch.linalg.vector_norm(free, dim=-1)
        own = basis[:, :count]
        free = torch.baddbmm(free, free @ own.mT, own, alpha=-1.0)
        basis[:, count:] = _orthonormal(free, length, "tangents")
    return basis


def project(residual: Tensor, basis: Tensor, sigma: Tensor) -> Tensor:
    """Remove from `residual` everything along `basis`; gradients flow through the residual alone.

    Parameters
    ----------
    residual : Tensor
        Shape (B, C, ny, nx) [image unit].
    basis : Tensor
        From `constraint_basis`; ``basis.float()`` halves the memory and moves labels by up to 1e-5 of their sigma.
    sigma : Tensor
        The same noise rms that made the basis, shape (B, C, ny, nx).

    Returns
    -------
    Tensor
        Shape (B, C, ny, nx), in the residual's dtype, float32 at least: rounding to half precision would move the
        labels again.

    Raises
    ------
    ValueError
        Shapes that do not match.
    """
    samples, pixels = residual.shape[0], residual.shape[1:].numel()
    if sigma.shape != residual.shape or basis.ndim != 3 or (basis.shape[0], basis.shape[2]) != (samples, pixels):
        raise ValueError(
            f"residual {tuple(residual.shape)}, sigma {tuple(sigma.shape)} and basis {tuple(basis.shape)} do not match"
        )
    exact = torch.promote_types(residual.dtype, basis.dtype)
    rows, noise = basis.detach().to(exact), sigma.detach().to(exact)
    with torch.autocast(device_type=residual.device.type, enabled=False):
        white = (residual.to(exact) / noise).flatten(1)[:, None]  # a row: 20 times faster here than a column
        kept = white - (white @ rows.mT) @ rows
        return (kept.view_as(residual) * noise).to(torch.promote_types(residual.dtype, torch.float32))


def project_within(
    residual: Tensor, basis: Tensor, sigma: Tensor, image: Tensor, low: Tensor, high: Tensor, rounds: int = 3
) -> Tensor:
    """`project`, with image + result brought near [low, high]: images cut at black or white stay so.

    Alternating projections onto the two convex sets (von Neumann 1950), the label-safe one last: labels are kept as by
    `project`, and what still sticks out halves, about, with every round.

    Parameters
    ----------
    residual, basis, sigma
        As for `project`.
    image : Tensor
        Shape (B, C, ny, nx), itself within the limits.
    low, high : Tensor
        Shape (B, C); infinite where there is no limit. Without any limit this is `project`.
    """
    limits = low[..., None, None] - image, high[..., None, None] - image
    return alternate(residual, lambda one: project(one, basis, sigma), *limits, rounds)


def alternate(
    residual: Tensor, keep: Callable[[Tensor], Tensor], below: Tensor, above: Tensor, rounds: int = 3
) -> Tensor:
    """`keep`, a projection, and the interval [below, above] in turn, `keep` last; without any limit this is `keep`."""
    kept = keep(residual)
    if not bool(below.isfinite().any() or above.isfinite().any()):
        return kept
    for _ in range(rounds):
        kept = keep(torch.minimum(torch.maximum(kept, below), above))
    return kept


def _orthonormal(rows: Tensor, length: Tensor, name: str) -> Tensor:
    """Orthonormal rows of the span of `rows` (N, R, P), zero where dependent; length (N, R) sets each row's scale.

    Eigenvectors of the Gram matrix, then one Newton-Schulz step, which squares what they lack in orthogonality. Faster
    than a batched QR, and dependent directions can be dropped.
    """
    gram = rows @ rows.mT
    if not bool(gram.isfinite().all()):
        raise ValueError(f"{name} must be finite")
    scale = torch.where(length > 0, length, 1.0).reciprocal()
    value, vector = torch.linalg.eigh(gram * scale[:, :, None] * scale[:, None])
    keep = value > RANK_TOLERANCE
    mix = (vector * (torch.where(keep, value, 1.0).rsqrt() * keep)[:, None]).mT
    unit = (mix * scale[:, None]) @ rows
    identity = torch.eye(unit.shape[1], dtype=unit.dtype, device=unit.device)
    polished: Tensor = (1.5 * identity - 0.5 * (unit @ unit.mT)) @ unit
    return polished


def _check_constraints(tangents: Tensor | None, templates: Tensor | None, sigma: Tensor) -> None:
    if tangents is None and templates is None:
        raise ValueError("constraint_basis needs tangents, templates or both")
    if sigma.ndim != 4 or not bool(((sigma > 0) & sigma.isfinite()).all()):
        raise ValueError(f"sigma, shape {tuple(sigma.shape)}, must be (sample, band, y, x), positive and finite")
    samples, bands, *size = sigma.shape
    if tangents is not None and (tangents.ndim != 5 or (tangents.shape[0], *tangents.shape[2:]) != tuple(sigma.shape)):
        raise ValueError(f"tangents {tuple(tangents.shape)} do not match sigma {tuple(sigma.shape)}")
    if templates is not None and tuple(templates.shape) != (samples, bands, 6, *size):
        raise ValueError(f"templates {tuple(templates.shape)} do not match sigma {tuple(sigma.shape)}")
