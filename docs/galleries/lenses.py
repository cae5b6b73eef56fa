"""Pictures of docs/gallery-lenses.md: every deflector, one source in five places, critical curves and caustics.

python docs/galleries/lenses.py
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from _plate import save
from astropy.cosmology import FlatLambdaCDM

from simulators.deflectors import (
    DEFLECTORS,
    EPL,
    NFW,
    SIE,
    ConvergenceSheet,
    Deflector,
    ExternalShear,
    MultiPlane,
    Multipole,
    PointMass,
    SubhaloPopulation,
    Subhalos,
    Sum,
)
from simulators.grid import PixelGrid
from simulators.lensing import Window, caustics, critical_curves, image_positions
from simulators.light import Sersic
from simulators.psf import Gaussian
from simulators.raytracing import draw_lensed

COSMOLOGY = FlatLambdaCDM(70, 0.3)
WINDOW = Window(size=5.0, step=0.02)
GRID = PixelGrid(168, 0.03)
SOURCE_RADIUS, PSF_FWHM, FAINTEST = 0.07, 0.07, 1e-3
SHEAR = ExternalShear(0.06, 0.03)
CLUMPS = SubhaloPopulation(z_lens=0.5, z_source=2.0, cosmology=COSMOLOGY, sigma_sub=0.1, mass=(1e8, 3e10))
PAGES: dict[str, dict[str, Deflector]] = {
    "lenses-1": {
        "EPL\nγ = 2.1, q = 0.7": EPL(1.3, 2.1, 0.16, 0.08),
        "SIE\nq = 0.55": SIE(1.3, -0.29, 0.0),
        "NFW\nr_s = 2″, q = 0.84": NFW(2.0, 1.55, 0.08, 0.04),
        "PointMass +\nExternalShear": Sum([PointMass(1.3), SHEAR]),
        "EPL + Exter-\nnalShear 0.07": Sum([EPL(1.3, 2.0, 0.1, -0.05), SHEAR]),
    },
    "lenses-2": {
        "SIE + Conver-\ngenceSheet 0.15": Sum([SIE(1.1, 0.15, 0.05), ConvergenceSheet(0.15)]),
        "SIE +\nMultipole m = 3": Sum([SIE(1.3, 0.1, 0.0), Multipole(3, 0.06, 0.3)]),
        "SIE +\nMultipole m = 4": Sum([SIE(1.3, 0.1, 0.0), Multipole(4, 0.06, 0.0)]),
        "SIE + Subhalos\n(drawn)": Sum([SIE(1.3, 0.12, 0.1), CLUMPS.draw(3, [0])]),
        "MultiPlane: SIE z 0.4\nand SIE z 0.8": MultiPlane(
            [SIE(1.15, 0.12, 0.1), SIE(0.35, -0.1, 0.1, 0.9, 0.7)], (0.4, 0.8), 2.0, COSMOLOGY
        ),
    },
}
PLACES = ("ring", "quad", "cusp", "fold", "double")


def kinds(lens: Deflector) -> set[type[Deflector]]:
    """The classes a lens is made of."""
    parts = lens.parts if isinstance(lens, Sum | MultiPlane) else ()
    return {type(lens)}.union(*(kinds(part) for part in parts))


def places(lens: Deflector) -> dict[str, np.ndarray]:
    """Where sources are put, from the caustic of the largest critical curve: its middle, points within its cusps and
    folds, and one outside with a single saddle point.
    """
    curve = caustics(lens, WINDOW)[0][0]
    middle = 0.5 * (curve.min(axis=0) + curve.max(axis=0))
    reach = np.hypot(*(curve - middle).T)
    cusp, fold = curve[reach.argmax()] - middle, curve[reach.argmin()] - middle
    quad = 0.35 * cusp + 0.3 * fold
    way = cusp / np.hypot(*cusp)
    for distance in np.arange(1.15 * reach.max(), 1.3, 0.02):
        outside = middle + distance * way + 0.3 * distance * np.array([-way[1], way[0]])
        if (image_positions(lens, *outside, WINDOW, faintest=0.05)[0].parity < 0).sum() == 1:
            break
    found = dict(zip(PLACES[:4], (middle, middle + quad, middle + 0.88 * cusp, middle + 0.85 * fold), strict=True))
    return {**found, "double": outside}


def panel(axes: plt.Axes, lens: Deflector, place: np.ndarray) -> None:
    """One lensed source, and where a point source in its middle is seen."""
    out = np.zeros((1, 1, GRID.size, GRID.size))
    source = Sersic(1.0, SOURCE_RADIUS, 1.0, 0.1, 0.1, *place)
    draw_lensed(lens, [source], np.ones((1, 1, 1)), GRID, (Gaussian(PSF_FWHM),), "high", out)
    edge = GRID.size * GRID.scale / 2
    shown = np.arcsinh(out[0, 0] / (0.01 * out.max()))
    axes.imshow(shown, origin="lower", extent=(-edge, edge, -edge, edge), cmap="gray_r", vmin=0, vmax=shown.max() * 1.1)
    for curve in critical_curves(lens, WINDOW)[0]:
        axes.plot(*curve.T, color="#d1495b", lw=0.9)
    for curve in caustics(lens, WINDOW)[0]:
        axes.plot(*curve.T, color="#00798c", lw=0.8)
    images = image_positions(lens, *place, WINDOW, faintest=FAINTEST)[0]
    for parity, marker in ((1, "o"), (-1, "s")):
        at = images.parity == parity
        for colour, width in (("white", 2.4), ("#1f4fff", 1.1)):
            axes.plot(images.x[at], images.y[at], marker, mfc="none", mec=colour, ms=5.5, mew=width)
    axes.plot(*place, "*", color="#edae49", mec="black", mew=0.4, ms=7)
    axes.text(0.04, 0.04, f"{len(images)} images", transform=axes.transAxes, fontsize=7.5)
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), xticks=(-2, 0, 2), yticks=(-2, 0, 2), aspect="equal")
    axes.tick_params(labelsize=7, length=2, labelbottom=False, labelleft=False)


def page(name: str, lenses: dict[str, Deflector]) -> None:
    figure, grid = plt.subplots(len(lenses), len(PLACES), figsize=(9.4, 9.2))
    for row, (title, lens) in zip(grid, lenses.items(), strict=True):
        at = places(lens)
        for axes, place in zip(row, PLACES, strict=True):
            panel(axes, lens, at[place])
        row[0].set_ylabel(f"{title}\n\ny [arcsec]", fontsize=8)
        row[0].tick_params(labelleft=True)
    for axes, place in zip(grid[0], PLACES, strict=True):
        axes.set_title(place, fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("x [arcsec]", fontsize=8)
        axes.tick_params(labelbottom=True)
    figure.subplots_adjust(left=0.105, right=0.995, bottom=0.045, top=0.97, wspace=0.04, hspace=0.04)
    save(figure, name)


def main() -> None:
    shown = set().union(*(kinds(lens) for lenses in PAGES.values() for lens in lenses.values()))
    if missing := set(DEFLECTORS) - shown:
        raise SystemExit(f"no lens of the gallery has a {', '.join(one.__name__ for one in missing)}")
    assert Subhalos in shown
    for name, lenses in PAGES.items():
        page(name, lenses)


if __name__ == "__main__":
    main()
