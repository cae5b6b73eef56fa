"""Real stamps that a model learns from: read, checked, scaled, and named by their digests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrogan.dataset.fingerprints import stamp_digests
from astrogan.models.scaling import background
from catalogs import Survey

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FEWEST", "RealStamps", "check_alike", "check_real", "real_stamps"]

FEWEST = 50
FLAT_TOP = 0.005  # part of a stamp's pixels at its very highest value: a real peak has one such pixel
SATURATED = 0.1  # part of the stamps that may have flat tops
SCALES = 0.01  # relative difference of pixel scales that is none


def check_real(stamps: NDArray[Any], source: str = "real stamps") -> None:
    """Refuse a real set that a refiner cannot learn from.

    Raises
    ------
    ValueError
        Naming what is wrong and the first stamps that are: fewer than 50, not finite, constant, saturated (flat at
        their highest value), or repeated.
    """
    if stamps.ndim != 4:
        raise ValueError(f"{source}: shape {stamps.shape} is not (stamp, band, y, x)")
    if len(stamps) < FEWEST:
        raise ValueError(f"{source}: {len(stamps)} stamps are too few; at least {FEWEST} are needed")
    flat = stamps.reshape(*stamps.shape[:2], -1)
    _refuse(~np.isfinite(flat).all(axis=(1, 2)), source, "have NaN or infinite pixels")
    top = flat.max(axis=2, keepdims=True)
    _refuse((flat.min(axis=2, keepdims=True) == top).any(axis=(1, 2)), source, "are constant in a band")
    full = ((flat == top).mean(axis=2) > max(FLAT_TOP, 3.5 / flat.shape[2])).any(axis=1)
    if full.mean() > SATURATED:
        _refuse(full, source, "are saturated: several of their pixels are at the very same highest value")
    names = stamp_digests(stamps)
    if len(set(names)) < FEWEST:
        raise ValueError(f"{source}: only {len(set(names))} of {len(names)} stamps differ; at least {FEWEST} must")


def _refuse(bad: NDArray[np.bool_], source: str, what: str) -> None:
    if bad.any():
        first = ", ".join(str(place) for place in np.flatnonzero(bad)[:3])
        raise ValueError(f"{source}: {int(bad.sum())} of {len(bad)} stamps (first: {first}) {what}")


def check_alike(sim: Survey, real: Survey) -> None:
    """Refuse to train across bands or pixel scales.

    Raises
    ------
    ValueError
        Naming both sides.
    """
    if sim.band_names != real.band_names:
        raise ValueError(
            f"bands differ: simulated {', '.join(sim.band_names)}, real {', '.join(real.band_names)}; take the same, "
            "in the same order"
        )
    if abs(sim.pixel_scale / real.pixel_scale - 1.0) > SCALES:
        raise ValueError(
            f"pixel scales differ: simulated {sim.pixel_scale:g}, real {real.pixel_scale:g} arcsec; simulate at the "
            "real one"
        )


@dataclass(frozen=True)
class RealStamps:
    """Real stamps as networks see them, and who they are.

    Attributes
    ----------
    image : Tensor (N, C, H, W)
        In background sigmas.
    digests : list of str
        Of the pixels before scaling, as they were read.
    survey : Survey
    """

    image: Tensor
    digests: list[str]
    survey: Survey


def real_stamps(samples: xr.Dataset, source: str = "real stamps") -> RealStamps:
    """Observed stamps in the sample schema, checked and scaled.

    Raises
    ------
    ValueError
        As of `check_real`, or where the survey has no background noise.
    """
    pixels = np.asarray(samples["image"].values, dtype=np.float32)
    check_real(pixels, source)
    scaled = torch.from_numpy(pixels) / background(samples)[:, None, None]
    return RealStamps(scaled, stamp_digests(pixels), Survey.from_json(samples.attrs["survey"]))
