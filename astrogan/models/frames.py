"""Refining whole frames: the network sees tiles, the label-safe projection sees every object of the catalogue at once.

In a frame the labels that are kept are the adaptive moments of each catalogued object, in each band, as measured on a
cut-out around it. The templates of all objects together span what the residual must not contain (objects that overlap
share pixels, so it cannot be done one by one): with their rows A in whitened pixels, r' = r - Aᵀ (A Aᵀ)⁻¹ A r, A
sparse, the inverse by conjugate gradients. Least-squares labels are not kept: a frame has no tangents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from astrogan.models.scaling import Stamps, as_stamps
from astrogan.networks.label_safe import alternate, constraint_basis, moment_templates
from astrogan.training import cpu_threads
from catalogs.checks import within
from simulators.moments import object_moments

if TYPE_CHECKING:
    import xarray as xr

    from astrogan.models.refiner import Refiner

__all__ = ["as_sample", "frame_constraints", "project_frame", "refine_frame"]

Array = NDArray[np.float64]
OBJECTS = 256  # whose templates are made together
TOLERANCE, STEPS = 1e-10, 2000  # of the conjugate gradients: what is left of A r, relative


def refine_frame(
    refiner: Refiner, frame: xr.Dataset, *, seed: int = 0, label_safe: bool = True, device: str = "auto", size: int = 48
) -> xr.Dataset:
    """Refine a frame of `simulators.Field`; catalogue, variance and the rest are returned as they came.

    Parameters
    ----------
    frame : Dataset
        As `Field.simulate` gives it: planes (band, y, x), and the catalogue with ``column`` and ``row``.
    size : int
        Side of the cut-outs on which moments are kept [pixel]; of those larger, what lies within.
    seed, label_safe, device
        As for `Refiner.apply`.

    Raises
    ------
    ValueError
        If it is no such frame, or has no variance.
    """
    for name in ("image", "variance", "column", "row"):
        if name not in frame.variables:
            raise ValueError(f"the frame has no variable {name!r}; give what Field.simulate or Field.observe returned")
    within("size", size, 8, 512, "pixels")
    stamps = as_stamps(as_sample(frame))
    with cpu_threads(), refiner.ready(device) as where:
        residual = refiner.residual(stamps, seed, where)[0].cpu()
    if label_safe:
        places = np.stack([frame["column"].values, frame["row"].values], axis=1)
        residual = torch.stack([_safe(stamps, band, residual[band], places, size) for band in range(len(residual))])
    change = residual.numpy() * stamps.unit.numpy()[:, None, None]
    image = (frame["image"].values + change).astype(np.float32)
    safe = "moments of the catalogue" if label_safe else "off"
    return frame.assign(image=frame["image"].copy(data=image)).assign_attrs(refiner.provenance(safe, seed))


def as_sample(frame: xr.Dataset) -> xr.Dataset:
    """The frame's planes as those of one sample."""
    planes = {name: frame[name] for name in ("image", "variance", "mask") if name in frame.variables}
    one = frame[[]].assign({name: plane.expand_dims("sample") for name, plane in planes.items()})
    return one.assign(sample_id=("sample", [int(frame.attrs.get("field", 0))]))


def _safe(stamps: Stamps, band: int, residual: torch.Tensor, places: Array, size: int) -> torch.Tensor:
    """The residual (H, W) of one band without what would move the moments of an object."""
    image, sigma, good = (getattr(stamps, name)[0, band] for name in ("image", "sigma", "good"))
    rows = frame_constraints(image.numpy(), sigma.numpy(), good.numpy(), places, size)
    low, high = stamps.low[0, band] - image, stamps.high[0, band] - image
    return alternate(residual, lambda one: project_frame(one, rows, sigma), low, high)


def frame_constraints(
    image: NDArray[np.float32], sigma: NDArray[np.float32], good: NDArray[np.bool_], places: Array, size: int
) -> Any:
    """Orthonormal templates of each object, a sparse matrix (6 objects, pixels) in whitened pixels.

    Parameters
    ----------
    image, sigma, good : array (H, W)
        One band of a frame.
    places : array (N, 2)
        Columns and rows of the objects [pixel]; those off the frame are left out.
    size : int
        Side of the cut-outs [pixel].
    """
    from scipy.sparse import csr_matrix, vstack

    height, width = image.shape
    corner = np.rint(places - (size - 1) / 2.0).astype(np.int64)
    inside = ((places > -0.5) & (places < np.array([width, height]) - 0.5)).all(axis=1)
    blocks = [csr_matrix((0, height * width))]
    for start in range(0, int(inside.sum()), OBJECTS):
        blocks.append(_block((image, sigma, good), corner[inside][start : start + OBJECTS], size))
    return vstack(blocks, format="csr")


def _block(planes: tuple[NDArray[Any], ...], corner: NDArray[np.int64], size: int) -> Any:
    """The rows of some objects. Pixels of a cut-out that lie off the frame hold nothing and may not change."""
    from scipy.sparse import csr_matrix

    height, width = planes[0].shape
    x, y = (corner[:, k, None] + np.arange(size) for k in (0, 1))
    there = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
    at = y.clip(0, height - 1)[:, :, None], x.clip(0, width - 1)[:, None, :]
    image, sigma, good = (plane[at] for plane in planes)
    weight = object_moments(np.where(there, image, 0.0).astype(np.float32)).weight[:, None]
    templates = moment_templates(torch.from_numpy(weight), (size, size))
    free = torch.from_numpy(good & there)[:, None]
    basis = constraint_basis(None, templates, torch.from_numpy(sigma)[:, None], free).numpy()
    row, column = np.nonzero(basis.reshape(-1, size**2))
    pixels = (at[0] * width + at[1]).reshape(len(corner), -1)
    entries = (row, pixels[row // basis.shape[1], column])
    return csr_matrix((basis.reshape(-1, size**2)[row, column], entries), (len(corner) * 6, height * width))


def project_frame(residual: torch.Tensor, rows: Any, sigma: torch.Tensor) -> torch.Tensor:
    """Remove from a residual (H, W) everything along the rows of `frame_constraints`.

    Raises
    ------
    FloatingPointError
        If the conjugate gradients do not converge.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    white = (residual.double() / sigma.double()).numpy().ravel()
    target = rows @ white
    if not target.any():
        return residual
    gram = LinearOperator((len(target),) * 2, matvec=lambda one: rows @ (rows.T @ one), dtype=np.float64)
    weights, failed = cg(gram, target, rtol=TOLERANCE, atol=0.0, maxiter=STEPS)
    if failed:
        left = float(np.abs(rows @ (white - rows.T @ weights)).max())
        raise FloatingPointError(f"the projection of the frame left {left:.2g} sigma along a label after {STEPS} steps")
    kept = torch.from_numpy(white - rows.T @ weights).view_as(residual)
    return (kept * sigma.double()).to(residual.dtype)
