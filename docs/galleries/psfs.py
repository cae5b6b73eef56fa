"""Picture of docs/gallery-psfs.md: every PSF as an image, its profile, its encircled light and its MTF.

python docs/galleries/psfs.py
"""

from __future__ import annotations

import galsim
import matplotlib.pyplot as plt
import numpy as np
from _plate import save
from matplotlib.colors import LogNorm

from simulators.psf import PSF, PSFS, Airy, GalSimPSF, Gaussian, Kolmogorov, Moffat, PixelPSF

FWHM = 0.7
EDGE = 3.0  # arcsec
COLOURS = ("#1b1b1b", "#d1495b", "#00798c", "#66a182", "#edae49", "#7a5195", "#8d6e63")


def diffraction(side: int = 512, turns: float = 0.12) -> PixelPSF:
    """A telescope with a central obscuration of 0.3 and four vanes: the Fourier transform of its pupil."""
    axis = (np.arange(side) - side / 2) / (side * turns)
    x, y = np.meshgrid(axis, axis)
    radius = np.hypot(x, y)
    pupil = (radius < 1.0) & (radius > 0.3) & (np.minimum(np.abs(x), np.abs(y)) > 0.03)
    field = np.abs(np.fft.fftshift(np.fft.fft2(pupil))) ** 2
    middle = slice(side // 2 - 100, side // 2 + 101)
    trial = PixelPSF(field[middle, middle], 1.0)
    return PixelPSF(field[middle, middle], FWHM / trial.fwhm)


def examples() -> dict[str, PSF]:
    fine = galsim.GSParams(folding_threshold=5e-4, kvalue_accuracy=1e-7, maxk_threshold=1e-4)
    parts = galsim.Kolmogorov(fwhm=0.56), galsim.Gaussian(fwhm=0.36).shear(g1=0.15, g2=0.2)
    tilted = galsim.Convolve(*parts, gsparams=fine)
    return {
        "Gaussian": Gaussian(FWHM),
        "Moffat\nβ = 2.5": Moffat(FWHM, 2.5),
        "Kolmogorov": Kolmogorov(FWHM),
        "Airy": Airy(FWHM),
        "Airy\nobscuration 0.3": Airy(FWHM, 0.3),
        "PixelPSF\nfour vanes": diffraction(),
        "GalSimPSF\nKolmogorov * Gaussian": GalSimPSF(tilted),
    }


def images(row: np.ndarray, psfs: dict[str, PSF]) -> None:
    axis = np.linspace(-EDGE, EDGE, 201)
    for axes, (name, psf) in zip(row, psfs.items(), strict=True):
        plane = psf.brightness(axis[None, :], axis[:, None])
        shown = axes.imshow(
            np.maximum(plane / plane.max(), 1e-12),
            origin="lower",
            extent=(-EDGE, EDGE, -EDGE, EDGE),
            norm=LogNorm(1e-5, 1.0),
            cmap="magma",
        )
        axes.set_title(f"{name}\nFWHM {psf.fwhm:.2f}″", fontsize=8)
        axes.set(xticks=(-2, 0, 2), yticks=(-2, 0, 2))
        axes.tick_params(labelsize=7, length=2, labelleft=axes is row[0])
        axes.set_xlabel("x [arcsec]", fontsize=8)
    row[0].set_ylabel("y [arcsec]", fontsize=8)
    bar = row[0].figure.colorbar(shown, ax=list(row), fraction=0.012, pad=0.01)
    bar.set_label("brightness / peak", fontsize=8)
    bar.ax.tick_params(labelsize=7)


def curves(profile: plt.Axes, growth: plt.Axes, mtf: plt.Axes, psfs: dict[str, PSF]) -> None:
    """Means over rings about the origin, radii and frequencies in units of the FWHM."""
    radius = np.linspace(0.0, 6.0, 601)
    cycles = np.linspace(0.0, 1.6, 321)
    light = np.linspace(0.01, 0.985, 120)
    for (name, psf), colour in zip(psfs.items(), COLOURS, strict=True):
        style = {"color": colour, "lw": 1.3, "label": name.replace("\n", ", ")}
        values = psf.profile(radius * psf.fwhm)
        profile.semilogy(radius, values / values[0], **style)
        growth.plot([psf.radius_of(share) / psf.fwhm for share in light], light, **style)
        mtf.plot(cycles, np.abs(psf.transform(2 * np.pi * cycles / psf.fwhm)), **style)
    profile.set(xlim=(0, 6), ylim=(1e-6, 1.5), xlabel="radius / FWHM", ylabel="brightness / peak", title="profile")
    growth.set(xlim=(0, 6), ylim=(0, 1), xlabel="radius / FWHM", ylabel="light within", title="encircled light")
    mtf.set(xlim=(0, 1.6), ylim=(0, 1), xlabel="frequency [cycles / FWHM]", ylabel="MTF", title="MTF")
    for axes in (profile, growth, mtf):
        axes.grid(color="0.9", lw=0.6)
        axes.tick_params(labelsize=8)
    growth.legend(fontsize=7.5, loc="lower right", frameon=False)


def main() -> None:
    psfs = examples()
    if missing := set(PSFS) - {type(psf) for psf in psfs.values()}:
        raise SystemExit(f"the gallery has no {', '.join(one.__name__ for one in missing)}")
    figure = plt.figure(figsize=(11.0, 6.0), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.35))
    images(above.subplots(1, len(psfs), sharey=True), psfs)
    curves(*below.subplots(1, 3), psfs)
    save(figure, "psfs")


if __name__ == "__main__":
    main()
