"""Light profiles, lenses and PSFs of the simulators as GalSim objects."""

from __future__ import annotations

import math
from typing import Any

import galsim
import numpy as np

from catalogs.checks import within
from simulators.light import GalaxyImage, ImageSource, Light, Sersic
from simulators.psf import Gaussian, Moffat, psf_of
from simulators.shapes import shape_matrix

__all__ = ["light_object", "psf_object"]

N_LIMITS = (galsim.Sersic._minimum_n, galsim.Sersic._maximum_n)


def light_object(light: Light, gsparams: galsim.GSParams | None = None, *, deconvolve: bool = True) -> galsim.GSObject:
    """The first object of a light profile, about the stamp's centre, flux and place included.

    Sersics, bulges, disks and knots are GalSim's analytic profiles; a real galaxy is its interpolated image with its
    own PSF taken out, so that it needs a wider one, as `galsim.RealGalaxy` does; without `deconvolve` the PSF stays in,
    and photons can be shot.

    Raises
    ------
    ValueError
        For a Sersic index beyond GalSim's limits.
    """
    flux = float(np.atleast_1d(light.flux)[0])
    parts = [(part, flux * float(share[0])) for part, share in light.components()]
    made = [_single(part, share, gsparams, deconvolve) for part, share in parts if share != 0.0 or len(parts) == 1]
    return made[0] if len(made) == 1 else galsim.Add(made, gsparams=gsparams)


def _single(part: Light, flux: float, gsparams: galsim.GSParams | None, deconvolve: bool) -> galsim.GSObject:
    x, y = float(np.atleast_1d(part.x)[0]), float(np.atleast_1d(part.y)[0])
    if isinstance(part, ImageSource):
        galaxy = part.galaxies[int(np.atleast_1d(part.image_index)[0])]
        made = _image(galaxy, gsparams, deconvolve).transform(*part.matrix()[0].ravel())
    elif isinstance(part, Sersic):
        radius, n, e1, e2 = (float(np.atleast_1d(getattr(part, name))[0]) for name in ("radius", "n", "e1", "e2"))
        within("Sersic index for GalSim", n, *N_LIMITS)
        if n == 0.5:
            made = galsim.Gaussian(half_light_radius=radius, gsparams=gsparams)
        else:
            made = galsim.Sersic(n, half_light_radius=radius, gsparams=gsparams)
        made = made.transform(*shape_matrix(np.array([e1]), np.array([e2]))[0].ravel())
    else:
        raise ValueError(f"{type(part).__name__} has no GalSim object")
    return made.withFlux(flux).shift(x, y)


def _image(galaxy: GalaxyImage, gsparams: galsim.GSParams | None, deconvolve: bool) -> galsim.GSObject:
    image = galsim.InterpolatedImage(galsim.Image(galaxy.pixels, scale=galaxy.scale), gsparams=gsparams)
    if galaxy.psf is None or not deconvolve:
        return image
    psf = galsim.InterpolatedImage(galsim.Image(np.array(galaxy.psf), scale=galaxy.psf_scale), gsparams=gsparams)
    return galsim.Convolve(image, galsim.Deconvolve(psf), gsparams=gsparams)


def psf_object(band: Any, gsparams: galsim.GSParams | None = None) -> galsim.GSObject:
    """The PSF that a survey's band records, without the pixel response."""
    psf = psf_of(band)
    assert isinstance(psf, Gaussian | Moffat)
    if math.isinf(band.psf_beta):
        return galsim.Gaussian(fwhm=band.psf_fwhm, gsparams=gsparams)
    return galsim.Moffat(fwhm=band.psf_fwhm, beta=band.psf_beta, gsparams=gsparams)
