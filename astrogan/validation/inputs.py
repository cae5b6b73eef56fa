"""What validation takes in: stamps in units of their sky's rms, and the refusal of what cannot be judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps, border, robust_sigma
from catalogs.checks import within

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FEWEST", "Images", "as_images", "check_real", "refuse_mismatch"]

FEWEST = 50  # real images that say anything
SATURATED = 0.02  # share of images with clipped pixels above which a set is refused
CLIPPED = 4  # pixels of one image at exactly the highest value of all


@dataclass(frozen=True, eq=False)
class Images:
    """Stamps as they are compared.

    Attributes
    ----------
    pixels : (N, C, y, x) float32
        In units of `sigma`.
    bands : tuple of str
        Band names; numbers where none were given.
    pixel_scale : float or None
        [arcsec], where known.
    sigma : (C,)
        Median rms of the borders [image unit].
    named : bool
        Whether the bands' names were given.
    given : (N, C, y, x) float32
        The pixels as they came.
    unit : str or None
        Of these, where known.
    """

    pixels: NDArray[np.float32]
    bands: tuple[str, ...]
    pixel_scale: float | None
    sigma: NDArray[np.float64]
    named: bool
    given: NDArray[np.float32]
    unit: str | None = None

    def __len__(self) -> int:
        return len(self.pixels)


def as_images(
    name: str, source: ArrayLike | xr.Dataset | xr.DataArray, *, scaled_by: NDArray[np.float64] | None = None
) -> Images:
    """Read an array (N, C, y, x) or (N, y, x), or the `image` of samples, in units of its own sky's rms.

    Parameters
    ----------
    name : str
        For error messages.
    source
        Pixels of one sky level and noise; a Dataset or DataArray also tells bands and pixel scale.
    scaled_by : (C,), optional
        Rms to use in place of the measured one, where the numbers of bands agree: that of the images beside them.

    Raises
    ------
    ValueError
        For other shapes, NaN, or images that are constant.
    """
    array, bands, scale, unit = _parts(source)
    if array.ndim == 3:
        array = array[:, None]
    pixels = as_stamps(name, array)
    flat = int((np.ptp(pixels, axis=(2, 3)) == 0).any(axis=1).sum())
    if flat:
        raise ValueError(f"{name}: {flat} of {len(pixels)} images are constant in a band")
    sigma = np.median(robust_sigma(pixels[..., border(*pixels.shape[-2:])])[1], axis=0)
    if scaled_by is not None and len(scaled_by) == len(sigma):
        sigma = scaled_by
    if not (sigma > 0).all():
        raise ValueError(f"{name}: the border's pixels are constant, so its noise is unknown; is the sky cut at black?")
    numbered = tuple(str(band) for band in range(pixels.shape[1]))
    return Images(
        np.asarray(pixels / sigma[:, None, None], dtype=np.float32),
        bands or numbered,
        scale,
        np.asarray(sigma),
        bool(bands),
        pixels,
        unit,
    )


def _parts(source: Any) -> tuple[NDArray[Any], tuple[str, ...], float | None, str | None]:
    """Pixels, band names, pixel scale and unit of what a user gives."""
    if not hasattr(source, "dims"):
        return np.asarray(source), (), None, None
    attrs = source.attrs
    image = source["image"] if "image" in getattr(source, "data_vars", ()) else source
    if not hasattr(image, "values") or callable(image.values):
        raise ValueError(f"samples without `image`: they have {', '.join(map(str, source.data_vars))}")
    bands = tuple(str(band) for band in image["band"].values) if "band" in image.coords else ()
    scale = attrs.get("pixel_scale", image.attrs.get("pixel_scale"))
    return np.asarray(image.values), bands, None if scale is None else float(scale), image.attrs.get("units")


def check_real(name: str, images: Images) -> Images:
    """Return `images` if they can judge others.

    Raises
    ------
    ValueError
        If there are fewer than 50, or too many of them are saturated.
    """
    within(f"number of {name} images", len(images), FEWEST, 1e9)
    top = images.pixels.max(axis=(0, 2, 3), keepdims=True)
    clipped = int(((images.pixels == top).sum(axis=(2, 3)) >= CLIPPED).any(axis=1).sum())
    if clipped > SATURATED * len(images):
        raise ValueError(
            f"{name}: {clipped} of {len(images)} images are saturated ({CLIPPED} or more pixels at the highest value "
            "of their band); leave them out"
        )
    return images


def refuse_mismatch(one: tuple[str, Images], other: tuple[str, Images]) -> None:
    """Refuse two sets of other bands, units, pixel scales or shapes.

    Raises
    ------
    ValueError
        Naming what differs.
    """
    (a, x), (b, y) = one, other
    both = x.named and y.named
    if x.pixels.shape[1] != y.pixels.shape[1] or (both and x.bands != y.bands):
        raise ValueError(f"bands differ: {a} has {', '.join(x.bands)}; {b} has {', '.join(y.bands)}")
    if x.unit is not None and y.unit is not None and x.unit != y.unit:
        raise ValueError(f"units differ: {a} {x.unit!r}, {b} {y.unit!r}")
    if x.pixel_scale and y.pixel_scale and abs(x.pixel_scale / y.pixel_scale - 1) > 0.01:
        raise ValueError(f"pixel scales differ: {a} {x.pixel_scale:g} arcsec, {b} {y.pixel_scale:g} arcsec")
    if x.pixels.shape[2:] != y.pixels.shape[2:]:
        raise ValueError(f"sizes differ: {a} {x.pixels.shape[2:]} pixels, {b} {y.pixels.shape[2:]}; cut them alike")
