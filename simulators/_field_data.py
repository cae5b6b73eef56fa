"""What a field's Dataset holds: the checked catalogue, its places on the sky, and the planes of the frame."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs import Survey
from catalogs.checks import one_of, within
from simulators._light_choice import LightChoice
from simulators._painting import Marks
from simulators.labels import LABELS

if TYPE_CHECKING:
    import xarray as xr
    from astropy.wcs import WCS

__all__ = ["catalogue", "checked_catalogue", "field_labels", "frame_planes", "size_of", "wcs_of"]

Array = NDArray[np.float64]
_OPTIONAL = {"g1": 0.0, "g2": 0.0, "kappa": 0.0, "star": 0.0}
FARTHEST = 1e5  # arcsec from the frame's centre
SMALLEST, LARGEST = 32, 32_768  # pixels along a side
_FRAME = ("band", "y", "x")
_PLANES = {
    "image": (1, "image", _FRAME),
    "variance": (2, "noise variance", _FRAME),
    "mask": (0, "pixel flags, 0 = good", _FRAME),
    "clean": (1, "expected image without noise", _FRAME),
    "segmentation": (0, "1 + place in the catalogue of the brightest object, 0 = none", ("y", "x")),
}


def field_labels(light: LightChoice) -> tuple[str, ...]:
    """All labels of an object of a field whose galaxies have this light."""
    return (*light.labels, *_OPTIONAL)


def size_of(size: Any) -> tuple[int, int]:
    """Pixels along y and x of a size given as one number or two."""
    sides = (size, size) if np.ndim(size) == 0 else tuple(size)
    if len(sides) != 2:
        raise ValueError(f"size = {size!r} is neither a number of pixels nor two of them, along y and x")
    try:
        y, x = (operator.index(side) for side in sides)
    except TypeError:
        raise ValueError(f"size = {size!r} is not whole numbers of pixels") from None
    within("size", (y, x), SMALLEST, LARGEST, "pixels")
    return y, x


def wcs_of(shape: tuple[int, int], scale: float, centre: tuple[float, float]) -> WCS:
    """Gnomonic coordinates (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3) of a frame (y, x)."""
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crpix = [(shape[1] + 1) / 2.0, (shape[0] + 1) / 2.0]
    wcs.wcs.crval = [centre[0] % 360.0, centre[1]]
    wcs.wcs.cdelt = [-scale / 3600.0, scale / 3600.0]
    wcs.pixel_shape = shape[::-1]
    wcs.wcs.set()
    return wcs


def checked_catalogue(truth: xr.Dataset | Mapping[str, ArrayLike], bands: int, light: LightChoice) -> dict[str, Array]:
    """The labels of `field_labels`, (N,) each and (N, bands) the flux.

    Raises
    ------
    ValueError
        For a missing or unknown label, a value that is not finite or out of range, or shapes that disagree.
    """
    given: dict[str, Any]
    names = field_labels(light)
    if hasattr(truth, "data_vars"):
        given = {name: truth[name] for name in names if name in truth}
    else:
        given = {one_of("Field label", str(name), (*names, "object_id")): truth[name] for name in truth}
        given.pop("object_id", None)
    missing = [name for name in names if name not in given and name not in _OPTIONAL]
    if missing:
        raise ValueError(f"Field: missing label {', '.join(missing)}; it needs {', '.join(names)}")
    given = {name: np.asarray(given.get(name, _OPTIONAL.get(name)), dtype=np.float64) for name in names}
    count = max(value.shape[0] if value.ndim else 1 for value in given.values())
    star = np.broadcast_to(given["star"], (count,)) == 1
    values = {name: _column(name, value, count, star, bands, light) for name, value in given.items()}
    for first in [name for name in names if name.endswith("e1")]:
        within(f"Field |{first[:-1]}|", np.hypot(values[first], values[f"{first[:-1]}2"]), 0.0, 0.95)
    within("Field |g|", np.hypot(values["g1"], values["g2"]), 0.0, 0.9)
    for name in ("star", *light.discrete):
        within(f"Field label {name}, a whole number: distance from one", values[name] % 1, 0.0, 0.0)
    return values


def _column(name: str, value: Array, count: int, star: NDArray[np.bool_], bands: int, light: LightChoice) -> Array:
    """One label, of its full shape and in its range; a star's profile is not looked at."""
    if name == "flux" and value.ndim == 1:
        value = value[:, None]
    shape = (count, bands) if name == "flux" else (count,)
    try:
        full = np.array(np.broadcast_to(value, shape))
    except ValueError:
        raise ValueError(f"Field label {name} has shape {value.shape}; it must broadcast to {shape}") from None
    if name in light.labels and name not in ("flux", "x", "y"):
        full[star] = 0.0
        looked_at = full[~star]
    else:
        looked_at = full
    low, high, unit = LABELS[name].low, LABELS[name].high, LABELS[name].unit
    low, high = (-FARTHEST, FARTHEST) if name in ("x", "y") else (low, high)
    high = light.discrete[name] - 1 if name in light.discrete else high
    within(f"Field label {name}", looked_at, low, high, unit)
    return full


def catalogue(
    labels: Mapping[str, Array],
    ids: NDArray[np.int64],
    survey: Survey,
    wcs: WCS,
    shape: tuple[int, int],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """The Dataset of a catalogue: labels, places in pixels and on the sky, and the attributes of the frame."""
    import xarray as xr

    variables: dict[str, Any] = {"object_id": ("object", ids, {"long_name": "number of the object", "units": ""})}
    for name in labels:
        dims = ("object", "band") if name == "flux" else ("object",)
        unit = survey.unit if name == "flux" else LABELS[name].unit
        meaning = LABELS[name].long_name.replace("the stamp's", "the frame's")
        value = labels[name].astype(np.int8) if name == "star" else labels[name]
        variables[name] = (dims, value, {"units": unit, "long_name": meaning})
    column, row = (labels[k] / survey.pixel_scale + (n - 1) / 2.0 for k, n in zip("xy", shape[::-1], strict=True))
    ra, dec = wcs.all_pix2world(column, row, 0)
    places = {"column": (column, "", "column"), "row": (row, "", "row")}
    places |= {"ra": (ra, "deg", "right ascension"), "dec": (dec, "deg", "declination")}
    for name, (values, unit, meaning) in places.items():
        variables[name] = ("object", values, {"units": unit, "long_name": f"{meaning} of the centre"})
    merged = {**attrs, "simulator": "Field", "pixel_scale": survey.pixel_scale, "survey": survey.to_json()}
    merged["wcs"] = wcs.to_header_string()
    return xr.Dataset(variables, coords={"band": ("band", list(survey.band_names))}, attrs=merged)


def frame_planes(ds: xr.Dataset, survey: Survey, planes: Mapping[str, NDArray[Any]], marks: Marks | None) -> xr.Dataset:
    """`ds` with planes of the frame; of `marks`, where the light of all objects reaches 1 sigma."""
    import xarray as xr

    named = dict(planes)
    if marks is not None:
        for row, out in enumerate(marks.segmentation):
            out[np.tensordot(marks.weights, planes["image"][:, row], 1) < 1.0] = 0
        named["segmentation"] = marks.segmentation
    variables: dict[str, Any] = {str(name): ds.variables[name] for name in ds.variables if name != "band"}
    for name, plane in named.items():
        power, meaning, dims = _PLANES[name]
        unit = ("", survey.unit, f"{survey.unit}2" if survey.unit else "")[power]
        variables[name] = (dims, plane, {"units": unit, "long_name": meaning})
    return xr.Dataset(variables, coords={"band": ds["band"]}, attrs=ds.attrs)
