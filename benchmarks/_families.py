"""Work that calls every family of kernels that a user can reach, small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from astropy.cosmology import FlatLambdaCDM

from catalogs import get_survey
from simulators import Field, StrongLens, WeakLens, adaptive_moments, add_noise, calibrate, detect, inject, streams
from simulators.deflectors import SubhaloPopulation
from simulators.lensing import caustics, image_positions
from simulators.light import GalaxyImage
from simulators.psf import Airy, Gaussian, Kolmogorov, Moffat, PixelPSF
from simulators.sensor import EFFECTS, Sensor, coadd
from simulators.shear_fields import RandomShear

COMMON = {"survey": "lsst", "bands": "r", "size": 48}
COSMOLOGY = FlatLambdaCDM(70, 0.3)
PIXELS = np.exp(-np.hypot(*np.mgrid[-24:25, -24:25]) / 6.0)
PSFS = (Gaussian(0.7), Moffat(0.7, 3.5), Airy(0.7), Kolmogorov(0.7), PixelPSF(PIXELS / PIXELS.sum(), 0.05))
SMOOTH = ("gaussian", "bulge-disk", "knots")
MASSES = ("epl", "nfw", "point", "shear", "sheet", "multipole3", "multipole4")


def labels() -> None:
    for draw in (streams.uniform, streams.normal):
        draw(1, [0], "a")
    streams.poisson(1, [0], "a", 3.0)
    streams.raw_words(1, 0, "a", 4)


def noise() -> None:
    band = get_survey("lsst").band("r")
    table = ((0.1, 0.3, 0.1), (0.3, 1.0, 0.3), (0.1, 0.3, 0.1))
    for one in (band, replace(band, autocorrelation=table), replace(band, electrons_per_unit=np.inf)):
        add_noise(np.zeros((2, 1, 32, 32), np.float32), [one], 1, [0, 1])


def weak() -> None:
    WeakLens(**COMMON).simulate(2, seed=1)


def weak_lights() -> None:
    for light in (*SMOOTH, "point", [GalaxyImage(PIXELS, 0.1)]):
        WeakLens(light=light, **COMMON).simulate(2, seed=1)


def weak_psfs() -> None:
    for psf in PSFS:
        WeakLens(psf=psf, **COMMON).simulate(2, seed=1)


def strong() -> None:
    StrongLens(**COMMON).simulate(2, seed=1)


def strong_lights() -> None:
    for light in (*SMOOTH, [GalaxyImage(PIXELS, 0.1)]):
        StrongLens(light=light, source=light, **COMMON).simulate(2, seed=1)


def strong_psfs() -> None:
    for psf in PSFS:
        StrongLens(psf=psf, **COMMON).simulate(2, seed=1)


def masses() -> None:
    nothing = {"halo_r_s": 1.0, "halo_alpha_s": 0.1, "halo_e1": 0.0, "halo_e2": 0.0, "halo_x": 0.0, "halo_y": 0.0}
    nothing |= {"point_theta_E": 0.1, "point_x": 0.0, "point_y": 0.0, "sheet_kappa": 0.01}
    nothing |= {f"multipole{m}_{name}": 0.01 for m in (3, 4) for name in ("a", "phi")}
    lens = StrongLens(mass=MASSES, **COMMON)
    plain = StrongLens(**COMMON).draw(2, seed=1)
    lens.render({name: plain[name].values for name in plain if name in lens.labels} | nothing)
    StrongLens(mass=("epl", "shear", "nfw", "members"), **COMMON).simulate(2, seed=1)
    clumps = SubhaloPopulation(z_lens=0.5, z_source=2.0, cosmology=COSMOLOGY, mass=(1e8, 1e10), radius=2.0)
    StrongLens(mass=("sie", "shear", "subhalos"), population=clumps, **COMMON).simulate(2, seed=1)


def quasars() -> None:
    lens = StrongLens(quasar=True, **COMMON)
    lens.simulate(2, seed=1)


def curves() -> None:
    from simulators.deflectors import EPL
    from simulators.lensing import Window

    lens = EPL(1.3, 2.1, 0.16, 0.08)
    caustics(lens, Window(size=5.0, step=0.1))
    image_positions(lens, 0.1, 0.05, Window(size=5.0, step=0.1))


def tangents() -> None:
    for simulator in (WeakLens(**COMMON), StrongLens(**COMMON)):
        simulator.tangent(simulator.draw(2, seed=1))


def pixel_labels() -> None:
    for simulator in (WeakLens(**COMMON), StrongLens(**COMMON)):
        simulator.simulate(2, seed=1, labels="pixel")


def fields() -> None:
    shear = RandomShear(lambda k: 1e-4 * k**-1.2, size=64, spacing=4.0, seed=1)
    Field(survey="kids", bands="r", size=(160, 160), shear=shear).simulate(seed=7, labels="pixel")


def sensors() -> None:
    chip = Sensor([kind() for kind in EFFECTS], 30.0, 2, detector=1)
    images, variances, masks = chip.expose(np.full((2, 1, 128, 128), 300.0, np.float32), 1)
    coadd(images[:, 0], variances[:, 0], masks[:, 0], [(0.0, 0.0), (0.5, -0.25)])


def injection() -> None:
    lens = StrongLens(**COMMON)
    inject(np.zeros((1, 96, 96), np.float32), lens, lens.draw(1, seed=1), 48.0, 48.0, seed=1)


def measurements() -> None:
    survey = get_survey("lsst")
    frame = Field(survey="lsst", bands="r", size=(256, 256)).simulate(seed=7)["image"].values
    detect(frame)
    calibrate(frame, survey.pixel_scale, unit="nJy", bands="r")
    adaptive_moments(WeakLens(**COMMON).simulate(2, seed=1)["image"].values[:, 0])


FAMILIES: dict[str, Callable[[], None]] = {
    "labels: uniform, normal, counts": labels,
    "noise, white and correlated": noise,
    "weak lensing": weak,
    "its other lights": weak_lights,
    "its PSFs": weak_psfs,
    "strong lensing": strong,
    "other lights and sources of lenses": strong_lights,
    "PSFs of lenses": strong_psfs,
    "masses, groups, subhaloes": masses,
    "lensed quasars": quasars,
    "caustics and images": curves,
    "tangents of both": tangents,
    "labels of pixels": pixel_labels,
    "fields and shear fields": fields,
    "sensors and stacks": sensors,
    "injection": injection,
    "detection, calibration, moments": measurements,
}
