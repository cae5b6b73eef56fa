"""``ds.astrogan``: samples as astropy and matplotlib know them. Registered by ``import astrogan.export``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from astrogan.dataset.schema import label_names
from astrogan.export.fits import to_fits
from catalogs.checks import one_of, within

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.table import QTable
    from astropy.wcs import WCS
    from matplotlib.figure import Figure

__all__ = ["SampleAccessor"]

SOFT = 3.0  # pixels up to this many noise sigmas are shown on a linear scale, brighter ones on a logarithmic one


@xr.register_dataset_accessor("astrogan")  # type: ignore[no-untyped-call]  # xarray does not say
class SampleAccessor:
    """Samples in the forms of other packages; lazy samples are read as far as needed."""

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds

    def to_fits(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a FITS file, see `astrogan.export.to_fits`."""
        to_fits(self._ds, path, overwrite=overwrite)

    def wcs(self, sample: int) -> WCS:
        """World coordinates of a stamp's pixels.

        With labels ``ra`` and ``dec`` [deg] a tangential projection about the stamp's centre, +x west, turned by
        ``position_angle`` [rad] from north through east where there is one; otherwise offsets from the centre [arcsec].
        """
        from astropy.wcs import WCS

        ny, nx = self._ds.sizes["y"], self._ds.sizes["x"]
        scale = float(self._ds.attrs["pixel_scale"])
        wcs = WCS(naxis=2)
        wcs.wcs.crpix = (nx + 1) / 2, (ny + 1) / 2
        if {"ra", "dec"} <= set(self._ds.variables):
            turn = float(self._value("position_angle", sample)) if "position_angle" in self._ds.variables else 0.0
            wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
            wcs.wcs.cunit = "deg", "deg"
            wcs.wcs.crval = float(self._value("ra", sample)), float(self._value("dec", sample))
            wcs.wcs.cdelt = -scale / 3600, scale / 3600
            wcs.wcs.pc = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        else:
            wcs.wcs.ctype = "X", "Y"
            wcs.wcs.cunit = "arcsec", "arcsec"
            wcs.wcs.cdelt = scale, scale
        return wcs

    def to_ccddata(self, sample: int, band: str | None = None) -> CCDData:
        """One image with its unit, variance, mask, WCS, and the sample's labels as ``meta``.

        Parameters
        ----------
        sample
            Its place along ``sample``.
        band
            Its name; may be left out where there is one only.

        Raises
        ------
        ValueError
            For a band or sample that is not there.
        """
        from astropy.nddata import CCDData, VarianceUncertainty

        names = self._ds["band"].values.tolist()
        at = names.index(one_of("band", names[0] if band is None and len(names) == 1 else str(band), names))
        unit = self._ds["image"].attrs.get("units", "")
        variance = mask = None
        if "variance" in self._ds.variables:
            variance = VarianceUncertainty(self._value("variance", sample)[at])
        if "mask" in self._ds.variables:
            flags = self._value("mask", sample)
            mask = (flags[at] if flags.ndim == 3 else flags) != 0
        meta = {name: self._value(name, sample).tolist() for name in ("sample_id", *label_names(self._ds))}
        image = np.array(self._value("image", sample)[at])
        return CCDData(image, unit=unit, uncertainty=variance, mask=mask, wcs=self.wcs(sample), meta=meta)

    def to_table(self) -> QTable:
        """``sample_id``, ``qc_flag`` and all labels, one row per sample, with units; labels per band are vectors."""
        from astropy.table import QTable
        from astropy.units import Unit

        table = QTable(meta={str(name): value for name, value in self._ds.attrs.items()})
        for name in ("sample_id", "qc_flag", *label_names(self._ds)):
            variable = self._ds[name].variable
            unit = Unit(variable.attrs.get("units", ""))
            table[name] = variable.values if unit == Unit("") else variable.values * unit
            table[name].info.description = variable.attrs.get("long_name", "")
        return table

    def plot(self, count: int = 16, *, band: str | None = None) -> Figure:
        """Stamps side by side on a scale that is linear in the noise and logarithmic above it.

        Parameters
        ----------
        count
            How many of the first stamps.
        band
            One band; the mean over all by default.
        """
        from matplotlib.figure import Figure

        within("count", count, 1, 1000)
        images = self._ds["image"].variable[:count]
        names = self._ds["band"].values.tolist()
        pixels = (
            images.values.mean(axis=1) if band is None else images.values[:, names.index(one_of("band", band, names))]
        )
        sigma = 1.4826 * float(np.nanmedian(np.abs(pixels - np.nanmedian(pixels)))) or 1.0
        shown = np.arcsinh(pixels / (SOFT * sigma))
        columns = int(np.ceil(np.sqrt(len(shown))))
        rows = -(-len(shown) // columns)
        figure = Figure(figsize=(1.4 * columns, 1.4 * rows), layout="constrained")
        limits: dict[str, Any] = {"vmin": np.arcsinh(-1 / SOFT), "vmax": float(np.nanmax(shown))}
        for place, stamp in enumerate(shown):
            axes = figure.add_subplot(rows, columns, place + 1)
            axes.imshow(stamp, origin="lower", cmap="gray", **limits)
            axes.set_axis_off()
        return figure

    def _value(self, name: str, sample: int) -> Any:
        """Values of one sample; `xarray` itself trips over labels called ``x`` when it takes one row."""
        count = self._ds.sizes["sample"]
        if not -count <= sample < count:
            raise ValueError(f"sample = {sample} is outside 0 … {count - 1}")
        return self._ds[name].variable[sample].values
