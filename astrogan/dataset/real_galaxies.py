"""Real galaxies from catalogues in the format of GalSim's RealGalaxyCatalog (COSMOS)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrogan.dataset.fits_planes import opened
from astrogan.dataset.planes import ImageError
from simulators.light import GalaxyImage

__all__ = ["read_real_galaxies"]

_COLUMNS = ("GAL_FILENAME", "GAL_HDU", "PSF_FILENAME", "PSF_HDU", "PIXEL_SCALE")


def read_real_galaxies(catalog: str | Path, rows: Sequence[int] | None = None) -> list[GalaxyImage]:
    """The galaxies of a catalogue and the PSFs that they were seen with, for `simulators.light.ImageSource`.

    Parameters
    ----------
    catalog : path
        FITS table as GalSim's ``RealGalaxyCatalog`` reads it (Mandelbaum et al. 2012, MNRAS 420, 1518): the columns
        GAL_FILENAME, GAL_HDU, PSF_FILENAME, PSF_HDU and PIXEL_SCALE [arcsec]. The images lie beside it.
    rows : sequence of int, optional
        Which galaxies, from 0; all by default.

    Raises
    ------
    ImageError
        For a file that cannot be read, has not these columns, or names an image that is not there or is none.
    """
    path = Path(catalog)
    with opened(path) as hdus:
        table = next((hdu.data for hdu in hdus if getattr(hdu, "columns", None) is not None), None)
        missing = [name for name in _COLUMNS if table is None or name not in table.names]
        if table is None or missing:
            raise ImageError(f"{path}: no catalogue of real galaxies: it has no column {', '.join(missing)}")
        columns = {name: np.array(table[name]) for name in _COLUMNS}
    count = len(columns["GAL_HDU"])
    chosen = np.arange(count) if rows is None else np.asarray(rows, dtype=np.int64)
    outside = chosen[(chosen < 0) | (chosen >= count)]
    if outside.size:
        raise ImageError(f"{path}: row {outside[0]} is outside [0, {count - 1}]")
    images, psfs = (
        _images(path, columns[f"{kind}_FILENAME"][chosen], columns[f"{kind}_HDU"][chosen]) for kind in ("GAL", "PSF")
    )
    return [_galaxy(path, *each) for each in zip(chosen, images, psfs, columns["PIXEL_SCALE"][chosen], strict=True)]


def _galaxy(path: Path, row: int, image: NDArray[Any], psf: NDArray[Any], scale: float) -> GalaxyImage:
    try:
        return GalaxyImage(image, float(scale), psf)
    except ValueError as error:
        raise ImageError(f"{path}, row {row}: {error}") from None


def _images(path: Path, files: NDArray[Any], numbers: NDArray[Any]) -> list[NDArray[Any]]:
    """The image of each (file, HDU number); every file is opened once."""
    found: dict[tuple[str, int], NDArray[Any]] = {}
    for name in dict.fromkeys(str(file).strip() for file in files):
        if Path(name).name != name:
            raise ImageError(f"{path}: the image file {name!r} is not beside the catalogue")
        with opened(path.with_name(name)) as hdus:
            for number in {
                int(number) for file, number in zip(files, numbers, strict=True) if str(file).strip() == name
            }:
                if not 0 <= number < len(hdus) or not hdus[number].is_image:
                    raise ImageError(f"{path.with_name(name)}: HDU {number} is not one of its images")
                found[name, number] = np.array(hdus[number].data, dtype=np.float64)
    return [found[str(file).strip(), int(number)] for file, number in zip(files, numbers, strict=True)]
