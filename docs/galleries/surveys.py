"""Pictures of docs/gallery-surveys.md: weakly lensed galaxies and strong lenses as every catalogued survey sees them.

python docs/galleries/surveys.py [NAME...]
"""

from __future__ import annotations

import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
from _plate import save
from astropy.visualization import make_lupton_rgb

import catalogs
from catalogs import Survey
from simulators import StrongLens, WeakLens
from simulators.selection import MinArcSNR, MinMagnification
from simulators.simulator import Simulator

SEED, COUNT = 7, 5
FIELDS = {"weakly lensed galaxies": 6.0, "strong lenses": 8.0}  # arcsec on a side, and at least 24 pixels
VISIBLE = {
    "g": 0.44,
    "r": 0.0,
    "i": -0.11,
}  # and the Sun's magnitude in them, less that in r (Willmer 2018, ApJS 236, 47)


def colours(survey: Survey) -> tuple[str, ...]:
    """The bands shown as blue, green and red: g, r, i where there are, else the first, the middle and the last."""
    names = survey.band_names
    if set(VISIBLE) <= set(names):
        return tuple(VISIBLE)
    return (names[0], names[len(names) // 2], names[-1]) if len(names) > 2 else names[:1]


def simulators(survey: Survey) -> dict[str, Simulator]:
    sizes = [min(max(24, round(side / survey.pixel_scale)), 200) for side in FIELDS.values()]
    lenses = (MinMagnification(3.0), MinArcSNR(20.0))
    made = (WeakLens(survey=survey, size=sizes[0]), StrongLens(survey=survey, size=sizes[1], select=lenses))
    return dict(zip(FIELDS, made, strict=True))


def colour_image(stamp: np.ndarray, survey: Survey) -> np.ndarray:
    """One asinh stretch of all bands (Lupton et al. 2004, PASP 116, 133); white is the Sun, or what is flat in f_nu."""
    weights = np.array([10 ** (0.4 * VISIBLE.get(band.name, 0.0)) for band in survey.bands])
    noise = float(
        np.sqrt(np.mean([(w * band.background_sigma) ** 2 for w, band in zip(weights, survey.bands, strict=True)]))
    )
    planes = stamp * weights[:, None, None]
    blue, green, red = planes[[0, 0, 0]] if len(planes) == 1 else planes
    return make_lupton_rgb(red, green, blue, minimum=-1.5 * noise, stretch=11.0 * noise, Q=14.0)


def picture(name: str) -> None:
    survey = catalogs.get_survey(name)
    bands = colours(survey)
    seen = survey.select(bands)
    figure, grid = plt.subplots(len(FIELDS), COUNT, figsize=(9.0, 3.72))
    widest = max(band.psf_fwhm for band in seen.bands)
    for row, (kind, simulator) in zip(grid, simulators(seen).items(), strict=True):
        samples = simulator.simulate(COUNT, seed=SEED)
        edge = simulator.size * survey.pixel_scale / 2
        for axes, stamp in zip(row, samples["image"].values, strict=True):
            axes.imshow(
                colour_image(stamp, seen), origin="lower", extent=(-edge, edge, -edge, edge), interpolation="nearest"
            )
            axes.set(xticks=(), yticks=())
        row[0].set_ylabel(f"{kind}\n{2 * edge:.3g}″ wide", fontsize=8)
        first = row[0]
        first.add_patch(
            plt.Circle((-0.95 * edge + widest / 2, -0.95 * edge + widest / 2), widest / 2, fill=False, ec="w")
        )
        first.plot([0.95 * edge - 1.0, 0.95 * edge], [-0.9 * edge] * 2, color="w", lw=1.5)
        first.text(0.95 * edge - 0.5, -0.85 * edge, "1″", color="w", fontsize=8, ha="center", va="bottom")
    fwhm = ", ".join(f"{band.psf_fwhm:.2g}″" for band in seen.bands)
    shown = " ".join(bands) + (" as blue, green, red" if len(bands) == 3 else "")
    figure.suptitle(
        f"{name}: {shown}   pixel {survey.pixel_scale:.3g}″   PSF FWHM {fwhm}", fontsize=9.5, x=0.01, ha="left"
    )
    figure.subplots_adjust(left=0.055, right=0.995, bottom=0.01, top=0.92, wspace=0.02, hspace=0.02)
    save(figure, f"survey-{name.replace('_', '-')}")


def main(names: list[str]) -> None:
    warnings.simplefilter("error")
    for name in names or catalogs.list_surveys():
        picture(name)


if __name__ == "__main__":
    main(sys.argv[1:])
