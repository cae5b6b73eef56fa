"""R4: refined galaxies against COSMOS galaxies as Hubble's ACS saw them in F814W.

python benchmarks/realism/cosmos.py [SEED...]
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from _common import DATA, Experiment, command
from _tables import put, table
from astropy.io import fits

from astrogan.cli.sky import Sky
from catalogs import Band, Survey
from simulators import Rows, WeakLens, strip_edges
from simulators._background import positive
from simulators._profile_fit import fit_profiles
from simulators.moments import adaptive_moments
from simulators.noise import add_noise
from simulators.psf import PixelPSF

SIZE, WIDE, SCALE = 32, 64, 0.03  # pixels: of stamps, and of those that profiles are fitted to; arcsec
ZERO_POINT, EXPOSURE = 25.94, 2028.0  # AB mag of 1 electron/s; s (Koekemoer et al. 2007, ApJS 172, 196)
STRIPS, LAGS, CONTAMINATED = 5, 4, 1.5  # pairs of strips in declination; pixels; times the median rms
FOLDER = DATA / "hst_cosmos"
NAME = "real_galaxy_catalog_26_extension_example.fits"
LICENCE = "GalSim's COSMOS sample (Mandelbaum et al. 2012, MNRAS 420, 1518)"


@dataclass(frozen=True, eq=False)
class Catalog:
    """Images, magnitudes and noise of galaxies, which ones train, and the mean PSF of these without pixels."""

    images: list[np.ndarray]
    magnitudes: np.ndarray
    sigma: np.ndarray
    training: np.ndarray
    psf: PixelPSF


@functools.cache
def catalog() -> Catalog:
    """Galaxies of alternating strips in declination train, the others are held out."""
    import galsim

    found = galsim.RealGalaxyCatalog(NAME, dir=str(FOLDER))
    rows, numbers = fits.getdata(FOLDER / NAME), range(found.nobjects)
    training = np.searchsorted(strip_edges(rows["DEC"], 0.5, STRIPS), rows["DEC"]) % 2 == 0
    images = [np.asarray(found.getGalImage(k).array, dtype=np.float64) for k in numbers]
    psf = np.mean([found.getPSFImage(k).array for k in np.flatnonzero(training)], axis=0)
    sigma = np.sqrt(np.asarray(rows["NOISE_VARIANCE"], dtype=np.float64))
    usual = float(np.median(sigma[training]))
    sigma = np.where(sigma < CONTAMINATED * usual, sigma, usual)  # else of large galaxies' own light
    return Catalog(images, np.asarray(rows["MAG"], dtype=np.float64), sigma, training, without_pixel(psf))


def framed(image: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The middle (size, size) of an image, zero where it does not reach, and where it does."""
    side = max(*image.shape, size)
    rows, columns = image.shape
    top, left = (side - rows) // 2, (side - columns) // 2
    middle = slice((side - size) // 2, (side - size) // 2 + size)
    out, there = np.zeros((side, side)), np.zeros((side, side), dtype=bool)
    out[top : top + rows, left : left + columns] = image
    there[top : top + rows, left : left + columns] = True
    return out[middle, middle], there[middle, middle]


def without_pixel(psf: np.ndarray) -> PixelPSF:
    """A PSF as it is in images, the pixels' response taken out."""
    import galsim

    seen = galsim.InterpolatedImage(galsim.Image(psf, scale=SCALE), flux=1.0)
    sharp = galsim.Convolve(seen, galsim.Deconvolve(galsim.Pixel(SCALE)))
    rows, columns = psf.shape
    return PixelPSF(sharp.drawImage(nx=columns, ny=rows, scale=SCALE, method="no_pixel").array, SCALE)


@functools.cache
def correlation() -> np.ndarray:
    """Of the noise, as GalSim has measured it in COSMOS."""
    acf = fits.getdata(FOLDER / "acs_I_unrot_sci_20_cf.fits").astype(np.float64)
    near = slice(len(acf) // 2 - LAGS, len(acf) // 2 + LAGS + 1)
    return positive(acf[near, near] / acf.max())


def survey(sigma: float, fwhm: float) -> Survey:
    """COSMOS as these stamps show it. What drizzling shares among pixels is missing in each, of photon noise too."""
    acf = correlation()
    band = Band(
        "F814W", psf_fwhm=fwhm, background_sigma=sigma, electrons_per_unit=EXPOSURE * acf.sum(), zero_point=ZERO_POINT,
        autocorrelation=tuple(tuple(float(value) for value in row) for row in acf),
    )  # fmt: skip
    return Survey("COSMOS ACS", SCALE, (band,), unit="electron / s")


def fitted(images: list[np.ndarray], magnitudes: np.ndarray, simulator: WeakLens) -> Rows:
    """Sersic profiles of galaxies, as the catalogue's images show them."""
    frames = [framed(image, WIDE) for image in images]
    stamps = np.array([frame for frame, _ in frames], dtype=np.float32)
    moments = adaptive_moments(stamps, start_sigma=4.0)
    sigma = np.where(moments.converged, moments.sigma, 4.0)
    psf = simulator.survey.bands[0].psf_fwhm / SCALE / 2.355
    middle = (WIDE - 1) / 2
    start = {
        "flux": 10.0 ** (-0.4 * (magnitudes - ZERO_POINT))[:, None],
        "radius": 1.1774 * SCALE * np.sqrt(np.maximum(sigma**2 - psf**2, 0.25)),
        "n": np.full(len(images), 1.3),
        **{name: np.clip(np.where(moments.converged, getattr(moments, name), 0.0), -0.5, 0.5) for name in ("e1", "e2")},
        **{
            name: np.where(moments.converged, SCALE * (getattr(moments, name) - middle), 0.0).clip(-0.1, 0.1)
            for name in ("x", "y")
        },
    }
    return Rows(fit_profiles(simulator, stamps[:, None], np.array([there for _, there in frames]), start))


def sky() -> Sky:
    """Stamps in units of each image's own noise; images smaller than a stamp are framed by noise like theirs."""
    found = catalog()
    training = found.training
    sigma = found.sigma
    cosmos = survey(float(np.median(sigma[training])), found.psf.fwhm)
    empty = np.zeros((len(sigma), 1, SIZE, SIZE), dtype=np.float32)
    noise = add_noise(empty, cosmos.bands, 0, np.arange(len(sigma)))[0][:, 0] / cosmos.bands[0].background_sigma
    stamps = np.empty_like(empty)
    for k, image in enumerate(found.images):
        pixels, there = framed(image, SIZE)
        stamps[k, 0] = np.where(there, pixels / sigma[k], noise[k])
    like = WeakLens(survey=cosmos, size=WIDE, psf=found.psf, accuracy="fast")
    chosen = [image for image, use in zip(found.images, training, strict=True) if use]
    profiles = fitted(chosen, found.magnitudes[training], like)
    return Sky("COSMOS", cosmos, stamps[training], stamps[~training], profiles, profiles, 0.0, LICENCE)


def alone(sky: Sky, size: int) -> WeakLens:
    """Galaxies like the fitted ones, without company: the catalogue has masked it."""
    return WeakLens(survey=sky.survey, size=size, population=sky.galaxies, psf=catalog().psf)


def brightness(_: Sky) -> Rows:
    """The training galaxies' own fluxes: the catalogue's population is brighter."""
    found = catalog()
    return Rows({"flux": 10.0 ** (-0.4 * (found.magnitudes[found.training] - ZERO_POINT))[:, None]})


if __name__ == "__main__":
    experiment = Experiment("cosmos", sky, SIZE, images=8000, regularisation=0.1, simulator=alone, known=brightness)
    command(experiment, lambda seeds: put("results.md", "cosmos", table(seeds)))
