"""What a survey's images are, in one band and in all: numbers with units, no pixels."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import one_of, within

__all__ = ["Band", "Survey"]

NJY_ZERO_POINT = 31.4  # AB magnitude of 1 nJy (Oke & Gunn 1983: m_AB = -2.5 log10 f / 3631 Jy)


@dataclass(frozen=True)
class Band:
    """One band of a survey, in the survey's image unit u (nJy when calibrated).

    Parameters
    ----------
    name : str
        Band name, unique in its survey.
    psf_fwhm : float
        Full width at half maximum of the PSF without the pixel response [arcsec].
    psf_beta : float
        Moffat slope of the PSF; infinity is a Gaussian.
    background_sigma : float
        Total rms of the background in one pixel (sky photons, read-out and all) [u].
    electrons_per_unit : float
        Detected electrons per u, which sets the photon noise of sources; infinity means none.
    sky : float
        Sky level whose photons are drawn as Poisson counts and then subtracted [u/pixel]; 0 when only the total
        background rms is known (then the whole background is Gaussian).
    floor, ceiling : float
        Lowest and highest value that a sky-subtracted pixel can have [u]: display images are cut at black and at white;
        infinities are none.
    level_scatter : float
        Rms of the subtracted sky level from stamp to stamp [u], by which floor and ceiling move.
    exposures : int
        Exposures whose mean the image is, which share the electrons: what a sensor does, it does to each.
    zero_point : float
        AB magnitude of 1 u; NaN where the unit has no calibration.
    autocorrelation : tuple of tuples
        Autocorrelation of the background at lags -L..L in y and x, 1 at its centre; ``((1.0,),)`` is white.
    """

    name: str
    psf_fwhm: float
    background_sigma: float
    electrons_per_unit: float = math.inf
    psf_beta: float = math.inf
    sky: float = 0.0
    floor: float = -math.inf
    ceiling: float = math.inf
    level_scatter: float = 0.0
    zero_point: float = NJY_ZERO_POINT
    autocorrelation: tuple[tuple[float, ...], ...] = ((1.0,),)
    exposures: int = 1

    def __post_init__(self) -> None:
        where = f"band {self.name!r}: "
        within(where + "psf_fwhm", self.psf_fwhm, 0.0, 60.0, "arcsec", open_low=True)
        within(where + "background_sigma", self.background_sigma, 0.0, 1e30)
        within(where + "sky", self.sky, 0.0, 1e30)
        if not self.floor < 0:
            raise ValueError(f"{where}floor = {self.floor:g} is outside [-inf, 0)")
        if not self.ceiling > 0:
            raise ValueError(f"{where}ceiling = {self.ceiling:g} is outside (0, inf]")
        within(where + "level_scatter", self.level_scatter, 0.0, 1e30)
        if not self.electrons_per_unit > 0:
            raise ValueError(f"{where}electrons_per_unit = {self.electrons_per_unit:g} is outside (0, inf]")
        if within(where + "exposures", self.exposures, 1, 1e6) % 1:
            raise ValueError(f"{where}exposures = {self.exposures!r} is not a whole number")
        if not self.psf_beta > 1:
            raise ValueError(f"{where}psf_beta = {self.psf_beta:g} is outside (1, inf]")
        acf = self.acf
        if acf.ndim != 2 or acf.shape[0] != acf.shape[1] or acf.shape[0] % 2 == 0:
            raise ValueError(f"{where}autocorrelation has shape {acf.shape}; it must be square with an odd side")
        within(where + "autocorrelation", acf, -1.0, 1.0)
        if not math.isclose(acf[acf.shape[0] // 2, acf.shape[0] // 2], 1.0, abs_tol=1e-9):
            raise ValueError(f"{where}autocorrelation must be 1 at its centre (lag 0)")
        if self.sky / self.electrons_per_unit > self.background_sigma**2 * (1 + 1e-9):
            raise ValueError(f"{where}the sky's photon noise exceeds background_sigma = {self.background_sigma:g}")

    @property
    def acf(self) -> NDArray[np.float64]:
        """The autocorrelation as an array, shape (2L+1, 2L+1)."""
        return np.asarray(self.autocorrelation, dtype=np.float64)


@dataclass(frozen=True)
class Survey:
    """A named set of bands on one pixel grid.

    Parameters
    ----------
    name : str
        Survey name.
    pixel_scale : float
        Side of a pixel [arcsec].
    bands : tuple of Band
        In wavelength order.
    unit : str
        Image unit u, parsable by astropy; ``""`` for display values.
    band_correlation : tuple of tuples
        Correlation matrix between the bands' backgrounds (colour images share noise); ``()`` is none.
    references : mapping
        Where each number comes from: key -> text.
    """

    name: str
    pixel_scale: float
    bands: tuple[Band, ...]
    unit: str = "nJy"
    band_correlation: tuple[tuple[float, ...], ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        within(f"survey {self.name!r}: pixel_scale", self.pixel_scale, 0.0, 60.0, "arcsec", open_low=True)
        if not self.bands:
            raise ValueError(f"survey {self.name!r} has no bands")
        names = self.band_names
        if len(set(names)) != len(names):
            raise ValueError(f"survey {self.name!r}: band names repeat: {', '.join(names)}")
        if self.band_correlation:
            self._check_band_correlation()

    def _check_band_correlation(self) -> None:
        matrix = np.asarray(self.band_correlation, dtype=np.float64)
        where = f"survey {self.name!r}: band_correlation"
        if matrix.shape != (len(self.bands), len(self.bands)):
            raise ValueError(f"{where} has shape {matrix.shape} for {len(self.bands)} bands")
        within(where, matrix, -1.0, 1.0)
        if not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1.0):
            raise ValueError(f"{where} must be symmetric with 1 on its diagonal")
        if np.linalg.eigvalsh(matrix)[0] < 1e-6:
            raise ValueError(f"{where} is not positive definite")

    @property
    def noise_mixing(self) -> NDArray[np.float64] | None:
        """Lower-triangular matrix (B, B) whose rows mix independent fields into the bands' backgrounds, or None."""
        return np.linalg.cholesky(np.asarray(self.band_correlation)) if self.band_correlation else None

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands, in order."""
        return tuple(band.name for band in self.bands)

    def band(self, name: str) -> Band:
        """The band called `name`; ValueError with the nearest valid name otherwise."""
        one_of(f"band of survey {self.name!r}", name, self.band_names)
        return self.bands[self.band_names.index(name)]

    def select(self, bands: Iterable[str]) -> Survey:
        """The same survey with only `bands` (``"gri"`` or a list of names), in the order given."""
        chosen = tuple(self.band(name) for name in bands)
        index = [self.bands.index(band) for band in chosen]
        matrix = (
            tuple(tuple(self.band_correlation[i][j] for j in index) for i in index) if self.band_correlation else ()
        )
        return replace(self, bands=chosen, band_correlation=matrix)

    def with_exposures(self, exposures: int) -> Survey:
        """The same survey with images of `exposures` in every band, such as 1: their electrons, their background."""
        ratio = {band.name: float(within("exposures", exposures, 1, 1e6)) / band.exposures for band in self.bands}
        changed = (
            replace(
                band,
                exposures=exposures,
                electrons_per_unit=band.electrons_per_unit * ratio[band.name],
                background_sigma=band.background_sigma / math.sqrt(ratio[band.name]),
            )
            for band in self.bands
        )
        return replace(self, bands=tuple(changed))

    def point_source_sigma(self, band: str) -> float:
        """Rms [u] of the flux of an isolated faint point source fitted with the known PSF.

        White noise: sigma^2 / sum(PSF^2) (King 1983), the PSF seen by square pixels; for correlated noise the rms is
        multiplied by the square root of the summed autocorrelation, which is exact for a PSF much wider than the
        correlation length.
        """
        this = self.band(band)
        pixels = _noise_area(this.psf_fwhm, this.psf_beta, self.pixel_scale) / self.pixel_scale**2
        correlation = max(float(this.acf.sum()), 1e-6)
        return this.background_sigma * math.sqrt(max(pixels, 1.0) * correlation)

    def depth(self, band: str, snr: float = 5.0) -> float:
        """AB magnitude of a point source detected at `snr` sigma; NaN where the band has no zero point."""
        within("snr", snr, 0.0, 1e6, open_low=True)
        return self.band(band).zero_point - 2.5 * math.log10(snr * self.point_source_sigma(band))

    def to_json(self) -> str:
        """The survey as a JSON string (infinities and NaN as JavaScript literals), inverse of `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Survey:
        """Rebuild a survey from `to_json`; every number is checked again."""
        data = json.loads(text)
        bands = tuple(
            Band(**{**band, "autocorrelation": tuple(tuple(row) for row in band["autocorrelation"])})
            for band in data.pop("bands")
        )
        matrix = tuple(tuple(row) for row in data.pop("band_correlation", ()))
        return cls(bands=bands, band_correlation=matrix, **data)


def _noise_area(fwhm: float, beta: float, pixel: float) -> float:
    """Area [arcsec2] 1 / integral(PSF^2) of a Moffat PSF averaged over pixels, to second order in the pixel's side.

    A pixel multiplies the PSF's power at wavenumber k by 1 - k^2 pixel^2 / 12; `roughness` is the mean k^2.
    """
    if math.isinf(beta):
        sigma = fwhm / (2.0 * math.sqrt(2.0 * math.log(2.0)))
        area, roughness = 4.0 * math.pi * sigma**2, 1.0 / sigma**2
    else:
        alpha = fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / beta) - 1.0))
        area = math.pi * alpha**2 * (2.0 * beta - 1.0) / (beta - 1.0) ** 2
        roughness = 2.0 * beta * (2.0 * beta - 1.0) / ((2.0 * beta + 1.0) * alpha**2)
    return area * (1.0 + roughness * pixel**2 / 12.0)
