"""Images as users hold them: an array, a DataArray, a CCDData, or one of these for each band; read and given back."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import within

__all__ = ["common_wcs", "pixels_of", "planes_of", "rebuilt", "variance_of", "with_pixels"]

MISMATCH = 0.1  # pixels by which bands' coordinates may differ at the corners


def planes_of(images: Any, bands: Iterable[str] | None, default: tuple[str, ...]) -> dict[str, Any]:
    """Band -> plane (y, x): what is given, or views of it. `bands` names planes that carry no name; by default they are
    the `default` ones.

    Raises
    ------
    ValueError
        For another number of planes than names, other shapes, or planes of different shapes.
    """
    if isinstance(images, Mapping):
        planes = {str(name): plane for name, plane in images.items()}
    else:
        labelled = hasattr(images, "coords") and "band" in images.coords
        own = [str(name) for name in np.atleast_1d(images.coords["band"].values)] if labelled else None
        names = own or list(bands if bands is not None else default)
        listed = [images] if np.ndim(pixels_of(images)) == 2 else list(images)
        if len(listed) != len(names):
            raise ValueError(f"images have {len(listed)} planes for the {len(names)} bands {', '.join(names)}")
        planes = dict(zip(names, listed, strict=True))
    shapes = {name: np.shape(pixels_of(plane)) for name, plane in planes.items()}
    if not shapes or any(len(shape) != 2 for shape in shapes.values()) or len(set(shapes.values())) != 1:
        raise ValueError(f"images must be planes (y, x) of one shape; got {shapes}")
    return planes


def pixels_of(plane: Any) -> Any:
    """The array of a plane."""
    return plane.data if hasattr(plane, "wcs") and hasattr(plane, "uncertainty") else plane


def common_wcs(planes: Mapping[str, Any], given: Any, scale: float) -> Any:
    """The coordinates of all planes, or None where they have none.

    Raises
    ------
    ValueError
        For planes whose coordinates differ by 0.1 pixel at a corner, or a pixel scale that is not `scale` to 1 %.
    """
    known = {"wcs": given} if given is not None else {}
    known |= {f"band {name}": getattr(plane, "wcs", None) for name, plane in planes.items()}
    known = {name: wcs for name, wcs in known.items() if wcs is not None}
    if not known:
        return None
    from astropy.wcs.utils import proj_plane_pixel_scales

    ny, nx = np.shape(pixels_of(next(iter(planes.values()))))
    x, y = np.array([0.0, nx - 1, 0, nx - 1]), np.array([0.0, 0, ny - 1, ny - 1])
    first, reference = next(iter(known.items()))
    for name, wcs in known.items():
        sides = proj_plane_pixel_scales(wcs) * 3600.0
        if np.abs(sides / scale - 1.0).max() > 0.01:
            raise ValueError(f"{name}: its WCS has pixels of {sides[0]:.4g} arcsec, the simulator of {scale:g} arcsec")
        u, v = reference.world_to_pixel(wcs.pixel_to_world(x, y))
        worst = float(np.hypot(u - x, v - y).max())
        if not worst < MISMATCH:
            raise ValueError(f"{name}: its WCS differs from that of {first} by {worst:.3g} pixels at a corner")
    return reference


def rebuilt(images: Any, planes: Mapping[str, Any]) -> Any:
    """`planes` in the form that `images` have."""
    if isinstance(images, Mapping):
        return dict(planes)
    if hasattr(images, "coords"):
        values = [np.asarray(plane) for plane in planes.values()]
        return images.copy(data=np.stack(values) if images.ndim == 3 else values[0])
    if isinstance(images, np.ndarray):
        return np.stack(list(planes.values())) if images.ndim == 3 else next(iter(planes.values()))
    return next(iter(planes.values())) if len(planes) == 1 else list(planes.values())


def variance_of(plane: Any) -> NDArray[np.float64] | None:
    """The variance that a CCDData carries."""
    if getattr(plane, "uncertainty", None) is None:
        return None
    from astropy.nddata import VarianceUncertainty

    own = plane.uncertainty.represent_as(VarianceUncertainty).array
    return within("variance of the images", own, 0.0, np.inf)


def with_pixels(plane: Any, pixels: NDArray[Any], variance: NDArray[Any] | None) -> Any:
    """The plane with other pixels and, of a CCDData that carries one, another variance."""
    own = np.asarray(pixels_of(plane)).dtype
    data = pixels.astype(own if own.kind == "f" else np.float32)
    if not hasattr(plane, "uncertainty"):
        return plane.copy(data=data) if hasattr(plane, "coords") else data
    out = copy.deepcopy(plane)
    out.data = data
    if variance is not None:
        from astropy.nddata import VarianceUncertainty

        unit = plane.uncertainty.represent_as(VarianceUncertainty).unit
        out.uncertainty = VarianceUncertainty(variance, unit=unit).represent_as(type(plane.uncertainty))
    return out
