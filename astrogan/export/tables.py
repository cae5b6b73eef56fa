"""The tables of a FITS export, in the form that TOPCAT and astropy read best: scalar columns, units, descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from astrogan.dataset.schema import label_names
from catalogs.schema import Survey
from simulators.labels import LABELS

__all__ = ["bands_table", "card_text", "fits_unit", "plain_text", "provenance_table", "several_tables", "truth_table"]

SEVERAL = {  # dimension -> name of the table, beginning of its labels, the label that is zero where there is none
    "neighbour": ("NEIGHBOURS", "neighbour_", "neighbour_flux"),
    "galaxy": ("MEMBERS", "member_", "member_theta_E"),
    "subhalo": ("SUBHALOS", "subhalo_", "subhalo_alpha_s"),
    "plane": ("LINE_OF_SIGHT", "los_", "los_theta_E"),
    "lensed_image": ("LENSED_IMAGES", "image_", "image_magnification"),
}
_FORMATS = {
    "f4": "E",
    "f8": "D",
    "u1": "B",
    "i1": "I",
    "i2": "I",
    "i4": "J",
    "i8": "K",
    "u2": "I",
    "u4": "J",
    "u8": "K",
}
_CARD_TEXT = 66  # characters of text, its quotes doubled, that one card holds


def fits_unit(unit: str) -> str:
    """The unit as the FITS standard writes it; ``""`` for pure numbers and for units that FITS does not know."""
    from astropy.units import Unit

    try:
        return str(Unit(unit).to_string("fits"))
    except ValueError:
        return ""


def plain_text(text: object) -> str:
    """Text as printable ASCII; anything else is escaped as in Python."""
    return str(text).encode("unicode_escape").decode("ascii")


def card_text(text: object) -> str:
    """Plain text, cut to what one header card holds."""
    plain = plain_text(text)[:_CARD_TEXT]
    while len(plain) + plain.count("'") > _CARD_TEXT:
        plain = plain[:-1]
    return plain


def truth_table(ds: xr.Dataset) -> Any:
    """TRUTH: one row per sample, one scalar column per label, band and component."""
    columns, taken = [], set()
    for name, variable, values in _scalar_columns(ds):
        unique = name
        while unique.lower() in taken:  # FITS column names differ in more than case; bands z and Z do not
            unique += "_2"
        taken.add(unique.lower())
        columns.append((unique, values, variable.attrs["units"], variable.attrs["long_name"]))
    return _table("TRUTH", columns)


def several_tables(ds: xr.Dataset) -> list[Any]:
    """One table per kind of thing that a sample has several of (`SEVERAL`): one row for each that counts, with the
    sample it is in.
    """
    return [_several(ds, dim, *how) for dim, how in SEVERAL.items() if dim in ds.dims]


def _several(ds: xr.Dataset, dim: str, title: str, prefix: str, strength: str) -> Any:
    names = [name for name in label_names(ds) if dim in ds[name].dims]
    counts = ds[strength].values if strength in names else np.ones((*ds[names[0]].shape[:2], 1))
    sample, number = np.nonzero(counts.any(axis=-1) if counts.ndim == 3 else counts)
    columns = [("sample_id", ds["sample_id"].values[sample], "", "sample that it is in")]
    for name in names:
        variable = ds[name]
        values = variable.values[sample, number]
        bands = [f"_{band}" for band in ds["band"].values] if variable.dims[-1] == "band" else [""]
        for band, column in zip(bands, values.reshape(len(sample), -1).T, strict=True):
            short = re.sub(r"\W", "_", name.removeprefix(prefix) + band)
            columns.append((short, np.ascontiguousarray(column), variable.attrs["units"], variable.attrs["long_name"]))
    return _table(title, columns)


def bands_table(ds: xr.Dataset, survey: Survey) -> Any:
    """BANDS: one row per band of the survey, and the variables of the samples that have one value per band."""
    unit = survey.unit
    described = (
        ("psf_fwhm", "arcsec", "full width at half maximum of the PSF"),
        ("psf_beta", "", "Moffat slope of the PSF, infinity for a Gaussian"),
        ("background_sigma", unit, "rms of the background in a pixel"),
        ("electrons_per_unit", "", "detected electrons per image unit; infinity: no photon noise"),
        ("sky", unit, "sky level that was subtracted"),
        ("floor", unit, "lowest pixel, sky subtracted; -infinity: none"),
        ("ceiling", unit, "highest pixel, sky subtracted; infinity: none"),
        ("level_scatter", unit, "rms by which both move from stamp to stamp"),
        ("zero_point", "mag", "AB magnitude of 1 image unit"),
    )
    columns = [("band", np.array([plain_text(band.name) for band in survey.bands]), "", "band name")]
    for name, units, text in described:
        columns.append((name, np.array([getattr(band, name) for band in survey.bands], np.float64), units, text))
    for key in ds.variables:
        if ds[key].dims == ("band",) and key != "band":
            columns.append((str(key), ds[key].values, ds[key].attrs["units"], ds[key].attrs["long_name"]))
    return _table("BANDS", columns)


def provenance_table(ds: xr.Dataset) -> Any:
    """PROVENANCE: the attributes of the samples, name and value as text."""
    keys = sorted(map(str, ds.attrs))
    values = [plain_text(ds.attrs[key]) for key in keys]
    return _table(
        "PROVENANCE", [("name", np.array(keys), "", "attribute"), ("value", np.array(values), "", "its value")]
    )


def _scalar_columns(ds: xr.Dataset) -> Iterator[tuple[str, xr.DataArray, NDArray[Any]]]:
    known = list(LABELS)
    labels = [name for name in label_names(ds) if not SEVERAL.keys() & set(ds[name].dims)]
    labels.sort(key=lambda name: known.index(name) if name in known else len(known))
    for name in ("sample_id", "qc_flag", *labels):
        variable = ds[name]
        names = [ds["band"].values.tolist() if dim == "band" else range(ds.sizes[dim]) for dim in variable.dims[1:]]
        for suffixes in product(*(enumerate(items) for items in names)):
            label = "_".join((name, *(str(text) for _, text in suffixes)))
            values = variable.values
            for position, _ in suffixes:
                values = values[:, position]
            yield re.sub(r"\W", "_", label), variable, values


def _table(name: str, columns: list[tuple[str, NDArray[Any], str, str]]) -> Any:
    from astropy.io import fits

    hdu = fits.BinTableHDU.from_columns([_column(*column[:3]) for column in columns], name=name)
    for number, column in enumerate(columns, start=1):
        hdu.header.set(f"TCOMM{number}", card_text(column[3]), after=f"TTYPE{number}")
    return hdu


def _column(name: str, values: NDArray[Any], unit: str) -> Any:
    from astropy.io import fits

    kind = values.dtype.str[1:]
    if values.dtype.kind == "U":
        return fits.Column(name, f"{max(1, values.dtype.itemsize // 4)}A", array=values)
    unsigned = kind[0] == "u" and kind != "u1"
    zero = {"bzero": 2 ** (8 * values.dtype.itemsize - 1)} if unsigned else {}
    stored = values.astype(np.int16) if kind == "i1" else values
    return fits.Column(name, _FORMATS[kind], unit=fits_unit(unit) or None, array=stored, **zero)
