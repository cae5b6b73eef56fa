"""Which PSF a simulator's samples have: the same for all, or one of a library for each."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs import Survey
from catalogs.checks import within
from simulators.psf import PSF, PSFLibrary, psf_of
from simulators.streams import uniform

__all__ = ["check_psfs", "check_widths", "draw_psfs", "each_psf", "psf_labels", "psfs_of"]

Array = NDArray[np.float64]


def psfs_of(given: Any, survey: Survey) -> tuple[PSF, ...] | PSFLibrary:
    """One PSF for each band of `survey`, or a library of such: what is given, or by default what the survey records."""
    if isinstance(given, PSFLibrary):
        return given.for_bands(len(survey.bands))
    one = tuple(psf_of(band) for band in survey.bands) if given is None else given
    return PSFLibrary([one]).per_band(len(survey.bands))[0]


def check_widths(psf: Any, bands: int, shape: tuple[int, ...], scale: float, images: str) -> None:
    """Refuse PSFs, or a library of such, wider than the shorter side of `shape` pixels of side `scale` [arcsec]."""
    entries = psf.per_band(bands) if isinstance(psf, PSFLibrary) else [psf]
    widest = max(one.fwhm for entry in entries for one in entry)
    within("psf fwhm", widest, 0.0, min(shape) * scale, f"arcsec, the {images}'s shorter side")


def psf_labels(psf: Any) -> tuple[str, ...]:
    """The labels that tell samples' PSFs apart."""
    return ("psf_index",) if isinstance(psf, PSFLibrary) else ()


def draw_psfs(psf: Any, seed: int, ids: NDArray[np.int64], tag: str) -> dict[str, Array]:
    """An entry of a library for each sample, all alike probable."""
    return {name: np.floor(uniform(seed, ids, f"psf{tag}") * len(psf)) for name in psf_labels(psf)}


def check_psfs(psf: Any, labels: dict[str, Array], owner: str) -> dict[str, Array]:
    """Return `labels`, whose entries of a library there must be.

    Raises
    ------
    ValueError
        For an index that is not a whole number, or past the library's end.
    """
    for name in psf_labels(psf):
        index = within(f"{owner} label {name}", labels[name], 0, len(psf) - 1)
        if (index % 1 != 0).any():
            raise ValueError(f"{owner} label {name} = {index[index % 1 != 0][0]:g} is not a whole number")
    return labels


def each_psf(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a simulator's method that makes planes (S, ...) of checked labels, one of its arguments, run once a PSF."""

    @functools.wraps(method)
    def grouped(self: Any, *args: Any) -> Any:
        if not isinstance(self.psf, PSFLibrary):
            return method(self, *args)
        labels = next(arg for arg in args if isinstance(arg, dict))
        index = labels["psf_index"].astype(np.int64)
        entries = self.psf.per_band(len(self.survey.bands))
        made = {}
        for entry in np.unique(index):
            these = {name: value[index == entry] for name, value in labels.items()}
            one = dataclasses.replace(self, psf=entries[entry])
            made[entry] = method(one, *(these if arg is labels else arg for arg in args))
        parts, back = list(made.values()), np.argsort(np.argsort(index, kind="stable"), kind="stable")
        if not isinstance(parts[0], dict):
            return np.concatenate(parts)[back]
        planes = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        names = {"part": parts[0]["part"]} if "part" in planes else {}  # of components, the same for all samples
        return {name: plane[back] if name not in names else names[name] for name, plane in planes.items()}

    return grouped
