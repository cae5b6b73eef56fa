"""What a survey did not observe: where samples say so, and masks drawn to train and to judge on.

`KINDS` is the list of masks to draw; a new kind is a function here and an entry there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import one_of, within
from simulators.sensor import FLAGS
from simulators.streams import uniform

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["DECAM", "KINDS", "draw_masks", "flags_of_decam", "hole_pixels", "with_mask"]

Mask = NDArray[np.bool_]
Drawer = Callable[[NDArray[np.float64], int, int, int], Mask]

DECAM = {
    1: "bad_column",
    2: "no_data",
    3: "saturated",
    4: "bleed",
    5: "cosmic_ray",
    6: "no_data",
    7: "cosmic_ray",
    8: "trail",
}
"""Codes of data-quality frames of DECam's Community Pipeline (ooD files; its data handbook, table 2.4)."""


def hole_pixels(samples: xr.Dataset, flags: Iterable[str] | None = None) -> Mask:
    """Pixels (sample, band, y, x) to fill: flagged in `mask`, not finite, or without a finite variance above zero.

    Parameters
    ----------
    samples : Dataset
        In the sample schema, with `image` and, where there are, `variance` and `mask`.
    flags : names, optional
        Flags of `mask` that make a hole; all by default. What else is flagged counts as observed.

    Raises
    ------
    ValueError
        Where the mask's shape is not the image's, it has bits that its ``flag_masks`` do not name, a flag has no such
        name, or the variance of a whole sample is zero, so that nothing says how noisy it is.
    """
    image = samples["image"].values
    holes = ~np.isfinite(image)
    if "variance" in samples.variables:
        variance = samples["variance"].values
        with np.errstate(invalid="ignore"):
            seen = np.isfinite(variance) & (variance > 0)
        blank = ~seen.reshape(len(seen), -1).any(axis=1) & np.isfinite(image).reshape(len(seen), -1).any(axis=1)
        if blank.any():
            first = samples["sample_id"].values[blank.argmax()]
            raise ValueError(
                f"variance: {int(blank.sum())} samples (first: sample_id {first}) have no pixel with a finite variance "
                "above zero; filling holes needs the noise"
            )
        holes |= ~seen
    if "mask" in samples.variables:
        holes |= _flagged(samples["mask"], image.shape, flags)
    return np.asarray(holes)


def _flagged(mask: xr.DataArray, shape: tuple[int, ...], flags: Iterable[str] | None) -> Mask:
    values = mask.values
    if values.ndim == 3:
        values = values[:, None]
    if values.shape[-2:] != shape[-2:] or values.shape[0] != shape[0] or values.shape[1] not in (1, shape[1]):
        raise ValueError(f"mask of shape {mask.shape} does not belong to an image of shape {shape}")
    named = _bits(mask)
    unknown = int(np.bitwise_or.reduce(values, axis=None)) & ~sum(named.values())
    if unknown:
        raise ValueError(f"mask has bits {unknown:#010b} that its flag_masks do not name; known: {', '.join(named)}")
    if flags is None:
        return np.broadcast_to(values != 0, shape)
    wanted = sum(named[one_of("flag", name, named)] for name in set(flags))
    return np.broadcast_to((values & np.uint8(wanted)) != 0, shape)


def _bits(mask: xr.DataArray) -> dict[str, int]:
    """Names and bits that the mask's CF attributes give; those of `simulators.sensor`, where it has none."""
    if "flag_masks" not in mask.attrs:
        return FLAGS
    bits = np.atleast_1d(mask.attrs["flag_masks"]).tolist()
    return dict(zip(str(mask.attrs["flag_meanings"]).split(), bits, strict=True))


def flags_of_decam(codes: ArrayLike) -> NDArray[np.uint8]:
    """Bits of `simulators.sensor.FLAGS` for a DECam data-quality frame.

    Raises
    ------
    ValueError
        For a code that the pipeline does not document.
    """
    values = np.asarray(codes)
    found = set(np.unique(values).tolist()) - {0}
    if found - set(DECAM):
        raise ValueError(f"data-quality codes {sorted(found - set(DECAM))} are unknown; known: {sorted(DECAM)}")
    flags = np.zeros(values.shape, np.uint8)
    for code, name in DECAM.items():
        flags[values == code] = FLAGS[name]
    return flags


def _columns(u: NDArray[np.float64], bands: int, height: int, width: int) -> Mask:
    """One to five neighbouring columns, or rows, through all bands."""
    count = 1 + int(5 * u[0])
    across = np.arange(width if u[1] < 0.5 else height)
    start = int(u[2] * (len(across) - count + 1))
    line = (across >= start) & (across < start + count)
    plane = np.broadcast_to(line, (height, width)) if u[1] < 0.5 else np.broadcast_to(line[:, None], (height, width))
    return np.broadcast_to(plane, (bands, height, width))


