"""Samples as one FITS file: image cubes, the table of their labels, their bands and where they come from."""

from __future__ import annotations

import os
from io import BytesIO
from typing import Any

import numpy as np
import xarray as xr

from astrogan import __version__
from astrogan.dataset.digest import digest
from astrogan.dataset.files import check_target, replace_file
from astrogan.dataset.schema import plane_names, validate_samples
from astrogan.export.tables import bands_table, card_text, fits_unit, provenance_table, several_tables, truth_table
from catalogs.schema import Survey

__all__ = ["to_fits"]

_CHECKSUM_COMMENT = "FITS standard 4.0, section 4.4.2.7"  # astropy's own comment is the date


def to_fits(ds: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write samples to a FITS file, complete or not at all; the same samples give the same bytes.

    ========== ==========================================================================================
    HDU        content
    ========== ==========================================================================================
    PRIMARY    header cards: who made the samples, their seed, survey, schema and digest
    IMAGE      cube (sample, band, y, x), bit for bit; likewise VARIANCE, MASK, CLEAN, PSF where present, and
               COMPONENT_IMAGE (with an axis ``part``), SEGMENTATION, ARC_MASK, DEFLECTION_X and _Y, CONVERGENCE
    TRUTH      one row per sample: sample_id, qc_flag and the labels (``flux_g``, ``flux_r`` per band,
               ``source_x_0``, ``source_x_1`` per component), with units and descriptions
    NEIGHBOURS one row per neighbour, where there are any; likewise MEMBERS (of a group), SUBHALOS, LINE_OF_SIGHT and
               LENSED_IMAGES (of quasars)
    BANDS      one row per band of the survey
    PROVENANCE every attribute of the samples, as text
    ========== ==========================================================================================

    Cubes carry a linear WCS: offsets in arcsec from the stamp's centre, then band and sample counted from 0.

    Raises
    ------
    SchemaError
        If `ds` breaks the sample schema.
    OSError
        If the path exists (and not `overwrite`), its folder is missing or read-only (all before any work), or the disk
        is full.
    """
    from astropy.io import fits

    target = check_target(path, overwrite)
    samples = validate_samples(ds)
    survey = Survey.from_json(samples.attrs["survey"])
    planes = [_cube(samples, name) for name in ("image", *(n for n in plane_names(samples) if n != "image"))]
    tables = [truth_table(samples), *several_tables(samples), bands_table(samples, survey), provenance_table(samples)]
    hdus = fits.HDUList([_primary(samples, survey), *planes, *tables])
    hdus.update_extend()
    for hdu in hdus:
        hdu.add_checksum(when=_CHECKSUM_COMMENT)
    buffer = BytesIO()
    hdus.writeto(buffer, output_verify="exception")
    replace_file(target, buffer.getbuffer())


def _primary(ds: xr.Dataset, survey: Survey) -> Any:
    from astropy.io import fits

    header = fits.Header()
    header["CREATOR"] = f"astrogan {__version__}"
    header["SIMULATR"] = card_text(ds.attrs["simulator"])
    if "seed" in ds.attrs:
        header["SEED"] = (int(ds.attrs["seed"]), "seed of the run")
    if "model" in ds.attrs:
        header["MODEL"] = card_text(ds.attrs["model"])
    header["SURVEY"] = card_text(survey.name)
    header["PIXSCALE"] = (float(ds.attrs["pixel_scale"]), "[arcsec] side of a pixel")
    header["NSAMPLE"] = (ds.sizes["sample"], "number of samples")
    header["SCHEMA"] = (int(ds.attrs["schema_version"]), "version of the sample schema")
    header["DIGEST"] = digest(ds)
    header.add_comment("SIMULATR: simulator, empty for observed stamps. MODEL: network applied.")
    header.add_comment("DIGEST: SHA-256 of the sample arrays, as astrogan.digest gives it")
    return fits.PrimaryHDU(header=header)


def _cube(ds: xr.Dataset, name: str) -> Any:
    from astropy.io import fits

    variable = ds[name]
    values = variable.values
    hdu = fits.ImageHDU(values.astype(np.int16) if values.dtype == np.int8 else values, name=name.upper())
    unit = fits_unit(variable.attrs["units"])
    if unit:
        hdu.header["BUNIT"] = unit
    hdu.header["PIXSCALE"] = (float(ds.attrs["pixel_scale"]), "[arcsec] side of a pixel")
    hdu.header["WCSAXES"] = variable.ndim
    for axis, dim in enumerate(reversed(variable.dims), start=1):
        sky = str(dim)[-1] in "xy"
        hdu.header[f"CTYPE{axis}"] = str(dim)[-1].upper() if sky else str(dim).upper()
        if sky:
            hdu.header[f"CUNIT{axis}"] = "arcsec"
        hdu.header[f"CRPIX{axis}"] = (variable.sizes[dim] + 1) / 2 if sky else 1.0
        hdu.header[f"CRVAL{axis}"] = 0.0
        hdu.header[f"CDELT{axis}"] = float(ds.attrs["pixel_scale"]) if sky else 1.0
    for key in ("band", "part"):
        if key in variable.dims:
            for number, text in enumerate(ds[key].values.tolist(), start=1):
                hdu.header[f"{key.upper()}{number}"] = card_text(text)
    return hdu