def _three_columns(u: NDArray[np.float64], bands: int, height: int, width: int) -> Mask:
    """Three neighbouring columns in the middle half of the stamp."""
    start = int(width / 4 + u[0] * (width / 2 - 2))
    columns = np.arange(width)
    return np.broadcast_to((columns >= start) & (columns < start + 3), (bands, height, width))


def _block(u: NDArray[np.float64], bands: int, height: int, width: int) -> Mask:
    """A square of a quarter of the side, in the middle half."""
    side = max(2, min(height, width) // 4)
    y, x = (int(n / 4 + v * (n / 2 - side + 1)) for n, v in zip((height, width), u[:2], strict=True))
    mask = np.zeros((bands, height, width), bool)
    mask[:, y : y + side, x : x + side] = True
    return mask


def _rectangle(u: NDArray[np.float64], bands: int, height: int, width: int) -> Mask:
    """A rectangle anywhere, of sides up to 0.4 of the stamp's."""
    ny, nx = (max(2, round(n * (0.06 + 0.34 * v))) for n, v in zip((height, width), u[2:4], strict=True))
    y, x = (int(v * (n - m + 1)) for n, m, v in zip((height, width), (ny, nx), u[:2], strict=True))
    mask = np.zeros((bands, height, width), bool)
    mask[:, y : y + ny, x : x + nx] = True
    return mask


def _trail(u: NDArray[np.float64], bands: int, height: int, width: int) -> Mask:
    """A straight trail of 2 to 5 pixels across, past the middle by up to a fifth of the side."""
    angle, offset = np.pi * u[0], 0.4 * min(height, width) * (u[1] - 0.5)
    y, x = np.indices((height, width)) - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    near = np.abs(x * np.cos(angle) + y * np.sin(angle) - offset) < 1.0 + 1.5 * u[2]
    return np.broadcast_to(near, (bands, height, width))


def _scatter(u: NDArray[np.float64], bands: int, height: int, width: int) -> Mask:
    """A tenth of the pixels of each band, each by itself: cosmic rays and hot pixels."""
    return u[8 : 8 + bands * height * width].reshape(bands, height, width) < 0.1


def _band(u: NDArray[np.float64], bands: int, height: int, width: int) -> Mask:
    """One whole band; of an image with a single band, its left or right half."""
    mask = np.zeros((bands, height, width), bool)
    if bands == 1:
        mask[:, :, slice(None, width // 2) if u[0] < 0.5 else slice(width // 2, None)] = True
    else:
        mask[int(u[0] * bands)] = True
    return mask


KINDS: dict[str, Drawer] = {
    "columns": _columns,
    "three columns": _three_columns,
    "block": _block,
    "rectangle": _rectangle,
    "trail": _trail,
    "scatter": _scatter,
    "band": _band,
}
"""Name to a function of uniform numbers (the first eight, then one for each pixel), bands, height and width."""


def draw_masks(
    kinds: Iterable[str], sample_ids: ArrayLike, shape: tuple[int, int, int], *, seed: int, share: float = 1.0
) -> Mask:
    """Masks (sample, band, y, x), True where nothing was observed, each of one of `kinds`, drawn with equal chance.

    A mask is a function of (seed, sample id) and the arguments, whatever the other samples.

    Parameters
    ----------
    shape : (bands, height, width)
        At least 8 pixels to a side.
    share : float
        Chance that a mask goes through all bands; otherwise it is in one alone, drawn too (`band` always is).

    Raises
    ------
    ValueError
        For unknown or no kinds.
    """
    names = [one_of("mask kind", kind, KINDS) for kind in kinds]
    if not names:
        raise ValueError(f"no kinds of masks to draw from; there are {', '.join(KINDS)}")
    within("mask side", shape[1:], 8, 1e5, "pixels")
    bands, height, width = shape
    numbers = uniform(seed, sample_ids, "masks", (11 + bands * height * width,))
    return np.stack([_one(names, share, row, (bands, height, width)) for row in numbers])


def _one(names: list[str], share: float, u: NDArray[np.float64], shape: tuple[int, int, int]) -> Mask:
    bands = shape[0]
    name = names[int(u[0] * len(names))]
    mask = np.array(KINDS[name](u[3:], *shape))
    if name != "band" and u[1] >= share:
        mask[np.arange(bands) != int(u[2] * bands)] = False
    return mask


def with_mask(samples: xr.Dataset, holes: Mask) -> xr.Dataset:
    """Samples of which the pixels (sample, band, y, x) in `holes` were not observed: flagged, and zero in the image."""
    from simulators.sensor import flag_attributes

    flags = np.where(holes, np.uint8(FLAGS["no_data"]), np.uint8(0))
    if "mask" in samples.variables:
        before = samples["mask"].values
        flags |= before if before.ndim == 4 else before[:, None]
    attrs: dict[str, Any] = flag_attributes()
    image = np.where(holes, np.float32(0), samples["image"].values)
    planes = {"image": samples["image"].copy(data=image), "mask": (samples["image"].dims, flags, attrs)}
    return samples.assign(planes)
